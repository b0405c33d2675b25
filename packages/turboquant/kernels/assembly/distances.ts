// Distances of the signs of codes from those of a query. Everything is whole numbers: the result is the same on every engine, in whatever order it is summed up.

// By words of 64 bits: engines count the ones of such a word in one instruction, those of a vector of bytes in six.

/** How many of the first signs of each row differ from the query's, as 16-bit numbers. Rows are `stride` bytes apart; `bytes` of each are looked at, a multiple of eight. */
export function hamming(rows: usize, stride: i32, bytes: i32, count: i32, query: usize, out: usize): void {
  const wide = <usize>(bytes & ~31);
  for (let row = 0; row < count; row++, rows += <usize>stride, out += 2) {
    let sum: u64 = 0;
    let other: u64 = 0;
    let at: usize = 0;
    for (; at < wide; at += 32) {
      sum += popcnt(load<u64>(rows + at) ^ load<u64>(query + at));
      other += popcnt(load<u64>(rows + at, 8) ^ load<u64>(query + at, 8));
      sum += popcnt(load<u64>(rows + at, 16) ^ load<u64>(query + at, 16));
      other += popcnt(load<u64>(rows + at, 24) ^ load<u64>(query + at, 24));
    }
    for (; at < <usize>bytes; at += 8) sum += popcnt(load<u64>(rows + at) ^ load<u64>(query + at));
    store<u16>(out, <u16>(sum + other));
  }
}

/** The same for four queries at once: query q's are at `query + q * stride`, its results at `out + q * step`. */
export function hammingOfFour(rows: usize, stride: i32, bytes: i32, count: i32, query: usize, out: usize, step: i32): void {
  const second = query + <usize>stride;
  const third = second + <usize>stride;
  const fourth = third + <usize>stride;
  for (let row = 0; row < count; row++, rows += <usize>stride, out += 2) {
    let sum0: u64 = 0;
    let sum1: u64 = 0;
    let sum2: u64 = 0;
    let sum3: u64 = 0;
    for (let at: usize = 0; at < <usize>bytes; at += 8) {
      const signs = load<u64>(rows + at);
      sum0 += popcnt(signs ^ load<u64>(query + at));
      sum1 += popcnt(signs ^ load<u64>(second + at));
      sum2 += popcnt(signs ^ load<u64>(third + at));
      sum3 += popcnt(signs ^ load<u64>(fourth + at));
    }
    store<u16>(out, <u16>sum0);
    store<u16>(out + <usize>step, <u16>sum1);
    store<u16>(out + <usize>(2 * step), <u16>sum2);
    store<u16>(out + <usize>(3 * step), <u16>sum3);
  }
}
