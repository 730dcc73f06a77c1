import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { readMetaImage } from "../segment/formats/metaimage.js";
import { readNifti } from "../segment/formats/nifti.js";
import { correctedHeader, headerWarnings, niftiAffine } from "../segment/formats/nifti_affine.js";
import { maskFile, quaternion, shownImage } from "../segment/formats/nifti_file.js";
import { emptyHeader, readHeader, writeHeader } from "../segment/formats/nifti_header.js";
import { readNrrd } from "../segment/formats/nrrd.js";
import { checkedValues } from "../segment/formats/values.js";
import { spacingOf } from "../pipeline/affine.js";

/** A grid of 2 × 3 × 4 voxels, turned about two axes, with voxels of 1 × 2 × 3 mm and the first axis mirrored. */
const AFFINE = [
  [-0.8, 0, 1.8, 10],
  [-0.36, 1.6, -1.44, 20],
  [0.48, 1.2, 1.92, 30],
  [0, 0, 0, 1],
];
const SIZES = [2, 3, 4];
const VALUES = Int16Array.from({ length: 24 }, (_, index) => index * 3 - 20);

const headerOf = (more = {}) => ({
  ...emptyHeader(),
  dim: [3, ...SIZES, 1, 1, 1, 1],
  datatype: 4,
  bits: 16,
  pixdim: [1, 1, 2, 3, 1, 1, 1, 1],
  offset: 352,
  sformCode: 1,
  srow: AFFINE.slice(0, 3).flat(),
  units: 2,
  ...more,
});

function niftiBytes(header, values = VALUES) {
  const bytes = new Uint8Array(header.offset + values.byteLength);
  writeHeader(header, bytes.subarray(0, header.size + 4));
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), header.offset);
  return bytes;
}

const file = (bytes, name) => new File([bytes], name);
const near = (found, expected, tolerance = 1e-5) =>
  found.flat().forEach((value, place) => assert.ok(Math.abs(value - expected.flat()[place]) <= tolerance, `${found} is not ${expected}`));

test("a NIfTI file is read as it is stored, packed or not, in either version", async () => {
  for (const [size, offset] of [[348, 352], [540, 544]]) {
    const bytes = niftiBytes(headerOf({ size, offset, slope: 2, inter: -5 }));
    for (const one of [file(bytes, "a.nii"), file(gzipSync(bytes), "a.nii.gz")]) {
      const volume = await readNifti(one);
      assert.deepEqual([...volume.values], [...VALUES]);
      assert.deepEqual([volume.slope, volume.inter, volume.shape, volume.channels], [2, -5, SIZES, 1]);
      near(volume.affine, AFFINE, 1e-6);
      assert.deepEqual(volume.warnings, []);
    }
  }
});

test("a file with the highest byte first is read the same", async () => {
  const bytes = niftiBytes(headerOf());
  const little = new DataView(bytes.buffer);
  const fields = [[0, 4, 1], [40, 2, 8], [70, 2, 1], [72, 2, 1], [76, 4, 8], [108, 4, 3], [252, 2, 2], [256, 4, 18], [352, 2, 24]];
  for (const [at, width, count] of fields) {
    for (let index = 0; index < count; index++) bytes.subarray(at + index * width, at + (index + 1) * width).reverse();
  }
  assert.equal(little.getInt32(0, false), 348);
  const volume = await readNifti(file(bytes, "a.nii"));
  assert.deepEqual([...volume.values], [...VALUES]);
  near(volume.affine, AFFINE, 1e-6);
});

test("where a NIfTI file lies: sform, else qform, else its middle; metres are mm", () => {
  const quarter = { sformCode: 0, qformCode: 1, quatern: [0, 0, Math.SQRT1_2], qoffset: [1, 2, 3], pixdim: [-1, 1, 2, 3, 0, 0, 0, 0] };
  near(niftiAffine(correctedHeader(headerOf(quarter))), [[0, -2, 0, 1], [1, 0, 0, 2], [0, 0, -3, 3], [0, 0, 0, 1]]);
  near(niftiAffine(headerOf({ sformCode: 0 })), [[-1, 0, 0, 0.5], [0, 2, 0, -2], [0, 0, 3, -4.5], [0, 0, 0, 1]]);
  const metre = { units: 1, srow: AFFINE.slice(0, 3).flat().map((value) => Math.fround(value / 1000)) };
  near(niftiAffine(headerOf(metre)), AFFINE, 1e-9);
});

