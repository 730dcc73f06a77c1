// The header of a NIfTI file, of either version: its fields that say what the values are, and where they lie.

/**
 * @typedef {object} NiftiHeader
 * @property {348 | 540} size of the header: of NIfTI-1 or NIfTI-2
 * @property {boolean} big whether the first byte of a number is its highest
 * @property {number[]} dim
 * @property {number} datatype
 * @property {number[]} pixdim
 * @property {number} offset where the values begin
 * @property {number} slope
 * @property {number} inter
 * @property {number} units of length and of time
 * @property {number} dimInfo
 * @property {number} qformCode
 * @property {number} sformCode
 * @property {number[]} quatern
 * @property {number[]} qoffset
 * @property {number[]} srow three rows
 * @property {number} intent
 * @property {number} bits of a value
 */

/** @typedef {"Int8" | "Uint8" | "Int16" | "Int32" | "BigInt64" | "Float32" | "Float64"} Stored */
/** @typedef {[Stored, number, number]} Field its type, where it begins, how many there are; 0 stands for a single one */

/** @type {Record<Stored, number>} */
const WIDTH = { Int8: 1, Uint8: 1, Int16: 2, Int32: 4, BigInt64: 8, Float32: 4, Float64: 8 };

/** @type {Record<348 | 540, Record<Exclude<keyof NiftiHeader, "size" | "big">, Field>>} */
const FIELDS = {
  348: {
    dimInfo: ["Uint8", 39, 0],
    dim: ["Int16", 40, 8],
    intent: ["Int16", 68, 0],
    datatype: ["Int16", 70, 0],
    bits: ["Int16", 72, 0],
    pixdim: ["Float32", 76, 8],
    offset: ["Float32", 108, 0],
    slope: ["Float32", 112, 0],
    inter: ["Float32", 116, 0],
    units: ["Uint8", 123, 0],
    qformCode: ["Int16", 252, 0],
    sformCode: ["Int16", 254, 0],
    quatern: ["Float32", 256, 3],
    qoffset: ["Float32", 268, 3],
    srow: ["Float32", 280, 12],
  },
  540: {
    datatype: ["Int16", 12, 0],
    bits: ["Int16", 14, 0],
    dim: ["BigInt64", 16, 8],
    pixdim: ["Float64", 104, 8],
    offset: ["BigInt64", 168, 0],
    slope: ["Float64", 176, 0],
    inter: ["Float64", 184, 0],
    qformCode: ["Int32", 344, 0],
    sformCode: ["Int32", 348, 0],
    quatern: ["Float64", 352, 3],
    qoffset: ["Float64", 376, 3],
    srow: ["Float64", 400, 12],
    units: ["Int32", 500, 0],
    intent: ["Int32", 504, 0],
    dimInfo: ["Uint8", 524, 0],
  },
};

/** Where each version says that it is NIfTI with its values in the same file, and the bytes that say so. */
const MAGIC = /** @type {const} */ ({ 348: [344, [0x6e, 0x2b, 0x31, 0]], 540: [4, [0x6e, 0x2b, 0x32, 0, 0x0d, 0x0a, 0x1a, 0x0a]] });

/** So many bytes hold either header. */
export const LONGEST_HEADER = 540;

/**
 * Read a header.
 * @param {Uint8Array} bytes from the start of the file
 * @returns {NiftiHeader | null} null: it is none of a NIfTI file with its values in it
 */
export function readHeader(bytes) {
  if (bytes.length < 4) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = [348, 540].includes(view.getInt32(0, true));
  const size = /** @type {348 | 540} */ (view.getInt32(0, little));
  if (!(size in FIELDS) || bytes.length < size) return null;
  const [at, magic] = MAGIC[size];
  if (!magic.every((byte, index) => bytes[at + index] === byte)) return null;
  const fields = Object.entries(FIELDS[size]).map(([name, [kind, start, count]]) => {
    const read = (/** @type {number} */ index) => Number(view[`get${kind}`](start + index * WIDTH[kind], little));
    return [name, count ? Array.from({ length: count }, (_, index) => read(index)) : read(0)];
  });
  return { size, big: !little, ...Object.fromEntries(fields) };
}

/** @returns {NiftiHeader} one that says nothing */
export function emptyHeader() {
  const zeros = (/** @type {number} */ count) => new Array(count).fill(0);
  const places = { qformCode: 0, sformCode: 0, quatern: zeros(3), qoffset: zeros(3), srow: zeros(12) };
  const values = { dim: zeros(8), datatype: 0, pixdim: zeros(8), offset: 0, slope: 1, inter: 0, bits: 0, intent: 0 };
  return { size: 348, big: false, units: 0, dimInfo: 0, ...values, ...places };
}

/**
 * Write a header; the lowest byte of each number comes first.
 * @param {NiftiHeader} header
 * @param {Uint8Array} target as long as the header and the four bytes that say that nothing lies between it and the values
 */
export function writeHeader(header, target) {
  target.fill(0, 0, header.size + 4);
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  view.setInt32(0, header.size, true);
  const [at, magic] = MAGIC[header.size];
  target.set(magic, at);
  for (const [name, [kind, start]] of Object.entries(FIELDS[header.size])) {
    [header[/** @type {"dim"} */ (name)]].flat().forEach((value, index) => {
      const number = kind === "BigInt64" ? BigInt(value) : value;
      view[/** @type {"setFloat32"} */ (`set${kind}`)](start + index * WIDTH[kind], /** @type {number} */ (number), true);
    });
  }
}
