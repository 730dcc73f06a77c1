// What the page asks its server for. All addresses are relative: they hold the key of the page.

/**
 * @typedef {object} Shown
 * @property {string} notice
 * @property {string} title
 * @property {string} kind
 * @property {string[]} classes
 * @property {[number, number, number][]} colours
 * @property {string} reviewed_in
 * @property {import("./cases.js").Case[]} cases
 */

/**
 * @typedef {object} ImageFacts
 * @property {number} channels
 * @property {boolean} in_pixels
 * @property {string} modality
 * @property {string[]} warnings
 */

const GONE = "The command mobileunet view has ended. Type it again, and open the new address.";

/** @returns {Promise<Shown>} */
export async function fetchCases() {
  return (await answered("../cases.json")).json();
}

/**
 * @param {number} place of the case
 * @param {number} channel
 * @returns {Promise<{ content: ArrayBuffer, facts: ImageFacts }>}
 */
export async function fetchImage(place, channel) {
  const response = await answered(`../cases/${place}/image.nii?channel=${channel}`);
  return { content: await response.arrayBuffer(), facts: JSON.parse(response.headers.get("X-Image") ?? "{}") };
}

/**
 * @param {number} place of the case
 * @param {"mask" | "label"} kind
 */
export async function fetchVolume(place, kind) {
  return (await answered(`../cases/${place}/${kind}.nii`)).arrayBuffer();
}

/** @param {number} place @param {string} verdict @param {string} note */
export async function sendVerdict(place, verdict, note) {
  await answered(`../cases/${place}/verdict`, { method: "POST", body: JSON.stringify({ verdict, note }) });
}

/** @param {string} address @param {RequestInit} [request] */
async function answered(address, request) {
  let response;
  try {
    response = await fetch(address, request);
  } catch {
    throw new Error(GONE);
  }
  if (!response.ok) throw new Error((await response.json()).error);
  return response;
}
