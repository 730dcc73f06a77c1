import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { problemOf } from "../segment/dicom_geometry.js";
import { sliceOf, textsOf } from "../segment/dicom_headers.js";
import { caseName, findImages } from "../segment/files.js";
import { caseOf, messageOf } from "../segment/reading.js";
import { NO_MEMORY, crash, failure, listWords, progressShare, progressWords, providerWords, secondsWords } from "../segment/words.js";

const named = (name, content = "") => new File([content], name);
const dicom = (name) => named(name, `${" ".repeat(128)}DICM`);

test("images are found by their names, DICOM by its content, and junk is left out", async () => {
  const volumes = await findImages([named("b.nii.gz"), named(".DS_Store"), named("a.mhd"), named("a.raw"), dicom("x")]);
  assert.equal(volumes.kind, "images");
  assert.deepEqual(volumes.files.map((file) => file.name), ["a.mhd", "b.nii.gz"]);
  assert.ok(volumes.beside.some((file) => file.name === "a.raw"));
  const series = await findImages([dicom("IM1"), named("notes.txt", "words"), dicom("IM0")]);
  assert.equal(series.kind, "dicom");
  assert.deepEqual(series.files.map((file) => file.name), ["IM0", "IM1"]);
  const picture = await findImages([named("photo.png")]);
  assert.match(picture.problem, /photo\.png is no image that this page reads.*Pictures are read by/);
  assert.match((await findImages([named("._a.nii")])).problem, /There is no file/);
});

test("a case has the name of its file", () => {
  assert.equal(caseName("brain_0000.nii.gz", 1), "brain_0000");
  assert.equal(caseName("brain_0000.NRRD", 2), "brain");
});

const volume = (name, channels = 1, more = {}) => ({
  name,
  shape: [2, 2, 1],
  channels,
  values: new Uint8Array(4 * channels),
  slope: 1,
  inter: 0,
  affine: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
  modality: "",
  warnings: [],
  ...more,
});
const ONE = { channels: 1, channel_names: [""] };
const TWO = { channels: 2, channel_names: ["T1", "T2"] };

test("a bundle gets as many channels as it takes, on one grid", () => {
  assert.equal(messageOf(caseOf([volume("a.nii")], ONE)).channels.length, 1);
  assert.equal(messageOf(caseOf([volume("a.nii", 2)], TWO)).channels[1].values.byteOffset, 4);
  assert.equal(messageOf(caseOf([volume("a_0000.nii"), volume("a_0001.nii")], TWO)).name, "a");
  assert.throws(() => caseOf([volume("a.nii", 20)], ONE), /a\.nii: has 20 volumes, as of several times; expected one\. Split it into volumes\./);
  assert.throws(() => caseOf([volume("a.nii")], TWO), /has 1 of the 2 channels \(T1, T2\) that the bundle takes/);
  const elsewhere = volume("b.nii", 1, { shape: [2, 1, 2] });
  assert.throws(() => caseOf([volume("a.nii"), elsewhere], TWO), /b\.nii: has shape 2×1×2 or a place that is not that of a\.nii/);
});

test("progress is said in slices, and goes up", () => {
  assert.equal(progressWords({ stage: "segmenting", done: 12, total: 36 }), "Slice 12 of 36");
  const shares = [["preparing", 0, 0], ["preparing", 1, 1], ["segmenting", 18, 36], ["finishing", 0, 1], ["finishing", 1, 1]];
  const found = shares.map(([stage, done, total]) => progressShare({ stage, done, total }));
  assert.deepEqual(found, [...found].sort((one, other) => one - other));
  assert.equal(found.at(-1), 1);
});

test("what went wrong is a sentence", () => {
  assert.equal(failure(new RangeError("Invalid typed array length")), NO_MEMORY);
  assert.equal(failure(new Error("Aborted(OOM): out of memory")), NO_MEMORY);
  assert.equal(failure(new Error("a.nii: holds colours.")), "a.nii: holds colours.");
  assert.match(crash("", true), /most likely for lack of memory/);
  assert.match(crash(undefined, false), /site is incomplete/);
});

test("numbers are words", () => {
  assert.equal(providerWords("wasm", 1), "WebAssembly, 1 thread");
  assert.equal(secondsWords({ prepare: 1, segment: 2.25, finish: 0 }), "3.3 s");
  assert.equal(listWords(["a", "b", "c"]), "a, b and c");
  assert.equal(listWords(["a"]), "a");
  assert.match(listWords(Array.from({ length: 104 }, (_, place) => `c${place}`)), /c7 and 96 more classes$/);
});

