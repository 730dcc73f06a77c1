// What the keys of the page do.

/** @typedef {import("./view.js").Page} Page */

/** @type {Record<string, (page: Page) => unknown>} */
const KEYS = {
  n: (page) => page.move(1),
  arrowright: (page) => page.move(1),
  p: (page) => page.move(-1),
  arrowleft: (page) => page.move(-1),
  arrowup: (page) => page.scroll(1),
  arrowdown: (page) => page.scroll(-1),
  g: (page) => page.judge("good"),
  f: (page) => page.judge("fix"),
  b: (page) => page.judge("bad"),
  u: (page) => page.judge(""),
  t: () => document.getElementById("note")?.focus(),
  r: (page) => page.turnOver(),
  s: (page) => page.setOver("both"),
  m: (page) => page.toggleMask(),
  o: (page) => page.toggleOutline(),
  v: (page) => page.nextLayout(),
};

/**
 * Let keys act on the page, but where a person types. NiiVue has keys of its own, and does not get these.
 * @param {Page} page
 */
export function answerKeys(page) {
  window.addEventListener(
    "keydown",
    (event) => {
      const typing = event.target instanceof HTMLInputElement && !["checkbox", "range"].includes(event.target.type);
      if (typing && event.key === "Escape") /** @type {HTMLInputElement} */ (event.target).blur();
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLSelectElement) return; // it finds its entries by their letters
      if (event.target instanceof HTMLInputElement && event.key.startsWith("Arrow")) return;
      if (event.repeat && !["ArrowUp", "ArrowDown"].includes(event.key)) return; // a held key is one verdict
      const act = KEYS[event.key.toLowerCase()];
      if (!act && !/^[1-9]$/.test(event.key)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (act) act(page);
      else page.toggleClass(Number(event.key));
    },
    { capture: true },
  );
}
