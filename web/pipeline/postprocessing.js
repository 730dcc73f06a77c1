// The transforms behind the network, by the names that the bundle's inference.json gives them.
import { keepLargest } from "./components.js";
import { splitByPlane } from "./plane_split.js";
import { restoreGrid } from "./restoring.js";

/** @typedef {import("./restoring.js").Segmentation} Segmentation */
/** @typedef {import("./volume.js").Triple} Triple */
/** @typedef {{ shape: Triple, affine: import("./affine.js").Affine }} Grid */
/** @typedef {import("./preprocessing.js").Step} Step */

/** @type {Record<string, (found: Segmentation, step: any, grid: Grid) => Segmentation>} */
const TRANSFORMS = {
  KeepLargestComponentsd(found, { applied_labels }) {
    keepLargest(found.labels, found.shape, applied_labels);
    return found;
  },
  SplitByPlaned(found, step) {
    splitByPlane(found.labels, found.shape, step);
    return found;
  },
  RestoreGridd(found, _, grid) {
    return { ...grid, labels: restoreGrid(found, grid) };
  },
};

/**
 * A segmentation on the grid of its image's file.
 * @param {Segmentation} found its labels are changed
 * @param {Step[]} steps
 * @param {Grid} grid of the file
 * @param {(done: number, total: number) => void} report
 */
export function postprocess(found, steps, grid, report = () => {}) {
  steps.forEach((step, index) => {
    report(index, steps.length);
    const act = TRANSFORMS[step.transform];
    if (!act) throw new Error(`This page does not know the transform ${step.transform}. Make the site again: mobileunet web.`);
    found = act(found, step, grid);
  });
  report(steps.length, steps.length);
  return found.labels;
}
