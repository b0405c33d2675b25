// Of the 16-bit keys of all codes, which are the better the smaller they are. 65,535 is the key of a code that is out of question.

/** Distances become keys: of a code with distance h and number s the estimate is `s * table[h]`, its key `base - slope * estimate`, from 0 to `most`. */
export function weigh(keys: usize, scales: usize, count: i32, table: usize, base: f32, slope: f32, most: f32): void {
  for (let nth = 0; nth < count; nth++, keys += 2, scales += 4) {
    const estimate = load<f32>(scales) * load<f32>(table + ((<usize>load<u16>(keys)) << 2));
    store<u16>(keys, <u16>max<f32>(0, min<f32>(most, base - slope * estimate)));
  }
}

/** Adds one to the 32-bit count of each key that is at most `most`. */
export function histogram(keys: usize, count: i32, counts: usize, most: i32): void {
  for (let nth = 0; nth < count; nth++, keys += 2) {
    const key = <i32>load<u16>(keys);
    if (key <= most) {
      const at = counts + ((<usize>key) << 2);
      store<u32>(at, load<u32>(at) + 1);
    }
  }
}

/** Places of the keys from `least` to `most`, as 32-bit numbers at `out`; how many. `count` is a multiple of eight. */
export function collect(keys: usize, count: i32, least: i32, most: i32, out: usize): i32 {
  const low = i16x8.splat(<i16>least);
  const high = i16x8.splat(<i16>most);
  const first = out;
  for (let nth = 0; nth < count; nth += 8) {
    const eight = v128.load(keys + ((<usize>nth) << 1));
    let bits = i16x8.bitmask(v128.and(i16x8.ge_u(eight, low), i16x8.le_u(eight, high)));
    while (bits !== 0) {
      store<u32>(out, nth + ctz<i32>(bits));
      out += 4;
      bits &= bits - 1;
    }
  }
  return <i32>((out - first) >> 2);
}
