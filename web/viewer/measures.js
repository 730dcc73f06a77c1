// What a mask holds: voxels of each class, and their middle.
import { determinant, spacingOf } from "../pipeline/affine.js";

/**
 * @typedef {object} MaskMeasures
 * @property {Map<number, number>} voxels how many voxels each class number has; the background is left out
 * @property {[number, number, number] | null} centre of all voxels of the foreground; null without any
 */

/**
 * Count a mask once.
 * @param {ArrayLike<number>} values class numbers, the first axis the fastest
 * @param {number} width
 * @param {number} height
 * @returns {MaskMeasures}
 */
export function measureMask(values, width, height) {
  /** @type {Map<number, number>} */
  const voxels = new Map();
  const sum = [0, 0, 0];
  let count = 0;
  for (let index = 0; index < values.length; index++) {
    const number = values[index];
    if (!number) continue;
    voxels.set(number, (voxels.get(number) ?? 0) + 1);
    const row = Math.floor(index / width);
    sum[0] += index - row * width;
    sum[1] += row % height;
    sum[2] += Math.floor(row / height);
    count++;
  }
  if (!count) return { voxels, centre: null };
  return { voxels, centre: [sum[0] / count, sum[1] / count, sum[2] / count] };
}

/**
 * How large a voxel is: in ml, or in mm² where the grid has a single slice, or in pixels of a picture, which tells no mm.
 * @param {number[][]} affine from voxels to mm, rows first
 * @param {number[]} shape of the grid
 * @param {boolean} inPixels whether it is a picture
 * @returns {{ size: number, unit: "ml" | "mm²" | "pixels" }}
 */
export function voxelSize(affine, shape, inPixels) {
  if (inPixels) return { size: 1, unit: "pixels" };
  const mm3 = Math.abs(determinant(affine));
  const flat = shape.filter((length) => length === 1).length === 1 ? shape.indexOf(1) : -1;
  if (flat < 0) return { size: mm3 / 1000, unit: "ml" };
  return { size: mm3 / spacingOf(affine)[flat], unit: "mm²" };
}

/** A size as a table shows it. @param {number | undefined} size */
export function sizeWords(size) {
  if (size === undefined) return "–";
  return size.toFixed(Number.isInteger(size) || size >= 100 ? 0 : size < 10 ? 2 : 1);
}
