// The list of cases: which are shown, in which order, and which comes next.

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {boolean} has_mask
 * @property {boolean} has_label
 * @property {string} problem
 * @property {string[]} warnings
 * @property {Record<string, number | null>} dice
 * @property {string} verdict
 * @property {string} note
 */

/** @typedef {(one: Case) => boolean} Choice */

/** What can be chosen, by the word in the menu. @type {Record<string, Choice>} */
export const CHOICES = {
  all: () => true,
  open: (one) => !one.verdict,
  good: (one) => one.verdict === "good",
  fix: (one) => one.verdict === "fix",
  bad: (one) => one.verdict === "bad",
  warnings: (one) => one.warnings.length > 0,
  problems: (one) => one.problem !== "",
};

/** Mean Dice of a case over the classes that have one; null without any. @param {Case} one */
export function meanDice(one) {
  const known = Object.values(one.dice).filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

/**
 * Places in the list of the cases that are to be listed.
 * @param {Case[]} cases
 * @param {{ choice: string, words: string, order: string }} wanted order: "name" or "dice", the lowest first
 * @returns {number[]}
 */
export function listed(cases, { choice, words, order }) {
  const searched = words.trim().toLowerCase();
  const chosen = CHOICES[choice] ?? CHOICES.all;
  const places = cases.flatMap((one, place) =>
    chosen(one) && one.name.toLowerCase().includes(searched) ? [place] : [],
  );
  if (order !== "dice") return places;
  const score = (/** @type {number} */ place) => meanDice(cases[place]) ?? Number.POSITIVE_INFINITY;
  return places.sort((one, other) => score(one) - score(other) || one - other);
}

/**
 * The next place in a list, or null at its end. A place that the list does not have any more counts by its number.
 * @param {number[]} places
 * @param {number} current
 * @param {1 | -1} step
 */
export function neighbour(places, current, step) {
  const at = places.indexOf(current);
  if (at >= 0) return places[at + step] ?? null;
  const rest = step > 0 ? places.find((place) => place > current) : places.findLast((place) => place < current);
  return rest ?? null;
}

/** How many cases have each verdict. @param {Case[]} cases */
export function counts(cases) {
  const count = (/** @type {string} */ word) => cases.filter(CHOICES[word]).length;
  return { good: count("good"), fix: count("fix"), bad: count("bad"), open: count("open") };
}
