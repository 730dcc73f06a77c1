// The image of a case out of its files: all of its channels on one grid.
import { caseName, channelOf } from "./files.js";
import { readMetaImage } from "./formats/metaimage.js";
import { readNifti } from "./formats/nifti.js";
import { readNrrd } from "./formats/nrrd.js";
import { checkedValues } from "./formats/values.js";
import { spacingOf } from "../pipeline/affine.js";
import { Refusal } from "./formats/volume.js";
import { listWords } from "./words.js";

/** @typedef {import("./formats/volume.js").Volume} Volume */

/** @typedef {import("../pipeline/segment.js").Bundle} Bundle */
/** @typedef {import("../pipeline/volume.js").SourceImage} Message what the worker is given */

/**
 * @typedef {object} CaseImage
 * @property {string} name of the case
 * @property {Volume[]} volumes one with all channels, or one for each
 * @property {string[]} warnings
 */

/** How far the grids of channels may be apart: mm, for other tools round, and a share of a voxel in microscopy. */
const APART = { mm: 0.01, voxel: 0.1 };

/** Read one file. @param {File} file @param {File[]} beside @returns {Promise<Volume>} */
export async function readFile(file, beside) {
  return checkedValues(await readStored(file, beside));
}

/** @param {File} file @param {File[]} beside @returns {Promise<Volume>} */
function readStored(file, beside) {
  if (/\.(nrrd|nhdr)$/i.test(file.name)) return readNrrd(file, beside);
  if (/\.(mha|mhd)$/i.test(file.name)) return readMetaImage(file, beside);
  return readNifti(file);
}

/**
 * Put volumes together to the image of a case.
 * @param {Volume[]} volumes
 * @param {Bundle} bundle
 * @returns {CaseImage}
 */
export function caseOf(volumes, bundle) {
  const [first, ...others] = volumes;
  const found = volumes.reduce((sum, volume) => sum + volume.channels, 0);
  if (bundle.channels === 1 && found > 1) {
    throw new Refusal(first.name, `has ${found} volumes, as of several times; expected one.`, "Split it into volumes.");
  }
  if (found !== bundle.channels || (others.length && found !== volumes.length)) throw wrongChannels(first.name, found, bundle);
  for (const other of others) {
    if (!sameGrid(first, other)) {
      const problem = `has shape ${other.shape.join("×")} or a place that is not that of ${first.name} (${first.shape.join("×")}).`;
      throw new Refusal(other.name, problem, "Resample it to that grid.");
    }
  }
  const warnings = [...orderWarnings(volumes.map(({ name }) => name), bundle.channel_names), ...volumes.flatMap((volume) => volume.warnings)];
  return { name: caseName(first.name, bundle.channels), volumes, warnings };
}

/** Which file was taken for which channel, where their names do not number them as those of nnU-Net do. @param {string[]} files @param {string[]} channels */
function orderWarnings(files, channels) {
  if (files.length < 2 || files.every((file, place) => channelOf(file) === place)) return [];
  const pairs = files.map((file, place) => `${file} for ${channels[place] || `channel ${place}`}`);
  return [`By the order of their names, ${listWords(pairs)} was taken. If that is wrong, let their names end in _0000, _0001 and so on, in the order of the channels.`];
}

/** @param {string} name @param {number} found @param {Bundle} bundle */
export function wrongChannels(name, found, bundle) {
  const names = bundle.channel_names.filter(Boolean).join(", ");
  const wanted = `${bundle.channels} channels${names ? ` (${names})` : ""}`;
  return new Refusal(name, `has ${found} of the ${wanted} that the bundle takes.`, "Drop one file for each channel of the case together, or one file with all of them.");
}

/** @param {Volume} one @param {Volume} other */
function sameGrid(one, other) {
  const tolerance = Math.min(APART.mm, APART.voxel * Math.min(...spacingOf(one.affine)));
  const near = one.affine.every((row, at) => row.every((value, axis) => Math.abs(value - other.affine[at][axis]) <= tolerance + 1e-5 * Math.abs(value)));
  return near && one.shape.every((length, axis) => length === other.shape[axis]);
}

/** @param {CaseImage} image @returns {Message} */
export function messageOf({ name, volumes }) {
  const [{ shape, affine, modality }] = volumes;
  const channels = volumes.flatMap(({ values, channels: count, slope, inter }) => {
    const voxels = values.length / count;
    return Array.from({ length: count }, (_, channel) => ({ values: values.subarray(channel * voxels, (channel + 1) * voxels), slope, inter }));
  });
  return { name, shape, affine, modality, inPixels: false, channels };
}
