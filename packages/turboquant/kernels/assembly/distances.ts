// Distances of the signs of codes from those of a query. Everything is whole numbers: the result is the same on every engine, in whatever order it is summed up.

/** How many of the first signs of each row differ from the query's, as 16-bit numbers. Rows are `stride` bytes apart; `bytes` of each are looked at, a multiple of eight. */
export function hamming(rows: usize, stride: i32, bytes: i32, count: i32, query: usize, out: usize): void {
  const wide = <usize>(bytes & ~15);
  for (let row = 0; row < count; row++, rows += <usize>stride, out += 2) {
    let sum = i16x8.splat(0);
    let at: usize = 0;
    while (at < wide) {
      // A byte holds at most 31 times eight.
      const stop = min<usize>(wide, at + 31 * 16);
      let ones = i8x16.splat(0);
      for (; at < stop; at += 16) ones = i8x16.add(ones, i8x16.popcnt(v128.xor(v128.load(rows + at), v128.load(query + at))));
      sum = i16x8.add(sum, i16x8.extadd_pairwise_i8x16_u(ones));
    }
    if (wide < <usize>bytes)
      sum = i16x8.add(sum, i16x8.extadd_pairwise_i8x16_u(i8x16.popcnt(v128.xor(v128.load64_zero(rows + wide), v128.load64_zero(query + wide)))));
    store<u16>(out, <u16>sumOfEight(sum));
  }
}

/** The same for four queries at once: query q's are at `query + q * stride`, its results at `out + q * step`. */
export function hammingOfFour(rows: usize, stride: i32, bytes: i32, count: i32, query: usize, out: usize, step: i32): void {
  const wide = <usize>(bytes & ~15);
  const second = query + <usize>stride;
  const third = second + <usize>stride;
  const fourth = third + <usize>stride;
  for (let row = 0; row < count; row++, rows += <usize>stride, out += 2) {
    let sum0 = i16x8.splat(0);
    let sum1 = i16x8.splat(0);
    let sum2 = i16x8.splat(0);
    let sum3 = i16x8.splat(0);
    let at: usize = 0;
    while (at < wide) {
      const stop = min<usize>(wide, at + 31 * 16);
      let bytes0 = i8x16.splat(0);
      let bytes1 = i8x16.splat(0);
      let bytes2 = i8x16.splat(0);
      let bytes3 = i8x16.splat(0);
      for (; at < stop; at += 16) {
        const signs = v128.load(rows + at);
        bytes0 = i8x16.add(bytes0, i8x16.popcnt(v128.xor(signs, v128.load(query + at))));
        bytes1 = i8x16.add(bytes1, i8x16.popcnt(v128.xor(signs, v128.load(second + at))));
        bytes2 = i8x16.add(bytes2, i8x16.popcnt(v128.xor(signs, v128.load(third + at))));
        bytes3 = i8x16.add(bytes3, i8x16.popcnt(v128.xor(signs, v128.load(fourth + at))));
      }
      sum0 = i16x8.add(sum0, i16x8.extadd_pairwise_i8x16_u(bytes0));
      sum1 = i16x8.add(sum1, i16x8.extadd_pairwise_i8x16_u(bytes1));
      sum2 = i16x8.add(sum2, i16x8.extadd_pairwise_i8x16_u(bytes2));
      sum3 = i16x8.add(sum3, i16x8.extadd_pairwise_i8x16_u(bytes3));
    }
    if (wide < <usize>bytes) {
      const signs = v128.load64_zero(rows + wide);
      sum0 = i16x8.add(sum0, i16x8.extadd_pairwise_i8x16_u(i8x16.popcnt(v128.xor(signs, v128.load64_zero(query + wide)))));
      sum1 = i16x8.add(sum1, i16x8.extadd_pairwise_i8x16_u(i8x16.popcnt(v128.xor(signs, v128.load64_zero(second + wide)))));
      sum2 = i16x8.add(sum2, i16x8.extadd_pairwise_i8x16_u(i8x16.popcnt(v128.xor(signs, v128.load64_zero(third + wide)))));
      sum3 = i16x8.add(sum3, i16x8.extadd_pairwise_i8x16_u(i8x16.popcnt(v128.xor(signs, v128.load64_zero(fourth + wide)))));
    }
    store<u16>(out, <u16>sumOfEight(sum0));
    store<u16>(out + <usize>step, <u16>sumOfEight(sum1));
    store<u16>(out + <usize>(2 * step), <u16>sumOfEight(sum2));
    store<u16>(out + <usize>(3 * step), <u16>sumOfEight(sum3));
  }
}

@inline
function sumOfEight(sum: v128): i32 {
  const four = i32x4.extadd_pairwise_i16x8_u(sum);
  const two = i32x4.add(four, v128.shuffle<i32>(four, four, 2, 3, 2, 3));
  return i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
}
