// The page of `mobileunet view`: a list of cases, a viewer, and a verdict for each case.
import { drawnClasses } from "../viewer/classes.js";
import { NO_WEBGL, VolumeViewer, hasWebGl } from "../viewer/viewer.js";
import { CT_WINDOWS, isCt, typedWindow } from "../viewer/windows.js";
import { counts, listed, meanDice, neighbour } from "./cases.js";
import { answerKeys } from "./keys.js";
import { fetchCases, fetchImage, fetchVolume, readAhead, sendVerdict } from "./requests.js";

/** @typedef {import("../viewer/classes.js").DrawnClass} DrawnClass */
/** @typedef {import("../viewer/viewer.js").Layout} Layout */
/** @typedef {import("./cases.js").Case} Case */
/** @typedef {"mask" | "label" | "both"} Over */

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
const find = (id) => /** @type {T} */ (document.getElementById(id));
/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (find(id));
/** @param {string} id */
const menu = (id) => /** @type {HTMLSelectElement} */ (find(id));

/** @type {Layout[]} */
const LAYOUTS = ["planes", "axial", "coronal", "sagittal", "3d"];

/** So many classes are all listed; of more, those that a case has. */
const FEW = 12;

/** Bytes of an image from which on the next case is not read ahead: the browser has to hold both. */
const AHEAD_BELOW = 256 * 1024 * 1024;

class ViewPage {
  /** @param {import("./requests.js").Shown} shown */
  constructor(shown) {
    this.shown = shown;
    this.current = -1;
    /** @type {Layout} */ this.layout = "planes";
    /** @type {Over} */ this.over = "mask";
    /** @type {DrawnClass[]} */ this.classes = drawnClasses(shown.classes, shown.colours, 0);
    this.first = new VolumeViewer(/** @type {HTMLCanvasElement} */ (find("first")));
    /** Made when the first reference is put beside a mask. @type {VolumeViewer | null} */ this.second = null;
    /** Notes on cases that have no verdict yet. @type {Map<number, string>} */ this.notes = new Map();
    /** Counts what was asked for: an answer to an earlier request is of no use any more. */ this.request = 0;
  }

  get case() {
    return this.shown.cases[this.current];
  }

  get listed() {
    const wanted = { choice: menu("choice").value, words: input("words").value, order: menu("order").value };
    return listed(this.shown.cases, wanted);
  }

  async start() {
    await this.first.attach();
    this.first.onPlace = (text) => (find("place").textContent = text);
    this.first.onWindow = (low, high) => this.#showWindow(low, high);
    find("title").textContent = this.shown.title;
    find("notice").textContent = `${this.shown.notice} The images stay on this machine.`;
    find("verdict").hidden = !this.shown.reviewed_in;
    const scored = this.shown.cases.some((one) => meanDice(one) !== null);
    if (!scored) menu("order").hidden = true;
    this.#listen();
    this.list();
    const open = this.shown.cases.findIndex((one) => !one.verdict);
    await this.open(Math.max(0, open));
  }

  /** Write the list of cases anew. */
  list() {
    const rows = this.listed.map((place) => {
      const one = this.shown.cases[place];
      const button = document.createElement("button");
      const dice = meanDice(one);
      const parts = [
        ["mark", ""],
        ["name", one.name],
        ["aside", one.problem ? "problem" : dice === null ? (one.warnings.length ? "⚠" : "") : dice.toFixed(3)],
      ].map(([kind, text]) => Object.assign(document.createElement("span"), { className: kind, textContent: text }));
      if (one.verdict) parts[0].classList.add(one.verdict);
      parts[0].title = one.verdict || "no verdict";
      button.append(...parts);
      button.ariaCurrent = String(place === this.current);
      button.onclick = () => this.open(place);
      const row = document.createElement("li");
      row.append(button);
      return row;
    });
    const focused = find("cases").contains(document.activeElement);
    find("cases").replaceChildren(...rows);
    const present = /** @type {HTMLElement | null} */ (find("cases").querySelector('[aria-current="true"]'));
    if (focused) present?.focus();
    const { good, fix, bad, open } = counts(this.shown.cases);
    const total = this.shown.cases.length;
    const all = total === 1 ? "1 case" : `${total} cases`;
    find("counts").textContent = this.shown.reviewed_in ? `${all}: ${good} good, ${fix} to fix, ${bad} bad, ${open} open` : all;
    present?.scrollIntoView({ block: "nearest" });
  }

