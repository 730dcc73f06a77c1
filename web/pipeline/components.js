// The largest piece of each class. Voxels that share a corner are connected.
import { stridesOf } from "./volume.js";

/** @typedef {import("./volume.js").Triple} Triple */

/**
 * Of each of some classes keep the largest connected component; the others become background.
 * @param {Uint8Array} labels the first axis the fastest; changed in place
 * @param {Triple} shape
 * @param {number[]} classes
 */
export function keepLargest(labels, shape, classes) {
  const { pieces, sizes, labelOf } = connected(labels, shape, new Set(classes));
  /** @type {Map<number, number>} */
  const largest = new Map();
  labelOf.forEach((label, piece) => {
    const best = largest.get(label);
    if (best === undefined || sizes[piece] > sizes[best]) largest.set(label, piece);
  });
  for (let voxel = 0; voxel < labels.length; voxel++) {
    const piece = pieces[voxel];
    if (piece && largest.get(labels[voxel]) !== piece - 1) labels[voxel] = 0;
  }
}

/**
 * Number the pieces in the order in which SimpleITK meets them, the last axis the fastest, for of equal ones the first counts.
 * @param {Uint8Array} labels
 * @param {Triple} shape
 * @param {Set<number>} classes
 */
function connected(labels, shape, classes) {
  const pieces = new Int32Array(labels.length);
  /** @type {number[]} */
  const sizes = [];
  /** @type {number[]} */
  const labelOf = [];
  const strides = stridesOf(shape);
  for (let x = 0; x < shape[0]; x++) {
    for (let y = 0; y < shape[1]; y++) {
      for (let z = 0; z < shape[2]; z++) {
        const voxel = x + y * strides[1] + z * strides[2];
        if (pieces[voxel] || !classes.has(labels[voxel])) continue;
        labelOf.push(labels[voxel]);
        sizes.push(fill(labels, pieces, shape, voxel, sizes.length + 1));
      }
    }
  }
  return { pieces, sizes, labelOf };
}

/** Give a piece its number, and count it. @param {Uint8Array} labels @param {Int32Array} pieces @param {Triple} shape @param {number} seed @param {number} number */
function fill(labels, pieces, shape, seed, number) {
  const [width, height, depth] = shape;
  const open = [seed];
  pieces[seed] = number;
  let size = 0;
  for (let voxel = open.pop(); voxel !== undefined; voxel = open.pop()) {
    size++;
    const x = voxel % width;
    const row = (voxel - x) / width;
    const y = row % height;
    const z = (row - y) / height;
    for (let dz = Math.max(z - 1, 0); dz <= Math.min(z + 1, depth - 1); dz++) {
      for (let dy = Math.max(y - 1, 0); dy <= Math.min(y + 1, height - 1); dy++) {
        for (let dx = Math.max(x - 1, 0); dx <= Math.min(x + 1, width - 1); dx++) {
          const other = dx + width * (dy + height * dz);
          if (pieces[other] || labels[other] !== labels[seed]) continue;
          pieces[other] = number;
          open.push(other);
        }
      }
    }
  }
  return size;
}
