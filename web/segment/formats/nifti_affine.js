// Where a NIfTI file says that it lies. The rules are those of nibabel, which the command line reads with.
import { spacingOf } from "../../pipeline/affine.js";

/** @typedef {import("./nifti_header.js").NiftiHeader} NiftiHeader */

/** By the three lowest bits of `xyzt_units`. A header that names no unit (0), as many do, is in mm by custom. */
const MM_PER_UNIT = /** @type {Record<number, number>} */ ({ 0: 1, 1: 1000, 2: 1, 3: 0.001 });

/** Codes of a qform or sform that NIfTI knows. */
const FORMS = [0, 1, 2, 3, 4, 5];

/** Rounding that a quaternion in float32 may have. */
const ROUNDING = 3 * 2 ** -23;

/** @param {NiftiHeader} header */
function mmPerUnit(header) {
  return MM_PER_UNIT[header.units & 7] ?? 1;
}

/** A header with codes, sizes and handedness that are possible, as nibabel corrects them. @param {NiftiHeader} header @returns {NiftiHeader} */
export function correctedHeader(header) {
  const known = (/** @type {number} */ code) => (FORMS.includes(code) ? code : 0);
  const pixdim = header.pixdim.map((size, axis) => (axis < 1 || axis > 3 ? size : size === 0 ? 1 : Math.abs(size)));
  if (Math.abs(pixdim[0]) !== 1) pixdim[0] = 1;
  return { ...header, pixdim, qformCode: known(header.qformCode), sformCode: known(header.sformCode) };
}

/**
 * The affine in mm, whatever the header's unit of length.
 * @param {NiftiHeader} header that was corrected
 * @returns {number[][]} rows
 */
export function niftiAffine(header) {
  const rows = header.sformCode > 0 ? sformRows(header) : (header.qformCode > 0 && qformRows(header)) || plainRows(header);
  const unit = mmPerUnit(header);
  // 1 mm is 0.001 m but for the rounding of float32, which would turn into another size
  const scaled = unit === 1 ? rows : rows.map((row) => row.map((value) => (Number.isFinite(value) ? Number((value * unit).toPrecision(7)) : value)));
  return [...scaled, [0, 0, 0, 1]];
}

/** @param {NiftiHeader} header */
function sformRows(header) {
  return [0, 1, 2].map((row) => header.srow.slice(4 * row, 4 * row + 4));
}

/** @param {NiftiHeader} header @returns {number[][] | null} null: its quaternion is longer than 1 */
export function qformRows(header) {
  const [b, c, d] = header.quatern;
  const rest = 1 - (b * b + c * c + d * d);
  if (rest < -ROUNDING) return null;
  const turned = rotation([Math.sqrt(Math.max(0, rest)), b, c, d]);
  const sizes = [header.pixdim[1], header.pixdim[2], header.pixdim[3] * header.pixdim[0]];
  return turned.map((row, axis) => [...row.map((value, column) => value * sizes[column]), header.qoffset[axis]]);
}

/** @param {number[]} quaternion of any length */
function rotation([w, x, y, z]) {
  const scale = 2 / (w * w + x * x + y * y + z * z);
  const [X, Y, Z] = [x * scale, y * scale, z * scale];
  return [
    [1 - (y * Y + z * Z), x * Y - w * Z, x * Z + w * Y],
    [x * Y + w * Z, 1 - (x * X + z * Z), y * Z - w * X],
    [x * Z - w * Y, y * Z + w * X, 1 - (x * X + y * Y)],
  ];
}

/** Of a file that does not say where it lies: the middle of the grid at 0, and the first axis to the left. @param {NiftiHeader} header */
function plainRows(header) {
  const axes = header.dim[0];
  return [0, 1, 2].map((axis) => {
    const size = (axis < axes ? header.pixdim[axis + 1] : 1) * (axis === 0 ? -1 : 1);
    const middle = ((axis < axes ? header.dim[axis + 1] : 1) - 1) / 2;
    return [...[0, 1, 2].map((column) => (column === axis ? size : 0)), 0 - middle * size];
  });
}

