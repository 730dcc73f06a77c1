// A look into the headers of DICOM files, for what dcm2niix puts into one volume without a word.

/** Headers are no longer, but for rare private parts. */
const HEADER = 1 << 17;

/** No text that is looked for is longer: six numbers of 16 letters. */
const LONGEST = 128;

/** Groups and elements of what is looked for. */
const TAGS = /** @type {const} */ ({
  uid: [0x08, 0x18],
  series: [0x20, 0x11],
  position: [0x20, 0x32],
  orientation: [0x20, 0x37],
  colours: [0x28, 0x04],
  frames: [0x28, 0x08],
  spacing: [0x28, 0x30],
});

/**
 * @typedef {object} Slice what a file says of its place; null where it does not
 * @property {string} uid that no other slice has
 * @property {number} series its number
 * @property {number[] | null} position mm, LPS
 * @property {number[] | null} orientation where the numbers of columns grow, and those of rows
 * @property {number[] | null} spacing mm between rows, and between columns
 * @property {boolean} isNegative whether small values are to be shown bright
 * @property {number} frames
 */

/**
 * Values of a text element.
 * @param {Uint8Array} bytes from the start of a file, the lowest byte of numbers first
 * @param {readonly [number, number]} tag group and element
 * @returns {string[]} in the order in which they stand there: an enhanced file may have one for each frame
 */
export function textsOf(bytes, [group, element]) {
  const found = [];
  for (let at = bytes.indexOf(group, 128); at >= 0 && at + 8 < bytes.length; at = bytes.indexOf(group, at + 1)) {
    if (bytes[at + 1] !== 0 || bytes[at + 2] !== element || bytes[at + 3] !== 0) continue;
    const named = bytes[at + 4] >= 0x41 && bytes[at + 5] >= 0x41; // the type stands there, unless it is implicit
    const length = named ? bytes[at + 6] | (bytes[at + 7] << 8) : bytes[at + 4] | (bytes[at + 5] << 8);
    const text = String.fromCharCode(...bytes.subarray(at + 8, at + 8 + Math.min(length, LONGEST))).replace(/[\0 ]+/g, "");
    if (/^([-+.\d\\eE]+|MONOCHROME\d)$/.test(text)) found.push(text);
  }
  return found;
}

/** @param {Uint8Array} bytes from the start of a file @returns {Slice} */
export function sliceOf(bytes) {
  const first = (/** @type {keyof typeof TAGS} */ key) => textsOf(bytes, TAGS[key])[0] ?? "";
  /** @param {keyof typeof TAGS} key @param {number} count */
  const numbers = (key, count) => {
    const lists = textsOf(bytes, TAGS[key]).map((text) => text.split("\\").map(Number));
    return lists.find((list) => list.length === count && list.every(Number.isFinite)) ?? null;
  };
  return {
    uid: first("uid"),
    series: Number(first("series")),
    position: numbers("position", 3),
    orientation: numbers("orientation", 6),
    spacing: numbers("spacing", 2),
    isNegative: first("colours") === "MONOCHROME1",
    frames: Math.max(1, ...textsOf(bytes, TAGS.frames).map(Number)),
  };
}

/**
 * What DICOM files say of themselves.
 * @param {File[]} files
 * @returns {Promise<{ slices: Slice[], spacings: string[] }>} and the sizes of pixels that occur
 */
export async function headersOf(files) {
  const spacings = new Set();
  const slices = [];
  for (const file of files) {
    const bytes = new Uint8Array(await file.slice(0, HEADER).arrayBuffer());
    for (const text of textsOf(bytes, TAGS.spacing)) spacings.add(text.split("\\").map(Number).join(" × "));
    slices.push(sliceOf(bytes));
  }
  return { slices, spacings: [...spacings] };
}
