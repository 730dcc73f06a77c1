// What the page says.
import { spacingOf } from "../pipeline/affine.js";

export const NO_PICTURE = "The image is segmented all the same, and its mask can be downloaded.";

export const TOO_OLD = "This browser is too old for this page: it has no module workers or no DecompressionStream. Update it.";

export const NO_MEMORY =
  "There is not enough memory for this image. Close other tabs and programs and try again, crop the image, or use the command mobileunet segment.";

export const INCOMPLETE =
  "The site is incomplete: one of its files could not be loaded. Connect to the network and reload the page, or write the site again with mobileunet web.";

export const MIXED = "The site has parts of several versions. Write it again with mobileunet web, and close all tabs with the page.";

const CRASHED =
  "The segmentation ended without a word, most likely for lack of memory. Close other tabs and programs and try again, or crop the image.";

/**
 * What went wrong, in a sentence with a remedy.
 * @param {unknown} error
 */
export function failure(error) {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError || /out of memory|allocation failed|failed to allocate|array buffer allocation|bad_alloc/i.test(text)) return NO_MEMORY;
  return text;
}

/** What a worker's error event says, which may be nothing. @param {string | undefined} message @param {boolean} ready whether the worker had answered before */
export function crash(message, ready) {
  if (message) return failure(new Error(message));
  return ready ? CRASHED : INCOMPLETE;
}

/** @param {{ stage: "preparing" | "segmenting" | "finishing", done: number, total: number }} progress */
export function progressWords({ stage, done, total }) {
  if (stage === "segmenting") return `Slice ${Math.min(done, total)} of ${total}`;
  return stage === "preparing" ? "Preparing the image" : "Putting the slices together";
}

/** Shares of the three stages in the time that an image takes. */
const STAGES = { preparing: [0, 0.08], segmenting: [0.08, 0.92], finishing: [0.92, 1] };

/** How much of the work is done, in [0, 1]. @param {{ stage: "preparing" | "segmenting" | "finishing", done: number, total: number }} progress */
export function progressShare({ stage, done, total }) {
  const [from, to] = STAGES[stage];
  return from + (to - from) * (total ? Math.min(1, done / total) : 0);
}

/** @param {"webgpu" | "wasm"} provider @param {number} threads */
export function providerWords(provider, threads) {
  if (provider === "webgpu") return "WebGPU";
  return `WebAssembly, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

/** @typedef {{ prepare: number, segment: number, finish: number }} Seconds */

/** @param {Seconds} seconds */
export function secondsWords({ prepare, segment, finish }) {
  const total = prepare + segment + finish;
  return `${total.toFixed(total < 10 ? 1 : 0)} s`;
}

/** @param {Seconds} seconds */
export function partWords({ prepare, segment, finish }) {
  const [first, second, third] = [prepare, segment, finish].map((part) => `${part.toFixed(1)} s`);
  return `${first} to prepare the image, ${second} to segment its slices, ${third} to put them together`;
}

/** What an image is, in a line. @param {import("./reading.js").CaseImage} image */
export function imageWords({ volumes }) {
  const [{ shape, affine }] = volumes;
  const sizes = spacingOf(affine).map((size) => Number(size.toPrecision(3)));
  const unbroken = "\u00a0×\u00a0";
  return `${shape.join(unbroken)} voxels of ${sizes.join(unbroken)}\u00a0mm`;
}

/** Names for a sentence, the first of many. @param {string[]} names */
export function listWords(names) {
  const some = names.slice(0, 8);
  if (names.length > some.length) return `${some.join(", ")} and ${names.length - some.length} more classes`;
  return [some.slice(0, -1).join(", "), some[some.length - 1]].filter(Boolean).join(" and ");
}

/** What the page asks for. @param {import("./reading.js").Bundle} bundle */
export function wantedWords({ channels, channel_names: names, modality }) {
  const kind = modality ? `${/^[AEIOMR]/.test(modality) ? "an" : "a"} ${modality} image` : "an image";
  if (channels === 1) return `Drop ${kind} here`;
  return `Drop ${kind} with ${channels} channels here, or a file for each (${names.filter(Boolean).join(", ") || "in the order of their names"})`;
}
