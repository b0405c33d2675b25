// From a vector to its code. Every float is added, subtracted and multiplied in the order that src/kernels/plain.ts has.

/** Sum of squares in four running sums, of the coordinates 0, 4, 8..; 1, 5, 9..; and so on. `count` is a multiple of four. */
export function sumOfSquares(at: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (const end = at + ((<usize>count) << 2); at < end; at += 16) {
    const four = v128.load(at);
    const left = f64x2.promote_low_f32x4(four);
    const right = f64x2.promote_low_f32x4(upperHalf(four));
    low = f64x2.add(low, f64x2.mul(left, left));
    high = f64x2.add(high, f64x2.mul(right, right));
  }
  return sumOfFour(low, high);
}

/** Each coordinate times a 64-bit float, rounded once. */
export function multiply(at: usize, count: i32, factor: f64): void {
  const by = f64x2.splat(factor);
  for (const end = at + ((<usize>count) << 2); at < end; at += 16) {
    const four = v128.load(at);
    const left = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(four), by));
    const right = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(upperHalf(four)), by));
    v128.store(at, v128.shuffle<i64>(left, right, 0, 2));
  }
}

/** Flips the signs where `signs` has the uppermost bit, then Sylvester's matrix on every block of `block` coordinates, a power of two of at least four. */
export function signedSylvester(at: usize, size: i32, block: i32, signs: usize): void {
  const end = at + ((<usize>size) << 2);
  firstTwoLevels(at, end, signs);
  let half = 4;
  for (; half * 4 <= block; half *= 4) twoLevels(at, end, (<usize>half) << 2);
  if (half < block) oneLevel(at, end, (<usize>half) << 2);
}

function firstTwoLevels(at: usize, end: usize, signs: usize): void {
  const second = i32x4(0, i32.MIN_VALUE, 0, i32.MIN_VALUE);
  const upper = i32x4(0, 0, i32.MIN_VALUE, i32.MIN_VALUE);
  for (; at < end; at += 16, signs += 16) {
    let four = v128.xor(v128.load(at), v128.load(signs));
    // a + b, a - b: the second of a pair is turned round before the first is added to it.
    four = f32x4.add(v128.shuffle<i32>(four, four, 0, 0, 2, 2), v128.xor(v128.shuffle<i32>(four, four, 1, 1, 3, 3), second));
    four = f32x4.add(v128.shuffle<i32>(four, four, 0, 1, 0, 1), v128.xor(v128.shuffle<i32>(four, four, 2, 3, 2, 3), upper));
    v128.store(at, four);
  }
}

function twoLevels(at: usize, end: usize, half: usize): void {
  for (let from = at; from < end; from += half << 2)
    for (let one = from; one < from + half; one += 16) {
      const a = v128.load(one);
      const b = v128.load(one + half);
      const c = v128.load(one + (half << 1));
      const d = v128.load(one + half * 3);
      const ab = f32x4.add(a, b);
      const aLessB = f32x4.sub(a, b);
      const cd = f32x4.add(c, d);
      const cLessD = f32x4.sub(c, d);
      v128.store(one, f32x4.add(ab, cd));
      v128.store(one + half, f32x4.add(aLessB, cLessD));
      v128.store(one + (half << 1), f32x4.sub(ab, cd));
      v128.store(one + half * 3, f32x4.sub(aLessB, cLessD));
    }
}

function oneLevel(at: usize, end: usize, half: usize): void {
  for (let from = at; from < end; from += half << 1)
    for (let one = from; one < from + half; one += 16) {
      const a = v128.load(one);
      const b = v128.load(one + half);
      v128.store(one, f32x4.add(a, b));
      v128.store(one + half, f32x4.sub(a, b));
    }
}

/** Each coordinate times a 32-bit float. */
export function scale(at: usize, count: i32, factor: f32): void {
  const by = f32x4.splat(factor);
  for (const end = at + ((<usize>count) << 2); at < end; at += 16) v128.store(at, f32x4.mul(v128.load(at), by));
}

/**
 * Of each coordinate the place of its magnitude among the borders, and its value without a sign. `borders` and `centroids` have 2^width floats each; the last
 * border is without end. Up to seven borders all are compared with; above, `buckets` leads near: a byte for each stretch of 1/128, with how many borders lie below it.
 */
export function place(at: usize, count: i32, width: i32, borders: usize, centroids: usize, buckets: usize, last: i32, places: usize, values: usize): void {
  if (width <= 3) placeByAll(at, count, (1 << width) - 1, borders, centroids, places, values);
  else placeByBuckets(at, count, borders, centroids, buckets, last, places, values);
}

