// Which of the files that a person gives are the image.
import { READABLE } from "./formats/volume.js";

/** @typedef {File & { _webkitRelativePath?: string }} Given a file; of a dropped folder it has its path from there, where dcm2niix looks for it */

/**
 * @typedef {{ kind: "images", files: File[], beside: File[] }
 *   | { kind: "dicom", files: Given[] }
 *   | { kind: "none", problem: string }} Found
 */

const VOLUME = /\.(nii|nii\.gz|nrrd|nhdr|mha|mhd)$/i;
const PICTURE = /\.(png|jpe?g|tiff?|bmp|gif|webp)$/i;
/** What systems leave beside files. */
const JUNK = /^(\._.*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i;
const CHANNEL = /_(\d{4})$/;

/** Where DICOM files say what they are. */
const DICOM_MARK = 128;

/** The path of a file from the folder that was given. @param {Given} file */
function pathOf(file) {
  return file.webkitRelativePath || file._webkitRelativePath || file.name;
}

/**
 * Find images among files: volumes by their names, otherwise DICOM by its content.
 * @param {Given[]} given
 * @returns {Promise<Found>}
 */
export async function findImages(given) {
  const files = given.filter((file) => !JUNK.test(file.name) && !pathOf(file).startsWith("__MACOSX/"));
  if (!files.length) return { kind: "none", problem: `There is no file. Drop ${READABLE}.` };
  const volumes = files.filter((file) => VOLUME.test(file.name)).sort(byPath);
  if (volumes.length) return { kind: "images", files: volumes, beside: files };
  const marked = await Promise.all(files.map(isDicom));
  const dicom = files.filter((_, place) => marked[place]).sort(byPath);
  if (dicom.length) return { kind: "dicom", files: dicom };
  const [first] = files;
  const picture = PICTURE.test(first.name) ? " Pictures are read by the command mobileunet segment." : "";
  const what = files.length === 1 ? `${first.name} is` : `${first.name} and ${files.length - 1} more are`;
  return { kind: "none", problem: `${what} no image that this page reads. Drop ${READABLE}.${picture}` };
}

/** @param {Given} one @param {Given} other */
function byPath(one, other) {
  return pathOf(one) < pathOf(other) ? -1 : 1;
}

/** @param {File} file */
async function isDicom(file) {
  const mark = new Uint8Array(await file.slice(DICOM_MARK, DICOM_MARK + 4).arrayBuffer());
  return String.fromCharCode(...mark) === "DICM" || /\.(dcm|dicom|ima)$/i.test(file.name);
}

/** The name of a case: that of its file without suffix, and without nnU-Net's number of a channel where it has several. @param {string} file @param {number} channels */
export function caseName(file, channels) {
  const name = file.replace(VOLUME, "");
  return channels > 1 ? name.replace(CHANNEL, "") : name;
}

/** nnU-Net's number of a channel at the end of a file's name; NaN without. @param {string} file */
export function channelOf(file) {
  return Number(CHANNEL.exec(file.replace(VOLUME, ""))?.[1] ?? NaN);
}
