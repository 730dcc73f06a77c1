// A network of slices over a volume: groups of slices, their means, planes, and the class of the highest score.
import { roundToHalf } from "./half.js";
import { SlicePasses } from "./passes.js";
import { planGroups } from "./slices.js";
import { plainChannel, stridesOf, valuesOf, voxelsIn } from "./volume.js";

/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {import("./slices.js").Plane} Plane */
/** @typedef {import("./passes.js").Inference} Inference */
/** @typedef {import("./passes.js").Network} Network */

/** @typedef {{ scores: Float32Array, classes: number, size: number }} SliceScores of one slice, `(classes, pixels)` */

/**
 * The class of every voxel.
 * @param {Volume} volume preprocessed
 * @param {Inference} inference
 * @param {Network} network
 * @param {(done: number, total: number) => void} report slices that are done, of all planes
 * @returns {Promise<Uint8Array>} the first axis the fastest
 */
export async function inferLabels(volume, inference, network, report = () => {}) {
  const plain = { ...volume, channels: volume.channels.map((channel) => plainChannel(valuesOf(channel, volume.shape), volume.shape)) };
  checkFinite(plain);
  const total = inference.planes.reduce((sum, [stack]) => sum + volume.shape[stack], 0);
  let done = 0;
  const count = () => report(++done, total);
  report(0, total);
  if (inference.planes.length === 1) {
    const labels = new Uint8Array(voxelsIn(volume.shape));
    await eachSlice(plain, inference.planes[0], inference, network, (slice, one) => {
      putLabels(labels, plain.shape, inference.planes[0], slice, one);
      count();
    });
    return labels;
  }
  return inferSeveral(plain, inference, network, count);
}

/**
 * The mean over several planes, in 16 bits, as all doors of the bundle keep it.
 * @param {Volume} volume @param {Inference} inference @param {Network} network @param {() => void} count
 */
async function inferSeveral(volume, inference, network, count) {
  const voxels = voxelsIn(volume.shape);
  /** @type {Float32Array[]} */
  const means = [];
  const planes = inference.planes.length;
  for (const [index, plane] of inference.planes.entries()) {
    await eachSlice(volume, plane, inference, network, (slice, { scores, classes, size }) => {
      while (means.length < classes) means.push(new Float32Array(voxels));
      eachPixel(volume.shape, plane, slice, (voxel, pixel) => {
        for (let label = 0; label < classes; label++) {
          const share = roundToHalf(Math.fround(scores[label * size + pixel] / planes));
          means[label][voxel] = index ? roundToHalf(means[label][voxel] + share) : share;
        }
      });
      count();
    });
  }
  const labels = new Uint8Array(voxels);
  for (let label = 1; label < means.length; label++) {
    for (let voxel = 0; voxel < voxels; voxel++) {
      if (means[label][voxel] > means[labels[voxel]][voxel]) labels[voxel] = label;
    }
  }
  return labels;
}

/**
 * Scores of every slice of a plane, each as soon as no other group will change it.
 * @param {Volume} volume @param {Plane} plane @param {Inference} inference @param {Network} network
 * @param {(slice: number, scores: SliceScores) => void} take
 */
async function eachSlice(volume, plane, inference, network, take) {
  const { out_slices: together, out_step: step } = inference;
  const passes = new SlicePasses(network, volume, plane, inference);
  const depth = volume.shape[plane[0]];
  const groups = planGroups(depth, together, step);
  const size = passes.size[0] * passes.size[1];
  /** Sums over groups, by slice. @type {Map<number, { sum: Float32Array, groups: number }>} */
  const open = new Map();
  for (let at = 0; at < groups.length; at += passes.batchSize) {
    const part = groups.slice(at, at + passes.batchSize);
    const { scores, classes } = await passes.scores(part.map((start) => start + Math.floor(together / 2)));
    part.forEach((start, group) => addGroup(open, scores, { start, group, together, classes, size }));
    const following = groups[at + part.length] ?? depth;
    for (const [slice, { sum, groups: count }] of [...open]) {
      if (slice >= following) continue;
      open.delete(slice);
      if (slice >= depth) continue;
      if (count > 1) for (let index = 0; index < sum.length; index++) sum[index] /= count;
      take(slice, { scores: checked(sum), classes, size });
    }
  }
}

/**
 * @param {Map<number, { sum: Float32Array, groups: number }>} open
 * @param {Float32Array} scores `(groups, classes, together, pixels)`
 * @param {{ start: number, group: number, together: number, classes: number, size: number }} where
 */
function addGroup(open, scores, { start, group, together, classes, size }) {
  for (let place = 0; place < together; place++) {
    const one = open.get(start + place) ?? { sum: new Float32Array(classes * size), groups: 0 };
    open.set(start + place, one);
    one.groups++;
    for (let label = 0; label < classes; label++) {
      const from = ((group * classes + label) * together + place) * size;
      const target = label * size;
      for (let pixel = 0; pixel < size; pixel++) one.sum[target + pixel] += scores[from + pixel];
    }
  }
}

/** @param {Uint8Array} labels @param {import("./volume.js").Triple} shape @param {Plane} plane @param {number} slice @param {SliceScores} scores */
function putLabels(labels, shape, plane, slice, { scores, classes, size }) {
  eachPixel(shape, plane, slice, (voxel, pixel) => {
    let best = 0;
    for (let label = 1; label < classes; label++) {
      if (scores[label * size + pixel] > scores[best * size + pixel]) best = label;
    }
    labels[voxel] = best;
  });
}

/** @param {import("./volume.js").Triple} shape @param {Plane} plane @param {number} slice @param {(voxel: number, pixel: number) => void} act */
function eachPixel(shape, [stack, down, across], slice, act) {
  const strides = stridesOf(shape);
  let pixel = 0;
  for (let y = 0; y < shape[down]; y++) {
    let voxel = slice * strides[stack] + y * strides[down];
    for (let x = 0; x < shape[across]; x++, voxel += strides[across]) act(voxel, pixel++);
  }
}

/** @param {Float32Array} scores */
function checked(scores) {
  if (scores.every(Number.isFinite)) return scores;
  throw new Error("The network's scores are not finite numbers. Its file is damaged, or this browser computes it wrongly: try another browser.");
}

/** @param {Volume} volume */
function checkFinite({ channels }) {
  for (const { numbers } of channels) {
    let count = 0;
    for (let index = 0; index < numbers.length; index++) if (!Number.isFinite(numbers[index])) count++;
    if (!count) continue;
    throw new Error(`${count} of ${numbers.length} values of the image are not finite (NaN or infinite); expected none. Replace them in the file.`);
  }
}
