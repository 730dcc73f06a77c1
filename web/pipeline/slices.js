// Slices of a volume with their neighbours as channels, as the network was trained on them.

/** @typedef {import("./volume.js").Volume} Volume */
/** @typedef {import("./volume.js").Triple} Triple */

/** Where slices lie in a volume: the axis of their stack, of their rows and of their columns. @typedef {Triple} Plane */

/**
 * First slices of the groups that cover a stack: the last one ends with the stack.
 * @param {number} depth slices of the stack
 * @param {number} size slices in a group
 * @param {number} step slices from one group to the next
 */
export function planGroups(depth, size, step) {
  if (depth <= size) return [0];
  const count = Math.ceil((depth - size) / step) + 1;
  return Array.from({ length: count }, (_, index) => Math.min(index * step, depth - size));
}

/**
 * The network's input for some slices: channels of the lowest neighbour first. Beyond the stack its edge is repeated.
 * @param {Volume} volume whose channels are plain
 * @param {Plane} plane
 * @param {number[]} middles the slices
 * @param {number} context neighbours on each side
 * @param {Set<number>} mirrored axes of the volume that are turned around
 * @returns {Float32Array} `(slices, channels · (2 · context + 1), rows, columns)`
 */
export function gather({ channels, shape }, plane, middles, context, mirrored) {
  const [stack, down, across] = plane;
  const [rows, columns] = [shape[down], shape[across]];
  const neighbours = 2 * context + 1;
  const out = new Float32Array(middles.length * neighbours * channels.length * rows * columns);
  let index = 0;
  for (const middle of middles) {
    for (let place = 0; place < neighbours; place++) {
      const offset = (mirrored.has(stack) ? neighbours - 1 - place : place) - context;
      const slice = Math.min(Math.max(middle + offset, 0), shape[stack] - 1);
      for (const { numbers, start, strides } of channels) {
        const rowStep = mirrored.has(down) ? -strides[down] : strides[down];
        const step = mirrored.has(across) ? -strides[across] : strides[across];
        let row = start + slice * strides[stack] + (rowStep < 0 ? (rows - 1) * strides[down] : 0);
        if (step < 0) row += (columns - 1) * strides[across];
        for (let y = 0; y < rows; y++, row += rowStep) {
          for (let x = 0, from = row; x < columns; x++, from += step) out[index++] = numbers[from];
        }
      }
    }
  }
  return out;
}

/**
 * Parts of slices: the same window of each.
 * @param {Float32Array} slices `(planes, rows, columns)`, whatever the planes are
 * @param {[number, number]} size rows and columns
 * @param {{ row: number, column: number }} corner
 * @param {[number, number]} window
 */
export function cutWindow(slices, [rows, columns], { row, column }, [height, width]) {
  const planes = slices.length / (rows * columns);
  const out = new Float32Array(planes * height * width);
  for (let plane = 0, index = 0; plane < planes; plane++) {
    for (let y = 0; y < height; y++, index += width) {
      const from = (plane * rows + row + y) * columns + column;
      out.set(slices.subarray(from, from + width), index);
    }
  }
  return out;
}
