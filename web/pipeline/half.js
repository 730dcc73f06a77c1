// Numbers of 16 bits, for browsers that cannot round to them.

/** The nearest number of 16 bits, the even one of two. @type {(value: number) => number} */
export const roundToHalf = "f16round" in Math ? /** @type {any} */ (Math).f16round : nearestHalf;

/** @param {number} value */
export function nearestHalf(value) {
  const size = Math.abs(value);
  if (!(size > 0) || !Number.isFinite(size)) return value;
  const step = 2 ** (Math.max(Math.floor(Math.log2(size)), -14) - 10);
  const steps = size / step;
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const rounded = (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor) * step;
  return Math.sign(value) * (rounded > 65504 ? Infinity : rounded);
}
