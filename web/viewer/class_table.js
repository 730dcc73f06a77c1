// The table of classes: colours that turn them on and off, and how large they are.
import { drawnClasses } from "./classes.js";
import { find } from "./elements.js";
import { sizeWords } from "./measures.js";

/** @typedef {import("./classes.js").DrawnClass} DrawnClass */
/** @typedef {import("./viewer.js").VolumeViewer} VolumeViewer */
/** @typedef {{ sizes: Map<number, number>, unit: string }} Measured */

/** So many classes are all listed; of more, those that a case has. */
const FEW = 12;

export class ClassTable {
  /**
   * @param {string[]} names of the classes from 1 on
   * @param {[number, number, number][]} colours of them
   * @param {() => VolumeViewer[]} viewers that show masks with these classes
   */
  constructor(names, colours, viewers) {
    this.names = names;
    this.colours = colours;
    this.viewers = viewers;
    /** @type {DrawnClass[]} */ this.classes = drawnClasses(names, colours, 0);
    /** Sizes by class number, and their unit. @type {Measured} */ this.measured = { sizes: new Map(), unit: "ml" };
    /** Dice of the case by class name. @type {Record<string, number | null>} */ this.dice = {};
  }

  listen() {
    find("all-classes").onclick = () => this.showAll(true);
    find("no-classes").onclick = () => this.showAll(false);
  }

  /**
   * Fit to another mask.
   * @param {Measured} measured
   * @param {Record<string, number | null>} [dice] by class name
   */
  renew(measured, dice = {}) {
    this.measured = measured;
    this.dice = dice;
    const highest = Math.max(0, ...measured.sizes.keys(), ...this.viewers().map((viewer) => viewer.highest));
    const hidden = new Set(this.classes.filter((one) => !one.shown).map((one) => one.number));
    this.classes = drawnClasses(this.names, this.colours, highest);
    for (const one of this.classes) one.shown = !hidden.has(one.number);
    this.#show();
  }

  /** @param {number} number of a class */
  toggle(number) {
    const one = this.classes[number - 1];
    if (!one) return;
    one.shown = !one.shown;
    this.#show();
  }

  /** @param {boolean} shown */
  showAll(shown) {
    for (const one of this.classes) one.shown = shown;
    this.#show();
  }

  /** All classes on or off. */
  toggleAll() {
    this.showAll(!this.classes.some((one) => one.shown));
  }

  #show() {
    for (const viewer of this.viewers()) viewer.colour(this.classes);
    const scored = Object.keys(this.dice).length > 0;
    for (const cell of document.querySelectorAll("th.dice")) /** @type {HTMLElement} */ (cell).hidden = !scored;
    const { sizes, unit } = this.measured;
    const listed = this.classes.length > FEW ? this.classes.filter((one) => sizes.has(one.number)) : this.classes;
    find("classes").replaceChildren(...listed.map((one) => this.#row(one, sizes.get(one.number), scored)));
    find("unit").textContent = unit;
    const absent = this.classes.length - listed.length;
    find("absent").textContent = absent ? `${absent} of the ${this.classes.length} classes are not in this case.` : "";
  }

  /** @param {DrawnClass} one @param {number | undefined} size @param {boolean} scored */
  #row(one, size, scored) {
    const row = document.createElement("tr");
    row.className = one.shown ? "" : "hidden";
    const swatch = document.createElement("button");
    swatch.className = "swatch";
    swatch.style.background = `rgb(${one.colour})`;
    swatch.style.borderColor = `rgb(${one.colour})`;
    swatch.ariaPressed = String(one.shown);
    swatch.ariaLabel = `${one.name} on or off`;
    swatch.onclick = () => this.toggle(one.number);
    const dice = this.dice[one.name];
    const texts = [one.name, sizeWords(size)];
    if (scored) texts.push(typeof dice === "number" ? dice.toFixed(3) : "–");
    const cells = texts.map((text, place) => {
      const cell = Object.assign(document.createElement("td"), { textContent: text });
      if (place) cell.className = "value";
      return cell;
    });
    const first = document.createElement("td");
    first.append(swatch);
    row.append(first, ...cells);
    return row;
  }
}
