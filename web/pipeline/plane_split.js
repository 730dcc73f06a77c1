// Two parts of a structure divided by the plane that agrees best with their labels.
import { stridesOf } from "./volume.js";

/**
 * @param {Uint8Array} labels the first axis the fastest; changed in place
 * @param {import("./volume.js").Triple} shape
 * @param {{ spatial_axis: number, lower: number, upper: number }} step which axis the plane lies across, and the class on either side
 */
export function splitByPlane(labels, shape, { spatial_axis: axis, lower, upper }) {
  const below = new Array(shape[axis]).fill(0);
  const above = new Array(shape[axis]).fill(0);
  const stride = stridesOf(shape)[axis];
  /** @param {number} voxel */
  const along = (voxel) => Math.floor(voxel / stride) % shape[axis];
  labels.forEach((label, voxel) => {
    if (label === lower) below[along(voxel)]++;
    else if (label === upper) above[along(voxel)]++;
  });
  const plane = bestPlane(below, above);
  labels.forEach((label, voxel) => {
    if (label === lower || label === upper) labels[voxel] = along(voxel) < plane ? lower : upper;
  });
}

/** The first plane that keeps the most voxels as they are. @param {number[]} below @param {number[]} above */
function bestPlane(below, above) {
  let kept = above.reduce((sum, value) => sum + value, 0);
  let most = kept;
  let plane = 0;
  below.forEach((value, index) => {
    kept += value - above[index];
    if (kept > most) [most, plane] = [kept, index + 1];
  });
  return plane;
}
