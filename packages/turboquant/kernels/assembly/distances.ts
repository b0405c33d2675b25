// A first look at codes: what their signs say of the inner product with a query that is not cut to signs itself. Everything is whole numbers: the result is the same on every engine.
//
// Rows stand in lots of 32: the first eight signs of each, a byte a row, then the next eight. Four signs choose one of the sixteen numbers that a table has for their four coordinates, all rows of
// a lot at once.

import { choose } from "./dots";

const LOT_ROWS: usize = 32;

/** Sums of what the signs of each row choose, as 16-bit numbers. `lots`: of rows, behind one another. `columns`: bytes of a row, a multiple of four. `table`: for each byte 16 numbers of 0 to 31 for its lower four signs, and 16 for its upper ones. */
export function look(rows: usize, columns: i32, lots: i32, table: usize, out: usize): void {
  const size = <usize>columns * LOT_ROWS;
  for (let lot = 0; lot < lots; lot++, rows += size, out += 2 * LOT_ROWS) {
    let even0 = i16x8.splat(0);
    let odd0 = i16x8.splat(0);
    let even1 = i16x8.splat(0);
    let odd1 = i16x8.splat(0);
    let choices = table;
    for (let at = rows, end = rows + size; at < end; at += 4 * LOT_ROWS, choices += 128) {
      // Eight numbers of at most 31 fit a byte.
      let lower = v128.load(choices);
      let upper = v128.load(choices, 16);
      let sum0 = chosen(v128.load(at), lower, upper);
      let sum1 = chosen(v128.load(at, 16), lower, upper);
      lower = v128.load(choices, 32);
      upper = v128.load(choices, 48);
      sum0 = i8x16.add(sum0, chosen(v128.load(at, 32), lower, upper));
      sum1 = i8x16.add(sum1, chosen(v128.load(at, 48), lower, upper));
      lower = v128.load(choices, 64);
      upper = v128.load(choices, 80);
      sum0 = i8x16.add(sum0, chosen(v128.load(at, 64), lower, upper));
      sum1 = i8x16.add(sum1, chosen(v128.load(at, 80), lower, upper));
      lower = v128.load(choices, 96);
      upper = v128.load(choices, 112);
      sum0 = i8x16.add(sum0, chosen(v128.load(at, 96), lower, upper));
      sum1 = i8x16.add(sum1, chosen(v128.load(at, 112), lower, upper));
      even0 = i16x8.add(even0, sum0);
      odd0 = i16x8.add(odd0, i16x8.shr_u(sum0, 8));
      even1 = i16x8.add(even1, sum1);
      odd1 = i16x8.add(odd1, i16x8.shr_u(sum1, 8));
    }
    put(even0, odd0, out);
    put(even1, odd1, out + LOT_ROWS);
  }
}

@inline
function chosen(signs: v128, lower: v128, upper: v128): v128 {
  const four = i8x16.splat(15);
  return i8x16.add(choose(lower, v128.and(signs, four)), choose(upper, v128.and(i16x8.shr_u(signs, 4), four)));
}

/** `even` has the sums of even rows, and 256 times those of odd ones besides. */
@inline
function put(even: v128, odd: v128, out: usize): void {
  const own = i16x8.sub(even, i16x8.shl(odd, 8));
  v128.store(out, v128.shuffle<i16>(own, odd, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(out, v128.shuffle<i16>(own, odd, 4, 12, 5, 13, 6, 14, 7, 15), 16);
}

/** Copies the signs of rows to where they stand behind one another. `list` has two addresses for each row: the first is that of its first byte in its lot, and becomes that of the copy. */
export function gather(list: usize, count: i32, columns: i32, out: usize): void {
  for (let nth = 0; nth < count; nth++, list += 8) {
    let from = <usize>load<u32>(list);
    store<u32>(list, <u32>out);
    for (const end = out + <usize>columns; out < end; out++, from += LOT_ROWS) store<u8>(out, load<u8>(from));
  }
}

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

