// Writes NIfTI: the image for the viewer, and the mask for the viewer and for its owner.
import { emptyHeader, writeHeader } from "./nifti_header.js";
import { spacingOf } from "../../pipeline/affine.js";
import { ROOM } from "./volume.js";

/** @typedef {import("./nifti_header.js").NiftiHeader} NiftiHeader */
/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {Uint8Array | Uint16Array} Mask */

/** Codes of the types that a viewer reads as they are. It drops the last voxel of int32, and turns int8 into int16. @type {Record<string, number>} */
const SHOWN = { Uint8Array: 2, Int16Array: 4, Float32Array: 16, Uint16Array: 512 };

const LABEL_INTENT = 1002;
const SCANNER = 1;
const MM = 2;

/** How far the edges of a voxel may be from right angles in a qform, which knows no others. */
const RIGHT = 1e-3;

/**
 * What a viewer reads of one channel: the content of a NIfTI file, in the memory of the values where these can stay.
 * @param {Volume} volume
 * @param {number} channel
 * @returns {ArrayBuffer}
 */
export function shownImage(volume, channel) {
  const voxels = volume.values.length / volume.channels;
  const stays = volume.channels === 1 && volume.values.constructor.name in SHOWN && volume.values.byteOffset === ROOM;
  const values = stays ? volume.values : withRoom(volume.values.subarray(channel * voxels, (channel + 1) * voxels));
  const header = { ...placedHeader(volume.affine), slope: volume.slope, inter: volume.inter };
  writeHeader(typed(header, volume.shape, values), new Uint8Array(values.buffer, 0, ROOM));
  return /** @type {ArrayBuffer} */ (values.buffer);
}

/** A copy with room for a header, in a type that a viewer reads. @param {import("./volume.js").Numbers} values */
function withRoom(values) {
  const Type = /** @type {Float32ArrayConstructor} */ (values.constructor.name in SHOWN ? values.constructor : Float32Array);
  const copy = new Type(new ArrayBuffer(ROOM + values.length * Type.BYTES_PER_ELEMENT), ROOM, values.length);
  copy.set(values);
  return copy;
}

/** What a viewer reads of a mask. @param {Mask} mask @param {Volume} volume @returns {ArrayBuffer} */
export function shownMask(mask, volume) {
  const values = withRoom(mask);
  const header = { ...placedHeader(volume.affine), intent: LABEL_INTENT };
  writeHeader(typed(header, volume.shape, mask), new Uint8Array(values.buffer, 0, ROOM));
  return /** @type {ArrayBuffer} */ (values.buffer);
}

/**
 * The file of a mask, compressed: of a NIfTI image it has the geometry as it stands in the image's header.
 * @param {Mask} mask
 * @param {Volume} volume the image, on whose grid it is
 * @returns {Promise<Blob>}
 */
export async function maskFile(mask, volume) {
  const header = maskHeader(mask, volume);
  const start = new Uint8Array(header.size + 4);
  writeHeader(header, start);
  const file = new Blob([start, /** @type {Uint8Array<ArrayBuffer>} */ (mask)]);
  return new Response(file.stream().pipeThrough(new CompressionStream("gzip"))).blob();
}

/** @param {Mask} mask @param {Volume} volume */
export function maskHeader(mask, volume) {
  const { header: stored, affine } = volume;
  const sizes = volume.planar ? volume.shape.slice(0, 2) : volume.shape;
  const geometry = stored
    ? { ...stored, big: false, pixdim: stored.pixdim.map((size, axis) => (axis <= sizes.length ? size : 1)) }
    : placedHeader(affine);
  return typed({ ...geometry, slope: 1, inter: 0, intent: LABEL_INTENT }, sizes, mask);
}

/** A header for values on a grid. @param {NiftiHeader} header @param {number[]} sizes @param {import("./volume.js").Numbers} values @returns {NiftiHeader} */
function typed(header, sizes, values) {
  const dim = [sizes.length, ...sizes, 1, 1, 1, 1, 1, 1].slice(0, 8);
  return { ...header, dim, datatype: SHOWN[values.constructor.name], bits: 8 * values.BYTES_PER_ELEMENT, offset: header.size + 4 };
}

/** A header that says where a grid lies, and nothing else. @param {number[][]} affine in mm @returns {NiftiHeader} */
function placedHeader(affine) {
  const srow = affine.slice(0, 3).flat();
  const sizes = spacingOf(affine);
  const turned = quaternion(affine, sizes);
  const qform = turned && { qformCode: SCANNER, quatern: turned.vector, qoffset: affine.slice(0, 3).map((row) => row[3]) };
  return { ...emptyHeader(), sformCode: SCANNER, srow, pixdim: [turned?.handed ?? 1, ...sizes, 1, 1, 1, 1], units: MM, ...qform };
}

/**
 * How a grid is turned, as NIfTI says it.
 * @param {number[][]} affine
 * @param {number[]} sizes mm per voxel along the axes
 * @returns {{ vector: number[], handed: 1 | -1 } | null} null: its edges are not at right angles
 */
export function quaternion(affine, sizes) {
  const column = (/** @type {number} */ axis) => [0, 1, 2].map((row) => affine[row][axis] / sizes[axis]);
  const [x, y, z] = [0, 1, 2].map(column);
  const dot = (/** @type {number[]} */ one, /** @type {number[]} */ other) => one.reduce((sum, value, row) => sum + value * other[row], 0);
  if (Math.max(Math.abs(dot(x, y)), Math.abs(dot(x, z)), Math.abs(dot(y, z))) > RIGHT) return null;
  const handed = dot([x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]], z) < 0 ? -1 : 1;
  const last = z.map((value) => value * handed);
  const squares = [1 + x[0] + y[1] + last[2], 1 + x[0] - y[1] - last[2], 1 - x[0] + y[1] - last[2], 1 - x[0] - y[1] + last[2]];
  const [w, b, c, d] = squares.map((square) => Math.sqrt(Math.max(0, square)) / 2);
  const largest = Math.max(w, b, c, d); // the others have their signs, and their digits, by it
  const scale = 1 / (4 * largest);
  const [p, q, r] = [y[2] - last[1], last[0] - x[2], x[1] - y[0]]; // 4wb, 4wc, 4wd
  const [s, t, u] = [x[1] + y[0], last[0] + x[2], y[2] + last[1]]; // 4bc, 4bd, 4cd
  if (largest === w) return { vector: [p * scale, q * scale, r * scale], handed };
  const [real, vector] =
    largest === b ? [p, [b, s * scale, t * scale]] : largest === c ? [q, [s * scale, c, u * scale]] : [r, [t * scale, u * scale, d]];
  return { vector: real < 0 ? vector.map((value) => 0 - value) : vector, handed };
}