test("sizes of pixels are found in headers with types and without", () => {
  const text = (words) => [...words].map((letter) => letter.charCodeAt(0));
  const explicit = [0x28, 0, 0x30, 0, ...text("DS"), 4, 0, ...text("1\\1 ")];
  const implicit = [0x28, 0, 0x30, 0, 8, 0, 0, 0, ...text("0.5\\0.5 ")];
  const bytes = Uint8Array.from([...new Array(132).fill(0), ...explicit, 0x28, 0, 0x10, 0, ...implicit, ...new Array(9).fill(0)]);
  assert.deepEqual(textsOf(bytes, [0x28, 0x30]), ["1\\1", "0.5\\0.5"]);
});

test("the service worker's policy is that of the page", () => {
  const page = readFileSync(new URL("../segment/index.html", import.meta.url), "utf8");
  const worker = readFileSync(new URL("../segment/offline.js", import.meta.url), "utf8");
  const [, inPage] = /Content-Security-Policy" content="([^"]*)"/.exec(page);
  const [, first, second] = /POLICY =\s*"([^"]*)" \+\s*"([^"]*)"/.exec(worker);
  assert.equal(first + second, inPage);
});

const slice = (z, more = {}) => ({
  uid: `1.${z}`,
  series: 1,
  position: [0, 0, z],
  orientation: [1, 0, 0, 0, 1, 0],
  spacing: [1, 1],
  isNegative: false,
  frames: 1,
  ...more,
});

test("what dcm2niix would stack without a word is refused", () => {
  const even = [6, 2, 4, 0].map((z) => slice(z));
  assert.equal(problemOf(even), null);
  assert.equal(problemOf([...even, slice(4)]), null, "a file twice");
  assert.equal(problemOf([...even, ...even.map((one) => ({ ...one, uid: `2.${one.uid}` }))]), null, "two volumes");
  assert.equal(problemOf([slice(0), slice(1, { orientation: [1, 0, 0, 0, 0, -1] })]), null, "a scout");
  assert.match(problemOf([...even, slice(10)])[0], /missing or uneven: 2 to 4 mm apart/);
  assert.match(problemOf([...even, slice(4, { uid: "3" })])[0], /several slices at some of their places/);
  assert.match(problemOf(even.map((one) => ({ ...one, position: [0, one.position[2] / 4, one.position[2]] })))[0], /tilted/);
  assert.match(problemOf([...even, slice(8, { spacing: [1, 2] })])[0], /pixels of 1 × 1, of 1 × 2 mm in one series/);
  assert.match(problemOf([slice(0, { isNegative: true })])[0], /MONOCHROME1/);
  for (const key of ["position", "orientation", "spacing"]) assert.match(problemOf([slice(0, { [key]: null })])[0], /do not say where/);
  assert.equal(problemOf([slice(0, { position: null, frames: 9 })]), null, "frames have their places elsewhere");
});

test("where a slice lies stands in its header", () => {
  const text = (words) => [...words].map((letter) => letter.charCodeAt(0));
  const element = (group, number, words) => [group, 0, number, 0, ...text("DS"), words.length, 0, ...text(words)];
  const turn = "0.70710678118655\\0.70710678118655\\0\\-0.7071067811865\\0.70710678118655\\0";
  const bytes = [...new Array(132).fill(0), ...element(0x20, 0x11, "7 "), ...element(0x20, 0x32, "-1\\2.5\\3e1"), ...element(0x20, 0x37, turn), ...element(0x28, 4, "MONOCHROME1 "), ...new Array(9).fill(0)];
  const found = sliceOf(Uint8Array.from(bytes));
  assert.deepEqual([found.series, found.position, found.spacing, found.isNegative, found.frames], [7, [-1, 2.5, 30], null, true, 1]);
  assert.equal(found.orientation.length, 6);
});

test("files that number no channels are named beside the channel that each was taken for", () => {
  const [warning] = caseOf([volume("ADC.nii"), volume("T2.nii")], { channels: 2, channel_names: ["T2", "ADC"] }).warnings;
  assert.match(warning, /ADC\.nii for T2 and T2\.nii for ADC was taken/);
  assert.deepEqual(caseOf([volume("a_0000.nii"), volume("a_0001.nii.gz")], TWO).warnings, []);
});
