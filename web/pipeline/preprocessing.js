// The transforms before the network, by the names that the bundle's inference.json gives them.
import { cut, foregroundBox } from "./crop.js";
import { clipPercentiles, normalise, scaleRange, takeOffset } from "./intensity.js";
import { orient } from "./orientation.js";
import { respace } from "./spacing.js";

/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {{ transform: string, keys: string[] } & Record<string, any>} Step */
/** @typedef {Map<string, Volume>} Case */

/** @param {(volume: Volume, step: any) => Volume} change @returns {(items: Case, step: Step) => void} */
const each = (change) => (items, step) => {
  for (const key of step.keys) items.set(key, change(item(items, key), step));
};

/** What each transform does to the items of a case. @type {Record<string, (items: Case, step: Step) => void>} */
const TRANSFORMS = {
  Orientationd: each((volume, { axcodes }) => orient(volume, axcodes)),
  Spacingd: each(respace),
  Lambdad: each(takeOffset),
  ScaleIntensityRanged: each(scaleRange),
  ClipIntensityPercentilesd: each(clipPercentiles),
  NormalizeIntensityd: each(normalise),
  CropForegroundd(items, step) {
    const box = foregroundBox(item(items, step.source_key), /** @type {any} */ (step));
    for (const key of step.keys) items.set(key, cut(item(items, key), box));
  },
  CopyItemsd(items, { keys, names }) {
    keys.forEach((key, index) => items.set(names[index], item(items, key)));
  },
  ConcatItemsd(items, { keys, name }) {
    const parts = keys.map((key) => item(items, key));
    items.set(name, { ...parts[0], channels: parts.flatMap(({ channels }) => channels) });
  },
  DeleteItemsd(items, { keys }) {
    for (const key of keys) items.delete(key);
  },
};

/**
 * An image as the network sees it.
 * @param {Volume} image
 * @param {Step[]} steps
 * @param {(done: number, total: number) => void} report
 */
export function preprocess(image, steps, report = () => {}) {
  /** @type {Case} */
  const items = new Map([["image", image]]);
  steps.forEach((step, index) => {
    report(index, steps.length);
    const act = TRANSFORMS[step.transform];
    if (!act) throw new Error(`This page does not know the transform ${step.transform}. Make the site again: mobileunet web.`);
    act(items, step);
  });
  report(steps.length, steps.length);
  return item(items, "image");
}

/** @param {Case} items @param {string} key */
function item(items, key) {
  const found = items.get(key);
  if (!found) throw new Error(`The bundle's preprocessing asks for ${key}, which no step has made.`);
  return found;
}
