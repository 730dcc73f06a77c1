// The service worker: it keeps the site for use without a network, and isolates its pages, without which no threads run.
// Where a site is written, __VERSION__ is replaced by the version of its files.

const CACHE = "mobileunet-web __VERSION__";

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

/** The scope of a service worker, whose types do not go together with those of pages. */
const scope = /** @type {any} */ (self);

/** @param {string} address @returns {string} the path from the top of the site */
function pathOf(address) {
  return address.slice(scope.registration.scope.length).replace(/[?#].*$/, "") || "index.html";
}

async function keepSite() {
  const response = await fetch("site.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`site.json: ${response.status}`);
  const files = Object.keys((await response.json()).files).filter((path) => !RUNTIME.test(path));
  const cache = await caches.open(CACHE);
  await cache.addAll(files.map((path) => new Request(path, { cache: "no-cache" })));
}

async function dropOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith("mobileunet-web ") && name !== CACHE);
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
  if (found.ok && RUNTIME.test(path)) await cache.put(request.url, found.clone());
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
