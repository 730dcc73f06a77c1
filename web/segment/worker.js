// The worker of the page: it holds the bundle and its network, and segments one image at a time.
import { segment } from "../pipeline/segment.js";
import { loadNetwork } from "./network.js";

/** @typedef {import("../pipeline/segment.js").Bundle} Bundle */
/** @typedef {import("./network.js").Loaded} Loaded */

/**
 * @typedef {{ kind: "open", address: string, vendor: string, provider?: import("./network.js").Provider, threads?: number }} Open
 * @typedef {{ kind: "segment", image: import("../pipeline/volume.js").SourceImage }} Segment
 */

/** @type {(Loaded & { bundle: Bundle }) | null} */
let opened = null;

/** At most so many messages of progress a second: a page that draws each of them has no time for anything else. */
const INTERVAL_MS = 50;

/** @param {Open} message */
async function open({ address, vendor, provider, threads }) {
  const response = await fetch(new URL("bundle.json", address));
  if (!response.ok) throw new Error("The site is not complete: bundle/bundle.json is missing. Make it again: mobileunet web.");
  const bundle = /** @type {Bundle} */ (await response.json());
  opened = { bundle, ...(await loadNetwork(bundle, address, vendor, { provider, threads })) };
  postMessage({ kind: "ready", bundle, provider: opened.provider, threads: opened.threads });
}

/** @param {Segment} message */
async function run({ image }) {
  if (!opened) throw new Error("The network is not loaded.");
  let last = 0;
  const done = await segment(image, opened.bundle, opened.network, (stage, count, total) => {
    const now = performance.now();
    if (now - last < INTERVAL_MS && count && count < total) return;
    last = now;
    postMessage({ kind: "progress", stage, done: count, total });
  });
  postMessage({ kind: "done", ...done }, { transfer: [done.mask.buffer] });
}

/** @param {unknown} error */
function inWords(error) {
  const text = error instanceof Error ? error.message : String(error);
  const isShort = error instanceof RangeError || /out of memory|bad_alloc|allocation failed|failed to allocate/i.test(text);
  if (!isShort) return text;
  return "This device has not enough memory for the image. Close other tabs, or crop the image and open it again.";
}

addEventListener("message", (event) => {
  const message = /** @type {Open | Segment} */ (event.data);
  const act = message.kind === "open" ? open(message) : run(message);
  act.catch((error) => postMessage({ kind: "failed", message: inWords(error) }));
});
