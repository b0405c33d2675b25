import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createQuantizer } from "../codec/quantizer.ts";
import { dot } from "../test-vectors.ts";
import { createInnerProductQuantizer } from "./inner-product.ts";

/** A thousand embeddings of captions (MIT, teamchong/turboquant-wasm), beside the checkout where somebody has put them. */
const CAPTIONS = fileURLToPath(new URL("../../../../../shared/data/embeddings/minilm-captions-1000x384.f32", import.meta.url));
const DIM = 384;
const BASE = 800;
const TOP = 10;

interface Coder {
  encode(vector: ArrayLike<number>): Uint8Array;
  query(vector: ArrayLike<number>): { dot(code: Uint8Array): number };
}

const rowsOf = (path: string): readonly Float32Array[] => {
  const { buffer, byteOffset, length } = readFileSync(path);
  const all = new Float32Array(buffer.slice(byteOffset, byteOffset + length));
  return Array.from({ length: all.length / DIM }, (_, row) => all.subarray(row * DIM, (row + 1) * DIM));
};

const topOf = (scores: readonly number[]): ReadonlySet<number> =>
  new Set([...scores.keys()].sort((a, b) => (scores[b] as number) - (scores[a] as number)).slice(0, TOP));

/** Of the true top ten, on average. */
function recall(coder: Coder, base: readonly Float32Array[], queries: readonly Float32Array[]): number {
  const codes = base.map((vector) => coder.encode(vector));
  let found = 0;
  for (const vector of queries) {
    const query = coder.query(vector);
    const truth = topOf(base.map((each) => dot(each, vector)));
    for (const at of topOf(codes.map((code) => query.dot(code)))) if (truth.has(at)) found++;
  }
  return found / (TOP * queries.length);
}

describe("on embeddings of captions", () => {
  it.for([2, 3, 4])(
    "the codec's own scale finds at %i bits three in a hundred more of the top ten than what was published",
    (bits, { skip }) => {
      skip(!existsSync(CAPTIONS), "no embeddings of captions beside the checkout");
      const rows = rowsOf(CAPTIONS);
      const [base, queries] = [rows.slice(0, BASE), rows.slice(BASE)];
      const own = recall(createQuantizer({ dim: DIM, bits, scale: "unbiased" }), base, queries);
      const published = recall(createInnerProductQuantizer({ dim: DIM, bits }), base, queries);
      expect(own).toBeGreaterThanOrEqual(published + 0.03);
      // Not because what was published were broken: it finds most of them.
      expect(published).toBeGreaterThan([0.75, 0.83, 0.9][bits - 2] as number);
    },
  );
});