/**
 * What is odd about how large the voxels are and where they lie.
 * @param {NiftiHeader} stored as it stands in the file
 * @param {string} name of the file
 * @returns {string[]} sentences
 */
export function headerWarnings(stored, name) {
  const header = correctedHeader(stored);
  return [...sizeWarnings(stored, header), ...formWarnings(stored, header)].map((text) => `${name}: ${text}`);
}

/** @param {NiftiHeader} stored @param {NiftiHeader} header @returns {string[]} */
function sizeWarnings(stored, header) {
  const sizes = spacingOf(niftiAffine(header));
  const axes = [1, 2, 3].slice(0, header.dim[0]);
  const unsized = axes.filter((axis) => !(Number.isFinite(stored.pixdim[axis]) && stored.pixdim[axis] > 0));
  const texts = unsized.map((axis) => {
    const used = `${Number(sizes[axis - 1].toPrecision(4))} mm was`;
    const [end, remedy] = header.sformCode > 0
      ? ["taken from its sform.", `Set pixdim[${axis}] to what the sform says.`]
      : ["assumed, and its volumes and its mask are a guess.", "Convert it from its source again."];
    return `has pixdim[${axis}] = ${stored.pixdim[axis]}, expected the size of a voxel along axis ${axis}; ${used} ${end} ${remedy}`;
  });
  if (!((header.units & 7) in MM_PER_UNIT)) {
    texts.push(`has xyzt_units ${header.units}, whose unit of length NIfTI does not know; mm was assumed. Set xyzt_units to 2 (mm).`);
  }
  if (header.sformCode > 0 && header.qformCode <= 0) { // with a qform, both places are compared
    const said = header.pixdim.slice(1, 4).map((size) => size * mmPerUnit(header));
    if (axes.some((axis) => !unsized.includes(axis) && Math.abs(said[axis - 1] - sizes[axis - 1]) > 0.1 * sizes[axis - 1])) {
      const [first, second] = [said, sizes].map((some) => some.map((size) => Number(size.toPrecision(4))).join("×"));
      texts.push(`has voxels of ${first} mm by its pixdim and of ${second} mm by its sform, which was taken. Find out which is right.`);
    }
  }
  return texts;
}

/** @param {NiftiHeader} stored @param {NiftiHeader} header @returns {string[]} */
function formWarnings(stored, header) {
  const texts = /** @type {const} */ (["sformCode", "qformCode"])
    .filter((code) => stored[code] !== header[code])
    .map((code) => `has a ${code.slice(0, 5)} code of ${stored[code]}, which NIfTI does not know; it was taken for 0, not set.`);
  const { sformCode, qformCode } = header;
  if (sformCode <= 0 && qformCode <= 0) {
    texts.push("does not say where it lies (sform_code and qform_code are 0); its sides and volumes are a guess. Convert it from its source again.");
  }
  if (qformCode <= 0) return texts;
  const second = qformRows(header);
  if (!second) return [...texts, "has an invalid qform (its quaternion is longer than 1); it was not used. Fix the qform."];
  if (sformCode <= 0) return texts;
  const apart = farthest(sformRows(header), second, header.dim.slice(1, 4)) * mmPerUnit(header);
  if (!(apart <= 0.5 * Math.min(...spacingOf(niftiAffine(header))))) {
    const words = Number.isFinite(apart) ? `up to ${Number(apart.toPrecision(3))} mm apart` : "nowhere near another";
    texts.push(`has an sform and a qform that lie ${words}; the sform was taken. Find out which is right, and set the other to it.`);
  }
  return texts;
}

/** How far two affines put the corners of a grid apart at most. @param {number[][]} one @param {number[][]} other @param {number[]} shape */
function farthest(one, other, shape) {
  const distances = Array.from({ length: 8 }, (_, corner) => {
    const place = [...[0, 1, 2].map((axis) => ((corner >> axis) & 1) * (Math.max(1, shape[axis]) - 1)), 1];
    return Math.hypot(...[0, 1, 2].map((row) => place.reduce((sum, at, column) => sum + at * (one[row][column] - other[row][column]), 0)));
  });
  return Math.max(...distances);
}
