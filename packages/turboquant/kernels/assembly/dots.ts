// Inner products of a query with codes, straight from their bit planes. All is whole numbers.
//
// A list has two addresses for each code: of its signs, and of its other planes, one `stride` behind the other. Coordinates are taken in groups of sixteen, of which a plane has
// two bytes: spread over a vector they stand in turn, so the query stands in that order as well (0, 8, 1, 9 .. 7, 15).

/**
 * Reads a byte of every line of what the second address of each code leads to, so that many of them are on their way at once: codes lie far from one another, and a product waits for each line in turn. What
 * it gives back says nothing.
 */
export function fetch(list: usize, count: i32, bytes: i32): i32 {
  let all = 0;
  for (let nth = 0; nth < count; nth++, list += 8) {
    const from = <usize>load<u32>(list, 4);
    for (let at: usize = 0; at < <usize>bytes; at += 64) all |= <i32>load<u8>(from + at);
  }
  return all;
}

/** Up to three planes besides the signs. `query`: signed bytes. `table`: sixteen values of 0 to 127. Adds to the 32-bit numbers at `out`. */
export function dotsOfBytes(list: usize, count: i32, query: usize, from: i32, to: i32, planes: i32, stride: i32, table: usize, out: usize): void {
  if (planes === 0) bytesWith(0, list, count, query, from, to, stride, table, out);
  else if (planes === 1) bytesWith(1, list, count, query, from, to, stride, table, out);
  else if (planes === 2) bytesWith(2, list, count, query, from, to, stride, table, out);
  else bytesWith(3, list, count, query, from, to, stride, table, out);
}

@inline
function bytesWith(planes: i32, list: usize, count: i32, query: usize, from: i32, to: i32, stride: i32, table: usize, out: usize): void {
  const values = v128.load(table);
  const one = i8x16.splat(1);
  const bits = i8x16(1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64, -128, -128);
  for (let nth = 0; nth < count; nth++, list += 8, out += 4) {
    const signs = <usize>load<u32>(list);
    const rest = <usize>load<u32>(list, 4);
    let sum = i32x4.splat(0);
    for (let group = from; group < to; group++) {
      const at = (<usize>group) << 1;
      let places = i8x16.splat(0);
      if (planes > 0) places = v128.and(one, spread(rest + at, bits));
      if (planes > 1) places = next(places, rest + <usize>stride + at, bits);
      if (planes > 2) places = next(places, rest + <usize>(2 * stride) + at, bits);
      const negative = spread(signs + at, bits);
      const turned = i8x16.sub(v128.xor(v128.load(query + ((<usize>group) << 4)), negative), negative);
      sum = addProducts(turned, planes > 0 ? choose(values, places) : v128.load8_splat(table), sum);
    }
    store<i32>(out, load<i32>(out) + sumOfFour32(sum));
  }
}

/** Any number of planes. `query`: signed 16-bit numbers. `table`: 256 of them, for the sign as the uppermost bit and then the place. `room`: sixteen bytes. */
export function dotsOfWords(list: usize, count: i32, query: usize, from: i32, to: i32, planes: i32, stride: i32, table: usize, room: usize, out: usize): void {
  const bits = i8x16(1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64, -128, -128);
  const uppermost = i8x16.splat(-128);
  for (let nth = 0; nth < count; nth++, list += 8, out += 4) {
    const signs = <usize>load<u32>(list);
    const rest = <usize>load<u32>(list, 4);
    let sum = 0;
    for (let group = from; group < to; group++) {
      const at = (<usize>group) << 1;
      let places = i8x16.splat(0);
      for (let plane = 0; plane < planes; plane++) places = next(places, rest + <usize>(plane * stride) + at, bits);
      v128.store(room, v128.or(places, v128.and(uppermost, spread(signs + at, bits))));
      const values = query + ((<usize>group) << 5);
      for (let lane: usize = 0; lane < 16; lane += 4) {
        sum += valueOf(table, room + lane) * <i32>load<i16>(values + (lane << 1));
        sum += valueOf(table, room + lane + 1) * <i32>load<i16>(values + (lane << 1), 2);
        sum += valueOf(table, room + lane + 2) * <i32>load<i16>(values + (lane << 1), 4);
        sum += valueOf(table, room + lane + 3) * <i32>load<i16>(values + (lane << 1), 6);
      }
    }
    store<i32>(out, load<i32>(out) + sum);
  }
}

@inline
function valueOf(table: usize, place: usize): i32 {
  return <i32>load<i16>(table + ((<usize>load<u8>(place)) << 1));
}

/** All ones where the bit of the coordinate is set. */
@inline
function spread(at: usize, bits: v128): v128 {
  return i8x16.eq(v128.and(v128.load16_splat(at), bits), bits);
}

/** Places with one more bit below. */
@inline
function next(places: v128, at: usize, bits: v128): v128 {
  return i8x16.sub(i8x16.add(places, places), spread(at, bits));
}

@inline
export function choose(values: v128, places: v128): v128 {
  // Places are below sixteen, where both say the same.
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(values, places) : i8x16.swizzle(values, places);
}

/** Neither of two neighbouring products passes 127 * 127, so their sum fits 16 bits. */
@inline
function addProducts(query: v128, values: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(query, values, sum);
  const pairs = i16x8.add(i16x8.extmul_low_i8x16_s(query, values), i16x8.extmul_high_i8x16_s(query, values));
  return i32x4.add(sum, i32x4.extadd_pairwise_i16x8_s(pairs));
}

@inline
function sumOfFour32(sum: v128): i32 {
  const two = i32x4.add(sum, v128.shuffle<i32>(sum, sum, 2, 3, 2, 3));
  return i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
}
