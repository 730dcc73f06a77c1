// What a page finds in itself.

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
export const find = (id) => /** @type {T} */ (document.getElementById(id));
/** @param {string} id */
export const input = (id) => /** @type {HTMLInputElement} */ (find(id));
/** @param {string} id */
export const menu = (id) => /** @type {HTMLSelectElement} */ (find(id));

/**
 * Mark one button of a group as the chosen one.
 * @param {string} id of the group
 * @param {string} key of the data of its buttons
 * @param {string} value
 */
export function mark(id, key, value) {
  for (const button of find(id).querySelectorAll("button")) {
    button.setAttribute("role", "radio");
    button.ariaChecked = String(button.dataset[key] === value);
  }
}

/**
 * Act on the button of a group that was clicked.
 * @param {Event} event
 * @param {string} key of the data of its buttons
 * @param {(value: string) => void} act
 */
export function chosen(event, key, act) {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  const value = button?.dataset[key];
  if (value) act(value);
}

/** Say what went wrong, above the image. @param {unknown} error */
export function refuse(error) {
  find("problem").textContent = error instanceof Error ? error.message : String(error);
  find("problem").hidden = false;
}

/** Paragraphs, each once, into an element. @param {string} id @param {string[]} texts */
export function listParagraphs(id, texts) {
  const rows = [...new Set(texts)].filter(Boolean).map((text) => Object.assign(document.createElement("p"), { textContent: text }));
  find(id).replaceChildren(...rows);
}
