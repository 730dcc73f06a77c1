// What a file holds, whatever its format, and what is wrong with it in words.
import { determinant, linearPart, spacingOf } from "../../pipeline/affine.js";

/** @typedef {import("../../pipeline/volume.js").Numbers} Numbers */

/**
 * @typedef {object} Volume
 * @property {string} name of its file
 * @property {[number, number, number]} shape of the grid
 * @property {number} channels how many numbers each voxel has
 * @property {Numbers} values as they were stored: the first axis the fastest, one channel behind the other
 * @property {number} slope a value is `values[i] * slope + inter`
 * @property {number} inter
 * @property {number[][]} affine from voxels to mm with RAS axes, rows first
 * @property {boolean} planar whether its grid has two axes; its mask has two, then
 * @property {import("./nifti_header.js").NiftiHeader | null} header of a NIfTI file, for its mask
 * @property {string} modality as DICOM calls it; empty where the file does not say
 * @property {string[]} warnings what a reader must know to trust a result
 */

export const READABLE = "NIfTI (.nii, .nii.gz), NRRD (.nrrd, or .nhdr with its data), MetaImage (.mha, or .mhd with its data) or a folder with a DICOM series";

/** Bytes before the values in memory: a header of NIfTI fits in there, so that a viewer needs no copy of the values. */
export const ROOM = 352;

/** Volume of a voxel whose edges had the length 1; below it the axes lie in a plane but for rounding. */
const FLATTEST = 1e-4;
/** mm: a volume that is longer than 10 m has a wrong header. */
const LONGEST = 10_000;

/** A file that cannot be used, in words that name it and the remedy. */
export class Refusal extends Error {
  /** @param {string} name of the file @param {string} problem @param {string} [remedy] */
  constructor(name, problem, remedy = "Replace it with an intact copy.") {
    super(`${name}: ${problem} ${remedy}`);
  }
}

/**
 * Refuse a grid that lies nowhere, whatever the size of its voxels.
 * @param {number[][]} affine
 * @param {number[]} shape
 * @param {string} name of the file
 * @param {string} remedy
 */
export function checkGrid(affine, shape, name, remedy) {
  const sizes = spacingOf(affine);
  const unit = determinant(linearPart(affine).map((row) => row.map((value, axis) => value / sizes[axis])));
  if (!affine.flat().every(Number.isFinite) || !(Math.abs(unit) >= FLATTEST)) {
    const rows = affine.slice(0, 3).map((row) => row.map((value) => Number(value.toPrecision(4))).join(" ")).join("; ");
    throw new Refusal(name, `has an affine that cannot be inverted: ${rows}.`, remedy);
  }
  const extent = sizes.map((size, axis) => size * shape[axis]);
  if (Math.max(...extent) > LONGEST) {
    const words = extent.map((length) => Number(length.toPrecision(4))).join("×");
    throw new Refusal(name, `is ${words} mm large by its header; expected at most 10,000 mm along each axis.`, remedy);
  }
}

/** Of an affine with LPS axes one with RAS axes, and the other way round. @param {number[][]} affine */
export function turnedLps(affine) {
  return affine.map((row, axis) => row.map((value) => (axis < 2 ? 0 - value : value)));
}
