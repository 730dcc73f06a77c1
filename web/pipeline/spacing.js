// Another spacing, by trilinear interpolation: the arithmetic of MONAI's Spacing and of torch's grid_sample, in 32 bits.
import { affineOf, apply, invert, linearPart, multiply, spacingOf, upperTriangle } from "./affine.js";
import { plainChannel, voxelsIn } from "./volume.js";

/** @typedef {import("./volume.js").Channel} Channel */
/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {import("./volume.js").Triple} Triple */

const { fround } = Math;

/** What two affines may differ by and still be one, as MONAI's AFFINE_TOL. */
const TOLERANCE = 1e-3;

/** Off the diagonal, no more than this moves a sample by a thousandth of a voxel. */
const STRAIGHT = 1e-6;

/**
 * @param {Volume} volume
 * @param {{ pixdim: number[], min_pixdim: number[] | null, max_pixdim: number[] | null }} wanted mm per voxel; an axis
 *   that lies between the lowest and the highest keeps its own
 * @returns {Volume}
 */
export function respace(volume, wanted) {
  const { affine, shape } = planGrid(volume, wanted);
  const sameShape = shape.every((size, axis) => size === volume.shape[axis]);
  const way = multiply(invert(volume.affine), affine);
  const identity = way.map((row, i) => row.map((_, j) => Number(i === j)));
  if (sameShape && (close(volume.affine, affine) || close(way, identity))) return volume;
  const sampled = volume.channels.map((channel) => plainChannel(sample(channel, volume.shape, way, shape), shape));
  return { channels: sampled, shape, affine: multiply(volume.affine, way) };
}

/** @param {number[][]} a @param {number[][]} b */
function close(a, b) {
  return a.every((row, i) => row.every((value, j) => Math.abs(value - b[i][j]) <= TOLERANCE + 1e-5 * Math.abs(b[i][j])));
}

/**
 * The grid of another spacing, which begins where the old one does.
 * @param {Volume} volume
 * @param {{ pixdim: number[], min_pixdim: number[] | null, max_pixdim: number[] | null }} wanted
 */
export function planGrid({ affine, shape }, { pixdim, min_pixdim, max_pixdim }) {
  const sizes = spacingOf(affine).map((own, axis) => {
    const lowest = Math.min(min_pixdim?.[axis] ?? pixdim[axis], pixdim[axis]);
    const highest = Math.max(max_pixdim?.[axis] ?? pixdim[axis], pixdim[axis]);
    return own >= lowest - TOLERANCE && own <= highest + TOLERANCE ? own : pixdim[axis];
  });
  const linear = linearPart(affine);
  const upper = upperTriangle(linear);
  const scaled = multiply(linear, invert(upper)).map((row) => row.map((value, axis) => value * sizes[axis]));
  const way = multiply(invert(affineOf(scaled, [0, 0, 0])), affine);
  const corners = cornersOf(shape);
  const moved = corners.map((corner) => apply(way, corner));
  const ends = [0, 1, 2].map((axis) => moved.map((place) => place[axis]));
  const newShape = ends.map((values) => roundHalfEven(Math.max(...values) - Math.min(...values) + 1));
  const lowest = moved.findIndex((place) => place.every((value, axis) => value - Math.min(...ends[axis]) <= 1e-8));
  const offset = lowest >= 0 ? apply(affine, corners[lowest]) : centred(affine, shape, scaled, newShape);
  return { affine: affineOf(scaled, offset), shape: /** @type {Triple} */ (newShape) };
}

/** @param {Triple} shape */
function cornersOf(shape) {
  const ends = shape.map((size) => [0, size - 1]);
  return ends[0].flatMap((x) => ends[1].flatMap((y) => ends[2].map((z) => [x, y, z])));
}

/** @param {number[][]} affine @param {number[]} shape @param {number[][]} scaled @param {number[]} newShape */
function centred(affine, shape, scaled, newShape) {
  const middle = apply(affine, shape.map((size) => size / 2));
  const moved = apply(affineOf(scaled, [0, 0, 0]), newShape.map((size) => size / 2));
  return middle.map((value, axis) => value - moved[axis]);
}

/** @param {number} value */
function roundHalfEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * @param {Channel} channel
 * @param {Triple} shape of the channel
 * @param {number[][]} way from indices of the new grid to those of the channel
 * @param {Triple} newShape
 */
function sample(channel, shape, way, newShape) {
  const theta = normalised(way, shape, newShape);
  const off = Math.max(...theta.flatMap((row, i) => row.slice(0, 3).map((value, j) => (i === j ? 0 : Math.abs(value)))));
  const steps = newShape.map(stepsAcross);
  const out = new Float32Array(voxelsIn(newShape));
  if (off <= STRAIGHT) {
    const places = [0, 1, 2].map((axis) => {
      const exact = steps[axis].map((step) => fround(fround(step * theta[axis][axis]) + theta[axis][3]));
      return neighbours(exact, shape[axis]);
    });
    interpolate(channel, places, out, newShape);
    return out;
  }
  sampleAskew(channel, shape, theta, steps, out);
  return out;
}

