import { describe, expect, it } from "vitest";
import { createNormals, dot, randomVector, relativeError } from "../packages/turboquant/src/test-vectors.ts";
import { trainProductQuantizer } from "./product-quantizer.ts";

const DIM = 16;

function matrixOf(rows: readonly Float32Array[]): Float32Array {
  const matrix = new Float32Array(rows.length * DIM);
  for (const [row, vector] of rows.entries()) matrix.set(vector, row * DIM);
  return matrix;
}

describe("a product quantiser", () => {
  it("finds the groups there are, and keeps what is among them whole", () => {
    const normal = createNormals(2);
    // Each half of a vector is one of eight.
    const halves = Array.from({ length: 8 }, () => randomVector(DIM / 2, normal));
    const rows = Array.from({ length: 600 }, (_, nth) => {
      const vector = new Float32Array(DIM);
      vector.set(halves[nth % 8] as Float32Array, 0);
      vector.set(halves[(nth * 5 + (nth >> 3)) % 8] as Float32Array, DIM / 2);
      return vector;
    });
    const coder = trainProductQuantizer(matrixOf(rows), DIM, { subspaces: 2, bits: 4 });
    expect(coder.codeBytes).toBe(1);
    for (const row of rows) expect(relativeError(row, coder.decode(coder.encode(row)))).toBeLessThan(1e-6);
  });

  it("errs on normal numbers by less with more bits, and near what its pieces allow", () => {
    const normal = createNormals(3);
    const rows = Array.from({ length: 4_000 }, () => randomVector(DIM, normal));
    const errors = [2, 4, 8].map((bits) => {
      const coder = trainProductQuantizer(matrixOf(rows), DIM, { subspaces: 8, bits });
      return rows.reduce((sum, row) => sum + relativeError(row, coder.decode(coder.encode(row))), 0) / rows.length;
    });
    // Two coordinates with 4, 16, 256 values: a codebook for each alone has 0.363, 0.117, 0.0095, and the plane allows a little less.
    for (const [nth, alone] of [0.363, 0.1175, 0.0095].entries()) {
      expect(errors[nth]).toBeLessThan(alone * 1.1);
      expect(errors[nth]).toBeGreaterThan(alone * 0.75);
    }
  });

  it("gives the inner products of what is decoded, and learns the same every time", () => {
    const normal = createNormals(4);
    const rows = Array.from({ length: 300 }, () => randomVector(DIM, normal));
    const [first, second] = [0, 1].map(() => trainProductQuantizer(matrixOf(rows), DIM, { subspaces: 4, bits: 3 }));
    const query = randomVector(DIM, normal);
    for (const row of rows.slice(0, 20)) {
      const code = first?.encode(row) as Uint8Array;
      expect(code).toEqual(second?.encode(row));
      expect(first?.query(query).dot(code)).toBeCloseTo(dot(first?.decode(code) ?? [], query), 4);
    }
  });

  it("refuses what cannot be learned", () => {
    const matrix = new Float32Array(100 * DIM);
    expect(() => trainProductQuantizer(matrix, DIM, { subspaces: 3, bits: 4 })).toThrow(RangeError);
    expect(() => trainProductQuantizer(matrix, DIM, { subspaces: 4, bits: 9 })).toThrow(RangeError);
    expect(() => trainProductQuantizer(matrix, DIM, { subspaces: 4, bits: 7 })).toThrow(RangeError);
  });
});
