// Reads NRRD, in one file or as a header (.nhdr) with its values beside it. The rules are those of SimpleITK.
import { MM_PER_NAME, dataFile, grid, kindOf, readLines, readPromised, wholeNumbers } from "./text_header.js";
import { BYTES } from "./stored.js";
import { Refusal, checkGrid, turnedLps } from "./volume.js";

/** @typedef {Map<string, string>} Fields */

/** @type {Record<string, import("./stored.js").Kind>} */
const KINDS = /** @type {any} */ (Object.fromEntries(
  Object.entries({
    int8: "signed char|int8|int8_t",
    uint8: "uchar|unsigned char|uint8|uint8_t",
    int16: "short|short int|signed short|signed short int|int16|int16_t",
    uint16: "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    int32: "int|signed int|int32|int32_t",
    uint32: "uint|unsigned int|uint32|uint32_t",
    int64: "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    uint64: "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    float32: "float",
    float64: "double",
  }).flatMap(([kind, names]) => names.split("|").map((name) => [name, kind])),
));

/** Spaces that NRRD knows: those that name sides of a body, and those that do not. */
const SIDES = /^((right-anterior|left-anterior|left-posterior)-superior(-time)?|(RA|LA|LP)ST?)$/i;
const OTHERS = /^(scanner-xyz|3D-(right|left)-handed)(-time)?$/i;
const AGAIN = "Convert it from its source again.";

/**
 * @param {File} file
 * @param {File[]} beside the files that came with it
 */
export async function readNrrd(file, beside) {
  const { name } = file;
  const { lines, end } = await readLines(file, (line) => line === "");
  if (!/^NRRD000\d\s*$/.test(lines[0] ?? "")) throw new Refusal(name, "has no header of NRRD.");
  const fields = fieldsOf(lines);
  for (const key of ["type", "sizes", "encoding"]) {
    if (!fields.has(key)) throw new Refusal(name, `has a header without ${key}.`);
  }
  const encoding = get(fields, "encoding").toLowerCase();
  if (!["raw", "gz", "gzip"].includes(encoding)) throw new Refusal(name, `has the encoding '${encoding}'; expected raw or gzip.`, "Write it with encoding gzip.");
  const named = get(fields, "datafile");
  if (Number(get(fields, "lineskip") || 0)) throw new Refusal(name, "has a line skip.", "Write it in one file.");
  const kind = kindOf(KINDS, get(fields, "type"), name);
  const sizes = wholeNumbers(get(fields, "sizes"), name, "sizes");
  const together = leading(fields, sizes.length);
  const held = grid(sizes.slice(together), together ? sizes[0] : 1, name);
  const { affine, warnings } = placeOf(fields, held.planar ? 2 : 3, name);
  checkGrid(affine, held.shape, name, "Fix its space directions and space origin.");
  const source = named ? dataFile(name, named, beside) : file;
  const skip = Number(get(fields, "byteskip") || 0);
  const isLast = skip === -1 && encoding === "raw"; // the values are the last bytes of their file
  const size = sizes.reduce((product, length) => product * length, BYTES[kind]);
  const data = source.slice(isLast ? Math.max(0, source.size - size) : (named ? 0 : end) + Math.max(0, skip));
  const big = get(fields, "endian").toLowerCase() === "big";
  return readPromised(name, { ...held, kind, big, packed: encoding !== "raw", data, affine, warnings });
}

/** @param {string[]} lines @returns {Fields} by key in small letters without spaces */
function fieldsOf(lines) {
  const fields = new Map();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    if (colon < 0 || line.startsWith("#") || line[colon + 1] === "=") continue;
    fields.set(line.slice(0, colon).trim().toLowerCase().replaceAll(" ", ""), line.slice(colon + 1).trim());
  }
  return fields;
}

/** @param {Fields} fields @param {string} key */
function get(fields, key) {
  return fields.get(key) ?? "";
}

