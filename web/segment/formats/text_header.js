// What the text headers of NRRD and MetaImage have in common.
import { BYTES, bytesOf, readValues } from "./stored.js";
import { Refusal } from "./volume.js";

/** @typedef {import("./stored.js").Kind} Kind */
/** @typedef {import("./volume.js").Volume} Volume */

/** So many bytes of a file are searched for its header. */
const LONGEST = 1 << 20;

/** mm per unit of length, by its names in small letters. */
export const MM_PER_NAME = /** @type {Record<string, number>} */ (
  Object.fromEntries(
    Object.entries({
      "mm|millimeter|millimeters|millimetre|millimetres": 1,
      "cm|centimeter|centimeters|centimetre|centimetres": 10,
      "m|meter|meters|metre|metres": 1000,
      "um|µm|μm|micron|microns|micrometer|micrometers|micrometre|micrometres": 1e-3,
      "nm|nanometer|nanometers|nanometre|nanometres": 1e-6,
    }).flatMap(([names, mm]) => names.split("|").map((name) => [name, mm])),
  )
);

/**
 * @typedef {object} Promised what a text header says of its values
 * @property {[number, number, number]} shape
 * @property {number} channels
 * @property {boolean} together whether the channels of a voxel stand beside each other
 * @property {boolean} planar
 * @property {Kind} kind
 * @property {boolean} big whether the first byte of a number is its highest
 * @property {boolean} packed
 * @property {Blob} data from where the values begin
 * @property {number[][]} affine with RAS axes
 * @property {string[]} warnings
 */

/**
 * The lines of a header.
 * @param {File} file
 * @param {(line: string) => boolean} last whether a line is the last one
 * @returns {Promise<{ lines: string[], end: number }>} and the place behind the last
 */
export async function readLines(file, last) {
  const bytes = new Uint8Array(await file.slice(0, LONGEST).arrayBuffer());
  const lines = [];
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(10, start);
    const end = found < 0 ? bytes.length : found;
    const line = new TextDecoder().decode(bytes.subarray(start, end)).replace(/\r$/, "");
    start = end + 1;
    lines.push(line);
    if (last(line)) break;
  }
  return { lines, end: Math.min(start, bytes.length) };
}

/**
 * The file that holds the values of a header that does not.
 * @param {string} header name of its file
 * @param {string} named what it says
 * @param {File[]} beside
 */
export function dataFile(header, named, beside) {
  const wanted = named.split(/[\\/]/).pop();
  if (/^LIST\b/.test(named) || /%/.test(named)) throw new Refusal(header, "has its values in several files.", "Convert it to .nii.gz.");
  const file = beside.find((one) => one.name === wanted);
  if (!file) throw new Refusal(header, `has its values in ${wanted}, which was not given.`, `Drop ${header} and ${wanted} together.`);
  return file;
}

/** @param {string} text @param {string} name of the file @param {string} key of the header */
export function wholeNumbers(text, name, key) {
  const numbers = text.trim().split(/\s+/).map(Number);
  if (!numbers.every((number) => Number.isInteger(number) && number > 0)) {
    throw new Refusal(name, `has ${key} '${text.slice(0, 30)}'; expected whole numbers above 0.`);
  }
  return numbers;
}

/**
 * Sizes of a grid with its channels, which may stand before or behind its axes.
 * @param {number[]} sizes
 * @param {number} together how many numbers of a voxel stand beside each other
 * @param {string} name of the file
 * @returns {Pick<Promised, "shape" | "channels" | "together" | "planar">}
 */
export function grid(sizes, together, name) {
  const kept = sizes.length === 4 && sizes[3] === 1 ? sizes.slice(0, 3) : sizes;
  if (![2, 3, 4].includes(kept.length) || (kept.length === 4 && together > 1)) {
    throw new Refusal(name, `has shape ${sizes.join("×")}; expected one 3D volume.`, "Split it into volumes.");
  }
  return { shape: [kept[0], kept[1], kept[2] ?? 1], channels: kept[3] ?? together, together: together > 1, planar: kept.length === 2 };
}

/** Read the values that a header promises. @param {string} name @param {Promised} promised @returns {Promise<Volume>} */
export async function readPromised(name, promised) {
  const { shape, channels, kind, big, packed, data, affine, planar } = promised;
  const count = shape[0] * shape[1] * shape[2] * channels;
  const packing = packed ? await packingOf(data) : "";
  const { values, warnings } = await readValues(bytesOf(data, packing, name), count, kind, big);
  if (promised.together) separate(values, channels);
  const said = promised.warnings.map((text) => `${name}: ${text}`);
  return { name, shape, channels, values, slope: 1, inter: 0, affine, planar, header: null, modality: "", warnings: [...said, ...warnings] };
}

/** MetaImage has either wrapping of zlib, NRRD has gzip's. @param {Blob} data @returns {Promise<"gzip" | "deflate">} */
async function packingOf(data) {
  const [first, second] = new Uint8Array(await data.slice(0, 2).arrayBuffer());
  return first === 0x1f && second === 0x8b ? "gzip" : "deflate";
}

/** Put channels that stand beside each other one behind the other. @param {import("./volume.js").Numbers} values @param {number} channels */
function separate(values, channels) {
  const mixed = values.slice();
  const voxels = values.length / channels;
  for (let voxel = 0; voxel < voxels; voxel++) {
    for (let channel = 0; channel < channels; channel++) values[channel * voxels + voxel] = mixed[voxel * channels + channel];
  }
}

/** @param {Record<string, Kind>} names by what a header calls them @param {string} said @param {string} name of the file */
export function kindOf(names, said, name) {
  const kind = names[said] ?? names[said.toLowerCase()];
  if (!kind || !(kind in BYTES)) throw new Refusal(name, `has values of type '${said}'; expected integers or floats of 1 to 8 bytes.`, "Convert it to .nii.gz.");
  return kind;
}
