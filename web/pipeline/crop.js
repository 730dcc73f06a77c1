// The part of a volume that is not air.
import { shifted } from "./affine.js";
import { plainChannel, rangeOf, slabs, valuesOf, voxelsIn } from "./volume.js";

/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {import("./volume.js").Triple} Triple */

/** @typedef {{ first: number[], last: number[] }} Box voxels from the first to before the last */

/**
 * Cut a volume to the box around what lies above a value: a view where nothing is added.
 * @param {Volume} volume
 * @param {Box} box
 * @returns {Volume}
 */
export function cut(volume, { first, last }) {
  const shape = /** @type {Triple} */ (first.map((start, axis) => last[axis] - start));
  const inside = first.every((start, axis) => start >= 0 && last[axis] <= volume.shape[axis]);
  const channels = volume.channels.map((channel) => {
    const start = channel.start + first.reduce((sum, index, axis) => sum + index * channel.strides[axis], 0);
    return inside ? { ...channel, start } : plainChannel(padded(valuesOf(channel, volume.shape), volume.shape, first, shape), shape);
  });
  return { channels, shape, affine: shifted(volume.affine, first) };
}

/**
 * The box around what lies above a value in any channel.
 * @param {Volume} volume
 * @param {{ above: number, margin: number[], allow_smaller: boolean }} step
 * @returns {Box}
 */
export function foregroundBox(volume, { above, margin, allow_smaller }) {
  const { shape } = volume;
  const low = [...shape];
  const high = [-1, -1, -1];
  for (const channel of volume.channels) {
    let z = 0;
    for (const values of slabs(channel, shape)) {
      for (let index = 0; index < values.length; index++) {
        if (!(values[index] > above)) continue;
        const y = Math.floor(index / shape[0]);
        const place = [index - y * shape[0], y, z];
        for (let axis = 0; axis < 3; axis++) {
          if (place[axis] < low[axis]) low[axis] = place[axis];
          if (place[axis] > high[axis]) high[axis] = place[axis];
        }
      }
      z++;
    }
  }
  if (high[0] < 0) throw new Error(nothingLeft(volume));
  const first = low.map((value, axis) => value - margin[axis]);
  const last = high.map((value, axis) => value + margin[axis] + 1);
  if (!allow_smaller) return { first, last };
  return { first: first.map((value) => Math.max(value, 0)), last: last.map((value, axis) => Math.min(value, shape[axis])) };
}

/** @param {Volume} volume */
function nothingLeft(volume) {
  const [low, high] = Object.values(rangeOf(volume)).map((value) => Number(value.toPrecision(6)));
  return (
    `The image has nothing that the bundle's preprocessing would not cut away: its values reach from ${low} to ${high}, ` +
    "and none is foreground. Look whether it is the kind of image that the bundle is for, in the right units."
  );
}

/** @param {Float32Array} values @param {Triple} shape @param {number[]} first @param {Triple} size */
function padded(values, shape, first, size) {
  const out = new Float32Array(voxelsIn(size));
  let index = 0;
  for (let z = 0; z < size[2]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[0]; x++, index++) {
        const place = [x + first[0], y + first[1], z + first[2]];
        if (place.every((value, axis) => value >= 0 && value < shape[axis])) {
          out[index] = values[place[0] + shape[0] * (place[1] + shape[1] * place[2])];
        }
      }
    }
  }
  return out;
}
