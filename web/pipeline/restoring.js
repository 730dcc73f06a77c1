// A segmentation back on the grid of the file: the arithmetic of RestoreGridd.
import { apply, invert, multiply } from "./affine.js";
import { stridesOf, voxelsIn } from "./volume.js";

/** @typedef {import("./volume.js").Triple} Triple */
/** @typedef {import("./affine.js").Affine} Affine */
/** @typedef {{ labels: Uint8Array, shape: Triple, affine: Affine }} Segmentation */
/** Where a voxel of the file lies along an axis of the labels: steps to the nearest voxel and to the two around it, and the share of the upper one. @typedef {{ nearest: number, below: number, above: number, share: number }} Place */

/** Voxels: no rounding of an affine moves a place by more, and along an axis whose places are no further from voxels nothing is interpolated. */
const NEGLIGIBLE = 1e-2;
const EPSILON = 1e-3;

/**
 * A voxel takes the class with the largest share of it, by the weights of linear interpolation; that of the nearest voxel if no other has a larger one.
 * @param {Segmentation} segmentation
 * @param {{ shape: Triple, affine: Affine }} grid of the file
 */
export function restoreGrid({ labels, shape, affine }, grid) {
  const way = multiply(invert(affine), grid.affine);
  const axes = way.slice(0, 3).map((row) => strongest(row.slice(0, 3)));
  const skew = way.slice(0, 3).map((row, axis) => {
    return [0, 1, 2].reduce((sum, other) => sum + (other === axes[axis] ? 0 : Math.abs(row[other]) * grid.shape[other]), 0);
  });
  if (new Set(axes).size < 3 || Math.max(...skew) > NEGLIGIBLE) return byVoxel(labels, shape, way, grid.shape);
  const strides = stridesOf(shape);
  /** For each axis of the file; outside of the labels there is no place. @type {(Place | undefined)[][]} */
  const places = [[], [], []];
  let several = /** @type {Uint8Array | null} */ (null);
  axes.forEach((other, axis) => {
    const exact = Array.from({ length: grid.shape[other] }, (_, index) => way[axis][other] * index + way[axis][3]);
    places[other] = exact.map((one) => placeOf(one, shape[axis], strides[axis]));
    const moved = exact.some((one, index) => places[other][index] && Math.abs(one - Math.round(one)) > NEGLIGIBLE);
    if (moved) several ??= severalClasses(labels, shape);
    else places[other] = places[other].map((place) => place && { ...place, below: place.nearest, above: place.nearest, share: 0 });
  });
  const [nearX, nearY, nearZ] = places.map((line) => Int32Array.from(line, (place) => (place ? place.nearest : -1)));
  const [lowX, lowY, lowZ] = places.map((line) => Int32Array.from(line, (place) => (place ? place.below : -1)));
  const out = new Uint8Array(voxelsIn(grid.shape));
  let index = 0;
  for (let z = 0; z < grid.shape[2]; z++) {
    for (let y = 0; y < grid.shape[1]; y++) {
      for (let x = 0; x < grid.shape[0]; x++, index++) {
        if (nearX[x] < 0 || nearY[y] < 0 || nearZ[z] < 0) continue;
        if (several && several[lowX[x] + lowY[y] + lowZ[z]]) {
          const at = [places[0][x], places[1][y], places[2][z]];
          const [a, b, c] = axes.map((axis) => /** @type {Place} */ (at[axis])); // RestoreGridd adds the corners in this order
          out[index] = largestShare(labels, a, b, c);
        } else {
          out[index] = labels[nearX[x] + nearY[y] + nearZ[z]];
        }
      }
    }
  }
  return out;
}

/** @param {number[]} row */
function strongest(row) {
  return row.reduce((best, value, index) => (Math.abs(value) > Math.abs(row[best]) ? index : best), 0);
}

/**
 * None outside. A grid of other spacing may end half of its voxel before the one that it was made from.
 * @param {number} exact @param {number} size @param {number} stride
 * @returns {Place | undefined}
 */
function placeOf(exact, size, stride) {
  if (exact < -0.5 - EPSILON || exact > size - 0.5 + EPSILON) return undefined;
  const kept = Math.min(Math.max(exact, 0), size - 1);
  const below = Math.floor(kept);
  const nearest = Math.min(Math.max(Math.floor(exact + 0.5 + EPSILON), 0), size - 1);
  return { nearest: nearest * stride, below: below * stride, above: Math.min(below + 1, size - 1) * stride, share: kept - below };
}

/** @param {Uint8Array} labels @param {Place} a @param {Place} b @param {Place} c along the labels' axes */
function largestShare(labels, a, b, c) {
  let best = labels[a.nearest + b.nearest + c.nearest];
  const classes = new Uint8Array(8);
  const weights = new Float64Array(8);
  for (let corner = 0; corner < 8; corner++) {
    const [x, y, z] = [corner & 4, corner & 2, corner & 1];
    classes[corner] = labels[(x ? a.above : a.below) + (y ? b.above : b.below) + (z ? c.above : c.below)];
    weights[corner] = (x ? a.share : 1 - a.share) * (y ? b.share : 1 - b.share) * (z ? c.share : 1 - c.share);
  }
  let most = total(best, classes, weights);
  if (most > 0.5) return best;
  for (const candidate of classes) {
    const share = total(candidate, classes, weights);
    if (share > most + EPSILON) [best, most] = [candidate, share];
  }
  return best;
}

/**
 * Whether a voxel and those above it are of several classes: 1, else 0.
 * @param {Uint8Array} labels @param {Triple} shape
 */
function severalClasses(labels, shape) {
  const mixed = new Uint8Array(labels.length);
  const [row, plane] = stridesOf(shape).slice(1);
  let at = 0;
  for (let z = 0; z < shape[2]; z++) {
    const up = z + 1 < shape[2] ? plane : 0;
    for (let y = 0; y < shape[1]; y++) {
      const down = y + 1 < shape[1] ? row : 0;
      for (let x = 0; x < shape[0]; x++, at++) {
        const right = x + 1 < shape[0] ? 1 : 0;
        const one = labels[at];
        const here = labels[at + right] === one && labels[at + down] === one && labels[at + down + right] === one;
        const above = labels[at + up] === one && labels[at + up + right] === one && labels[at + up + down] === one;
        mixed[at] = here && above && labels[at + up + down + right] === one ? 0 : 1;
      }
    }
  }
  return mixed;
}

/** @param {number} label @param {Uint8Array} classes @param {Float64Array} weights */
function total(label, classes, weights) {
  let sum = 0;
  for (let corner = 0; corner < 8; corner++) if (classes[corner] === label) sum += weights[corner];
  return sum;
}

/** Where the axes of the two grids are not parallel. @param {Uint8Array} labels @param {Triple} shape @param {Affine} way @param {Triple} target */
function byVoxel(labels, shape, way, target) {
  const out = new Uint8Array(voxelsIn(target));
  const strides = stridesOf(shape);
  const several = severalClasses(labels, shape);
  let index = 0;
  for (let z = 0; z < target[2]; z++) {
    for (let y = 0; y < target[1]; y++) {
      for (let x = 0; x < target[0]; x++, index++) {
        const [a, b, c] = apply(way, [x, y, z]).map((exact, axis) => placeOf(exact, shape[axis], strides[axis]));
        if (!a || !b || !c) continue;
        const alone = !several[a.below + b.below + c.below];
        out[index] = alone ? labels[a.nearest + b.nearest + c.nearest] : largestShare(labels, a, b, c);
      }
    }
  }
  return out;
}
