// An image through a bundle: what its inference.json says, from the values of a file to class numbers on the file's grid.
import { inferLabels } from "./inferer.js";
import { postprocess } from "./postprocessing.js";
import { preprocess } from "./preprocessing.js";
import { imageWarnings, maskWarnings } from "./training_range.js";
import { volumeOf } from "./volume.js";

/** @typedef {import("./volume.js").SourceImage} SourceImage */
/** @typedef {import("./passes.js").Network} Network */

/**
 * What `mobileunet web` writes of a bundle.
 * @typedef {object} Bundle
 * @property {string} name
 * @property {string} version
 * @property {string} made_with
 * @property {string} notice
 * @property {{ name: string, colour: [number, number, number] }[]} classes from 1 on
 * @property {string} modality
 * @property {number} channels of an image
 * @property {string[]} channel_names
 * @property {import("./training_range.js").TrainingData | null} training_data
 * @property {import("./preprocessing.js").Step[]} preprocessing
 * @property {import("./preprocessing.js").Step[]} postprocessing
 * @property {import("./passes.js").Inference} inference
 * @property {{ file: string, sha256: string, bytes: number, weights: string, in_channels: number, num_classes: number, input: string, output: string }} network
 */

/** @typedef {"preparing" | "segmenting" | "finishing"} Stage */

/**
 * @param {SourceImage} image
 * @param {Bundle} bundle
 * @param {Network} network
 * @param {(stage: Stage, done: number, total: number) => void} report
 */
export async function segment(image, bundle, network, report = () => {}) {
  const range = bundle.training_data ?? {};
  const started = performance.now();
  const stored = volumeOf(image);
  const seen = preprocess(stored, bundle.preprocessing, (done, total) => report("preparing", done, total));
  const warnings = imageWarnings(image, stored, seen, range);
  const prepared = performance.now();
  const labels = await inferLabels(seen, bundle.inference, network, (done, total) => report("segmenting", done, total));
  const segmented = performance.now();
  const found = { labels, shape: seen.shape, affine: seen.affine };
  const mask = postprocess(found, bundle.postprocessing, stored, (done, total) => report("finishing", done, total));
  warnings.push(...maskWarnings(mask, stored, bundle.classes.map(({ name }) => name), range, image.inPixels));
  const finished = performance.now();
  const seconds = { prepare: prepared - started, segment: segmented - prepared, finish: finished - segmented };
  for (const stage of /** @type {(keyof typeof seconds)[]} */ (Object.keys(seconds))) seconds[stage] /= 1000;
  return { mask, warnings, seconds };
}