test("what a header says twice or not at all is warned of", () => {
  assert.deepEqual(headerWarnings(headerOf(), "a"), []);
  const said = (more) => headerWarnings(headerOf(more), "a").join(" ");
  assert.match(said({ sformCode: 0 }), /does not say where it lies/);
  assert.match(said({ pixdim: [1, 0, 2, 3, 0, 0, 0, 0] }), /pixdim\[1\] = 0.*1 mm was taken from its sform/);
  assert.match(said({ pixdim: [1, 5, 2, 3, 0, 0, 0, 0] }), /by its pixdim and of/);
  assert.match(said({ qformCode: 1 }), /an sform and a qform that lie up to/);
  assert.match(said({ units: 7 }), /unit of length NIfTI does not know/);
});

test("a file that is no volume of numbers is refused in words", async () => {
  const refused = async (bytes, pattern, name = "a.nii") => assert.rejects(readNifti(file(bytes, name)), pattern);
  await refused(niftiBytes(headerOf({ datatype: 128 })), /a\.nii: holds colours/);
  await refused(niftiBytes(headerOf({ dim: [5, 2, 3, 2, 1, 2, 1, 1] })), /has shape 2×3×2×1×2/);
  await refused(niftiBytes(headerOf({ dim: [3, 200, 300, 400, 1, 1, 1, 1] })), /is cut off, or its header is wrong/);
  await refused(niftiBytes(headerOf({ srow: new Array(12).fill(0) })), /cannot be inverted/);
  await refused(niftiBytes(headerOf()), /is named \.gz but is not compressed/, "a.nii.gz");
  await refused(new Uint8Array(1000), /has no header of NIfTI/);
  const packed = gzipSync(niftiBytes(headerOf()));
  await refused(packed.subarray(0, packed.length - 12), /cannot be read .*cut off or damaged/, "a.nii.gz");
});

const NRRD = ["NRRD0004", "type: short", "dimension: 3", "sizes: 2 3 4", "endian: little", "encoding: gzip"];
const PLACED = ["space: left-posterior-superior", "space directions: (0.8,0.36,0.48) (0,-1.6,1.2) (-1.8,1.44,1.92)", "space origin: (-10,-20,30)"];
const nrrd = (lines, values) => new Blob([[...lines, "", ""].join("\n"), values]);

test("NRRD is read from one file or from two, in either space", async () => {
  const packed = gzipSync(new Uint8Array(VALUES.buffer));
  const whole = await readNrrd(file(await nrrd([...NRRD, ...PLACED], packed).arrayBuffer(), "a.nrrd"), []);
  near(whole.affine, AFFINE, 1e-12);
  assert.deepEqual([...whole.values], [...VALUES]);
  const header = file(await nrrd([...NRRD, ...PLACED, "data file: a.raw.gz"], "").arrayBuffer(), "a.nhdr");
  const detached = await readNrrd(header, [header, file(packed, "a.raw.gz")]);
  assert.deepEqual([...detached.values], [...VALUES]);
  await assert.rejects(readNrrd(header, [header]), /Drop a\.nhdr and a\.raw\.gz together/);
  const ras = [...NRRD, "space: RAS", "space directions: (-0.8,-0.36,0.48) (0,1.6,1.2) (1.8,-1.44,1.92)", "space origin: (10,20,30)"];
  near((await readNrrd(file(await nrrd(ras, packed).arrayBuffer(), "a.nrrd"), [])).affine, AFFINE, 1e-12);
  const placeless = await readNrrd(file(await nrrd([...NRRD, "spacings: 1 2 3"], packed).arrayBuffer(), "a.nrrd"), []);
  near(placeless.affine, [[-1, 0, 0, 0], [0, -2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]]);
  assert.match(placeless.warnings[0], /a\.nrrd: does not say where it lies/);
});

test("MetaImage is read with its directions, its unit, and channels beside each other", async () => {
  const lines = ["NDims = 3", "DimSize = 2 3 2", "ElementType = MET_SHORT", "ElementNumberOfChannels = 2", "DistanceUnits = cm"];
  const place = ["TransformMatrix = 0 1 0 -1 0 0 0 0 1", "Offset = 1 2 3", "ElementSpacing = 0.1 0.2 0.3", "ElementDataFile = LOCAL"];
  const bytes = new Blob([[...lines, ...place, ""].join("\n"), new Uint8Array(VALUES.buffer)]);
  const volume = await readMetaImage(file(await bytes.arrayBuffer(), "a.mha"), []);
  near(volume.affine, [[0, 2, 0, -10], [-1, 0, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]], 1e-12);
  assert.equal(volume.channels, 2);
  assert.deepEqual([...volume.values], [...VALUES.filter((_, place) => place % 2 === 0), ...VALUES.filter((_, place) => place % 2 === 1)]);
});

