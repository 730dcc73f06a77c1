import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestHalf } from "../pipeline/half.js";
import { percentile } from "../pipeline/intensity.js";
import { segment } from "../pipeline/segment.js";
import { planGroups } from "../pipeline/slices.js";
import { planWindows } from "../pipeline/windows.js";

const INFERENCE = {
  planes: [[2, 1, 0]],
  context: 0,
  mirror_axes: [],
  out_slices: 1,
  out_step: 1,
  roi_size: [-1, -1],
  overlap: [0.25, 0.25],
  mode: "gaussian",
  sigma_scale: [0.125, 0.125],
  sw_batch_size: 8,
};
const BUNDLE = {
  classes: [{ name: "organ", colour: [255, 0, 0] }],
  channels: 1,
  training_data: null,
  preprocessing: [],
  inference: INFERENCE,
  postprocessing: [{ transform: "RestoreGridd", keys: ["pred"] }],
};

/** @param {number[]} values */
function image(values) {
  const one = { values: Float32Array.from(values), slope: 1, inter: 0 };
  return { name: "a.nii", shape: [2, 2, 2], affine: [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]], modality: "MR", inPixels: false, channels: [one] };
}

/** Class 1 where the image is over 0.5. */
const threshold = async (/** @type {Float32Array} */ input, /** @type {number[]} */ [count, , rows, columns]) => {
  const scores = new Float32Array(2 * input.length);
  const size = rows * columns;
  input.forEach((value, index) => {
    const item = Math.floor(index / size);
    scores[2 * item * size + (index % size)] = 0.5;
    scores[(2 * item + 1) * size + (index % size)] = value;
  });
  return { scores, shape: [count, 2, rows, columns] };
};

test("an image becomes a mask, with progress and times", async () => {
  const seen = [];
  const done = await segment(image([0, 1, 0, 1, 1, 0, 0, 0]), BUNDLE, threshold, (stage, count, total) => seen.push(`${stage} ${count} of ${total}`));
  assert.deepEqual([...done.mask], [0, 1, 0, 1, 1, 0, 0, 0]);
  assert.ok(seen.includes("segmenting 2 of 2"));
  assert.deepEqual(Object.keys(done.seconds), ["prepare", "segment", "finish"]);
  assert.deepEqual(done.warnings, []);
});

test("what is far from the training is said in the words of the command line", async () => {
  const range = { modality: "CT", spacing_mm: [[1, 1, 1], [1, 1, 1]], extent_mm: [[100, 100, 100], [120, 120, 120]], label_ml: [[2, 3]], input_mean: [[9, 10]], input_std: [[1, 1]] };
  const { warnings } = await segment(image([0, 0, 0, 0, 0, 0, 0, 0]), { ...BUNDLE, training_data: range }, threshold);
  assert.deepEqual(warnings.map((text) => text.split(".")[0]), [
    "The image is MR; the bundle was trained on CT",
    "The image has voxels of 2×2×2 mm; the training had 1×1×1 to 1×1×1 mm",
    "The image is 4×4×4 mm large; the images of the training were 100×100×100 to 120×120×120 mm",
    "The image has intensities far from those of the training: channel 0 of the network's input is 0 ± 0; the training had 9 to 10 ± 1 to 1",
    "The mask has no organ; the labels of the training had 2 to 3 ml",
  ]);
});

test("an image that the bundle is not for is refused in words", async () => {
  await assert.rejects(segment(image([0, NaN, 0, 0, 0, 0, 0, Infinity]), BUNDLE, threshold), /2 of 8 values of the image are not finite/);
  const cropped = { ...BUNDLE, preprocessing: [{ transform: "CropForegroundd", keys: ["image"], source_key: "image", above: 9, margin: [0, 0, 0], allow_smaller: true }] };
  await assert.rejects(segment(image([0, 1, 0, 1, 1, 0, 0, 0]), cropped, threshold), /its values reach from 0 to 1, and none is foreground/);
  const unknown = { ...BUNDLE, preprocessing: [{ transform: "RandFlipd", keys: ["image"] }] };
  await assert.rejects(segment(image([0, 1, 0, 1, 1, 0, 0, 0]), unknown, threshold), /does not know the transform RandFlipd/);
});

test("scores that are no numbers are refused", async () => {
  const broken = async (/** @type {Float32Array} */ input, /** @type {number[]} */ shape) => {
    const done = await threshold(input, shape);
    done.scores[0] = NaN;
    return done;
  };
  await assert.rejects(segment(image([0, 1, 0, 1, 1, 0, 0, 0]), BUNDLE, broken), /scores are not finite/);
});

test("numbers of 16 bits", () => {
  const expected = [[0.1, 0.0999755859375], [1 + 2 ** -11, 1], [1 + 3 * 2 ** -11, 1 + 2 ** -9], [-2049, -2048], [65520, Infinity], [1e-8, 0], [3e-8, 2 ** -25 * 2], [0, 0]];
  for (const [value, half] of expected) assert.equal(nearestHalf(value), half, String(value));
});

test("percentiles of any numbers", () => {
  const values = Float32Array.from({ length: 1001 }, (_, index) => ((index * 577) % 1001) - 300);
  assert.equal(percentile([values], 0), -300);
  assert.equal(percentile([values], 100), 700);
  assert.equal(percentile([values.subarray(0, 400), values.subarray(400)], 50), 200);
  assert.equal(percentile([Float32Array.of(1, 2, 4)], 75), 3);
});

test("groups cover a stack, and windows a slice", () => {
  assert.deepEqual(planGroups(10, 3, 3), [0, 3, 6, 7]);
  assert.deepEqual(planGroups(2, 5, 3), [0]);
  const total = new Float32Array(30 * 20);
  for (const { row, column, weights } of planWindows([30, 20], [16, 16], { overlap: [0.25, 0.5], mode: "gaussian", sigma_scale: [0.125, 0.125] })) {
    weights.forEach((weight, index) => (total[(row + Math.floor(index / 16)) * 20 + column + (index % 16)] += weight));
  }
  for (const sum of total) assert.ok(Math.abs(sum - 1) < 1e-6);
});
