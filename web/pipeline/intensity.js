// Intensities: an offset, windows, percentiles, mean and spread. All of it in 32 bits, as MONAI does it.
import { plainChannel, rangeOf, slabs, valuesOf, voxelsIn } from "./volume.js";

/** @typedef {import("./volume.js").Channel} Channel */
/** @typedef {import("./volume.js").Volume} Volume */

const { fround } = Math;

/** So many values MONAI gives to torch, more of them to NumPy; the two round percentiles in different places. */
const FEW = 1_000_000;

/**
 * Take off what Hounsfield units were stored with, where nothing is negative.
 * @param {Volume} volume
 * @param {{ offset: number }} step
 * @returns {Volume}
 */
export function takeOffset(volume, { offset }) {
  if (rangeOf(volume).low < 0) return volume;
  const channels = volume.channels.map((channel) => {
    if (channel.minus === 0) return { ...channel, minus: offset };
    return plainChannel(valuesOf(channel, volume.shape).map((value) => value - offset), volume.shape);
  });
  return { ...volume, channels };
}

/**
 * @param {Volume} volume
 * @param {{ a_min: number, a_max: number, b_min: number | null, b_max: number | null, clip: boolean }} step
 * @returns {Volume}
 */
export function scaleRange(volume, { a_min, a_max, b_min, b_max, clip }) {
  const width = fround(a_max - a_min);
  return changed(volume, (values) => {
    for (let index = 0; index < values.length; index++) {
      let value = fround(values[index] - a_min);
      if (width) value = fround(value / width);
      if (b_min !== null && b_max !== null && width) value = fround(fround(value * (b_max - b_min)) + b_min);
      else if (b_min !== null && !width) value = fround(value + b_min);
      if (clip && width) value = Math.min(Math.max(value, b_min ?? -Infinity), b_max ?? Infinity);
      values[index] = value;
    }
  });
}

/**
 * Clip to percentiles, of each channel or of all together.
 * @param {Volume} volume
 * @param {{ lower: number | null, upper: number | null, channel_wise: boolean }} step
 * @returns {Volume}
 */
export function clipPercentiles(volume, { lower, upper, channel_wise }) {
  const shared = channel_wise ? null : ends(volume.channels, volume, lower, upper);
  const channels = volume.channels.map((channel) => {
    const [low, high] = shared ?? ends([channel], volume, lower, upper);
    const values = own(channel, volume);
    for (let index = 0; index < values.length; index++) values[index] = Math.min(Math.max(values[index], low), high);
    return plainChannel(values, volume.shape);
  });
  return { ...volume, channels };
}

/** @param {Channel[]} channels @param {Volume} volume @param {number | null} lower @param {number | null} upper */
function ends(channels, { shape }, lower, upper) {
  const values = channels.map((channel) => valuesOf(channel, shape));
  return [lower ?? 0, upper ?? 100].map((share) => percentile(values, share));
}

/**
 * A percentile with linear interpolation, as torch.quantile has it for few values and numpy.percentile for many.
 * @param {Float32Array[]} parts all values, in any number of arrays
 * @param {number} share from 0 to 100
 */
export function percentile(parts, share) {
  const count = parts.reduce((sum, part) => sum + part.length, 0);
  const exact = count <= FEW ? fround(fround(share / 100) * (count - 1)) : (share / 100) * (count - 1);
  const rank = Math.floor(exact);
  const weight = exact - rank;
  const below = nth(parts, rank);
  const above = weight ? nth(parts, Math.min(rank + 1, count - 1)) : below;
  const step = fround(above - below);
  return fround(weight < 0.5 ? below + step * weight : above - step * (1 - weight));
}

/**
 * The value at a place in the sorted order, without sorting: by the upper halves of the numbers, then by the lower ones.
 * @param {Float32Array[]} parts
 * @param {number} rank
 */
function nth(parts, rank) {
  const first = new Uint32Array(65536);
  const bits = parts.map((part) => new Uint32Array(part.buffer, part.byteOffset, part.length));
  for (const part of bits) for (const one of part) first[sortable(one) >>> 16]++;
  const { place: upper, left } = placeOf(first, rank);
  const second = new Uint32Array(65536);
  for (const part of bits) {
    for (const one of part) {
      const key = sortable(one);
      if (key >>> 16 === upper) second[key & 0xffff]++;
    }
  }
  const key = ((upper << 16) | placeOf(second, left).place) >>> 0;
  const found = Uint32Array.of(key & 0x80000000 ? key & 0x7fffffff : ~key);
  return new Float32Array(found.buffer)[0];
}

/** The bits of a float as a whole number of the same order. @param {number} bits */
function sortable(bits) {
  return (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0;
}

/** @param {Uint32Array} counts @param {number} rank */
function placeOf(counts, rank) {
  let left = rank;
  let place = 0;
  while (left >= counts[place]) left -= counts[place++];
  return { place, left };
}

/**
 * Mean 0 and spread 1, of each channel or of all together.
 * @param {Volume} volume
 * @param {{ channel_wise: boolean }} step
 * @returns {Volume}
 */
export function normalise(volume, { channel_wise }) {
  const shared = channel_wise ? null : moments(volume.channels, volume);
  const channels = volume.channels.map((channel) => {
    const { mean, spread } = shared ?? moments([channel], volume);
    const [middle, width] = [fround(mean), fround(spread) || 1];
    const values = own(channel, volume);
    for (let index = 0; index < values.length; index++) values[index] = fround(values[index] - middle) / width;
    return plainChannel(values, volume.shape);
  });
  return { ...volume, channels };
}

/** Mean, and standard deviation over all values. @param {Channel[]} channels @param {Volume} volume */
export function moments(channels, { shape }) {
  const count = channels.length * voxelsIn(shape);
  let sum = 0;
  for (const channel of channels) for (const values of slabs(channel, shape)) for (const value of values) sum += value;
  const mean = sum / count;
  let squares = 0;
  for (const channel of channels) {
    for (const values of slabs(channel, shape)) for (const value of values) squares += (value - mean) ** 2;
  }
  return { mean, spread: Math.sqrt(squares / count), count };
}

/** Values of a channel that may be written to. @param {Channel} channel @param {Volume} volume */
function own(channel, { shape }) {
  const values = valuesOf(channel, shape);
  return values === channel.numbers ? values.slice() : values;
}

/** @param {Volume} volume @param {(values: Float32Array) => void} change @returns {Volume} */
function changed(volume, change) {
  const channels = volume.channels.map((channel) => {
    const values = own(channel, volume);
    change(values);
    return plainChannel(values, volume.shape);
  });
  return { ...volume, channels };
}
