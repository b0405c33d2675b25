import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { codeOf } from "../file/test-code-of.ts";
import { badVectors, createNormals, dot, randomVector, relativeError } from "../test-vectors.ts";
import type { ScaleMode } from "./encoder.ts";
import { createQuantizer, type QuantizerOptions } from "./quantizer.ts";

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

/** That the mean error wavers by less than a hundredth: at many bits most of it is that of the few coordinates beyond the last centroid. */
function coordinatesFor(bits: number): number {
  if (bits <= 4) return 200_000;
  return bits <= 6 ? 1_000_000 : 4_000_000;
}

describe("what a code keeps", () => {
  it.each([
    ...[64, 100, 128, 384, 768, 1536, 3072].flatMap((dim) => [1, 2, 2.5, 3, 4].map((bits) => [dim, bits] as const)),
    ...[128, 1536, 3072].flatMap((dim) => [5, 6, 7, 8].map((bits) => [dim, bits] as const)),
  ])("of %i coordinates at %d bits has the error of theory, which is below that of the paper's bound", (dim, bits) => {
    const quantizer = createQuantizer({ dim, bits, scale: "raw" });
    const normal = createNormals(dim);
    const errors = Array.from({ length: Math.ceil(coordinatesFor(bits) / dim) }, () => {
      const vector = randomVector(dim, normal);
      return relativeError(vector, quantizer.decode(quantizer.encode(vector)));
    });
    const error = mean(errors);
    expect(Math.abs(error / quantizer.distortion - 1)).toBeLessThan(0.02);
    // Panter and Dite, as the paper has it; nothing of so many bits can be below the other (Shannon).
    expect(error).toBeLessThan(((Math.sqrt(3) * Math.PI) / 2) * 4 ** -Math.floor(bits));
    expect(error).toBeGreaterThan(4 ** -Math.ceil(bits));
  });

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
    for (const vector of badVectors(384)) {
      expect(codeOf(() => quantizer.encode(vector))).toBe("bad-vector");
      expect(codeOf(() => quantizer.query(vector))).toBe("bad-vector");
    }
  });
});

describe("a truncated code", () => {
  it.each([
    [4, 3],
    [4, 1],
    [8, 2.5],
    [3.5, 2],
    [2.5, 1.25],
  ])("of %d bits at %d has the error that its quantizer tells, and inner products that are right on average", (from, bits) => {
    const [finer, coarser] = [createQuantizer({ dim: 768, bits: from }), createQuantizer({ dim: 768, bits, from })];
    const raw = { dim: 768, scale: "raw" } as const;
    const [finerRaw, coarserRaw] = [createQuantizer({ ...raw, bits: from }), createQuantizer({ ...raw, bits, from })];
    const normal = createNormals(from * 8 + bits);
    const found = Array.from({ length: 300 }, () => {
      const vector = randomVector(768, normal);
      const query = vector.map((value) => value + normal());
      const code = finer.truncate(finer.encode(vector), bits);
      expect(code.length).toBe(coarser.codeBytes);
      const estimate = coarser.query(query).dot(code) / dot(vector, query);
      return { estimate, error: relativeError(vector, coarserRaw.decode(finerRaw.truncate(finerRaw.encode(vector), bits))) };
    });
    expect(mean(found.map(({ error }) => error)) / coarser.distortion).toBeCloseTo(1, 1);
    expect(mean(found.map(({ estimate }) => estimate))).toBeCloseTo(1, 2);
    expect(coarser.distortion).toBeLessThan(createQuantizer({ dim: 768, bits }).distortion * 1.12);
  });

  it.each(["norm", "mse"] as const)("keeps what the scale %s is for", (scale) => {
    const [finer, coarser] = [createQuantizer({ dim: 768, bits: 4, scale }), createQuantizer({ dim: 768, bits: 2, from: 4, scale })];
    const vector = randomVector(768, createNormals(11));
    const [cut, direct] = [finer.truncate(finer.encode(vector), 2), coarser.encode(vector)].map((code) => coarser.decode(code)) as [
      Float32Array,
      Float32Array,
    ];
    expect(Math.abs(dot(cut, cut) / dot(direct, direct) - 1)).toBeLessThan(0.01);
    expect(Math.abs(relativeError(vector, cut) / relativeError(vector, direct) - 1)).toBeLessThan(0.01);
  });

  it("has the same bits as one that was encoded so, and nothing behind them", () => {
    const [finer, coarser] = [createQuantizer({ dim: 100, bits: 4 }), createQuantizer({ dim: 100, bits: 2.5, from: 4 })];
    const vector = randomVector(100, createNormals(3));
    const [cut, direct] = [finer.truncate(finer.encode(vector), 2.5), coarser.encode(vector)];
    expect([...cut.subarray(0, -4)]).toEqual([...direct.subarray(0, -4)]);
  });

  it("cannot have more bits than there are, and is no code of another quantizer", () => {
    const quantizer = createQuantizer({ dim: 100, bits: 2 });
    const code = quantizer.encode(new Float32Array(100).fill(1));
    for (const bits of [3, 0, Number.NaN]) expect(codeOf(() => quantizer.truncate(code, bits))).toBe("bad-argument");
    expect(codeOf(() => createQuantizer({ dim: 100, bits: 3, from: 2 }))).toBe("bad-argument");
    expect(codeOf(() => quantizer.decode(quantizer.truncate(code, 1)))).toBe("bad-code");
  });
});

describe("a centre", () => {
  const normal = createNormals(21);
  const center = randomVector(384, normal);
  const vectors = Array.from({ length: 50 }, () => randomVector(384, normal).map((value, at) => 0.5 * value + (center[at] as number)));

  it("makes the error that of what is left", () => {
    const [plain, centred] = [createQuantizer({ dim: 384, bits: 2 }), createQuantizer({ dim: 384, bits: 2, center })];
    const errorOf = (quantizer: typeof plain): number =>
      mean(vectors.map((vector) => relativeError(vector, quantizer.decode(quantizer.encode(vector)))));
    expect(errorOf(centred) / errorOf(plain)).toBeLessThan(0.25);
    const [first, second] = vectors as [Float32Array, Float32Array];
    expect(centred.query(first).dot(centred.encode(second)) / dot(first, second)).toBeCloseTo(1, 1);
  });

  it("is refused where it is no vector", () => {
    for (const wrong of [[1, 2], new Float32Array(384).fill(Number.NaN)])
      expect(codeOf(() => createQuantizer({ dim: 384, center: wrong }))).toBe("bad-argument");
  });

  it("that takes a vector beyond the floats is said", () => {
    const quantizer = createQuantizer({ dim: 32, center: new Float32Array(32).fill(-3e38) });
    expect(codeOf(() => quantizer.encode(new Float32Array(32).fill(3e38)))).toBe("bad-vector");
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

  it.each(["plain", "simd", "relaxed"] as const)("writes the same bytes on every engine and machine (%s)", (kernels) => {
    const sum = createHash("sha256");
    for (const dim of [2, 7, 33, 100, 384, 1000, 1536])
      for (const bits of [1, 2.5, 4, 8]) {
        const quantizer = createQuantizer({ dim, bits, seed: 42n, kernels });
        const normal = createNormals(dim);
        for (let nth = 0; nth < 20; nth++) sum.update(quantizer.encode(randomVector(dim, normal)));
      }
    expect(sum.digest("hex")).toBe("921b7f5844c18af44d7d7151256928de218e216c2b244b32cc37c7a58889f2eb");
  });
});
