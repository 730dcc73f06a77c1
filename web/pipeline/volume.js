// What passes from step to step: channels on one grid, as views of numbers that nobody has copied yet.
import { determinant, spacingOf } from "./affine.js";

/** @typedef {Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array} Numbers */
/** @typedef {[number, number, number]} Triple */
/** @typedef {import("./affine.js").Affine} Affine */

/**
 * Numbers along three axes, and how the values that are meant follow from them: number · slope + inter − minus.
 * @typedef {object} Channel
 * @property {Numbers} numbers
 * @property {number} start index of the first voxel
 * @property {Triple} strides from one voxel to the next, along each axis; negative along an axis that is turned around
 * @property {number} slope
 * @property {number} inter
 * @property {number} minus taken off in 32 bits, after the others
 */

/**
 * @typedef {object} Volume
 * @property {Channel[]} channels
 * @property {Triple} shape
 * @property {Affine} affine from voxels to mm: to the right, the front and the head
 */

/**
 * An image as its file has it.
 * @typedef {object} SourceImage
 * @property {string} name
 * @property {Triple} shape
 * @property {number[][]} affine
 * @property {string} modality as DICOM calls it; empty where the file does not say
 * @property {boolean} inPixels whether it is a picture, which tells no mm
 * @property {{ values: Numbers, slope: number, inter: number }[]} channels the first axis the fastest
 */

/** @param {Triple} shape @returns {Triple} */
export function stridesOf([width, height]) {
  return [1, width, width * height];
}

/** @param {Triple} shape */
export function voxelsIn([width, height, depth]) {
  return width * height * depth;
}

/** @param {Float32Array} numbers @param {Triple} shape @returns {Channel} */
export function plainChannel(numbers, shape) {
  return { numbers, start: 0, strides: stridesOf(shape), slope: 1, inter: 0, minus: 0 };
}

/** @param {SourceImage} image @returns {Volume} */
export function volumeOf({ channels, shape, affine }) {
  const strides = stridesOf(shape);
  return {
    channels: channels.map(({ values, slope, inter }) => ({ numbers: values, start: 0, strides, slope, inter, minus: 0 })),
    shape,
    affine: /** @type {Affine} */ (affine),
  };
}

/** The values of a channel in 32 bits, the first axis the fastest. @param {Channel} channel @param {Triple} shape */
export function valuesOf(channel, shape) {
  const { numbers, start, strides, slope, inter, minus } = channel;
  const isWhole = start === 0 && numbers instanceof Float32Array && numbers.length === voxelsIn(shape);
  if (isWhole && slope === 1 && inter === 0 && minus === 0 && strides.every((stride, axis) => stride === stridesOf(shape)[axis])) return numbers;
  const values = new Float32Array(voxelsIn(shape));
  let index = 0;
  for (let z = 0; z < shape[2]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      let place = start + z * strides[2] + y * strides[1];
      for (let x = 0; x < shape[0]; x++, place += strides[0]) {
        values[index++] = Math.fround(numbers[place] * slope + inter) - minus;
      }
    }
  }
  return values;
}

/** The lowest and the highest value of a volume. @param {Volume} volume */
export function rangeOf({ channels, shape }) {
  let low = Infinity;
  let high = -Infinity;
  for (const channel of channels) {
    for (const value of slabs(channel, shape)) {
      for (const one of value) {
        if (one < low) low = one;
        if (one > high) high = one;
      }
    }
  }
  return { low, high };
}

/** The values of a channel slice by slice, so that those of all need no room. @param {Channel} channel @param {Triple} shape */
export function* slabs(channel, shape) {
  /** @type {Triple} */
  const flat = [shape[0], shape[1], 1];
  for (let z = 0; z < shape[2]; z++) {
    yield valuesOf({ ...channel, start: channel.start + z * channel.strides[2] }, flat);
  }
}

/** @param {Volume} volume */
export function voxelMl({ affine }) {
  return Math.abs(determinant(affine)) / 1000;
}

/** Millimetres along each axis. @param {Volume} volume @returns {Triple} */
export function extentOf({ affine, shape }) {
  return /** @type {Triple} */ (spacingOf(affine).map((size, axis) => size * shape[axis]));
}
