// Reads NIfTI files, with their values as they are stored.
import { LONGEST_HEADER, readHeader } from "./nifti_header.js";
import { correctedHeader, headerWarnings, niftiAffine } from "./nifti_affine.js";
import { bytesOf, readValues } from "./stored.js";
import { spacingOf } from "../../pipeline/affine.js";
import { Refusal, checkGrid } from "./volume.js";

/** @typedef {import("./nifti_header.js").NiftiHeader} NiftiHeader */

/** @type {Record<number, import("./stored.js").Kind>} */
const KINDS = { 2: "uint8", 4: "int16", 8: "int32", 16: "float32", 64: "float64", 256: "int8", 512: "uint16", 768: "uint32", 1024: "int64", 1280: "uint64" };

/** What a voxel may hold that is no number. @type {Record<number, string>} */
const OTHERS = { 32: "complex numbers", 1792: "complex numbers", 2048: "complex numbers", 128: "colours", 2304: "colours" };

/**
 * Read a file to its end.
 * @param {File} file
 * @returns {Promise<import("./volume.js").Volume>}
 */
export async function readNifti(file) {
  const { name } = file;
  const packed = await isGzip(file);
  if (packed !== /\.gz$/i.test(name)) {
    const found = packed ? "is compressed but not named .gz" : "is named .gz but is not compressed";
    throw new Refusal(name, `${found}.`, `Rename it to ${packed ? `${name}.gz` : name.slice(0, -3)} if it is an image at all.`);
  }
  const bytes = bytesOf(file, packed ? "gzip" : "", name);
  const head = new Uint8Array(LONGEST_HEADER);
  const found = await bytes.into(head);
  const stored = readHeader(head.subarray(0, found));
  if (!stored) throw new Refusal(name, "has no header of NIfTI with its values in the same file.", "Convert it to .nii.gz from its source.");
  const least = stored.size + 4;
  if (stored.offset < least) {
    const problem = `has vox_offset ${stored.offset}, where its header lies; expected ${least} or more.`;
    throw new Refusal(name, problem, `Set vox_offset to ${least} if the values follow the header.`);
  }
  const header = correctedHeader(stored);
  const { shape, channels, planar } = shapeOf(header, name);
  const kind = kindOf(header, name);
  const affine = niftiAffine(header);
  checkGrid(affine, shape, name, "Fix its sform, or set sform_code to 0; and look at pixdim and xyzt_units.");
  await seek(bytes, head.subarray(0, found), header.offset);
  const { values, warnings } = await readValues(bytes, shape[0] * shape[1] * shape[2] * channels, kind, header.big);
  const odd = [...headerWarnings(stored, name), ...warnings];
  return { name, shape, channels, values, ...scaling(header, name), affine, planar, header: sized(stored, header), modality: "", warnings: odd };
}

/** @param {NiftiHeader} header @param {string} name */
function kindOf(header, name) {
  const kind = KINDS[header.datatype];
  if (kind) return kind;
  const found = OTHERS[header.datatype] ?? `values of type ${header.datatype}`;
  throw new Refusal(name, `holds ${found}; expected one number per voxel.`, "Export intensities.");
}

/** @param {Blob} file */
export async function isGzip(file) {
  const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  return start[0] === 0x1f && start[1] === 0x8b;
}

/** Go to where the values begin; what was read beyond goes back. @param {import("./stored.js").Bytes} bytes @param {Uint8Array} head @param {number} offset */
async function seek(bytes, head, offset) {
  if (offset <= head.length) {
    const back = new Uint8Array(head.length - offset + bytes.left.length);
    back.set(head.subarray(offset));
    back.set(bytes.left, head.length - offset);
    bytes.left = back;
    return;
  }
  let skip = offset - head.length;
  const piece = new Uint8Array(Math.min(skip, 1 << 16)); // an offset that is a wild number asks for no memory
  for (let count = 1; skip > 0 && count > 0; skip -= count) count = await bytes.into(piece.subarray(0, Math.min(skip, piece.length)));
}

/** @param {NiftiHeader} header @param {string} name @returns {{ shape: [number, number, number], channels: number, planar: boolean }} */
function shapeOf(header, name) {
  const shape = header.dim.slice(1, 1 + header.dim[0]);
  const kept = shape.length === 2 ? [...shape, 1] : [...shape];
  while (kept.length > 3 && kept[kept.length - 1] === 1) kept.pop();
  if (![3, 4].includes(kept.length) || Math.min(...kept) < 1) {
    throw new Refusal(name, `has shape ${shape.join("×") || "of no axis"}; expected one 3D volume.`, "Split it into volumes.");
  }
  return { shape: [kept[0], kept[1], kept[2]], channels: kept[3] ?? 1, planar: shape.length === 2 };
}

/** @param {NiftiHeader} header @param {string} name */
function scaling({ slope, inter }, name) {
  if (!Number.isFinite(slope) || slope === 0) return { slope: 1, inter: 0 };
  if (!Number.isFinite(inter)) throw new Refusal(name, `has scl_inter ${inter}; expected a number.`, "Set scl_inter to 0 if its values are not shifted.");
  return { slope, inter };
}

/** The header for a mask: sizes of voxels that its `pixdim` does not say are those of its sform. @param {NiftiHeader} stored @param {NiftiHeader} header */
function sized(stored, header) {
  if (header.sformCode <= 0) return header;
  const sizes = spacingOf([0, 1, 2].map((row) => header.srow.slice(4 * row, 4 * row + 4)));
  const pixdim = header.pixdim.map((size, axis) => {
    const said = axis < 1 || axis > Math.min(3, header.dim[0]) || (Number.isFinite(stored.pixdim[axis]) && stored.pixdim[axis] > 0);
    return said ? size : sizes[axis - 1];
  });
  return { ...header, pixdim };
}
