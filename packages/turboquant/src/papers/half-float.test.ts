import { describe, expect, it } from "vitest";
import { fromHalf, halfOf, LARGEST_HALF } from "./half-float.ts";

const INFINITE = 0x7c00;

describe("sixteen-bit floats", () => {
  it("are read and written alike, all of them, and rise", () => {
    for (let bits = 0; bits < INFINITE; bits++) {
      expect(halfOf(fromHalf(bits))).toBe(bits);
      if (bits > 0) expect(fromHalf(bits)).toBeGreaterThan(fromHalf(bits - 1));
    }
  });

  it.each([
    [0, 0],
    [2 ** -24, 1],
    [2 ** -14, 0x400],
    [1, 0x3c00],
    [1.5, 0x3e00],
    [LARGEST_HALF, 0x7bff],
  ])("have %d as the standard has it", (value, bits) => {
    expect(halfOf(value)).toBe(bits);
    expect(fromHalf(bits)).toBe(value);
  });

  it("are the nearest there is, the even one where two are as near", () => {
    for (const bits of [0, 1, 0x3ff, 0x400, 0x3c00, 0x3fff, 0x7bfe]) {
      const [low, high] = [fromHalf(bits), fromHalf(bits + 1)];
      expect(halfOf((low + high) / 2)).toBe(bits % 2 === 0 ? bits : bits + 1);
      expect(halfOf(low + (high - low) * 0.499)).toBe(bits);
      expect(halfOf(low + (high - low) * 0.501)).toBe(bits + 1);
    }
  });

  it("do not read infinities, NaN and negative ones", () => {
    for (const bits of [INFINITE, 0x7e00, 0x8001, 0xbc00, 0xffff]) expect(fromHalf(bits)).toBeNaN();
  });
});
