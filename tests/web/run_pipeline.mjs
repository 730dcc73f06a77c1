// Runs web/pipeline on the cases of a folder, for tests that compare it with Python: node run_pipeline.mjs FOLDER
import { readFileSync, writeFileSync } from "node:fs";
import { inferLabels } from "../../web/pipeline/inferer.js";
import { postprocess } from "../../web/pipeline/postprocessing.js";
import { preprocess } from "../../web/pipeline/preprocessing.js";
import { valuesOf, volumeOf } from "../../web/pipeline/volume.js";

const folder = process.argv[2];
const cases = JSON.parse(readFileSync(`${folder}/cases.json`, "utf8"));
const results = [];

/** A network whose scores are products of single inputs, so that any runtime has the same to the last bit. */
const product = (classes, together) => async (input, [count, channels, rows, columns]) => {
  const size = rows * columns;
  const scores = new Float32Array(count * classes * together * size);
  let index = 0;
  for (let item = 0; item < count; item++) {
    for (let label = 0; label < classes; label++) {
      for (let slice = 0; slice < together; slice++) {
        const from = (item * channels + ((label + slice) % channels)) * size;
        for (let pixel = 0; pixel < size; pixel++) scores[index++] = input[from + pixel] * (label + 1);
      }
    }
  }
  return { scores, shape: [count, classes, ...(together > 1 ? [together] : []), rows, columns] };
};

for (const [number, { shape, affine, channels, preprocessing, inference, postprocessing, classes }] of cases.entries()) {
  const content = readFileSync(`${folder}/${number}.image`);
  const values = new Float32Array(content.buffer.slice(content.byteOffset, content.byteOffset + content.length));
  const size = values.length / channels;
  const image = {
    shape,
    affine,
    channels: Array.from({ length: channels }, (_, index) => ({ values: values.subarray(index * size, (index + 1) * size), slope: 1, inter: 0 })),
  };
  const stored = volumeOf(image);
  const seen = preprocess(stored, preprocessing);
  const flat = seen.channels.flatMap((channel) => [...valuesOf(channel, seen.shape)]);
  writeFileSync(`${folder}/${number}.seen`, Float32Array.from(flat));
  const result = { shape: seen.shape, affine: seen.affine };
  if (inference) {
    const labels = await inferLabels(seen, inference, product(classes, inference.out_slices));
    writeFileSync(`${folder}/${number}.mask`, postprocess({ labels, ...result }, postprocessing, stored));
  }
  results.push(result);
}
writeFileSync(`${folder}/results.json`, JSON.stringify(results));
