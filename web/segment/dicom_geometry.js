// Whether DICOM slices lie evenly, one behind the other. The rules are those of the command line; dcm2niix stacks any.

/** @typedef {import("./dicom_headers.js").Slice} Slice */

/** How far distances of slices may be apart: a share of their median, and mm of rounding. */
const UNEVEN = 0.02;
const ROUNDED = 0.011;
/** Shares of the mean distance that two slices at one place may be apart. */
const SAME_PLACE = 1e-3;

const DIGITS = 3;

/**
 * What keeps the slices of a series from being a volume.
 * @param {Slice[]} slices
 * @returns {[string, string] | null} the problem and the remedy
 */
export function problemOf(slices) {
  const single = slices.filter(({ frames }) => frames === 1); // frames have their places where nobody has looked
  if (slices.some(({ isNegative }) => isNegative)) {
    return ["are to be shown with their smallest value as white (MONOCHROME1), which this page does not turn round.", "Use the command mobileunet segment."];
  }
  if (single.some(({ position, orientation, spacing }) => !position || !orientation || !spacing)) {
    const problem = "do not say where they lie, how they are turned and how large their pixels are (ImagePositionPatient, ImageOrientationPatient, PixelSpacing).";
    return [problem, "Export the original series, not screenshots or derived images."];
  }
  const whole = distinct(single);
  const turns = [...new Set(whole.map(turned))];
  return turns.map((turn) => stackProblem(whole.filter((slice) => turned(slice) === turn))).find((problem) => problem) ?? null;
}

/** A file may be there twice. @param {Slice[]} slices */
function distinct(slices) {
  return slices.filter(({ uid }, place) => !uid || slices.findIndex((other) => other.uid === uid) === place);
}

/** @param {Slice} slice */
function turned({ orientation }) {
  return /** @type {number[]} */ (orientation).map((value) => value.toFixed(2)).join(" ");
}

/** @param {Slice[]} slices of one orientation @returns {[string, string] | null} */
function stackProblem(slices) {
  const sizes = [...new Set(slices.map(({ spacing }) => /** @type {number[]} */ (spacing).join(" × ")))];
  if (sizes.length > 1) {
    return [`have pixels of ${sizes.slice(0, 3).join(", of ")} mm in one series; expected one size.`, "Move what belongs to another series out of the folder."];
  }
  const [row, column] = unitVectors(/** @type {number[]} */ (slices[0].orientation));
  const normal = [0, 1, 2].map((axis) => row[(axis + 1) % 3] * column[(axis + 2) % 3] - row[(axis + 2) % 3] * column[(axis + 1) % 3]);
  const dot = (/** @type {number[]} */ one) => one.reduce((sum, value, axis) => sum + value * normal[axis], 0);
  const ordered = slices.map(({ position }) => /** @type {number[]} */ (position)).sort((one, other) => dot(one) - dot(other));
  const places = separate(ordered, dot);
  if (places === null) return ["have several slices at some of their places, and one at others.", "Split the series into volumes."];
  const steps = places.slice(1).map((place, index) => place.map((value, axis) => value - places[index][axis]));
  if (!steps.length) return null;
  const along = steps.map(dot);
  const step = median(along);
  if (Math.max(...along.map((one) => Math.abs(one - step))) > Math.max(UNEVEN * step, ROUNDED)) {
    const [least, most] = [Math.min(...along), Math.max(...along)].map((one) => Number(one.toPrecision(DIGITS)));
    return [`have slices that are missing or uneven: ${least} to ${most} mm apart.`, "Export the whole series again, or resample it to even slices."];
  }
  const beside = steps.map((one, index) => one.map((value, axis) => value - along[index] * normal[axis]));
  const drift = Math.hypot(...[0, 1, 2].map((axis) => beside.reduce((sum, one) => sum + one[axis], 0)));
  const straight = Math.max(...beside.map((one) => Math.hypot(...one))) <= UNEVEN * step;
  if (straight && drift <= Math.max(.../** @type {number[]} */ (slices[0].spacing))) return null;
  return ["were scanned with a tilted gantry, or do not lie in one line.", "Resample the series to a straight grid."];
}

/**
 * Each place once; null where places have unlike numbers of slices. As many slices at each are as many volumes, which dcm2niix tells apart.
 * @param {number[][]} ordered along the normal
 * @param {(place: number[]) => number} dot along it
 */
function separate(ordered, dot) {
  const length = dot(ordered[ordered.length - 1]) - dot(ordered[0]);
  const same = Math.max((SAME_PLACE * length) / Math.max(1, ordered.length - 1), 1e-4);
  /** @type {number[][]} */ const places = [];
  /** @type {number[]} */ const counts = [];
  for (const one of ordered) {
    if (places.length && dot(one) - dot(places[places.length - 1]) <= same) counts[counts.length - 1]++;
    else {
      places.push(one);
      counts.push(1);
    }
  }
  return counts.every((count) => count === counts[0]) ? places : null;
}

/** @param {number[]} orientation */
function unitVectors(orientation) {
  return [orientation.slice(0, 3), orientation.slice(3)].map((vector) => vector.map((value) => value / Math.hypot(...vector)));
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
