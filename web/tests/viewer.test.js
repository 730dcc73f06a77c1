import assert from "node:assert/strict";
import { test } from "node:test";
import { drawnClasses, labelTable } from "../viewer/classes.js";
import { measureMask, voxelSize } from "../viewer/measures.js";
import { isCt, typedWindow } from "../viewer/windows.js";

const COLOURS = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];

test("numbers that nothing names get a name and a colour", () => {
  const classes = drawnClasses(["liver"], COLOURS, 2);
  assert.deepEqual(classes.map((one) => one.name), ["liver", "class 2"]);
  assert.deepEqual(classes[1].colour, [4, 5, 6]);
});

test("a class that is not shown has no opacity", () => {
  const classes = drawnClasses(["liver", "spleen"], COLOURS, 0);
  classes[0].shown = false;
  const table = labelTable(classes);
  assert.deepEqual(table.A, [0, 0, 255]);
  assert.deepEqual(table.I, [0, 1, 2]);
  assert.deepEqual(table.G, [0, 2, 5]);
});

test("Hounsfield units are known by the modality, or by air", () => {
  assert.equal(isCt("CT", 0, 100), true);
  assert.equal(isCt("MR", -1024, 3000), false);
  assert.equal(isCt("", -1024, 3000), true);
  assert.equal(isCt("", 0, 3000), false);
});

test("a typed window has to have two ends", () => {
  assert.deepEqual(typedWindow("-160", "240"), { low: -160, high: 240 });
  assert.ok("problem" in typedWindow("", "240"));
  assert.ok("problem" in typedWindow("240", "-160"));
});

test("a mask is counted, and its middle found", () => {
  const values = new Uint8Array(3 * 4 * 5);
  const at = (x, y, z) => x + 3 * (y + 4 * z);
  values[at(0, 1, 2)] = 2;
  values[at(2, 3, 4)] = 5;
  const { voxels, centre } = measureMask(values, 3, 4);
  assert.deepEqual([...voxels], [
    [2, 1],
    [5, 1],
  ]);
  assert.deepEqual(centre, [1, 2, 3]);
  assert.equal(measureMask(new Uint8Array(8), 2, 2).centre, null);
});

test("a voxel of a turned grid has the volume of its edges", () => {
  const affine = [
    [0, -2, 0, 5],
    [3, 0, 0, 5],
    [0, 0, 4, 5],
    [0, 0, 0, 1],
  ];
  assert.deepEqual(voxelSize(affine, [5, 6, 7], false), { size: 0.024, unit: "ml" });
  assert.deepEqual(voxelSize(affine, [5, 6, 1], false), { size: 6, unit: "mm²" });
  assert.deepEqual(voxelSize(affine, [5, 6, 1], true), { size: 1, unit: "pixels" });
});