/** Whether the first axis is none of space: 1 or 0. @param {Fields} fields @param {number} axes */
function leading(fields, axes) {
  const directions = vectors(get(fields, "spacedirections"));
  if (directions.length) return directions[0] === null ? 1 : 0;
  const kinds = get(fields, "kinds").toLowerCase().split(/\s+/);
  return axes > 2 && kinds[0] && !["domain", "space", "time", "???", "none"].includes(kinds[0]) ? 1 : 0;
}

/** Vectors as NRRD writes them; null for `none`. @param {string} text */
function vectors(text) {
  return [...text.matchAll(/\(([^)]*)\)|none/gi)].map(([, inside]) => (inside === undefined ? null : inside.split(",").map(Number)));
}

/** @param {Fields} fields @param {number} axes @param {string} name of the file */
function placeOf(fields, axes, name) {
  const space = get(fields, "space");
  const warnings = [];
  if (!space) warnings.push(`does not say where it lies (no 'space'); its sides are a guess. ${AGAIN}`);
  else if (!SIDES.test(space) && !OTHERS.test(space)) throw new Refusal(name, `has the space '${space}', which NRRD does not know.`, AGAIN);
  else if (!SIDES.test(space)) warnings.push(`has the space '${space}', which names no sides of a body; they are a guess. ${AGAIN}`);
  const found = vectors(get(fields, "spacedirections")).filter((vector) => vector !== null);
  const spacings = get(fields, "spacings").split(/\s+/).map(Number).filter((size) => Number.isFinite(size) && size);
  if (!found.length && !spacings.length) {
    warnings.push(`does not say how large its voxels are (no 'space directions' or 'spacings'); 1 mm was assumed. ${AGAIN}`);
  }
  const columns = [0, 1, 2].map((axis) => {
    const vector = axis < axes ? found[axis] : undefined;
    return [0, 1, 2].map((row) => (vector ? (vector[row] ?? 0) : row === axis ? (axis < axes ? (spacings[axis] ?? 1) : 1) : 0));
  });
  const origin = vectors(get(fields, "spaceorigin"))[0] ?? [];
  const scale = scaleOf(fields, name, warnings);
  const signs = signsOf(space);
  const lps = [0, 1, 2].map((row) => {
    const directed = columns.map((column) => column[row] * (found.length ? signs[row] : 1)); // without directions, the axes are those of LPS
    return [...directed, (origin[row] ?? 0) * signs[row]].map((value) => value * scale[row]);
  });
  return { affine: turnedLps([...lps, [0, 0, 0, 1]]), warnings };
}

/** mm per unit along the axes of space. @param {Fields} fields @param {string} name @param {string[]} warnings */
function scaleOf(fields, name, warnings) {
  const bySpace = fields.has("spaceunits");
  const units = [...(fields.get("spaceunits") ?? get(fields, "units")).matchAll(/"([^"]*)"/g)].map(([, unit]) => unit.trim().toLowerCase());
  for (const unit of new Set(bySpace ? units.filter((one) => one && !(one in MM_PER_NAME)) : [])) {
    warnings.push(`has the unit of length '${unit}', which is not known; mm was assumed. Set 'space units' to "mm" for each axis.`);
  }
  const scale = units.filter((unit) => bySpace || unit in MM_PER_NAME).map((unit) => MM_PER_NAME[unit] ?? 1);
  if (!bySpace && new Set(scale).size > 1) throw new Refusal(name, `has several units of length (${units.join(", ")}).`, "Write it in mm.");
  return [0, 1, 2].map((axis) => scale[axis] ?? scale[0] ?? 1);
}

/** Which axes of a space run against those of LPS, as SimpleITK sees it: it turns these two spaces, and no others. @param {string} space */
function signsOf(space) {
  const words = space.toLowerCase().replace(/-time$|(?<=^[rl][ap][si])t$/, "");
  if (["right-anterior-superior", "ras"].includes(words)) return [-1, -1, 1];
  if (["left-anterior-superior", "las"].includes(words)) return [1, -1, 1];
  return [1, 1, 1];
}
