// What the keys of the page do.

/** @typedef {import("./view.js").Page} Page */

/**
 * @param {Page} page
 * @returns {Record<string, () => unknown>} by the names of the keys in small letters
 */
export function pageKeys(page) {
  return {
    n: () => page.move(1),
    arrowright: () => page.move(1),
    p: () => page.move(-1),
    arrowleft: () => page.move(-1),
    arrowup: () => page.controls.scroll(1),
    arrowdown: () => page.controls.scroll(-1),
    g: () => page.judge("good"),
    f: () => page.judge("fix"),
    b: () => page.judge("bad"),
    u: () => page.judge(""),
    t: () => document.getElementById("note")?.focus(),
    r: () => page.turnOver(),
    s: () => page.setOver("both"),
    m: () => page.table.toggleAll(),
    o: () => page.controls.toggleOutline(),
    v: () => page.controls.nextLayout(),
  };
}
