// A segmentation back on the grid of the file, by nearest neighbours: the arithmetic of RestoreGridd.
import { apply, invert, multiply } from "./affine.js";
import { stridesOf, voxelsIn } from "./volume.js";

/** @typedef {import("./volume.js").Triple} Triple */
/** @typedef {import("./affine.js").Affine} Affine */
/** @typedef {{ labels: Uint8Array, shape: Triple, affine: Affine }} Segmentation */

/** Voxels: no rounding of an affine changes which voxel is the nearest by more. */
const NEGLIGIBLE = 1e-2;
const EPSILON = 1e-3;

/**
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
  /** Steps in the labels for each index along an axis of the file; −1 outside. */
  const steps = grid.shape.map((size) => new Int32Array(size).fill(-1));
  axes.forEach((other, axis) => {
    for (let index = 0; index < grid.shape[other]; index++) {
      const place = nearest(way[axis][other] * index + way[axis][3], shape[axis]);
      if (place >= 0) steps[other][index] = place * strides[axis];
    }
  });
  const out = new Uint8Array(voxelsIn(grid.shape));
  let index = 0;
  for (const z of steps[2]) {
    for (const y of steps[1]) {
      for (const x of steps[0]) {
        if (x >= 0 && y >= 0 && z >= 0) out[index] = labels[x + y + z];
        index++;
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
 * The nearest voxel; −1 outside. A grid of other spacing may end half of its voxel before the one that it was made from.
 * @param {number} exact
 * @param {number} size
 */
function nearest(exact, size) {
  if (exact < -0.5 - EPSILON || exact > size - 0.5 + EPSILON) return -1;
  return Math.min(Math.max(Math.floor(exact + 0.5 + EPSILON), 0), size - 1);
}

/** Where the axes of the two grids are not parallel. @param {Uint8Array} labels @param {Triple} shape @param {Affine} way @param {Triple} target */
function byVoxel(labels, shape, way, target) {
  const out = new Uint8Array(voxelsIn(target));
  const strides = stridesOf(shape);
  let index = 0;
  for (let z = 0; z < target[2]; z++) {
    for (let y = 0; y < target[1]; y++) {
      for (let x = 0; x < target[0]; x++, index++) {
        const places = apply(way, [x, y, z]).map((exact, axis) => nearest(exact, shape[axis]));
        if (places.every((place) => place >= 0)) out[index] = labels[places.reduce((sum, place, axis) => sum + place * strides[axis], 0)];
      }
    }
  }
  return out;
}
