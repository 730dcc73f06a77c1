// A look into the headers of DICOM files, for what dcm2niix puts into one volume without a word.

/** Headers are no longer, but for rare private parts. */
const HEADER = 1 << 17;

const PIXEL_SPACING = 0x30;
const NUMBER_OF_FRAMES = 0x08;

/**
 * Values of a text element of group 0028.
 * @param {Uint8Array} bytes from the start of a file, the lowest byte of numbers first
 * @param {number} element its number
 * @returns {string[]} in the order in which they stand there: an enhanced file may have one for each frame
 */
export function textsOf(bytes, element) {
  const found = [];
  for (let at = bytes.indexOf(0x28, 128); at >= 0 && at + 8 < bytes.length; at = bytes.indexOf(0x28, at + 1)) {
    if (bytes[at + 1] !== 0 || bytes[at + 2] !== element || bytes[at + 3] !== 0) continue;
    const named = bytes[at + 4] >= 0x41 && bytes[at + 5] >= 0x41; // the type stands there, unless it is implicit
    const length = named ? bytes[at + 6] | (bytes[at + 7] << 8) : bytes[at + 4] | (bytes[at + 5] << 8);
    const text = String.fromCharCode(...bytes.subarray(at + 8, at + 8 + Math.min(length, 64))).replace(/[\0 ]+/g, "");
    if (/^[-+.\d\\eE]+$/.test(text)) found.push(text);
  }
  return found;
}

/**
 * What DICOM files say of their pixels.
 * @param {File[]} files
 * @returns {Promise<{ spacings: string[], frames: number }>} the sizes of pixels that occur, and the most frames of a file
 */
export async function pixelsOf(files) {
  const spacings = new Set();
  let frames = 1;
  for (const file of files) {
    const bytes = new Uint8Array(await file.slice(0, HEADER).arrayBuffer());
    for (const text of textsOf(bytes, PIXEL_SPACING)) spacings.add(text.split("\\").map(Number).join(" × "));
    frames = Math.max(frames, ...textsOf(bytes, NUMBER_OF_FRAMES).map(Number));
  }
  return { spacings: [...spacings], frames };
}
