import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createQuantizer } from "../codec/quantizer.ts";
import { codeOf } from "../file/test-code-of.ts";
import { badVectors, createNormals, dot, randomVector, relativeError } from "../test-vectors.ts";
import { createInnerProductQuantizer, type InnerProductOptions } from "./inner-product.ts";
import type { SketchKind } from "./sketch.ts";

const DIM = 128;
const SEEDS = 10;
const PAIRS_PER_SEED = 400;
/** Of the two vectors of a correlated pair: noise of 0.4 times the length is added. */
const CORRELATION = 1 / Math.sqrt(1.16);

const unit = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((value) => value / length);
};

interface Coder {
  encode(vector: ArrayLike<number>): Uint8Array;
  query(vector: ArrayLike<number>): { dot(code: Uint8Array): number };
}

interface Found {
  /** Of correlated pairs: the regression of estimates on truths, through zero. */
  readonly slope: number;
  /** Of correlated pairs of unit vectors: the mean squared error, times the dimension. */
  readonly correlated: number;
  /** Of pairs that have nothing in common. */
  readonly apart: number;
}

/** Over seeds and pairs. */
function measured(coderOf: (seed: number) => Coder): Found {
  const normal = createNormals(77);
  const [sums, noise] = [{ truth: 0, both: 0, correlated: 0, apart: 0 }, Math.sqrt(1 - CORRELATION ** 2)];
  for (let seed = 0; seed < SEEDS; seed++) {
    const coder = coderOf(seed);
    for (let nth = 0; nth < PAIRS_PER_SEED; nth++) {
      const vector = unit(randomVector(DIM, normal));
      const other = unit(randomVector(DIM, normal));
      const like = unit(vector.map((value, at) => CORRELATION * value + noise * (other[at] as number)));
      const code = coder.encode(vector);
      const [truth, estimate] = [dot(vector, like), coder.query(like).dot(code)];
      sums.truth += truth * truth;
      sums.both += truth * estimate;
      sums.correlated += (estimate - truth) ** 2;
      sums.apart += (coder.query(other).dot(code) - dot(vector, other)) ** 2;
    }
  }
  const perPair = DIM / (SEEDS * PAIRS_PER_SEED);
  return { slope: sums.both / sums.truth, correlated: sums.correlated * perPair, apart: sums.apart * perPair };
}

const known = new Map<string, Found>();

const published = (bits: number, sketch: SketchKind = "gaussian"): Found => {
  const key = `${bits} ${sketch}`;
  const found = known.get(key) ?? measured((seed) => createInnerProductQuantizer({ dim: DIM, bits, seed, sketch }));
  known.set(key, found);
  return found;
};

const distortion = (bits: number): number => createQuantizer({ dim: DIM, bits }).distortion;

describe("inner products as published", () => {
  it.each([1, 2, 3, 4, 5])("are right on average at %i bits", (bits) => {
    expect(Math.abs(published(bits).slope - 1)).toBeLessThan(bits === 1 ? 0.01 : 0.005);
    expect(Math.abs(published(bits, "orthogonal").slope - 1)).toBeLessThan(0.005);
  });

  it.each([2, 3, 4, 5])("spread as theory says at %i bits: by pi/2 of what the codec leaves over", (bits) => {
    const theory = (Math.PI / 2) * distortion(bits - 1);
    expect(Math.abs(published(bits).apart / theory - 1)).toBeLessThan(0.05);
  });

  it("spread by pi/2 where the sketch is all there is", () => {
    expect(Math.abs(published(1).apart / (Math.PI / 2) - 1)).toBeLessThan(0.05);
  });

  it.each([
    [2, 0.456],
    [3, 0.169],
    [4, 0.052],
    [5, 0.014],
  ])("of correlated pairs err at %i bits as the table of the requirements says", (bits, table) => {
    const { correlated } = published(bits);
    // The table has two or three digits.
    expect(correlated).toBeLessThan(table * 1.03 + 0.0005);
    expect(correlated).toBeGreaterThan(table * 0.95);
  });

  it.each([2, 3, 4, 5])("err at %i bits by more than an orthogonal sketch, and that by more than the codec's own scale", (bits) => {
    const orthogonal = published(bits, "orthogonal").apart;
    const unbiased = measured((seed) => createQuantizer({ dim: DIM, bits, seed, scale: "unbiased" })).apart;
    expect(orthogonal).toBeLessThan(published(bits).apart * 0.45);
    expect(unbiased).toBeLessThan(orthogonal * 0.75);
  });

  it("are those of what is decoded", () => {
    const normal = createNormals(3);
    for (const sketch of ["gaussian", "orthogonal"] as const)
      for (const bits of [1, 2, 4]) {
        const quantizer = createInnerProductQuantizer({ dim: 100, bits, sketch });
        const [vector, query] = [randomVector(100, normal), randomVector(100, normal)];
        const code = quantizer.encode(vector);
        expect(quantizer.query(query).dot(code)).toBeCloseTo(dot(quantizer.decode(code), query), 3);
      }
  });

  it("take so many bits a coordinate and eight bytes", () => {
    for (const [dim, bits, bytes] of [
      [128, 4, 72],
      [1536, 3, 584],
      [100, 3, 46],
      [7, 9, 16],
      [1536, 1, 196],
    ] as const) {
      const quantizer = createInnerProductQuantizer({ dim, bits, sketch: "orthogonal" });
      expect(quantizer.codeBytes).toBe(bytes);
      expect(quantizer.encode(new Float32Array(dim)).length).toBe(bytes);
    }
  });
});

