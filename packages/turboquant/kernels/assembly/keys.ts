// Of the 16-bit keys of all codes, which are the better the smaller they are. 65,535 is the key of a code that is out of question.

/** Sums become keys: of a code with number s the cosine is about `none - step * sum`, its key `base - slope * s * cosine`, from 0 to `most`. `count` is a multiple of four. */
export function weigh(keys: usize, scales: usize, count: i32, none: f32, step: f32, base: f32, slope: f32, most: f32): void {
  const no = f32x4.splat(none);
  const by = f32x4.splat(step);
  const from = f32x4.splat(base);
  const fall = f32x4.splat(slope);
  const top = f32x4.splat(most);
  const zero = f32x4.splat(0);
  for (const end = keys + ((<usize>count) << 1); keys < end; keys += 8, scales += 16) {
    const sums = f32x4.convert_i32x4_u(v128.load16x4_u(keys));
    const estimates = f32x4.mul(v128.load(scales), f32x4.sub(no, f32x4.mul(by, sums)));
    const four = f32x4.max(zero, f32x4.min(top, f32x4.sub(from, f32x4.mul(fall, estimates))));
    const whole = i32x4.trunc_sat_f32x4_u(four);
    v128.store64_lane(keys, i16x8.narrow_i32x4_u(whole, whole), 0);
  }
}

/** Adds one to the 32-bit count of each key that is at most `most`. `count` is a multiple of eight; most keys are larger. */
export function histogram(keys: usize, count: i32, counts: usize, most: i32): void {
  const high = i16x8.splat(<i16>most);
  for (const end = keys + ((<usize>count) << 1); keys < end; keys += 16) {
    const eight = v128.load(keys);
    let bits = i16x8.bitmask(i16x8.le_u(eight, high));
    while (bits !== 0) {
      const at = counts + ((<usize>load<u16>(keys + ((<usize>ctz<i32>(bits)) << 1))) << 2);
      store<u32>(at, load<u32>(at) + 1);
      bits &= bits - 1;
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
