// The page of `mobileunet view`: a list of cases, a viewer, and a verdict for each case.
import { ClassTable } from "../viewer/class_table.js";
import { Controls } from "../viewer/controls.js";
import { chosen, find, input, listParagraphs, mark, menu, refuse } from "../viewer/elements.js";
import { answerKeys } from "../viewer/keys.js";
import { NO_WEBGL, VolumeViewer, hasWebGl } from "../viewer/viewer.js";
import { counts, listed, meanDice, neighbour } from "./cases.js";
import { pageKeys } from "./keys.js";
import { fetchCases, fetchImage, fetchVolume, readAhead, sendVerdict } from "./requests.js";

/** @typedef {import("./cases.js").Case} Case */
/** @typedef {"mask" | "label" | "both"} Over */

/** Bytes of an image from which on the next case is not read ahead: the browser has to hold both. */
const AHEAD_BELOW = 256 * 1024 * 1024;

class ViewPage {
  /** @param {import("./requests.js").Shown} shown */
  constructor(shown) {
    this.shown = shown;
    this.current = -1;
    /** @type {Over} */ this.over = "mask";
    this.first = new VolumeViewer(/** @type {HTMLCanvasElement} */ (find("first")));
    /** Made when the first reference is put beside a mask. @type {VolumeViewer | null} */ this.second = null;
    /** Notes on cases that have no verdict yet. @type {Map<number, string>} */ this.notes = new Map();
    /** Counts what was asked for: an answer to an earlier request is of no use any more. */ this.request = 0;
    this.controls = new Controls(() => this.#viewers);
    this.table = new ClassTable(shown.classes, shown.colours, () => this.#viewers);
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

  /** @param {Over} over */
  async setOver(over) {
    this.over = over;
    await this.load();
  }

  /** Segmentation or reference in turn. */
  async turnOver() {
    await this.setOver(this.over === "mask" ? "label" : "mask");
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
    this.table.renew(this.first, this.case.dice);
    this.controls.renew(facts.modality, facts.in_pixels);
    this.#offerChannels(facts.channels);
    this.#showWarnings(facts.warnings);
  }

  /** @param {number} count */
  #offerChannels(count) {
    find("channels").hidden = count < 2;
    if (menu("channel").options.length === count) return;
    const options = Array.from({ length: count }, (_, channel) => new Option(String(channel), String(channel)));
    menu("channel").replaceChildren(...options);
  }

  #showVerdict() {
    for (const button of document.querySelectorAll("[data-verdict]")) {
      button.ariaPressed = String(/** @type {HTMLElement} */ (button).dataset.verdict === this.case.verdict);
    }
  }

  /** @param {string[]} more warnings that reading the image has given */
  #showWarnings(more) {
    listParagraphs("warnings", [this.case.problem, ...this.case.warnings, ...more]);
  }

  /** @param {unknown} error */
  #fail(error) {
    this.first.clear();
    refuse(error);
  }

  #listen() {
    input("words").oninput = menu("choice").onchange = menu("order").onchange = () => this.list();
    find("previous").onclick = () => this.move(-1);
    find("next").onclick = () => this.move(1);
    find("overs").onclick = (event) => chosen(event, "over", (over) => this.setOver(/** @type {Over} */ (over)));
    find("verdict").onclick = (event) => chosen(event, "verdict", (verdict) => this.judge(verdict));
    find("verdict").onsubmit = (event) => {
      event.preventDefault();
      input("note").blur();
      if (this.case.verdict) this.judge(this.case.verdict);
      else find("kept").textContent = "Choose good, fix or bad: the note is kept with it.";
    };
    this.controls.listen();
    this.table.listen();
    menu("channel").onchange = () => this.load();
    window.addEventListener("beforeunload", (event) => {
      if (this.notes.size) event.preventDefault();
    });
    answerKeys(pageKeys(this), (number) => this.table.toggle(number));
  }
}

if (hasWebGl()) {
  fetchCases().then((shown) => new ViewPage(shown).start(), refuse);
} else {
  refuse(NO_WEBGL);
}

/** @typedef {ViewPage} Page */
