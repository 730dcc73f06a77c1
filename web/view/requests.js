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

/** What was asked for before it is needed, by address. @type {Map<string, Promise<Answer>>} */
const ahead = new Map();

/** @typedef {{ content: ArrayBuffer, facts: string | null }} Answer an answer that was read to its end */

/**
 * Let the server read a case while a person looks at another; what was read ahead before is dropped.
 * @param {number} place of the case
 * @param {("mask" | "label")[]} kinds of what lies over its image
 */
export function readAhead(place, kinds) {
  ahead.clear();
  for (const address of [imageAddress(place, 0), ...kinds.map((kind) => volumeAddress(place, kind))]) {
    const answer = whole(address);
    answer.catch(() => {}); // who opens the case is told
    ahead.set(address, answer);
  }
}

/**
 * @param {number} place of the case
 * @param {number} channel
 * @returns {Promise<{ content: ArrayBuffer, facts: ImageFacts }>}
 */
export async function fetchImage(place, channel) {
  const { content, facts } = await kept(imageAddress(place, channel));
  return { content, facts: JSON.parse(facts ?? "{}") };
}

/**
 * @param {number} place of the case
 * @param {"mask" | "label"} kind
 */
export async function fetchVolume(place, kind) {
  return (await kept(volumeAddress(place, kind))).content;
}

/** @param {number} place @param {number} channel */
function imageAddress(place, channel) {
  return `../cases/${place}/image.nii?channel=${channel}`;
}

/** @param {number} place @param {"mask" | "label"} kind */
function volumeAddress(place, kind) {
  return `../cases/${place}/${kind}.nii`;
}

/** An answer that was read ahead, or a new one. @param {string} address */
function kept(address) {
  const answer = ahead.get(address) ?? whole(address);
  ahead.delete(address);
  return answer;
}

/** @param {number} place @param {string} verdict @param {string} note */
export async function sendVerdict(place, verdict, note) {
  await answered(`../cases/${place}/verdict`, { method: "POST", body: JSON.stringify({ verdict, note }) });
}

/**
 * An answer with all of its content: one that nobody reads to its end would keep its connection, of which a browser has six.
 * @param {string} address
 * @returns {Promise<Answer>}
 */
async function whole(address) {
  const response = await answered(address);
  return { content: await response.arrayBuffer(), facts: response.headers.get("X-Image") };
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
