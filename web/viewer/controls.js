// The controls above an image: planes, outline and opacity of the mask, window.
import { chosen, find, input, mark, menu } from "./elements.js";
import { CT_WINDOWS, isCt, typedWindow } from "./windows.js";

/** @typedef {import("./viewer.js").Layout} Layout */
/** @typedef {import("./viewer.js").VolumeViewer} VolumeViewer */

/** @type {Layout[]} */
const LAYOUTS = ["planes", "axial", "coronal", "sagittal", "3d"];

export class Controls {
  /** @param {() => VolumeViewer[]} viewers that show the same place, the first of which leads */
  constructor(viewers) {
    this.viewers = viewers;
    /** @type {Layout} */ this.layout = "planes";
    /** The display that a person chose last; that of an image with one slice was not chosen. @type {Layout} */
    this.chosenLayout = "planes";
    /** @type {import("./windows.js").Window[]} */ this.windows = [];
  }

  /** Let the controls act. */
  listen() {
    const [first] = this.viewers();
    first.onPlace = (text) => (find("place").textContent = text);
    first.onWindow = (low, high) => this.#showWindow(low, high);
    find("layouts").onclick = (event) => chosen(event, "layout", (layout) => {
      this.chosenLayout = /** @type {Layout} */ (layout);
      this.setLayout(this.chosenLayout);
    });
    input("outlined").onchange = () => this.applyOutline();
    input("opacity").oninput = () => {
      for (const viewer of this.viewers()) viewer.setOpacity(Number(input("opacity").value) / 100);
    };
    menu("windows").onchange = () => {
      const window = this.windows.find((one) => one.name === menu("windows").value);
      if (window) this.#setWindow(window.low, window.high);
    };
    input("low").onchange = input("high").onchange = () => {
      const typed = typedWindow(input("low").value, input("high").value);
      if ("problem" in typed) find("place").textContent = typed.problem;
      else this.#showWindow(typed.low, typed.high);
    };
  }

  /** Fit to another image. @param {string} modality as DICOM calls it @param {boolean} inPixels */
  renew(modality, inPixels) {
    const [first] = this.viewers();
    this.applyOutline();
    find("layouts").hidden = first.isFlat;
    this.setLayout(first.isFlat ? first.flatPlane : this.chosenLayout);
    this.#offerWindows(modality, inPixels);
  }

  /** @param {Layout} layout */
  setLayout(layout) {
    this.layout = layout;
    find("stage").dataset.layout = layout;
    for (const viewer of this.viewers()) viewer.setLayout(layout);
    mark("layouts", "layout", layout);
  }

  nextLayout() {
    this.setLayout(LAYOUTS[(LAYOUTS.indexOf(this.layout) + 1) % LAYOUTS.length]);
  }

  toggleOutline() {
    input("outlined").checked = !input("outlined").checked;
    this.applyOutline();
  }

  /** @param {number} steps */
  scroll(steps) {
    const [first, ...others] = this.viewers();
    first?.scroll(steps); // a browser that draws nothing has none
    for (const viewer of others) viewer.follow(first);
  }

  /** Show outlines or areas, as is chosen. */
  applyOutline() {
    for (const viewer of this.viewers()) viewer.setOutlined(input("outlined").checked);
  }

  /** @param {string} modality @param {boolean} inPixels */
  #offerWindows(modality, inPixels) {
    const [first] = this.viewers();
    const { low, high } = first.range;
    const automatic = first.automaticWindow;
    const ct = isCt(modality, low, high) && !inPixels;
    const offered = [{ name: "Automatic", ...automatic }, ...(ct ? CT_WINDOWS : []), { name: "Full range", low, high }];
    const former = menu("windows").value;
    const options = offered.map((one) => new Option(one.name, one.name));
    menu("windows").replaceChildren(...options, new Option("Own window", "own"));
    this.windows = offered;
    const kept = offered.find((one) => one.name === former) ?? (ct ? CT_WINDOWS[0] : offered[0]);
    menu("windows").value = kept.name;
    this.#setWindow(kept.low, kept.high);
  }

  /** @param {number} low @param {number} high */
  #setWindow(low, high) {
    for (const viewer of this.viewers()) viewer.setWindow(low, high);
    input("low").value = String(Number(low.toPrecision(5)));
    input("high").value = String(Number(high.toPrecision(5)));
  }

  /** A window that was typed, or changed with the mouse. @param {number} low @param {number} high */
  #showWindow(low, high) {
    menu("windows").value = "own";
    this.#setWindow(low, high);
  }
}
