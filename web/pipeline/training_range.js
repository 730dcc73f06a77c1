// How far an image and its mask are from those of the bundle's training: the warnings of `mobileunet segment`.
import { spacingOf } from "./affine.js";
import { moments } from "./intensity.js";
import { extentOf, voxelMl } from "./volume.js";

/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {import("./volume.js").SourceImage} SourceImage */

/**
 * `training_data` of the bundle's metadata.json; what it does not say is not checked.
 * @typedef {object} TrainingData
 * @property {number} [channels]
 * @property {string} [modality]
 * @property {number[][]} [spacing_mm] lowest and highest
 * @property {number[][]} [extent_mm]
 * @property {[number, number][]} [label_ml]
 * @property {[number, number][]} [input_mean]
 * @property {[number, number][]} [input_std]
 */

const SPACING_MARGIN = 1.5;
const EXTENT_MARGIN = 1.5;
const LABEL_MARGIN = 3;
const MEAN_MARGIN = 0.1;
const SPREAD_MARGIN = 2;

/**
 * @param {SourceImage} source
 * @param {Volume} stored the image on its own grid
 * @param {Volume} seen preprocessed
 * @param {TrainingData} range
 */
export function imageWarnings(source, stored, seen, range) {
  return [
    ...modalityWarnings(source, range),
    ...spacingWarnings(stored, seen, range),
    ...extentWarnings(stored, range, source.inPixels ? "pixels" : "mm"),
    ...intensityWarnings(seen, range),
  ];
}

/** @param {SourceImage} source @param {TrainingData} range */
function modalityWarnings({ modality }, range) {
  if (!range.modality || !modality || modality === range.modality) return [];
  return [`The image is ${modality}; the bundle was trained on ${range.modality}. Choose a bundle for it.`];
}

/** @param {Volume} stored @param {Volume} seen @param {TrainingData} range */
function spacingWarnings(stored, seen, range) {
  if (!range.spacing_mm) return [];
  const [finest, coarsest] = range.spacing_mm.map(sorted);
  const fine = sorted(spacingOf(seen.affine)).some((size, axis) => size < finest[axis] / SPACING_MARGIN);
  const coarse = sorted(spacingOf(stored.affine)).some((size, axis) => size > coarsest[axis] * SPACING_MARGIN);
  if (!fine && !coarse) return [];
  const trained = range.spacing_mm.map(sizes).join(" to ");
  return [`The image has voxels of ${sizes(spacingOf(stored.affine))} mm; the training had ${trained} mm. Look at the mask with care.`];
}

/** @param {Volume} stored @param {TrainingData} range @param {string} unit */
function extentWarnings(stored, range, unit) {
  if (!range.extent_mm) return [];
  const extent = sorted(extentOf(stored));
  const [smallest, largest] = range.extent_mm.map(sorted);
  const small = extent.some((size, axis) => size < smallest[axis] / EXTENT_MARGIN);
  const large = extent.some((size, axis) => size > largest[axis] * EXTENT_MARGIN);
  if (!small && !large) return [];
  return [
    `The image is ${sizes(extentOf(stored))} ${unit} large; the images of the training were ` +
      `${range.extent_mm.map(sizes).join(" to ")} ${unit}. Look whether it shows the part of the body that the bundle is for, and crop it to that.`,
  ];
}

/** @param {Volume} seen @param {TrainingData} range */
function intensityWarnings(seen, { input_mean = [], input_std = [] }) {
  return seen.channels.slice(0, Math.min(input_mean.length, input_std.length)).flatMap((one, channel) => {
    const [[low, high], [least, most]] = [input_mean[channel], input_std[channel]];
    const { mean, spread, count } = moments([one], seen);
    const deviation = spread * Math.sqrt(count / Math.max(1, count - 1));
    const margin = high - low + MEAN_MARGIN;
    const usual = mean >= low - margin && mean <= high + margin;
    if (usual && deviation >= least / SPREAD_MARGIN && deviation <= most * SPREAD_MARGIN) return [];
    return [
      `The image has intensities far from those of the training: channel ${channel} of the network's input is ` +
        `${digits(mean)} ± ${digits(deviation)}; the training had ${digits(low)} to ${digits(high)} ± ${digits(least)} to ${digits(most)}. ` +
        "Look whether it is stored in the right units.",
    ];
  });
}

/**
 * @param {Uint8Array} mask on the image's grid
 * @param {Volume} stored
 * @param {string[]} names of the classes from 1 on
 * @param {TrainingData} range
 * @param {boolean} inPixels
 */
export function maskWarnings(mask, stored, names, range, inPixels) {
  const counts = new Array(256).fill(0);
  for (const label of mask) counts[label]++;
  const cut = atBorder(mask, stored.shape);
  const [scale, unit] = inPixels ? [1000, "pixels"] : [1, "ml"];
  return (range.label_ml ?? []).slice(0, names.length).flatMap(([low, high], index) => {
    const found = counts[index + 1] * voxelMl(stored);
    const small = found < low / LABEL_MARGIN && !cut.has(index + 1);
    if (!small && found <= high * LABEL_MARGIN) return [];
    const what = found ? `${digits(found * scale)} ${unit} of ${names[index]}` : `no ${names[index]}`;
    return [
      `The mask has ${what}; the labels of the training had ${digits(low * scale)} to ${digits(high * scale)} ${unit}. ` +
        `Look at the mask, and whether the image shows ${names[index]} as those of the training did.`,
    ];
  });
}

/** Classes that reach a side of the grid, where they may be cut off; an axis of one voxel has no sides. @param {Uint8Array} mask @param {[number, number, number]} shape */
function atBorder(mask, shape) {
  /** @type {Set<number>} */
  const found = new Set();
  let index = 0;
  for (let z = 0; z < shape[2]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      for (let x = 0; x < shape[0]; x++, index++) {
        if (!mask[index]) continue;
        if ([x, y, z].some((place, axis) => shape[axis] > 1 && (place === 0 || place === shape[axis] - 1))) found.add(mask[index]);
      }
    }
  }
  return found;
}

/** @param {number[]} values */
function sorted(values) {
  return [...values].sort((a, b) => a - b);
}

/** @param {number[]} values */
function sizes(values) {
  return values.map(digits).join("×");
}

/** @param {number} value */
function digits(value) {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}
