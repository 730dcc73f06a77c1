// Numbers out of bytes: unpacking, byte order and types.
import { ROOM, Refusal } from "./volume.js";

/** @typedef {import("./volume.js").Numbers} Numbers */
/** @typedef {"int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64" | "float32" | "float64"} Kind */

/** Bytes of each type. @type {Record<Kind, number>} */
export const BYTES = { int8: 1, uint8: 1, int16: 2, uint16: 2, int32: 4, uint32: 4, int64: 8, uint64: 8, float32: 4, float64: 8 };

const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

export const NO_UNPACKING =
  "This browser cannot unpack compressed files (it has no DecompressionStream). Update it, or drop an uncompressed file.";

/** No data that zlib or gzip packed are this many times smaller than what they were. */
const PACKED_RATIO = 1040;

/** Bytes that come one after another. */
export class Bytes {
  /** @param {ReadableStream<Uint8Array>} stream @param {string} name of the file @param {number} most how many there can be */
  constructor(stream, name, most) {
    this.reader = stream.getReader();
    this.name = name;
    this.most = most;
    /** @type {Uint8Array} */ this.left = new Uint8Array(0);
  }

  /** Fill a place as far as there are bytes. @param {Uint8Array} target @returns {Promise<number>} how many there were */
  async into(target) {
    let at = 0;
    while (at < target.length && (await this.#more())) {
      const piece = this.left.subarray(0, target.length - at);
      target.set(piece, at);
      at += piece.length;
      this.left = this.left.subarray(piece.length);
    }
    return at;
  }

  /** Read to the end, where a checksum may stand. @returns {Promise<number>} how many bytes there were */
  async rest() {
    let count = 0;
    while (await this.#more()) {
      count += this.left.length;
      this.left = new Uint8Array(0);
    }
    return count;
  }

  async #more() {
    while (!this.left.length) {
      const { done, value } = await this.reader.read().catch((error) => {
        throw new Refusal(this.name, `cannot be read (${error.message}). It is cut off or damaged, or was moved.`);
      });
      if (done) return false;
      this.left = value;
    }
    return true;
  }
}

/**
 * The bytes of a file, unpacked where they are packed.
 * @param {Blob} file
 * @param {"" | "gzip" | "deflate"} packing
 * @param {string} name of the file
 */
export function bytesOf(file, packing, name) {
  const stream = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (file.stream());
  if (!packing) return new Bytes(stream, name, file.size);
  if (typeof DecompressionStream === "undefined") throw new Error(NO_UNPACKING);
  return new Bytes(stream.pipeThrough(new DecompressionStream(packing)), name, file.size * PACKED_RATIO);
}

/**
 * Read the values that a header promises.
 * @param {Bytes} bytes from where the values begin
 * @param {number} count of values
 * @param {Kind} kind
 * @param {boolean} big whether the first byte of a number is its highest
 * @returns {Promise<{ values: Numbers, warnings: string[] }>} values, with room for a header before them
 */
export async function readValues(bytes, count, kind, big) {
  const { name } = bytes;
  const size = count * BYTES[kind];
  if (size > bytes.most) throw cutOff(name, size, `${bytes.most.toLocaleString("en")} at most`); // before memory is asked for
  const content = new Uint8Array(ROOM + size);
  const found = await bytes.into(content.subarray(ROOM));
  if (found < size) throw cutOff(name, size, found.toLocaleString("en"));
  const more = await bytes.rest();
  const warnings = more > size * 0.01 + 16 ? [leftOver(name, size + more, size)] : [];
  if (big) swap(content.subarray(ROOM), BYTES[kind]);
  return { values: numbers(content.buffer, count, kind), warnings };
}

/** @param {ArrayBuffer} buffer with {@link ROOM} before the values @param {number} count @param {Kind} kind @returns {Numbers} */
function numbers(buffer, count, kind) {
  if (kind !== "int64" && kind !== "uint64") return new ARRAYS[kind](buffer, ROOM, count);
  const long = new (kind === "int64" ? BigInt64Array : BigUint64Array)(buffer.slice(ROOM), 0, count); // 352 is a multiple of 8, too
  const values = new Float64Array(buffer, ROOM, count);
  for (let index = 0; index < count; index++) values[index] = Number(long[index]);
  return values;
}

/** Turn the bytes of each number round. @param {Uint8Array} bytes @param {number} size of a number */
function swap(bytes, size) {
  for (let at = 0; size > 1 && at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

/** @param {string} name @param {number} promised @param {string} found */
function cutOff(name, promised, found) {
  return new Refusal(name, `is cut off, or its header is wrong: it promises ${promised.toLocaleString("en")} bytes of values; found ${found}.`);
}

/** @param {string} name @param {number} stored @param {number} promised */
function leftOver(name, stored, promised) {
  const words = [stored, promised].map((count) => count.toLocaleString("en"));
  return `${name}: has ${words[0]} bytes of values; its header promises ${words[1]}, and the others were not read. Look whether its sizes and its type are right.`;
}
