import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isTurboQuantError } from "../error.ts";
import { createNormals, dot, randomVector, relativeError } from "../test-vectors.ts";
import { createQuantizer, type QuantizerOptions, type ScaleMode } from "./quantizer.ts";

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (isTurboQuantError(error)) return error.code;
    throw error;
  }
  return "nothing";
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Pairs with an inner product that is not nothing, and what a quantizer makes of it. */
function estimates(
  options: QuantizerOptions,
  pairs: number,
): readonly { readonly truth: number; readonly estimate: number; readonly lengths: number }[] {
  const { dim } = options;
  const quantizer = createQuantizer(options);
  const normal = createNormals(dim + (options.bits ?? 4));
  return Array.from({ length: pairs }, () => {
    const vector = randomVector(dim, normal);
    const query = vector.map((value) => value + normal());
    const estimate = quantizer.query(query).dot(quantizer.encode(vector));
    return { truth: dot(vector, query), estimate, lengths: Math.sqrt(dot(vector, vector) * dot(query, query)) };
  });
}

describe("what a code keeps", () => {
  it.each([64, 100, 384, 1536].flatMap((dim) => [1, 2, 2.5, 3, 4, 6, 8].map((bits) => [dim, bits] as const)))(
    "of %i coordinates at %d bits has the error of theory",
    (dim, bits) => {
      const quantizer = createQuantizer({ dim, bits, scale: "raw" });
      const normal = createNormals(dim);
      const vectors = Array.from({ length: Math.ceil(150_000 / dim) }, () => randomVector(dim, normal));
      const error = mean(vectors.map((vector) => relativeError(vector, quantizer.decode(quantizer.encode(vector)))));
      expect(Math.abs(error / quantizer.distortion - 1)).toBeLessThan(0.02);
    },
  );

  it.each([1, 2, 3, 4])("gives inner products that are right on average at %i bits, with the spread of theory", (bits) => {
    const found = estimates({ dim: 768, bits }, 400);
    const slope =
      mean(found.map(({ truth, estimate, lengths }) => (estimate * truth) / lengths ** 2)) /
      mean(found.map(({ truth, lengths }) => (truth / lengths) ** 2));
    expect(Math.abs(slope - 1)).toBeLessThan(bits === 1 ? 0.005 : 0.003);
    const { distortion } = createQuantizer({ dim: 768, bits });
    // Only what of the query lies across the vector spreads: half of it here.
    const across = found.map(({ truth, estimate, lengths }) => (estimate - truth) ** 2 / (lengths ** 2 - truth ** 2));
    expect(mean(across) / (distortion / (1 - distortion) / 768)).toBeGreaterThan(0.85);
    expect(mean(across) / (distortion / (1 - distortion) / 768)).toBeLessThan(1.15);
  });

  it("is shorter by the squared error with the scale of the paper", () => {
    const found = estimates({ dim: 768, bits: 2, scale: "raw" }, 200);
    const slope = mean(found.map(({ truth, estimate }) => estimate / truth));
    expect(slope).toBeCloseTo(1 - createQuantizer({ dim: 768, bits: 2 }).distortion, 2);
  });

  it("has the length of the vector with one scale, and the least error with another", () => {
    const vector = randomVector(384, createNormals(5));
    const decoded = (scale: ScaleMode): Float32Array => {
      const quantizer = createQuantizer({ dim: 384, bits: 2, scale });
      return quantizer.decode(quantizer.encode(vector));
    };
    expect(dot(decoded("norm"), decoded("norm")) / dot(vector, vector)).toBeCloseTo(1, 5);
    const errors = (["raw", "norm", "unbiased"] as const).map((scale) => relativeError(vector, decoded(scale)));
    expect(relativeError(vector, decoded("mse"))).toBeLessThan(Math.min(...errors));
  });

  it("takes so many bits a coordinate and four bytes", () => {
    for (const [dim, bits, bytes] of [
      [1536, 4, 772],
      [1536, 2.5, 484],
      [384, 1, 52],
      [100, 3, 42],
      [7, 2, 6],
    ] as const) {
      const quantizer = createQuantizer({ dim, bits });
      expect(quantizer.codeBytes).toBe(bytes);
      expect(quantizer.encode(new Float32Array(dim)).length).toBe(bytes);
    }
  });
});

