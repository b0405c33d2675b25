import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createQuantizer } from "../codec/quantizer.ts";
import { codeOf } from "../file/test-code-of.ts";
import { badVectors, createNormals, dot, randomVector, relativeError } from "../test-vectors.ts";
import { createPolarQuantizer, type PolarOptions, type PolarRadius } from "./polar.ts";

const meanError = (options: PolarOptions, count: number): number => {
  const quantizer = createPolarQuantizer(options);
  const normal = createNormals(options.dim);
  let sum = 0;
  for (let nth = 0; nth < count; nth++) {
    const vector = randomVector(options.dim, normal);
    sum += relativeError(vector, quantizer.decode(quantizer.encode(vector)));
  }
  return sum / count;
};

describe("vectors in polar coordinates", () => {
  it.each([
    { dim: 128 },
    { dim: 384, radius: "f32" },
    { dim: 128, levels: 1, bits: [3] },
    { dim: 96, levels: 2, bits: [4, 3] },
    { dim: 256, levels: 7, bits: [4, 3, 2, 2, 2, 2, 2] },
    { dim: 128, bits: [8, 7, 6, 6], radius: "f32" },
  ] satisfies PolarOptions[])("have the error of theory: %o", (options) => {
    const { distortion } = createPolarQuantizer(options);
    expect(Math.abs(meanError(options, Math.ceil(200_000 / options.dim)) / distortion - 1)).toBeLessThan(0.02);
  });

  it("take 3.875 bits a coordinate in the paper's setting, of which the lengths are one", () => {
    for (const dim of [128, 256, 1024]) {
      const quantizer = createPolarQuantizer({ dim });
      expect((8 * quantizer.codeBytes) / dim).toBe(3.875);
      expect(quantizer.encode(new Float32Array(dim)).length).toBe(quantizer.codeBytes);
      expect(createPolarQuantizer({ dim, radius: "f32" }).codeBytes).toBe(quantizer.codeBytes + dim / 8);
    }
    expect(createPolarQuantizer({ dim: 32, levels: 3, bits: [3, 2, 1] }).codeBytes).toBe(Math.ceil((4 * 17) / 8) + 8);
  });

  it("err at 3.875 bits by more than twice what the codec does at as many, and hardly less than it at three", () => {
    const error = meanError({ dim: 128 }, 2_000);
    const [three, asMany, four] = [3, 3.875, 4].map((bits) => createQuantizer({ dim: 128, bits }).distortion) as [number, number, number];
    expect(four).toBeLessThan(asMany);
    expect(error).toBeGreaterThan(2.4 * asMany);
    expect(error).toBeGreaterThan(3.3 * four);
    expect(error).toBeLessThan(three);
    expect(error).toBeGreaterThan(0.9 * three);
  });

  it("shorten inner products by half of their error", () => {
    const quantizer = createPolarQuantizer({ dim: 128 });
    const normal = createNormals(4);
    const sums = { truth: 0, both: 0 };
    for (let nth = 0; nth < 2_000; nth++) {
      const vector = randomVector(128, normal);
      const query = vector.map((value) => value + normal());
      const truth = dot(vector, query);
      sums.truth += truth * truth;
      sums.both += truth * quantizer.query(query).dot(quantizer.encode(vector));
    }
    expect(sums.both / sums.truth).toBeCloseTo(1 - quantizer.distortion / 2, 2);
  });

  it("give the inner products of what is decoded", () => {
    const normal = createNormals(3);
    for (const options of [{ dim: 96 }, { dim: 128, levels: 5, bits: [5, 3, 1, 2, 4], radius: "f32" }] satisfies PolarOptions[]) {
      const quantizer = createPolarQuantizer(options);
      const [vector, query] = [randomVector(options.dim, normal), randomVector(options.dim, normal)];
      const code = quantizer.encode(vector);
      expect(quantizer.query(query).dot(code)).toBeCloseTo(dot(quantizer.decode(code), query), 3);
    }
  });
});

