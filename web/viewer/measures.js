// What a mask holds: voxels of each class, and their middle.

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
 * Volume of a voxel in ml, right for sheared grids too.
 * @param {number[][]} affine from voxels to mm, rows first
 */
export function voxelMl(affine) {
  const [[a, b, c], [d, e, f], [g, h, i]] = affine;
  return Math.abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) / 1000;
}
