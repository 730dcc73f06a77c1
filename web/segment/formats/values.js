// Values that cannot be computed with, or that leave nothing of an image. The rules are those of the command line.
import { Refusal } from "./volume.js";

/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {import("./volume.js").Numbers} Numbers */

/** Values beyond it are fill: no scanner writes them. */
const LARGEST = 1e15;
/** A lowest or highest value this many ranges of all other values away from them spoils a normalisation. */
const APART = 100;

/**
 * Replace what cannot be computed with by the lowest other value, and say so.
 * @param {Volume} volume whose values are changed
 * @returns {Volume} with warnings
 */
export function checkedValues(volume) {
  const { values, name } = volume;
  const read = reader(volume);
  const { least, most, at, bad } = survey(values, read, usable(volume));
  if (at < 0) throw new Refusal(name, "has no voxel whose value can be computed with.", "Export it again from its source.");
  const warnings = bad.length ? replaced(volume, bad, values[at], least, read) : [];
  if (least === most) warnings.push(`has the value ${shown(least)} in every voxel. Look whether it was exported whole.`);
  else warnings.push(...farApart(values, read, least, most));
  return { ...volume, warnings: [...volume.warnings, ...warnings.map((text) => `${name}: ${text}`)] };
}

/** What a stored number means. @param {Volume} volume @returns {(number: number) => number} */
function reader({ slope, inter }) {
  return slope === 1 && inter === 0 ? (number) => number : (number) => Math.fround(number * slope + inter);
}

/** The lowest and highest value of a type that can be a measurement. @param {Volume} volume */
function usable({ values, slope, inter }) {
  const plain = slope === 1 && inter === 0;
  if (plain && values instanceof Int32Array) return { low: -(2 ** 31) + 1, high: 2 ** 31 - 2 };
  if (plain && values instanceof Uint32Array) return { low: 0, high: 2 ** 32 - 2 };
  const largest = plain && values instanceof Float64Array ? LARGEST : Math.fround(LARGEST);
  return { low: -largest, high: largest };
}

/** @param {Numbers} values @param {(number: number) => number} read @param {{ low: number, high: number }} range */
function survey(values, read, { low, high }) {
  let [least, most, at] = [Infinity, -Infinity, -1];
  const bad = [];
  for (let index = 0; index < values.length; index++) {
    const value = read(values[index]);
    if (!(value >= low && value <= high)) bad.push(index); // NaN, too
    else {
      if (value < least) [least, at] = [value, index];
      if (value > most) most = value;
    }
  }
  return { least, most, at, bad };
}

/** @param {Volume} volume @param {number[]} bad places @param {number} by stored number @param {number} least what it means @param {(number: number) => number} read */
function replaced({ values }, bad, by, least, read) {
  let [endless, extreme] = [0, 0];
  for (const index of bad) {
    const value = read(values[index]);
    if (Number.isFinite(value)) extreme = Math.max(extreme, Math.abs(value));
    else endless++;
    values[index] = by;
  }
  const kinds = /** @type {[number, string][]} */ ([
    [endless, "that {are} NaN or infinite"],
    [bad.length - endless, `with values that are fill, not measured (as far as ${extreme.toPrecision(3)})`],
  ]);
  return kinds.filter(([count]) => count).map(([count, kind]) => {
    const [voxels, are, were] = count === 1 ? ["1 voxel", "is", "it was"] : [`${count.toLocaleString("en")} voxels`, "are", "they were"];
    return `has ${voxels} ${kind.replace("{are}", are)}; ${were} set to its lowest value, ${shown(least)}. Look whether they lie in the body.`;
  });
}

/** Fill that can be computed with, but leaves nothing of the image once intensities are normalised. @param {Numbers} values @param {(number: number) => number} read @param {number} low @param {number} high */
function farApart(values, read, low, high) {
  let [least, most] = [Infinity, -Infinity];
  const counts = [0, 0];
  for (let index = 0; index < values.length; index++) {
    const value = read(values[index]);
    if (value === low) counts[0]++;
    else if (value === high) counts[1]++;
    else {
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  const span = (most - least) * APART;
  if (!(span > 0)) return []; // no others, or one: classes, not intensities
  const ends = /** @type {[number, number, number, number, number][]} */ ([
    [low, least - low, counts[0], least, high],
    [high, high - most, counts[1], low, most],
  ]);
  return ends.filter(([, gap]) => gap > span).map(([end, , count, from, to]) => {
    const voxels = count === 1 ? "1 voxel" : `${count.toLocaleString("en")} voxels`;
    return `has ${voxels} of the value ${shown(end)}; all others are ${shown(from)} to ${shown(to)}. Set them to the value of the background if they are fill.`;
  });
}

/** @param {number} value */
function shown(value) {
  return String(Number(value.toPrecision(6)));
}