/**
 * The way between indices as one between coordinates from −1 to 1, as torch's affine_grid takes it.
 * @param {number[][]} way
 * @param {Triple} from
 * @param {Triple} to
 */
function normalised(way, from, to) {
  const single = way.map((row) => row.map(fround));
  return [0, 1, 2].map((i) => {
    const scale = fround(2 / from[i]);
    const inverse = to.map((size) => fround(1 / fround(2 / size)));
    const back = to.map((size, j) => fround(-fround(fround(1 / size - 1) * inverse[j])));
    const row = [0, 1, 2].map((j) => fround(scale * single[i][j]));
    let last = fround(fround(scale * single[i][3]) + fround(1 / from[i] - 1));
    for (let j = 2; j >= 0; j--) last = fround(fround(row[j] * back[j]) + last);
    return [...row.map((value, j) => fround(value * inverse[j])), last];
  });
}

/** Coordinates of the middles of voxels from −1 to 1, as torch's affine_grid has them. @param {number} size */
function stepsAcross(size) {
  const steps = new Float32Array(size);
  if (size === 1) return steps;
  const step = fround(2 / (size - 1));
  for (let index = 0; index < size; index++) {
    const even = fround(index < Math.floor(size / 2) ? -1 + step * index : 1 - step * (size - 1 - index));
    steps[index] = fround(fround(even * (size - 1)) / size);
  }
  return steps;
}

/**
 * The two voxels between which each place lies, and their shares.
 * @param {Float32Array} exact coordinates from −1 to 1
 * @param {number} size
 */
function neighbours(exact, size) {
  const lower = new Int32Array(exact.length);
  const upper = new Int32Array(exact.length);
  const shares = new Float32Array(exact.length);
  const others = new Float32Array(exact.length);
  exact.forEach((value, index) => {
    const place = inVoxels(value, size);
    lower[index] = Math.floor(place);
    upper[index] = Math.min(lower[index] + 1, size - 1);
    shares[index] = place - lower[index];
    others[index] = lower[index] + 1 - place;
  });
  return { lower, upper, shares, others };
}

/** @param {number} value @param {number} size */
function inVoxels(value, size) {
  const place = fround(fround(fround(fround(value + 1) * size) - 1) / 2);
  return Math.min(Math.max(place, 0), size - 1);
}

/**
 * @param {Channel} channel
 * @param {ReturnType<typeof neighbours>[]} places along the three axes
 * @param {Float32Array} out
 * @param {Triple} shape
 */
function interpolate(channel, [xs, ys, zs], out, shape) {
  const { numbers, start, strides, slope, inter, minus } = channel;
  /** @param {number} place */
  const at = (place) => fround(fround(numbers[place] * slope + inter) - minus);
  let index = 0;
  for (let z = 0; z < shape[2]; z++) {
    const bottom = start + zs.lower[z] * strides[2];
    const top = start + zs.upper[z] * strides[2];
    for (let y = 0; y < shape[1]; y++) {
      const back = ys.lower[y] * strides[1];
      const front = ys.upper[y] * strides[1];
      // the order of torch: its x is the last axis, and the corners are added with the first axis the slowest
      const farFar = fround(zs.others[z] * ys.others[y]);
      const nearFar = fround(zs.shares[z] * ys.others[y]);
      const farNear = fround(zs.others[z] * ys.shares[y]);
      const nearNear = fround(zs.shares[z] * ys.shares[y]);
      for (let x = 0; x < shape[0]; x++) {
        const left = xs.lower[x] * strides[0];
        const right = xs.upper[x] * strides[0];
        const other = xs.others[x];
        const share = xs.shares[x];
        let sum = fround(at(bottom + back + left) * fround(farFar * other));
        sum = fround(sum + fround(at(top + back + left) * fround(nearFar * other)));
        sum = fround(sum + fround(at(bottom + front + left) * fround(farNear * other)));
        sum = fround(sum + fround(at(top + front + left) * fround(nearNear * other)));
        sum = fround(sum + fround(at(bottom + back + right) * fround(farFar * share)));
        sum = fround(sum + fround(at(top + back + right) * fround(nearFar * share)));
        sum = fround(sum + fround(at(bottom + front + right) * fround(farNear * share)));
        out[index++] = fround(sum + fround(at(top + front + right) * fround(nearNear * share)));
      }
    }
  }
}

/**
 * The same where the old axes and the new ones are not parallel: a grid with shear has lost it.
 * @param {Channel} channel
 * @param {Triple} shape
 * @param {number[][]} theta
 * @param {Float32Array[]} steps
 * @param {Float32Array} out
 */
function sampleAskew(channel, shape, theta, steps, out) {
  /** @type {Triple} */
  const one = [1, 1, 1];
  const voxel = new Float32Array(1);
  let index = 0;
  for (const z of steps[2]) {
    for (const y of steps[1]) {
      for (const x of steps[0]) {
        const places = theta.map(([a, b, c, d], axis) => {
          const exact = fround(fround(fround(fround(z * c) + fround(y * b)) + fround(x * a)) + d);
          return neighbours(Float32Array.of(exact), shape[axis]);
        });
        interpolate(channel, places, voxel, one);
        out[index++] = voxel[0];
      }
    }
  }
}
