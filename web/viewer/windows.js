// Which intensities are shown black and white.

/** @typedef {{ name: string, low: number, high: number }} Window */

/** Windows of CT in Hounsfield units, as radiologists name them. */
export const CT_WINDOWS = /** @type {Window[]} */ ([
  { name: "Soft tissue", low: -160, high: 240 },
  { name: "Brain", low: 0, high: 80 },
  { name: "Lung", low: -1350, high: 150 },
  { name: "Bone", low: -450, high: 1050 },
]);

/**
 * Whether an image is shown in Hounsfield units: its file says CT, or it has the values of air.
 * @param {string} modality as DICOM calls it; empty where the file does not say
 * @param {number} lowest value
 * @param {number} highest value
 */
export function isCt(modality, lowest, highest) {
  return modality ? modality === "CT" : lowest <= -500 && highest >= 200;
}

/**
 * A window that a person typed, or the reason why it is none.
 * @param {string} low
 * @param {string} high
 * @returns {{ low: number, high: number } | { problem: string }}
 */
export function typedWindow(low, high) {
  const numbers = [Number.parseFloat(low), Number.parseFloat(high)];
  if (!numbers.every(Number.isFinite)) return { problem: "Type two numbers for the window." };
  if (numbers[0] >= numbers[1]) return { problem: "The lower end of the window must be below the upper end." };
  return { low: numbers[0], high: numbers[1] };
}