  /** Show a case. @param {number} place @param {string} [said] what is said of the last one */
  async open(place, said = "") {
    const kept = this.#keepNote();
    this.current = place;
    const one = this.case;
    for (const viewer of this.#viewers) viewer.clear(); // nobody shall take the former case for this one
    find("name").textContent = one.name;
    find("name").title = one.name;
    input("note").value = this.notes.get(place) ?? one.note;
    find("kept").textContent = kept || said;
    menu("channel").replaceChildren();
    this.list();
    this.#showVerdict();
    this.#showWarnings([]);
    await this.load();
  }

  /** Keep a note that was changed; without a verdict it waits for one. @returns {string} what became of it */
  #keepNote() {
    const one = this.case;
    const note = input("note").value.trim();
    if (!one || !this.shown.reviewed_in || note === (this.notes.get(this.current) ?? one.note)) return "";
    if (!one.verdict) {
      this.notes.set(this.current, note);
      return `The note on ${one.name} waits for a verdict.`;
    }
    one.note = note;
    sendVerdict(this.current, one.verdict, note).catch(refuse);
    return `Kept: the note on ${one.name}.`;
  }

  /** Load what the present case has to be shown with. */
  async load() {
    const request = ++this.request;
    const { current: place, case: one } = this;
    const over = this.#possibleOver(one);
    find("problem").hidden = true;
    find("loading").hidden = false;
    this.#markOver(over);
    try {
      const image = await fetchImage(place, Number(menu("channel").value || 0));
      const beside = over === "both";
      const mask = over === "label" || !one.has_mask ? null : await fetchVolume(place, "mask");
      const label = over === "mask" || !one.has_label ? null : await fetchVolume(place, "label");
      if (request !== this.request) return;
      await this.first.show(image.content, beside ? mask : (mask ?? label), image.facts.in_pixels);
      if (beside) {
        const second = await this.#secondViewer();
        await second.show(image.content, label, image.facts.in_pixels);
        second.follow(this.first);
      }
      if (request !== this.request) return;
      this.#showFacts(image.facts);
      if (image.content.byteLength < AHEAD_BELOW) this.#readAhead();
    } catch (error) {
      if (request === this.request) this.#fail(error);
    } finally {
      if (request === this.request) find("loading").hidden = true;
    }
  }

