// Scores of some slices: windows where slices are large, and the mean over mirrored passes.
import { cutWindow, gather } from "./slices.js";
import { blend, planWindows } from "./windows.js";

/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {import("./slices.js").Plane} Plane */
/** @typedef {import("./windows.js").Pair} Pair */

/**
 * The network: from `(N, C, rows, columns)` to scores `(N, classes, rows, columns)`, or of several slices at once.
 * @typedef {(input: Float32Array, shape: number[]) => Promise<{ scores: Float32Array, shape: number[] }>} Network
 */

/**
 * What the bundle's inferer is set to.
 * @typedef {object} Inference
 * @property {Plane[]} planes
 * @property {number} context
 * @property {number[]} mirror_axes
 * @property {number} out_slices
 * @property {number} out_step
 * @property {Pair} roi_size
 * @property {Pair} overlap
 * @property {string} mode
 * @property {Pair} sigma_scale
 * @property {number} sw_batch_size
 */

/** A call of the network has at most so many pixels: more of them are no faster per slice, and need more memory. */
const PIXELS_PER_CALL = 128 * 128;

export class SlicePasses {
  /**
   * @param {Network} network
   * @param {Volume} volume with plain channels
   * @param {Plane} plane
   * @param {Inference} inference
   */
  constructor(network, volume, plane, inference) {
    this.network = network;
    this.volume = volume;
    this.plane = plane;
    this.inference = inference;
    /** @type {Pair} */
    this.size = [volume.shape[plane[1]], volume.shape[plane[2]]];
    const [rows, columns] = inference.roi_size.map((length, axis) => Math.min(length > 0 ? length : Infinity, this.size[axis]));
    /** @type {Pair} */
    this.window = [rows, columns];
    const isWhole = rows === this.size[0] && columns === this.size[1];
    this.windows = isWhole ? [] : planWindows(this.size, this.window, inference);
    this.mirrored = subsets(inference.mirror_axes.filter((axis) => volume.shape[axis] > 1));
    this.batchSize = Math.max(1, Math.min(inference.sw_batch_size, Math.floor(PIXELS_PER_CALL / (rows * columns))));
  }

  /**
   * @param {number[]} middles the middle slices of groups
   * @returns {Promise<{ scores: Float32Array, classes: number }>} `(groups, classes, slices at once, rows, columns)`
   */
  async scores(middles) {
    /** @type {{ scores: Float32Array, classes: number } | null} */
    let mean = null;
    for (const axes of this.mirrored) {
      const one = await this.#pass(middles, axes);
      if (!mean) mean = one;
      else for (let index = 0; index < one.scores.length; index++) mean.scores[index] += one.scores[index];
    }
    if (!mean) throw new Error("no pass");
    const count = this.mirrored.length;
    if (count > 1) for (let index = 0; index < mean.scores.length; index++) mean.scores[index] /= count;
    return mean;
  }

  /** @param {number[]} middles @param {Set<number>} axes */
  async #pass(middles, axes) {
    const slices = gather(this.volume, this.plane, middles, this.inference.context, axes);
    const [whole, classes] = this.windows.length ? await this.#byWindows(slices, middles.length) : await this.#call(slices, middles.length, this.size);
    return { scores: this.#turnedBack(whole, axes), classes };
  }

  /** @param {Float32Array} slices @param {number} count @returns {Promise<[Float32Array, number]>} */
  async #byWindows(slices, count) {
    let blended = new Float32Array(0);
    let classes = 0;
    const [rows, columns] = this.size;
    const area = this.window[0] * this.window[1];
    for (const one of this.windows) {
      const [scores, found] = await this.#call(cutWindow(slices, this.size, one, this.window), count, this.window);
      classes = found;
      const planes = scores.length / area;
      if (!blended.length) blended = new Float32Array(planes * rows * columns);
      for (let plane = 0; plane < planes; plane++) {
        const target = blended.subarray(plane * rows * columns, (plane + 1) * rows * columns);
        blend(one, this.window, scores.subarray(plane * area, (plane + 1) * area), target, this.size);
      }
    }
    return [blended, classes];
  }

  /** @param {Float32Array} input @param {number} count @param {Pair} size @returns {Promise<[Float32Array, number]>} */
  async #call(input, count, [rows, columns]) {
    const { scores, shape } = await this.network(input, [count, input.length / (count * rows * columns), rows, columns]);
    return [scores, shape[1]];
  }

  /** @param {Float32Array} scores @param {Set<number>} axes that were turned around */
  #turnedBack(scores, axes) {
    if (!axes.size) return scores;
    const [stack, down, across] = this.plane;
    const [rows, columns] = this.size;
    const together = this.inference.out_slices;
    const out = new Float32Array(scores.length);
    const groups = scores.length / (together * rows * columns);
    let index = 0;
    for (let group = 0; group < groups; group++) {
      for (let slice = 0; slice < together; slice++) {
        const from = group * together + (axes.has(stack) ? together - 1 - slice : slice);
        for (let y = 0; y < rows; y++) {
          const row = (from * rows + (axes.has(down) ? rows - 1 - y : y)) * columns;
          for (let x = 0; x < columns; x++) out[index++] = scores[row + (axes.has(across) ? columns - 1 - x : x)];
        }
      }
    }
    return out;
  }
}

/** Every combination of axes, the smaller ones first. @param {number[]} axes @returns {Set<number>[]} */
function subsets(axes) {
  const all = Array.from({ length: 2 ** axes.length }, (_, bits) => axes.filter((_, index) => bits & (1 << index)));
  return all.sort((a, b) => a.length - b.length).map((one) => new Set(one));
}
