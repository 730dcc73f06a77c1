// Classes as the viewer draws them: a colour for each number, and which are shown.

/** @typedef {{ number: number, name: string, colour: [number, number, number], shown: boolean }} DrawnClass */
/** @typedef {{ R: number[], G: number[], B: number[], A: number[], I: number[], labels: string[] }} LabelTable */

/** More class numbers than these are no classes, and no table of colours holds them. */
const MOST = 4096;

/**
 * The classes of a mask: those that have names, and those that only the mask has.
 * @param {string[]} names of the classes from 1 on
 * @param {[number, number, number][]} colours of the classes from 1 on
 * @param {number} highest number in the mask
 * @returns {DrawnClass[]}
 */
export function drawnClasses(names, colours, highest) {
  const count = Math.min(Math.max(names.length, highest), MOST);
  return Array.from({ length: count }, (_, index) => ({
    number: index + 1,
    name: names[index] ?? `class ${index + 1}`,
    colour: colours[index % colours.length],
    shown: true,
  }));
}

/**
 * The table that NiiVue colours a mask by. What is not shown has no opacity.
 * @param {DrawnClass[]} classes
 * @returns {LabelTable}
 */
export function labelTable(classes) {
  /** @type {LabelTable} */
  const table = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: ["background"] };
  for (const { number, name, colour, shown } of classes) {
    table.R.push(colour[0]);
    table.G.push(colour[1]);
    table.B.push(colour[2]);
    table.A.push(shown ? 255 : 0);
    table.I.push(number);
    table.labels.push(name);
  }
  return table;
}
