// The service worker: it keeps the site for use without a network, and isolates its pages, without which no threads run.
// Where a site is written, __VERSION__ is replaced by the version of its files.

const VERSION = "__VERSION__";

/** The scope of a service worker, whose types do not go together with those of pages. */
const scope = /** @type {any} */ (self);

/** What the caches of this site begin with: one address can have several sites, in folders of their own. */
const OWN = `mobileunet-web ${scope.registration.scope} `;
const CACHE = OWN + VERSION;

/** Runtimes, of which a browser needs one: what is fetched is kept from then on. */
const RUNTIME = /^vendor\/onnxruntime\/.*\.(wasm\.gz|mjs)$/;

/** What the page may load: that of its meta element, for its workers, too. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; connect-src 'self' blob: data:; " +
  "img-src 'self' data: blob:; style-src 'self'; font-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'none'";

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Content-Security-Policy": POLICY,
};

/** @param {string} address @returns {string} the path from the top of the site */
function pathOf(address) {
  return address.slice(scope.registration.scope.length).replace(/[?#].*$/, "") || "index.html";
}

/** Keep all files of this version, or none: a server that is being updated may have some of another. */
async function keepSite() {
  const response = await fetched("site.json");
  const { version, files } = await response.json();
  if (version !== VERSION) throw new Error(`site.json is that of version ${version}, not of ${VERSION}`);
  const wanted = Object.entries(files).filter(([path]) => !RUNTIME.test(path));
  const found = await Promise.all(wanted.map(([path, { sha256 }]) => verified(path, sha256)));
  const cache = await caches.open(CACHE);
  await Promise.all(wanted.map(([path], place) => cache.put(path, found[place])));
}

/** @param {string} path */
async function fetched(path) {
  const response = await fetch(path, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

/** @param {string} path @param {string} sha256 */
async function verified(path, sha256) {
  const response = await fetched(path);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.clone().arrayBuffer()));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new Error(`${path} is not that of version ${VERSION}`);
  return response;
}

async function dropOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith(OWN) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
  await scope.clients.claim();
}

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const path = pathOf(request.url);
  const kept = await cache.match(new URL(path, scope.registration.scope));
  if (kept) return isolated(kept);
  const found = await fetch(request);
  if (found.ok && RUNTIME.test(path)) await cache.put(request.url, found.clone()).catch(() => {}); // no room: the page works all the same
  return found.type === "basic" ? isolated(found) : found;
}

/** @param {Response} response */
function isolated(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  const empty = [101, 204, 205, 304].includes(response.status);
  return new Response(empty ? null : response.body, { status: response.status, statusText: response.statusText, headers });
}

scope.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(keepSite()));
scope.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(dropOthers()));
scope.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(scope.registration.scope)) event.respondWith(answer(request));
});
