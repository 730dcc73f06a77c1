// Keys that act on a page.

/**
 * Let keys act, but where a person types. NiiVue has keys of its own, and does not get these.
 * @param {Record<string, () => unknown>} keys what they do, by their names in small letters
 * @param {(number: number) => void} toggleClass what 1 to 9 do
 */
export function answerKeys(keys, toggleClass) {
  window.addEventListener(
    "keydown",
    (event) => {
      const { target, key } = event;
      const typing = target instanceof HTMLInputElement && !["checkbox", "range"].includes(target.type);
      if (typing && key === "Escape") target.blur();
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (target instanceof HTMLSelectElement) return; // it finds its entries by their letters
      if (target instanceof HTMLInputElement && key.startsWith("Arrow")) return;
      if (key === "Enter" && target instanceof Element && target.closest("button, summary, a, label, input")) return;
      if (event.repeat && !["ArrowUp", "ArrowDown"].includes(key)) return; // a held key is one verdict
      const act = keys[key.toLowerCase()];
      if (!act && !/^[1-9]$/.test(key)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (act) act();
      else toggleClass(Number(key));
    },
    { capture: true },
  );
}