describe("vectors at the edge, as published", () => {
  const quantizer = createInnerProductQuantizer({ dim: 384, bits: 5, sketch: "orthogonal" });

  it("of zeros stay zeros", () => {
    for (const bits of [1, 5]) {
      const each = createInnerProductQuantizer({ dim: 384, bits, sketch: "orthogonal" });
      const code = each.encode(new Float32Array(384));
      expect(each.decode(code).every((value) => value === 0)).toBe(true);
      expect(each.query(new Float32Array(384).fill(1)).dot(code)).toBe(0);
    }
  });

  it.each([
    ["a single coordinate", (at: number) => (at === 17 ? 1 : 0)],
    ["all alike", () => 1],
    ["turns and turns about", (at: number) => (at % 2 === 0 ? 1 : -1)],
    ["of a heavy tail", (at: number) => 1 / (1 + at) ** 3],
    ["as large as there are", (at: number) => (at % 3 === 0 ? 3.4e38 : -3.4e38)],
    ["as small as there are", (at: number) => (1 + (at % 3)) * 1e-42],
  ])("%s: within twice of theory", (_, value) => {
    const vector = Float32Array.from({ length: 384 }, (_, at) => value(at));
    const found = quantizer.decode(quantizer.encode(vector));
    const most = Math.max(...vector.map(Math.abs));
    const shares = (of: Float32Array): Float32Array => Float32Array.from(of, (one) => one / most);
    // What the signs say of the rest is as long as sqrt(pi/2) of it, and right only on average.
    const theory = (Math.PI / 2 - 1) * createQuantizer({ dim: 384, bits: 4 }).distortion;
    expect(relativeError(shares(vector), shares(found))).toBeLessThan(2 * theory);
  });

  it("of another length, with NaN or without end are refused", () => {
    for (const vector of badVectors(384)) {
      expect(codeOf(() => quantizer.encode(vector))).toBe("bad-vector");
      expect(codeOf(() => quantizer.query(vector))).toBe("bad-vector");
    }
  });
});

describe("a quantizer as published", () => {
  it("refuses what cannot be", () => {
    for (const options of [
      { dim: 1, bits: 4 },
      { dim: 4097, bits: 4 },
      { dim: 8193, bits: 4, sketch: "orthogonal" },
      { dim: 64, bits: 0 },
      { dim: 64, bits: 2.5 },
      { dim: 64, bits: 10 },
      { dim: 64, bits: 4, seed: -1 },
      { dim: 64, bits: 4, sketch: "dense" as SketchKind },
    ] satisfies InnerProductOptions[])
      expect(codeOf(() => createInnerProductQuantizer(options))).toBe("bad-argument");
  });

  it("refuses bytes that are no code of its own", () => {
    const quantizer = createInnerProductQuantizer({ dim: 64, bits: 3 });
    const code = quantizer.encode(randomVector(64, createNormals(1)));
    expect(codeOf(() => quantizer.decode(code.subarray(1)))).toBe("bad-code");
    expect(codeOf(() => quantizer.decode(code.slice().fill(255, -4)))).toBe("bad-code");
    expect(codeOf(() => quantizer.query(new Float32Array(64)).dot(code.slice().fill(255, -8, -4)))).toBe("bad-code");
  });

  // What the codec writes in front has a test of its own.
  it("writes the same signs and sizes on every engine and machine", () => {
    const sum = createHash("sha256");
    for (const sketch of ["gaussian", "orthogonal"] as const)
      for (const dim of [8, 32, 104, 384])
        for (const bits of [1, 2, 4, 9]) {
          const quantizer = createInnerProductQuantizer({ dim, bits, sketch, seed: 42n });
          const normal = createNormals(dim);
          for (let nth = 0; nth < 10; nth++) sum.update(quantizer.encode(randomVector(dim, normal)).subarray(((bits - 1) * dim) / 8));
        }
    expect(sum.digest("hex")).toBe("e0d917c818e3db751baa73ced1a1081a91f539a402b908cae7cbd77d7759447c");
  });
});