function placeByAll(at: usize, count: i32, many: i32, borders: usize, centroids: usize, places: usize, values: usize): void {
  for (let nth = 0; nth < count; nth += 4) {
    const magnitude = f32x4.abs(v128.load(at + ((<usize>nth) << 2)));
    let found = i32x4.splat(0);
    let value = v128.load32_splat(centroids);
    for (let border = 0; border < many; border++) {
      const above = f32x4.gt(magnitude, v128.load32_splat(borders + ((<usize>border) << 2)));
      found = i32x4.sub(found, above);
      value = v128.bitselect(v128.load32_splat(centroids + ((<usize>(border + 1)) << 2)), value, above);
    }
    v128.store(values + ((<usize>nth) << 2), value);
    const narrow = i16x8.narrow_i32x4_s(found, found);
    v128.store32_lane(places + <usize>nth, i8x16.narrow_i16x8_u(narrow, narrow), 0);
  }
}

/** Buckets in a coordinate of length one. */
const FINENESS: f32 = 128;

function placeByBuckets(at: usize, count: i32, borders: usize, centroids: usize, buckets: usize, last: i32, places: usize, values: usize): void {
  for (let nth = 0; nth < count; nth++) {
    const magnitude = abs<f32>(load<f32>(at + ((<usize>nth) << 2)));
    const bucket = min<i32>(<i32>(magnitude * FINENESS), last);
    let found = <i32>load<u8>(buckets + <usize>bucket);
    while (magnitude > load<f32>(borders + ((<usize>found) << 2))) found++;
    store<u8>(places + <usize>nth, <u8>found);
    store<f32>(values + ((<usize>nth) << 2), load<f32>(centroids + ((<usize>found) << 2)));
  }
}

/** Sums of squared values, of values times magnitudes, and of squared magnitudes, each in four running sums, as three 64-bit floats at `out`. */
export function scaleSums(turned: usize, values: usize, count: i32, out: usize): void {
  let valuesLow = f64x2.splat(0);
  let valuesHigh = f64x2.splat(0);
  let bothLow = f64x2.splat(0);
  let bothHigh = f64x2.splat(0);
  let turnedLow = f64x2.splat(0);
  let turnedHigh = f64x2.splat(0);
  for (let nth: usize = 0; nth < (<usize>count) << 2; nth += 16) {
    const magnitude = f32x4.abs(v128.load(turned + nth));
    const value = v128.load(values + nth);
    const left = f64x2.promote_low_f32x4(magnitude);
    const right = f64x2.promote_low_f32x4(upperHalf(magnitude));
    const valueLeft = f64x2.promote_low_f32x4(value);
    const valueRight = f64x2.promote_low_f32x4(upperHalf(value));
    valuesLow = f64x2.add(valuesLow, f64x2.mul(valueLeft, valueLeft));
    valuesHigh = f64x2.add(valuesHigh, f64x2.mul(valueRight, valueRight));
    bothLow = f64x2.add(bothLow, f64x2.mul(valueLeft, left));
    bothHigh = f64x2.add(bothHigh, f64x2.mul(valueRight, right));
    turnedLow = f64x2.add(turnedLow, f64x2.mul(left, left));
    turnedHigh = f64x2.add(turnedHigh, f64x2.mul(right, right));
  }
  store<f64>(out, sumOfFour(valuesLow, valuesHigh));
  store<f64>(out + 8, sumOfFour(bothLow, bothHigh));
  store<f64>(out + 16, sumOfFour(turnedLow, turnedHigh));
}

/** A bit for each coordinate that is less than zero; whole groups of sixteen are written. */
export function signPlane(at: usize, count: i32, out: usize): void {
  const zero = f32x4.splat(0);
  for (let nth = 0; nth < count; nth += 16, at += 64, out += 2) {
    const bits =
      i32x4.bitmask(f32x4.lt(v128.load(at), zero)) |
      (i32x4.bitmask(f32x4.lt(v128.load(at, 16), zero)) << 4) |
      (i32x4.bitmask(f32x4.lt(v128.load(at, 32), zero)) << 8) |
      (i32x4.bitmask(f32x4.lt(v128.load(at, 48), zero)) << 12);
    store<u16>(out, <u16>bits);
  }
}

/** One bit of each place; whole groups of sixteen are written. */
export function bitPlane(places: usize, count: i32, bit: i32, out: usize): void {
  for (let nth = 0; nth < count; nth += 16, places += 16, out += 2)
    store<u16>(out, <u16>i8x16.bitmask(i8x16.shl(v128.load(places), 7 - bit)));
}

@inline
function upperHalf(four: v128): v128 {
  return v128.shuffle<i64>(four, four, 1, 1);
}

@inline
function sumOfFour(low: v128, high: v128): f64 {
  return f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1) + (f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1));
}
