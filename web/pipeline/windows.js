// Windows in slices that are larger than the network is to see at once: where they lie, and what each counts.

/** @typedef {[number, number]} Pair */

/**
 * @typedef {object} Window
 * @property {number} row where it begins
 * @property {number} column
 * @property {Float32Array} weights its share at every pixel; those of all windows add up to 1
 * @property {Uint8Array} alone 1 where no other window is
 */

/**
 * Where windows begin along an axis: the last one ends with it.
 * @param {number} size
 * @param {number} window
 * @param {number} step
 */
export function starts(size, window, step) {
  if (size <= window) return [0];
  const count = Math.ceil((size - window) / step) + 1;
  return Array.from({ length: count }, (_, index) => Math.min(index * step, size - window));
}

/**
 * @param {Pair} size of the slice
 * @param {Pair} window at most the size
 * @param {{ overlap: Pair, mode: string, sigma_scale: Pair }} settings
 * @returns {Window[]}
 */
export function planWindows(size, window, { overlap, mode, sigma_scale }) {
  const places = [0, 1].map((axis) => starts(size[axis], window[axis], Math.max(Math.trunc(window[axis] * (1 - overlap[axis])), 1)));
  const importance = mode === "gaussian" ? gaussian(window, sigma_scale) : new Float32Array(window[0] * window[1]).fill(1);
  const covered = [0, 1].map((axis) => coverage(size[axis], window[axis], places[axis]));
  const total = new Float32Array(size[0] * size[1]);
  const corners = places[0].flatMap((row) => places[1].map((column) => ({ row, column })));
  for (const corner of corners) {
    overWindow(corner, window, size, (inWindow, inSlice) => (total[inSlice] += importance[inWindow]));
  }
  return corners.map((corner) => {
    const weights = new Float32Array(importance.length);
    const alone = new Uint8Array(importance.length);
    overWindow(corner, window, size, (inWindow, inSlice, row, column) => {
      weights[inWindow] = importance[inWindow] / total[inSlice];
      alone[inWindow] = Number(covered[0][row] === 1 && covered[1][column] === 1);
    });
    return { ...corner, weights, alone };
  });
}

/**
 * Put a window's scores into those of a slice: copied where it is alone, weighted elsewhere.
 * @param {Window} one
 * @param {Pair} window
 * @param {Float32Array} scores of the window
 * @param {Float32Array} blended of the slice, 0 before the first window
 * @param {Pair} size
 */
export function blend(one, window, scores, blended, size) {
  const { weights, alone } = one;
  overWindow(one, window, size, (inWindow, inSlice) => {
    if (alone[inWindow]) blended[inSlice] = scores[inWindow];
    else blended[inSlice] += Math.fround(scores[inWindow] * weights[inWindow]);
  });
}

/** @param {{ row: number, column: number }} corner @param {Pair} window @param {Pair} size @param {(inWindow: number, inSlice: number, row: number, column: number) => void} act */
function overWindow({ row, column }, window, size, act) {
  for (let y = 0; y < window[0]; y++) {
    for (let x = 0; x < window[1]; x++) act(y * window[1] + x, (row + y) * size[1] + column + x, row + y, column + x);
  }
}

/** @param {number} size @param {number} window @param {number[]} places */
function coverage(size, window, places) {
  const count = new Uint16Array(size);
  for (const start of places) for (let index = start; index < start + window; index++) count[index]++;
  return count;
}

/** Weights that fall towards the border, as MONAI's compute_importance_map has them. @param {Pair} window @param {Pair} sigmaScale */
function gaussian(window, sigmaScale) {
  const axes = window.map((length, axis) => {
    const width = -2 * (length * sigmaScale[axis]) ** 2;
    return Float32Array.from({ length }, (_, index) => Math.exp(Math.fround(Math.fround(index - (length - 1) / 2) ** 2 / width)));
  });
  const weights = Float32Array.from({ length: window[0] * window[1] }, (_, index) => {
    return axes[0][Math.floor(index / window[1])] * axes[1][index % window[1]];
  });
  const least = Math.max(weights.reduce((low, value) => Math.min(low, value), Infinity), 1e-3);
  return weights.map((value) => Math.max(value, least));
}
