// Reads MetaImage, in one file (.mha) or as a header (.mhd) with its values beside it. The rules are those of SimpleITK.
import { MM_PER_NAME, dataFile, grid, kindOf, readLines, readPromised, wholeNumbers } from "./text_header.js";
import { Refusal, checkGrid, turnedLps } from "./volume.js";

/** @type {Record<string, import("./stored.js").Kind>} */
const KINDS = {
  MET_CHAR: "int8",
  MET_UCHAR: "uint8",
  MET_SHORT: "int16",
  MET_USHORT: "uint16",
  MET_INT: "int32",
  MET_UINT: "uint32",
  MET_LONG: "int32",
  MET_ULONG: "uint32",
  MET_LONG_LONG: "int64",
  MET_ULONG_LONG: "uint64",
  MET_FLOAT: "float32",
  MET_DOUBLE: "float64",
};

const AGAIN = "Convert it from its source again.";

/**
 * @param {File} file
 * @param {File[]} beside the files that came with it
 */
export async function readMetaImage(file, beside) {
  const { name } = file;
  const { lines, end } = await readLines(file, (line) => /^\s*ElementDataFile\s*=/.test(line));
  const fields = new Map(lines.filter((line) => line.includes("=")).map((line) => [line.slice(0, line.indexOf("=")).trim(), line.slice(line.indexOf("=") + 1).trim()]));
  const get = (/** @type {string[]} */ ...keys) => keys.map((key) => fields.get(key)).find((value) => value !== undefined) ?? "";
  const missing = ["NDims", "DimSize", "ElementType", "ElementDataFile"].filter((key) => !get(key));
  if (missing.length) throw new Refusal(name, `has no header of MetaImage: ${missing.join(" and ")} are missing.`);
  const truth = (/** @type {string} */ text) => /^[t1]/i.test(text);
  if (!truth(get("BinaryData") || "T")) throw new Refusal(name, "has its values as text.", "Convert it to .nii.gz.");
  const sizes = wholeNumbers(get("DimSize"), name, "DimSize");
  const held = grid(sizes, Number(get("ElementNumberOfChannels") || 1), name);
  const kind = kindOf(KINDS, get("ElementType").replace(/_ARRAY$/, ""), name);
  const affine = affineOf(get, sizes.length);
  checkGrid(affine, held.shape, name, "Fix its TransformMatrix and its ElementSpacing.");
  const local = get("ElementDataFile").toUpperCase() === "LOCAL";
  if (local && Number(get("HeaderSize") || 0) > 0) {
    throw new Refusal(name, `has its values behind the header and HeaderSize ${get("HeaderSize")}, which contradict each other.`, AGAIN);
  }
  const packed = truth(get("CompressedData"));
  const size = held.shape.reduce((product, length) => product * length, held.channels);
  const source = local ? file : dataFile(name, get("ElementDataFile"), beside);
  const data = source.slice(start(local ? end : Number(get("HeaderSize") || 0), source.size, size, kind));
  const big = truth(get("BinaryDataByteOrderMSB", "ElementByteOrderMSB"));
  return readPromised(name, { ...held, kind, big, packed, data, affine, warnings: oddities(get) });
}

/** Where values begin; a header size of -1 says that they are the last of their file. @param {number} skip @param {number} length @param {number} count @param {string} kind */
function start(skip, length, count, kind) {
  return skip < 0 ? Math.max(0, length - count * (Number(/\d+/.exec(kind)) / 8)) : skip;
}

/** @param {(...keys: string[]) => string} get @param {number} axes */
function affineOf(get, axes) {
  const numbers = (/** @type {string} */ text) => (text ? text.trim().split(/\s+/).map(Number) : []);
  const turn = numbers(get("TransformMatrix", "Rotation", "Orientation"));
  const sizes = numbers(get("ElementSpacing", "ElementSize"));
  const origin = numbers(get("Offset", "Position", "Origin"));
  const unit = MM_PER_NAME[get("DistanceUnits").toLowerCase()] ?? 1;
  const entry = (/** @type {number} */ row, /** @type {number} */ axis) => {
    const inside = row < axes && axis < axes;
    const direction = inside && turn.length ? turn[axis * axes + row] : Number(row === axis); // an axis after the other
    return direction * (axis < axes ? (sizes[axis] ?? 1) * unit : 1); // a plane is 1 mm thick, whatever the unit
  };
  const lps = [0, 1, 2].map((row) => [...[0, 1, 2].map((axis) => entry(row, axis)), (origin[row] ?? 0) * unit]);
  return turnedLps([...lps, [0, 0, 0, 1]]);
}

/** @param {(...keys: string[]) => string} get @returns {string[]} */
function oddities(get) {
  const texts = [];
  const sizes = get("ElementSpacing", "ElementSize");
  if (!sizes) texts.push(`does not say how large its voxels are (no ElementSpacing); 1 mm was assumed. ${AGAIN}`);
  else if (/(^|\s)-/.test(sizes)) texts.push(`has voxels of ${sizes} by its ElementSpacing; an axis below 0 was read as one that is mirrored. Look whether left and right are right.`);
  const unit = get("DistanceUnits").toLowerCase();
  if (unit && unit !== "?" && !(unit in MM_PER_NAME)) texts.push(`has the unit of length '${unit}', which is not known; mm was assumed. Set DistanceUnits to mm.`);
  if (!get("TransformMatrix", "Rotation", "Orientation", "Offset", "Position", "Origin")) {
    texts.push(`does not say where it lies (no TransformMatrix, no Offset); its sides are a guess. ${AGAIN}`);
  }
  return texts;
}
