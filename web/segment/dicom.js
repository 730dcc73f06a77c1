// DICOM files as volumes, by dcm2niix, in a worker of its own.
import { Refusal } from "./formats/volume.js";
import { readFile } from "./reading.js";

/** @typedef {import("./formats/volume.js").Volume} Volume */

/** @typedef {{ name: string, file: File, modality: string }} Series a volume that dcm2niix made */

/**
 * Turn DICOM files into volumes.
 * @param {File[]} files
 * @returns {Promise<Series[]>} in the order of their names
 */
export async function seriesOf(files) {
  const { Dcm2niix } = await import("../vendor/dcm2niix/index.jpeg.js");
  const converter = new Dcm2niix();
  try {
    await converter.init();
    // named by number and words; 3D acquisitions neither cropped nor turned; details in a file beside, without names of patients
    const made = await converter.input(files).f("%s_%d").x("i").b("y").ba("y").z("n").run();
    const volumes = made.filter((one) => one.name.endsWith(".nii")).sort((one, other) => (one.name < other.name ? -1 : 1));
    return await Promise.all(volumes.map(async (file) => ({ name: file.name.slice(0, -4), file, modality: await modalityOf(file.name, made) })));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refusal(`${files.length} DICOM files`, `could not be turned into a volume (${reason}).`, "Drop the folder of one series of slices, or convert it to NIfTI.");
  } finally {
    converter.worker?.terminate();
  }
}

/** @param {string} name of a volume @param {File[]} made with it */
async function modalityOf(name, made) {
  const details = made.find((one) => one.name === name.replace(/\.nii$/, ".json"));
  return details ? String(JSON.parse(await details.text()).Modality ?? "") : "";
}

/** @param {Series} series @returns {Promise<Volume>} */
export async function readSeries({ file, modality }) {
  return { ...(await readFile(file, [])), modality };
}
