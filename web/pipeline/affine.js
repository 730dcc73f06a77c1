// Arithmetic of affine matrices, rows first, in 64 bits.

/** @typedef {number[][]} Affine */

/** @param {number[][]} a @param {number[][]} b */
export function multiply(a, b) {
  return a.map((row) => b[0].map((_, column) => row.reduce((sum, value, index) => sum + value * b[index][column], 0)));
}

/** @param {number[][]} matrix */
export function transpose(matrix) {
  return matrix[0].map((_, column) => matrix.map((row) => row[column]));
}

/**
 * The inverse of a square matrix, by elimination with the largest pivot.
 * @param {number[][]} matrix
 */
export function invert(matrix) {
  const size = matrix.length;
  const rows = matrix.map((row, index) => [...row, ...row.map((_, column) => (column === index ? 1 : 0))]);
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row;
    }
    if (!rows[pivot][column]) throw new Error("The image's geometry cannot be used: its affine matrix has no inverse.");
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    const factor = rows[column][column];
    rows[column] = rows[column].map((value) => value / factor);
    for (let row = 0; row < size; row++) {
      const share = rows[row][column];
      if (row !== column && share) rows[row] = rows[row].map((value, index) => value - share * rows[column][index]);
    }
  }
  return rows.map((row) => row.slice(size));
}

/** Millimetres per voxel along each axis. @param {Affine} affine */
export function spacingOf(affine) {
  return [0, 1, 2].map((column) => Math.hypot(...affine.slice(0, 3).map((row) => row[column])));
}

/** How many times a cube becomes larger, negative where it is mirrored. @param {number[][]} affine or its three rows and columns */
export function determinant([[a, b, c], [d, e, f], [g, h, i]]) {
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

/** The three columns that turn and scale, without where the grid begins. @param {Affine} affine */
export function linearPart(affine) {
  return affine.slice(0, 3).map((row) => row.slice(0, 3));
}

/** @param {number[][]} linear @param {number[]} offset @returns {Affine} */
export function affineOf(linear, offset) {
  return [...linear.map((row, index) => [...row, offset[index]]), [0, 0, 0, 1]];
}

/** Where a voxel lies. @param {Affine} affine @param {number[]} voxel */
export function apply(affine, voxel) {
  return affine.slice(0, 3).map((row) => row[0] * voxel[0] + row[1] * voxel[1] + row[2] * voxel[2] + row[3]);
}

/** Moved so that a voxel of the old grid is the first of the new one. @param {Affine} affine @param {number[]} first */
export function shifted(affine, first) {
  return affineOf(linearPart(affine), apply(affine, first));
}

/**
 * The rotation that is nearest to a matrix (its orthogonal polar factor), by Newton's iteration.
 * @param {number[][]} matrix
 */
export function nearestRotation(matrix) {
  let current = matrix;
  for (let turn = 0; turn < 100; turn++) {
    const other = transpose(invert(current));
    const next = current.map((row, i) => row.map((value, j) => (value + other[i][j]) / 2));
    const change = Math.max(...next.flatMap((row, i) => row.map((value, j) => Math.abs(value - current[i][j]))));
    current = next;
    if (change < 1e-15) break;
  }
  return current;
}

/**
 * The upper triangle R of matrix = QR, with a positive diagonal.
 * @param {number[][]} matrix
 */
export function upperTriangle(matrix) {
  const square = multiply(transpose(matrix), matrix);
  const lower = square.map((row) => row.map(() => 0));
  for (let i = 0; i < square.length; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = square[i][j];
      for (let k = 0; k < j; k++) rest -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(rest) : rest / lower[j][j];
    }
  }
  return transpose(lower);
}
