import { describe, expect, it } from "vitest";
import { createKernels } from "../kernels/load.ts";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { SignLaw } from "./sign-law.ts";

const DIM = 384;
const DRAWS = 1000;
const QUERIES = 10;
const bytes = (signs: number): number => Math.ceil(signs / 64) * 8;
const unit = (vector: Float32Array): Float32Array =>
  vector.map((value) => (value * Math.sqrt(vector.length)) / Math.sqrt(dot(vector, vector)));

/** What kernels make of the signs of a vector. */
function keyOf({ table }: SignLaw, vector: Float32Array, signs: number): number {
  let key = 0;
  for (let first = 0; first < (8 * table.length) / 32; first += 4) {
    let choice = 0;
    for (let at = first; at < Math.min(first + 4, signs); at++) if ((vector[at] as number) < 0) choice |= 1 << (at - first);
    key += table[4 * first + choice] as number;
  }
  return key;
}

/** Vectors at this cosine to a query. */
function vectorsAt(cosine: number, query: Float32Array, normal: () => number): readonly Float32Array[] {
  const along = 1 / Math.sqrt(query.length);
  return Array.from({ length: DRAWS }, () => {
    const drawn = randomVector(query.length, normal);
    const part = dot(query, drawn) * along * along;
    for (let at = 0; at < drawn.length; at++) drawn[at] = (drawn[at] as number) - part * (query[at] as number);
    const across = Math.sqrt((1 - cosine * cosine) / dot(drawn, drawn)) / along;
    for (let at = 0; at < drawn.length; at++) drawn[at] = cosine * (query[at] as number) + across * (drawn[at] as number);
    return drawn;
  });
}

/** Of keys that lie one spread below the middle, there, and one above: how much more likely the law says a smaller one is than it is. */
function chancesLessTruth(signs: number, cosine: number, seed: number): readonly number[] {
  const normal = createNormals(100 * seed + signs);
  const query = unit(randomVector(DIM, normal));
  const law = new SignLaw(DIM, signs, bytes(signs), true);
  law.ask(query, 1);
  const keys = vectorsAt(cosine, query, normal).map((vector) => keyOf(law, vector, signs));
  const middle = keys.reduce((sum, key) => sum + key, 0) / DRAWS;
  const spread = Math.sqrt(keys.reduce((sum, key) => sum + (key - middle) ** 2, 0) / DRAWS);
  return [-1, 0, 1].map((off) => {
    const threshold = Math.round(middle + off * spread);
    return law.chanceOf(cosine, 1)(threshold) - keys.filter((key) => key <= threshold).length / DRAWS;
  });
}

describe("the law of signs and a query as it is", () => {
  it.each([
    [DIM, 0],
    [DIM, 0.3],
    [DIM, 0.65],
    [DIM, 0.85],
    [DIM, -0.4],
    [128, 0],
    [128, 0.3],
    [128, 0.65],
    [128, 0.9],
  ])("of %i signs at a cosine of %d holds: closely over all queries, roughly for each", (signs, cosine) => {
    const offs = Array.from({ length: QUERIES }, (_, seed) => chancesLessTruth(signs, cosine, seed + 1));
    for (const each of offs.flat()) expect(Math.abs(each)).toBeLessThan(0.3);
    for (const at of [0, 1, 2]) expect(Math.abs(offs.reduce((sum, each) => sum + (each[at] as number), 0) / QUERIES)).toBeLessThan(0.05);
  });

  it("knows more of a vector than signs of both would: the spread of an estimate is three fifths", () => {
    const law = new SignLaw(DIM, DIM, bytes(DIM), true);
    law.ask(unit(randomVector(DIM, createNormals(5))), 1);
    const ofSigns = (Math.PI / 2) * Math.sqrt((1 - 4 / Math.PI ** 2) / DIM);
    const slope = law.expected(0.01).mean / 0.01;
    expect(law.expected(0).spread / slope / ofSigns).toBeLessThan(0.65);
  });

  it("says of a vector of another length what it says of its inner product", () => {
    const signs = DIM;
    const normal = createNormals(9);
    const query = unit(randomVector(DIM, normal));
    const law = new SignLaw(DIM, signs, bytes(signs), false);
    law.ask(query, 2);
    const { none, step, base, slope } = law.line;
    const sums = new SignLaw(DIM, signs, bytes(signs), true);
    sums.ask(query, 2);
    for (const length of [0.5, 2]) {
      const keys = vectorsAt(0.5, query, normal).map((vector) =>
        Math.floor(base - slope * length * (none - step * keyOf(sums, vector, signs))),
      );
      const middle = keys.reduce((sum, key) => sum + key, 0) / DRAWS;
      const below = keys.filter((key) => key <= middle).length / DRAWS;
      expect(Math.abs(law.chanceOf(0.5, length)(middle) - below)).toBeLessThan(0.06);
    }
  });

  it.each([2 ** -149, 2 ** -130, 2 ** -121, 2 ** -60, 2 ** 60, 2 ** 127])(
    "makes the same keys of vectors of all lengths, up to %f",
    (largest) => {
      const query = unit(randomVector(DIM, createNormals(11)));
      const keysOf = (most: number): Uint16Array => {
        const law = new SignLaw(DIM, DIM, bytes(DIM), false);
        law.ask(query, most);
        const { memory, weigh } = createKernels("plain");
        const [keys, scales] = [new Uint16Array(memory.buffer, 0, 100), new Float32Array(memory.buffer, 256, 100)];
        keys.set(Array.from(keys, (_, nth) => 40 * nth));
        scales.fill(most);
        const { none, step, base, slope } = law.line;
        weigh(0, 256, 100, none, step, base, 0.9 * slope, law.most);
        return keys.slice();
      };
      expect(keysOf(largest)).toEqual(keysOf(1));
    },
  );

  it("of a query that is nothing says that everything may be found", () => {
    const law = new SignLaw(DIM, DIM, bytes(DIM), true);
    law.ask(new Float32Array(DIM), 1);
    expect(law.table.every((choice) => choice === 0)).toBe(true);
    expect(law.chanceOf(0, 1)(0)).toBeGreaterThan(0.5);
  });

  it("has no choice that kernels could not add up in bytes, and no two signs of a small query alike", () => {
    const law = new SignLaw(5, 5, bytes(5), true);
    law.ask(Float32Array.of(2.2, 0.1, 0, -0.2, 0.05), 1);
    expect(Math.max(...law.table)).toBe(31);
    expect(law.table[0]).not.toBe(law.table[1]);
  });
});