describe("vectors at the edge", () => {
  const quantizer = createQuantizer({ dim: 384, bits: 4 });
  const roundTrip = (vector: Float32Array): Float32Array => quantizer.decode(quantizer.encode(vector));

  it("of zeros stay zeros", () => {
    expect(roundTrip(new Float32Array(384)).every((value) => value === 0)).toBe(true);
  });

  it.each([
    ["a single coordinate", (at: number) => (at === 17 ? 1 : 0)],
    ["all alike", () => 1],
    ["turns and turns about", (at: number) => (at % 2 === 0 ? 1 : -1)],
    ["of a heavy tail", (at: number) => 1 / (1 + at) ** 3],
    ["as large as there are", (at: number) => (at % 3 === 0 ? 3e38 : -3e38)],
    ["as small as there are", (at: number) => (1 + (at % 3)) * 1e-42],
  ])("%s: within a bit of theory", (_, value) => {
    const vector = Float32Array.from({ length: 384 }, (_, at) => value(at));
    const found = roundTrip(vector);
    const most = Math.max(...vector.map(Math.abs));
    // By their own size: squares of the largest are beyond any number.
    const shares = (of: Float32Array): Float32Array => Float32Array.from(of, (one) => one / most);
    expect(relativeError(shares(vector), shares(found))).toBeLessThan(2 * quantizer.distortion);
  });

  it("of another length, with NaN or without end are refused", () => {
    for (const vector of [
      new Float32Array(383),
      new Float32Array(384).fill(Number.NaN),
      new Float32Array(384).fill(Number.NEGATIVE_INFINITY),
    ]) {
      expect(codeOf(() => quantizer.encode(vector))).toBe("bad-vector");
      expect(codeOf(() => quantizer.query(vector))).toBe("bad-vector");
    }
    expect(codeOf(() => quantizer.encode(new Float64Array(384).fill(1e39)))).toBe("bad-vector");
  });
});

describe("a quantizer", () => {
  it("refuses what cannot be, and says what can", () => {
    for (const options of [
      { dim: 1 },
      { dim: 8193 },
      { dim: 1.5 },
      { dim: 384, bits: 0 },
      { dim: 384, bits: 9 },
      { dim: 384, bits: Number.NaN },
      { dim: 384, seed: -1 },
      { dim: 384, seed: 0.5 },
      { dim: 384, seed: 2n ** 64n },
      { dim: 384, scale: "best" as ScaleMode },
    ])
      expect(codeOf(() => createQuantizer(options))).toBe("bad-argument");
  });

  it("refuses bytes that are no code of its own", () => {
    const quantizer = createQuantizer({ dim: 384 });
    expect(codeOf(() => quantizer.decode(new Uint8Array(3)))).toBe("bad-code");
    const code = quantizer.encode(randomVector(384, createNormals(1)));
    expect(codeOf(() => quantizer.decode(code.fill(255, -4)))).toBe("bad-code");
  });

  it("writes the same bytes on every engine and machine", () => {
    const sum = createHash("sha256");
    for (const dim of [2, 7, 33, 100, 384, 1000, 1536])
      for (const bits of [1, 2.5, 4, 8]) {
        const quantizer = createQuantizer({ dim, bits, seed: 42n });
        const normal = createNormals(dim);
        for (let nth = 0; nth < 20; nth++) sum.update(quantizer.encode(randomVector(dim, normal)));
      }
    expect(sum.digest("hex")).toBe("2c69c5112845fdc0259953df7b78fc0f8f877e54caa37ed04549483988284f63");
  });
});
