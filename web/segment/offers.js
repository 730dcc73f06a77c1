// The images that a person's files hold.
import { readSeries, seriesOf } from "./dicom.js";
import { findImages } from "./files.js";
import { Refusal } from "./formats/volume.js";
import { readFile } from "./reading.js";

/** @typedef {import("./formats/volume.js").Volume} Volume */
/** @typedef {{ name: string, read: () => Promise<Volume[]> }} Offer an image that can be opened */

/**
 * @param {import("./files.js").Given[]} given
 * @param {number} channels that the bundle takes; of several files each is one
 * @returns {Promise<Offer[]>} at least one
 */
export async function offersOf(given, channels) {
  const found = await findImages(given);
  if (found.kind === "none") throw new Error(found.problem);
  const readers = found.kind === "images"
    ? found.files.map((file) => ({ name: file.name, read: () => readFile(file, found.beside) }))
    : (await seriesOf(found.files)).map((series) => ({ name: series.label, read: () => readSeries(series) }));
  if (!readers.length) throw new Refusal(`${given.length} files`, "hold no volume.", "Drop the folder of one series of slices.");
  const whole = channels > 1 && readers.length > 1 && (found.kind === "images" || readers.length === channels);
  const groups = whole ? [readers] : readers.map((one) => [one]);
  return groups.map((group) => ({ name: group[0].name, read: () => inTurn(group.map((one) => one.read)) }));
}

/** @param {(() => Promise<Volume>)[]} reads @returns {Promise<Volume[]>} one after another: each needs memory while it unpacks */
async function inTurn(reads) {
  const found = [];
  for (const read of reads) found.push(await read());
  return found;
}
