// How a person gives files: with the buttons of the page, or by dropping them anywhere.
import { find } from "../viewer/elements.js";
import { filesOfDrop } from "./drops.js";

/** @typedef {(files: Promise<import("./files.js").Given[]>) => void} Open */

/** @param {Open} open */
export function listenToFiles(open) {
  for (const kind of ["file", "folder"]) {
    const chooser = /** @type {HTMLInputElement} */ (find(kind));
    for (const button of document.querySelectorAll(`.open-${kind}`)) /** @type {HTMLElement} */ (button).onclick = () => chooser.click();
    chooser.onchange = () => {
      const files = [...(chooser.files ?? [])];
      chooser.value = ""; // the same file can be chosen again
      if (files.length) open(Promise.resolve(files));
    };
  }
  listenToDrops(open);
}

/** @param {Open} open */
function listenToDrops(open) {
  const over = (/** @type {boolean} */ is) => document.body.classList.toggle("over", is);
  /** NiiVue keeps what is dropped onto its canvas to itself: the page takes it before. @param {"dragover" | "dragleave" | "drop"} kind @param {(event: DragEvent) => void} act */
  const take = (kind, act) => document.addEventListener(kind, act, { capture: true });
  take("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  take("dragleave", (event) => {
    if (!event.relatedTarget) over(false);
  });
  take("drop", (event) => {
    event.preventDefault();
    over(false);
    if (event.dataTransfer?.types.includes("Files")) open(filesOfDrop(event.dataTransfer));
  });
}
