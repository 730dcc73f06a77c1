import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { textsOf } from "../segment/dicom_headers.js";
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
  assert.deepEqual(textsOf(bytes, 0x30), ["1\\1", "0.5\\0.5"]);
});

test("the service worker's policy is that of the page", () => {
  const page = readFileSync(new URL("../segment/index.html", import.meta.url), "utf8");
  const worker = readFileSync(new URL("../segment/offline.js", import.meta.url), "utf8");
  const [, inPage] = /Content-Security-Policy" content="([^"]*)"/.exec(page);
  const [, first, second] = /POLICY =\s*"([^"]*)" \+\s*"([^"]*)"/.exec(worker);
  assert.equal(first + second, inPage);
});
