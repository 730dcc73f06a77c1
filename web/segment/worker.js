// The worker of the page: it holds the bundle and its network, and segments one image at a time.
import { segment } from "../pipeline/segment.js";
import { loadNetwork } from "./network.js";
import { INCOMPLETE, failure } from "./words.js";

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
  const response = await fetch(new URL("bundle.json", address)).catch(() => null);
  if (!response?.ok) throw new Error(INCOMPLETE);
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

addEventListener("message", (event) => {
  const message = /** @type {Open | Segment} */ (event.data);
  const act = message.kind === "open" ? open(message) : run(message);
  act.catch((error) => postMessage({ kind: "failed", message: failure(error) }));
});
