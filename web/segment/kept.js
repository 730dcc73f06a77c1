// Keeps the site in the browser by its service worker, which isolates the page, too.

const RELOADED = "mobileunet-web reloaded";

const RENEWED = "There is a new version of this page. Close all of its tabs, and open it again.";

/** A browser that has not kept the site after so many seconds goes on without. */
const PATIENCE = 30;

/**
 * Keep the site, and reload the page once where it is isolated only then.
 * @param {() => boolean} idle whether the page may be reloaded
 * @param {(text: string) => void} say
 * @returns {Promise<void>} ends when what the page loads from now on is kept, or cannot be
 */
export async function keepSite(idle, say) {
  if (!isSecureContext || !("serviceWorker" in navigator)) return;
  /** @type {ServiceWorkerRegistration} */ let registration;
  try {
    registration = await navigator.serviceWorker.register("offline.js");
    if (registration.waiting && navigator.serviceWorker.controller) say(RENEWED);
    registration.addEventListener("updatefound", () => announce(registration, say));
  } catch {
    return; // forbidden by the browser's settings, or no such file: the page works all the same
  }
  await Promise.race([controlled(registration), new Promise((done) => setTimeout(done, PATIENCE * 1000))]);
  if (crossOriginIsolated || !navigator.serviceWorker.controller || !idle() || sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, "once");
  location.reload();
  await new Promise(() => {}); // nothing else begins on a page that ends
}

/** Ends when the service worker answers what this page asks for, or will not. @param {ServiceWorkerRegistration} registration */
function controlled({ installing, active }) {
  const isForced = active?.state === "activated"; // a page that was reloaded past its cache stays without
  if (navigator.serviceWorker.controller || isForced) return Promise.resolve();
  return new Promise((done) => {
    navigator.serviceWorker.addEventListener("controllerchange", done, { once: true });
    installing?.addEventListener("statechange", () => installing.state === "redundant" && done(null)); // a file is missing, or no room
  });
}

/** @param {ServiceWorkerRegistration} registration @param {(text: string) => void} say */
function announce({ installing: next }, say) {
  next?.addEventListener("statechange", () => {
    if (next.state === "installed" && navigator.serviceWorker.controller) say(RENEWED);
  });
}