  #readAhead() {
    const next = neighbour(this.listed, this.current, 1);
    if (next === null) return;
    const one = this.shown.cases[next];
    const over = this.#possibleOver(one);
    const kinds = /** @type {("mask" | "label")[]} */ (over === "both" ? ["mask", "label"] : [over]);
    readAhead(next, kinds.filter((kind) => (kind === "mask" ? one.has_mask : one.has_label)));
  }

  /** @param {1 | -1} step @param {string} [said] what is said of the present case */
  async move(step, said = "") {
    const next = neighbour(this.listed, this.current, step);
    if (next !== null) await this.open(next, said);
  }

  /** Keep a verdict, or remove it. @param {string} verdict good, fix or bad; empty removes it */
  async judge(verdict) {
    if (!this.shown.reviewed_in || !find("loading").hidden) return; // what is not seen yet is not judged
    const { current: place, case: one } = this;
    const note = input("note").value.trim();
    try {
      await sendVerdict(place, verdict, verdict ? note : "");
    } catch (error) {
      refuse(error);
      return;
    }
    one.verdict = verdict;
    one.note = verdict ? note : "";
    this.notes.delete(place);
    this.list();
    this.#showVerdict();
    const said = verdict ? `Kept: ${one.name} is ${verdict}.` : "The verdict was removed.";
    find("kept").textContent = said;
    if (verdict && input("onward").checked && place === this.current) await this.move(1, said);
  }

  /** @param {Layout} layout */
  setLayout(layout) {
    this.layout = layout;
    for (const viewer of this.#viewers) viewer.setLayout(layout);
    mark("layouts", "layout", layout);
  }

  nextLayout() {
    this.setLayout(LAYOUTS[(LAYOUTS.indexOf(this.layout) + 1) % LAYOUTS.length]);
  }

  /** @param {Over} over */
  async setOver(over) {
    this.over = over;
    await this.load();
  }

  /** Segmentation or reference in turn. */
  async turnOver() {
    await this.setOver(this.over === "mask" ? "label" : "mask");
  }

  /** @param {number} number of a class */
  toggleClass(number) {
    const one = this.classes[number - 1];
    if (!one) return;
    one.shown = !one.shown;
    this.#showClasses();
  }

  /** @param {boolean} shown */
  showAllClasses(shown) {
    for (const one of this.classes) one.shown = shown;
    this.#showClasses();
  }

  toggleMask() {
    this.showAllClasses(!this.classes.some((one) => one.shown));
  }

  toggleOutline() {
    input("outlined").checked = !input("outlined").checked;
    this.#outline();
  }

  /** @param {number} steps */
  scroll(steps) {
    this.first.scroll(steps);
    for (const viewer of this.#viewers.slice(1)) viewer.follow(this.first);
  }

  get #viewers() {
    return this.second && !find("second-figure").hidden ? [this.first, this.second] : [this.first];
  }

  async #secondViewer() {
    if (this.second) return this.second;
    this.second = new VolumeViewer(/** @type {HTMLCanvasElement} */ (find("second")));
    await this.second.attach();
    this.first.lead([this.second]);
    this.second.lead([this.first]);
    this.second.setOpacity(this.first.opacity);
    return this.second;
  }

  /** What can be shown over the image of a case: not every case has both. @param {Case} one @returns {Over} */
  #possibleOver(one) {
    const { has_mask: mask, has_label: label } = one;
    return mask && label ? this.over : mask || !label ? "mask" : "label";
  }

  /** @param {Over} over */
  #markOver(over) {
    const { has_mask: mask, has_label: label } = this.case;
    find("overs").hidden = !(mask && label);
    find("second-figure").hidden = over !== "both";
    const words = { mask: mask ? "Segmentation" : "", label: "Reference", both: "Segmentation" };
    find("first-title").textContent = words[over];
    mark("overs", "over", over);
  }

  /** @param {import("./requests.js").ImageFacts} facts */
  #showFacts(facts) {
    const highest = Math.max(...this.#viewers.map((viewer) => viewer.highest));
    const hidden = new Set(this.classes.filter((one) => !one.shown).map((one) => one.number));
    this.classes = drawnClasses(this.shown.classes, this.shown.colours, highest);
    for (const one of this.classes) one.shown = !hidden.has(one.number);
    this.#showClasses();
    this.#outline();
    find("layouts").hidden = this.first.isFlat;
    this.setLayout(this.first.isFlat ? this.first.flatPlane : this.#keptLayout());
    this.#offerWindows(facts);
    this.#offerChannels(facts.channels);
    this.#showWarnings(facts.warnings);
  }

  /** The display that a person chose last; that of an image with one slice was not chosen. */
  #keptLayout() {
    const chosen = find("layouts").dataset.chosen;
    return /** @type {Layout} */ (chosen ?? "planes");
  }

  /** @param {import("./requests.js").ImageFacts} facts */
  #offerWindows(facts) {
    const { low, high } = this.first.range;
    const automatic = this.first.automaticWindow;
    const ct = isCt(facts.modality, low, high) && !facts.in_pixels;
    const offered = [{ name: "Automatic", ...automatic }, ...(ct ? CT_WINDOWS : []), { name: "Full range", low, high }];
    const chosen = menu("windows").value;
    const options = offered.map((one) => new Option(one.name, one.name));
    menu("windows").replaceChildren(...options, new Option("Own window", "own"));
    this.windows = offered;
    const kept = offered.find((one) => one.name === chosen) ?? (ct ? CT_WINDOWS[0] : offered[0]);
    menu("windows").value = kept.name;
    this.#setWindow(kept.low, kept.high);
  }

  /** @param {number} low @param {number} high */
  #setWindow(low, high) {
    for (const viewer of this.#viewers) viewer.setWindow(low, high);
    input("low").value = String(Number(low.toPrecision(5)));
    input("high").value = String(Number(high.toPrecision(5)));
  }

  /** A window that was changed with the mouse. @param {number} low @param {number} high */
  #showWindow(low, high) {
    menu("windows").value = "own";
    this.#setWindow(low, high);
  }

  /** @param {number} count */
  #offerChannels(count) {
    find("channels").hidden = count < 2;
    if (menu("channel").options.length === count) return;
    const options = Array.from({ length: count }, (_, channel) => new Option(String(channel), String(channel)));
    menu("channel").replaceChildren(...options);
  }

  #showClasses() {
    for (const viewer of this.#viewers) viewer.colour(this.classes);
    const scored = Object.keys(this.case.dice).length > 0;
    for (const cell of document.querySelectorAll("th.dice")) /** @type {HTMLElement} */ (cell).hidden = !scored;
    const { sizes, unit } = this.first;
    const listed = this.classes.length > FEW ? this.classes.filter((one) => sizes.has(one.number)) : this.classes;
    find("classes").replaceChildren(...listed.map((one) => this.#classRow(one, sizes.get(one.number), scored)));
    find("unit").textContent = unit;
    const absent = this.classes.length - listed.length;
    find("absent").textContent = absent ? `${absent} of the ${this.classes.length} classes are not in this case.` : "";
  }

  /** @param {DrawnClass} one @param {number | undefined} size @param {boolean} scored */
  #classRow(one, size, scored) {
    const row = document.createElement("tr");
    row.className = one.shown ? "" : "hidden";
    const swatch = document.createElement("button");
    swatch.className = "swatch";
    swatch.style.background = `rgb(${one.colour})`;
    swatch.style.borderColor = `rgb(${one.colour})`;
    swatch.ariaPressed = String(one.shown);
    swatch.ariaLabel = `${one.name} on or off`;
    swatch.onclick = () => this.toggleClass(one.number);
    const dice = this.case.dice[one.name];
    const texts = [one.name, size === undefined ? "–" : size.toFixed(Number.isInteger(size) || size >= 100 ? 0 : size < 10 ? 2 : 1)];
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

  #showVerdict() {
    for (const button of document.querySelectorAll("[data-verdict]")) {
      button.ariaPressed = String(/** @type {HTMLElement} */ (button).dataset.verdict === this.case.verdict);
    }
  }

  /** @param {string[]} more warnings that reading the image has given */
  #showWarnings(more) {
    const texts = [...new Set([this.case.problem, ...this.case.warnings, ...more])].filter(Boolean);
    const rows = texts.map((text) => Object.assign(document.createElement("p"), { textContent: text }));
    find("warnings").replaceChildren(...rows);
  }

  #outline() {
    for (const viewer of this.#viewers) viewer.setOutlined(input("outlined").checked);
  }

  /** @param {unknown} error */
  #fail(error) {
    this.first.clear();
    find("problem").textContent = error instanceof Error ? error.message : String(error);
    find("problem").hidden = false;
  }

  #listen() {
    input("words").oninput = menu("choice").onchange = menu("order").onchange = () => this.list();
    find("previous").onclick = () => this.move(-1);
    find("next").onclick = () => this.move(1);
    find("layouts").onclick = (event) => this.#chosen(event, "layout", (layout) => {
      find("layouts").dataset.chosen = layout;
      this.setLayout(/** @type {Layout} */ (layout));
    });
    find("overs").onclick = (event) => this.#chosen(event, "over", (over) => this.setOver(/** @type {Over} */ (over)));
    find("verdict").onclick = (event) => this.#chosen(event, "verdict", (verdict) => this.judge(verdict));
    find("verdict").onsubmit = (event) => {
      event.preventDefault();
      input("note").blur();
      if (this.case.verdict) this.judge(this.case.verdict);
      else find("kept").textContent = "Choose good, fix or bad: the note is kept with it.";
    };
    input("outlined").onchange = () => this.#outline();
    input("opacity").oninput = () => {
      for (const viewer of this.#viewers) viewer.setOpacity(Number(input("opacity").value) / 100);
    };
    menu("windows").onchange = () => {
      const window = this.windows?.find((one) => one.name === menu("windows").value);
      if (window) this.#setWindow(window.low, window.high);
    };
    input("low").onchange = input("high").onchange = () => {
      const typed = typedWindow(input("low").value, input("high").value);
      if ("problem" in typed) find("place").textContent = typed.problem;
      else this.#showWindow(typed.low, typed.high);
    };
    menu("channel").onchange = () => this.load();
    find("all-classes").onclick = () => this.showAllClasses(true);
    find("no-classes").onclick = () => this.showAllClasses(false);
    window.addEventListener("beforeunload", (event) => {
      if (this.notes.size) event.preventDefault();
    });
    answerKeys(this);
  }

  /** @param {Event} event @param {string} key of the data of a button @param {(value: string) => void} act */
  #chosen(event, key, act) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const value = button?.dataset[key];
    if (value) act(value);
  }
}

/** @param {string} id @param {string} key @param {string} value */
function mark(id, key, value) {
  for (const button of find(id).querySelectorAll("button")) {
    button.setAttribute("role", "radio");
    button.ariaChecked = String(button.dataset[key] === value);
  }
}

/** @param {unknown} error */
function refuse(error) {
  find("problem").textContent = error instanceof Error ? error.message : String(error);
  find("problem").hidden = false;
}

if (hasWebGl()) {
  fetchCases().then((shown) => new ViewPage(shown).start(), refuse);
} else {
  refuse(NO_WEBGL);
}

/** @typedef {ViewPage} Page */
