// DICOM files as volumes, by dcm2niix, in a worker of its own.
import { problemOf } from "./dicom_geometry.js";
import { headersOf } from "./dicom_headers.js";
import { LONGEST_HEADER, readHeader } from "./formats/nifti_header.js";
import { Refusal } from "./formats/volume.js";
import { readFile } from "./reading.js";

/** @typedef {import("./formats/volume.js").Volume} Volume */

/** @typedef {{ label: string, file: File, modality: string, warnings: string[], refusal: Refusal | null }} Series a volume that dcm2niix made, with words to choose it by, and why it cannot be used */

/** Ends of the names of what dcm2niix makes beside a volume whose slices are uneven, or whose gantry was tilted. */
const MENDED = /_(Eq|Tilt)(_\d+)?\.nii$/;

/**
 * Turn DICOM files into volumes.
 * @param {File[]} files
 * @returns {Promise<Series[]>} in the order of their names
 */
export async function seriesOf(files) {
  const { slices, spacings } = await headersOf(files);
  const made = await converted(files);
  const volumes = made.filter((one) => one.name.endsWith(".nii") && !MENDED.test(one.name)).sort((one, other) => (one.name < other.name ? -1 : 1));
  if (volumes.length === 1 && spacings.length > 1) {
    const problem = `have pixels of ${spacings.slice(0, 3).join(", of ")} mm in one series; expected one size.`;
    throw new Refusal(`${files.length} DICOM files`, problem, "Move what belongs to another series out of the folder.");
  }
  const frames = Math.max(...slices.map((slice) => slice.frames));
  const warnings = frames > 1 ? [`The order of the ${frames} frames in the DICOM file was taken for that of the slices. Look at all three planes whether it is.`] : [];
  return Promise.all(volumes.map(async (file) => {
    const name = file.name.slice(0, -4);
    const numbered = volumes.length > 1 ? slices.filter(({ series }) => series && name.startsWith(`${series}_`)) : [];
    const own = numbered.length ? numbered : slices; // dcm2niix makes up the number of a series that has none
    const problem = problemOf(own);
    const refusal = problem && new Refusal(`${own.length} DICOM files`, ...problem);
    return { label: `${name} (${await sizeOf(file)})`, file, modality: await modalityOf(name, made), warnings, refusal };
  }));
}

/** What dcm2niix makes of files. @param {File[]} files @returns {Promise<File[]>} */
async function converted(files) {
  const { Dcm2niix } = await import("../vendor/dcm2niix/index.jpeg.js");
  const converter = new Dcm2niix();
  try {
    await converter.init();
    // named by number and words; 3D acquisitions neither cropped nor turned; details in a file beside, without names of patients
    return await converter.input(files).f("%s_%d").x("i").b("y").ba("y").z("n").run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refusal(`${files.length} DICOM files`, `could not be turned into a volume (${reason}).`, "Drop the folder of one series of slices, or convert it to NIfTI.");
  } finally {
    converter.worker?.terminate();
  }
}

/** @param {File} file of a volume */
async function sizeOf(file) {
  const header = readHeader(new Uint8Array(await file.slice(0, LONGEST_HEADER).arrayBuffer()));
  return header ? header.dim.slice(1, 1 + header.dim[0]).join(" × ") : "no volume";
}

/** @param {string} name of a volume @param {File[]} made with it */
async function modalityOf(name, made) {
  const details = made.find((one) => one.name === `${name}.json`);
  return details ? String(JSON.parse(await details.text()).Modality ?? "") : "";
}

/** @param {Series} series @returns {Promise<Volume>} */
export async function readSeries({ file, modality, warnings, refusal }) {
  if (refusal) throw refusal;
  const volume = await readFile(file, []);
  return { ...volume, modality, warnings: [...warnings, ...volume.warnings] };
}
