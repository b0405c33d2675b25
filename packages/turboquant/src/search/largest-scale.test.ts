import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNormals, randomVector } from "../test-vectors.ts";
import { LargestScale } from "./largest-scale.ts";
import { createVectorIndex, type VectorIndex } from "./vector-index.ts";

describe("the largest of scales that come and go", () => {
  it("is never below one that is there, and hardly above the largest", () => {
    const scale = fc.oneof(
      fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(0, 1e-45, 1e-38, 1, 3.4028234663852886e38),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(scale, fc.boolean()), { maxLength: 60 }), (steps) => {
        const scales = new LargestScale();
        const there: number[] = [];
        for (const [value, isLeft] of steps) {
          if (isLeft && there.length > 0) scales.leave(there.splice(Math.floor(value) % there.length, 1)[0] as number);
          else {
            scales.put(value);
            there.push(value);
          }
          const largest = Math.max(0, ...there);
          expect(scales.most).toBeGreaterThanOrEqual(largest);
          expect(scales.most).toBeLessThanOrEqual(largest === 0 ? 0 : largest * (1 + 1 / 32) + 2 ** -131);
        }
      }),
    );
  });
});

describe("an index by inner product", () => {
  const DIM = 128;
  const built = (): VectorIndex => {
    const normal = createNormals(4);
    const index = createVectorIndex({ dim: DIM, bits: 4, metric: "dot" });
    for (let id = 0; id < 3000; id++) index.add(id, randomVector(DIM, normal));
    return index;
  };
  const anyone = built();
  // Each near one that is there.
  const queries = Array.from({ length: 20 }, (_, nth) => {
    const [near, off] = [anyone.get(nth) as Float32Array, randomVector(DIM, createNormals(9000 + nth))];
    return near.map((value, at) => value + 0.3 * (off[at] as number));
  });
  const searched = (index: VectorIndex) => queries.map((query) => index.search(query, { k: 1 }));
  const read = (index: VectorIndex): number => searched(index).reduce((sum, { candidates }) => sum + candidates, 0);
  const outlier = new Float32Array(DIM).fill(1e6);

  it.each<readonly [string, (index: VectorIndex) => void]>([
    ["removed", (index) => index.remove("outlier")],
    ["replaced by one like the others", (index) => index.add("outlier", randomVector(DIM, createNormals(77)))],
  ])("looks at as few vectors as before when one that was a million times as long is %s", (_name, without) => {
    const index = built();
    const [before, few] = [searched(index), read(index)];
    index.add("outlier", outlier);
    // Beside it all others have keys that say nothing: this is what would stay.
    expect(read(index)).toBeGreaterThan(3 * few);
    without(index);
    expect(read(index)).toBeLessThan(1.01 * few);
    if (!index.has("outlier")) expect(searched(index)).toEqual(before);
  });

  it("also after the outlier was cut, and came out of a file", () => {
    const index = built();
    const few = read(index);
    index.add("outlier", outlier);
    index.truncate(2, ["outlier"]);
    const again = createVectorIndex({ dim: DIM, bits: 4, metric: "dot" });
    for (const columns of index.segments()) again.load(columns);
    for (const each of [index, again]) {
      expect(read(each)).toBeGreaterThan(3 * few);
      each.remove("outlier");
      expect(read(each)).toBeLessThan(1.01 * few);
    }
  });
});
