// Axes in the order and the directions that a bundle wants: a view, nothing is copied.
import { affineOf, apply, linearPart, nearestRotation, spacingOf } from "./affine.js";

/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {import("./volume.js").Triple} Triple */

/** Body axis and direction of each letter. @type {Record<string, [number, number]>} */
const LETTERS = { R: [0, 1], L: [0, -1], A: [1, 1], P: [1, -1], S: [2, 1], I: [2, -1] };

/**
 * For each axis of a grid the axis of the body that it follows most, and its direction: nibabel's `io_orientation`.
 * @param {number[][]} affine
 * @returns {[number, number][]}
 */
export function bodyAxes(affine) {
  const spacing = spacingOf(affine).map((size) => size || 1);
  const rotation = nearestRotation(linearPart(affine).map((row) => row.map((value, axis) => value / spacing[axis])));
  const strongest = [0, 1, 2].map((axis) => Math.max(...rotation.map((row) => row[axis] ** 2)));
  const order = [0, 1, 2].sort((a, b) => strongest[b] - strongest[a]);
  const free = new Set([0, 1, 2]);
  /** @type {[number, number][]} */
  const axes = [[0, 1], [0, 1], [0, 1]];
  for (const axis of order) {
    const body = [...free].reduce((best, one) => (Math.abs(rotation[one][axis]) > Math.abs(rotation[best][axis]) ? one : best));
    free.delete(body);
    axes[axis] = [body, Math.sign(rotation[body][axis]) || 1];
  }
  return axes;
}

/**
 * A volume with the axes that three letters name, such as RAS: to the right, the front and the head.
 * @param {Volume} volume
 * @param {string} axcodes
 * @returns {Volume}
 */
export function orient(volume, axcodes) {
  const found = bodyAxes(volume.affine);
  const moves = [...axcodes].map((letter) => {
    const [body, wanted] = LETTERS[letter];
    const axis = found.findIndex(([one]) => one === body);
    return { axis, turned: found[axis][1] !== wanted };
  });
  const last = moves.map(({ axis, turned }) => (turned ? volume.shape[axis] - 1 : 0));
  const first = [0, 0, 0];
  moves.forEach(({ axis }, index) => (first[axis] = last[index]));
  const linear = linearPart(volume.affine).map((row) => moves.map(({ axis, turned }) => (turned ? -row[axis] : row[axis])));
  return {
    shape: /** @type {Triple} */ (moves.map(({ axis }) => volume.shape[axis])),
    affine: affineOf(linear, apply(volume.affine, first)),
    channels: volume.channels.map((channel) => ({
      ...channel,
      start: channel.start + first.reduce((sum, index, axis) => sum + index * channel.strides[axis], 0),
      strides: /** @type {Triple} */ (moves.map(({ axis, turned }) => (turned ? -1 : 1) * channel.strides[axis])),
    })),
  };
}