describe("vectors at the edge, in polar coordinates", () => {
  const quantizer = createPolarQuantizer({ dim: 384, radius: "f32" });

  it("of zeros stay zeros", () => {
    for (const radius of ["f16", "f32"] as const) {
      const each = createPolarQuantizer({ dim: 384, radius });
      const code = each.encode(new Float32Array(384));
      expect(code.every((byte) => byte === 0)).toBe(true);
      expect(each.decode(code).every((value) => value === 0)).toBe(true);
      expect(each.query(new Float32Array(384).fill(1)).dot(code)).toBe(0);
    }
  });

  it.each([
    ["a single coordinate", (at: number) => (at === 17 ? 1 : 0)],
    ["all alike", () => 1],
    ["turns and turns about", (at: number) => (at % 2 === 0 ? 1 : -1)],
    ["of a heavy tail", (at: number) => 1 / (1 + at) ** 3],
    ["among the largest", (at: number) => (at % 3 === 0 ? 2e38 : -2e38)],
    ["as small as there are", (at: number) => (1 + (at % 3)) * 1e-42],
  ])("%s: within twice of theory", (_, value) => {
    const vector = Float32Array.from({ length: 384 }, (_, at) => value(at));
    const found = quantizer.decode(quantizer.encode(vector));
    const most = Math.max(...vector.map(Math.abs));
    const shares = (of: Float32Array): Float32Array => Float32Array.from(of, (one) => one / most);
    expect(relativeError(shares(vector), shares(found))).toBeLessThan(2 * quantizer.distortion);
  });

  it("longer than a length can say are refused", () => {
    const short = createPolarQuantizer({ dim: 384 });
    expect(codeOf(() => short.encode(new Float32Array(384).fill(30_000)))).toBe("nothing");
    expect(codeOf(() => short.encode(new Float32Array(384).fill(100_000)))).toBe("bad-vector");
    expect(codeOf(() => quantizer.encode(new Float32Array(384).fill(3.4e38)))).toBe("bad-vector");
  });

  it("of another length, with NaN or without end are refused", () => {
    for (const vector of badVectors(384)) {
      expect(codeOf(() => quantizer.encode(vector))).toBe("bad-vector");
      expect(codeOf(() => quantizer.query(vector))).toBe("bad-vector");
    }
  });
});

describe("a polar quantizer", () => {
  it("refuses what cannot be", () => {
    for (const options of [
      { dim: 100 },
      { dim: 0 },
      { dim: 8208 },
      { dim: 128, levels: 0 },
      { dim: 512, levels: 9 },
      { dim: 128, bits: [4, 2, 2] },
      { dim: 128, bits: [4, 2, 0, 2] },
      { dim: 128, bits: [9, 2, 2, 2] },
      { dim: 128, seed: -1 },
      { dim: 128, radius: "f64" as PolarRadius },
    ])
      expect(codeOf(() => createPolarQuantizer(options))).toBe("bad-argument");
  });

  it("refuses bytes that are no code of its own", () => {
    for (const radius of ["f16", "f32"] as const) {
      const quantizer = createPolarQuantizer({ dim: 64, radius });
      const code = quantizer.encode(randomVector(64, createNormals(1)));
      for (const wrong of [code.subarray(1), code.slice().fill(255, -4), code.slice().fill(0xfc, -1)]) {
        expect(codeOf(() => quantizer.decode(wrong))).toBe("bad-code");
        expect(codeOf(() => quantizer.query(new Float32Array(64)).dot(wrong))).toBe("bad-code");
      }
    }
  });

  it("writes the same bytes on every engine and machine", () => {
    const sum = createHash("sha256");
    for (const options of [
      { dim: 128 },
      { dim: 384, radius: "f32" },
      { dim: 96, levels: 5, bits: [6, 4, 3, 2, 1] },
      { dim: 2, levels: 1, bits: [8] },
    ] satisfies PolarOptions[]) {
      const quantizer = createPolarQuantizer({ ...options, seed: 42n });
      const normal = createNormals(options.dim);
      for (let nth = 0; nth < 50; nth++) sum.update(quantizer.encode(randomVector(options.dim, normal)));
    }
    expect(sum.digest("hex")).toBe("f44915c132803324d6eba941403d0dcc3c935b8421fb43970c680264f09be33c");
  });
});