test("a mask has its image's geometry as it stands in the header, and no scaling", async () => {
  const header = headerOf({ qformCode: 2, quatern: [0.1, 0.2, 0.3], units: 10, slope: 3, dimInfo: 57 });
  const image = await readNifti(file(niftiBytes(header), "a.nii"));
  const packed = await maskFile(Uint8Array.from(VALUES, (value) => Math.abs(value) % 5), image);
  const mask = readHeader(new Uint8Array(await new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()));
  for (const field of ["srow", "quatern", "qoffset", "sformCode", "qformCode", "units", "dimInfo", "pixdim"]) {
    near([mask[field]].flat(), [header[field]].flat(), 1e-6);
  }
  assert.deepEqual([mask.datatype, mask.slope, mask.inter, mask.intent, mask.dim[0]], [2, 1, 0, 1002, 3]);
});

test("a mask of another format says where it lies in both ways, unless its grid is sheared", () => {
  const { vector, handed } = quaternion(AFFINE, spacingOf(AFFINE));
  const [b, c, d] = vector;
  assert.ok(b * b + c * c + d * d <= 1 + 1e-9);
  const rows = niftiAffine({ ...headerOf(), sformCode: 0, qformCode: 1, quatern: vector, qoffset: [10, 20, 30], pixdim: [handed, 1, 2, 3, 0, 0, 0, 0] });
  near(rows, AFFINE, 1e-9);
  const sheared = [[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]];
  assert.equal(quaternion(sheared, spacingOf(sheared)), null);
});

test("a viewer reads the values where they are, and types that it cannot read as floats", async () => {
  const image = await readNifti(file(niftiBytes(headerOf()), "a.nii"));
  assert.equal(shownImage(image, 0), image.values.buffer);
  const whole = await readNifti(file(niftiBytes(headerOf({ datatype: 8, bits: 32 }), Int32Array.from(VALUES)), "a.nii"));
  const shown = shownImage(whole, 0);
  assert.equal(readHeader(new Uint8Array(shown)).datatype, 16);
  assert.deepEqual([...new Float32Array(shown, 352)], [...VALUES]);
});

test("values that cannot be computed with become the lowest other value", async () => {
  const volume = (values, more = {}) => ({ name: "a", values, slope: 1, inter: 0, warnings: [], ...more });
  const odd = checkedValues(volume(Float32Array.of(NaN, -3, 5, Infinity, 1e20, 4)));
  assert.deepEqual([...odd.values], [-3, -3, 5, -3, -3, 4]);
  assert.match(odd.warnings[0], /a: has 2 voxels that are NaN or infinite; they were set to its lowest value, -3/);
  assert.match(odd.warnings[1], /1 voxel with values that are fill/);
  const mirrored = checkedValues(volume(Float32Array.of(NaN, 1, 2), { slope: -1, inter: 0 }));
  assert.deepEqual([...mirrored.values], [2, 1, 2], "the lowest of what they mean");
  assert.match(checkedValues(volume(Int16Array.of(7, 7))).warnings[0], /the value 7 in every voxel/);
  assert.match(checkedValues(volume(Int16Array.of(-32768, 1, 2, 3, 9))).warnings[0], /1 voxel of the value -32768; all others are 1 to 9/);
  assert.throws(() => checkedValues(volume(Float32Array.of(NaN))), /no voxel whose value can be computed with/);
});

test("NRRD that says its sides but no directions has the axes of LPS, and sides that NRRD does not know are refused", async () => {
  const lines = ["NRRD0004", "type: short", "dimension: 3", `sizes: 2 3 4`, "encoding: raw", "endian: little"];
  const values = new Uint8Array(VALUES.buffer);
  const read = async (/** @type {string[]} */ ...more) => readNrrd(file(await nrrd([...lines, ...more], values).arrayBuffer(), "a.nrrd"), []);
  const sided = await read("space: RAS", "space origin: (1,2,3)");
  near(sided.affine, [[-1, 0, 0, 1], [0, -1, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]], 1e-12);
  await assert.rejects(read("space: LPI"), /has the space 'LPI', which NRRD does not know/);
  const last = await nrrd([...lines, "byte skip: -1"], new Blob(["something else", values])).arrayBuffer();
  assert.deepEqual([...(await readNrrd(file(last, "a.nrrd"), [])).values], [...VALUES]);
});

test("MetaImage whose values cannot be where it says is refused", async () => {
  const lines = ["NDims = 3", "DimSize = 2 3 4", "ElementType = MET_SHORT", "HeaderSize = 10", "ElementDataFile = LOCAL", ""];
  const bytes = new Blob([lines.join("\n"), new Uint8Array(VALUES.buffer)]);
  await assert.rejects(readMetaImage(file(await bytes.arrayBuffer(), "a.mha"), []), /HeaderSize 10, which contradict each other/);
});
