import { describe, expect, it } from "vitest";
import type { VectorId } from "../file/segment.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { createVectorIndex, type VectorIndex } from "./vector-index.ts";

const DIM = 24;
const FLAT_UP_TO = 1500;
/** Until cells are made, became two, are measured, and tidied and measured again. */
const COUNT = 6000;
/** A search of all is made with each so manyth vector. */
const LOOKED_EACH = 50;
/** Cells are near. */
const LOOKED_FROM = 1400;
const KINDS = 5;

/** Some of each kind are removed, some replaced, and some cut, while others come. */
class Living {
  readonly index = createVectorIndex({ dim: DIM, bits: 4, flatUpTo: FLAT_UP_TO });
  readonly ids = new Set<number>();
  readonly #normals = createNormals(5);
  readonly #kinds = Array.from({ length: KINDS }, () => randomVector(DIM, this.#normals));
  #query = new Float32Array(DIM).fill(1);

  put(id: number): void {
    const kind = this.#kinds[id % KINDS] as Float32Array;
    this.#query = randomVector(DIM, this.#normals).map((value, at) => 0.4 * value + (kind[at] as number));
    this.index.add(id, this.#query);
    this.ids.add(id);
  }

  remove(id: number): void {
    expect(this.index.remove(id)).toBe(this.ids.delete(id));
  }

  /** All of these, and nothing else. */
  expectFound(mayBe: (id: number) => boolean, filter: Parameters<VectorIndex["select"]>[0]): void {
    const wanted = [...this.ids].filter(mayBe);
    const k = wanted.length + 10;
    const { hits } = this.index.search(this.#query, { k, candidates: k, filter: this.index.select(filter) });
    expect([hits.length, new Set(hits.map(({ id }) => id))]).toEqual([wanted.length, new Set(wanted)]);
  }

  /** Through cells, of which few are looked at: nothing that is gone or may not be found. */
  expectNothingElse(mayBe: (id: number) => boolean): void {
    const { hits } = this.index.search(this.#query, { k: 20, recall: 0.5, filter: (id) => mayBe(id as number) });
    expect(hits.filter(({ id }) => !this.ids.has(id as number) || !mayBe(id as number))).toEqual([]);
    expect([hits.length > 0, new Set(hits.map(({ id }) => id)).size]).toEqual([true, hits.length]);
  }
}

describe("while cells are made, tidied and measured", () => {
  const happens: readonly [string, (living: Living, id: number) => void][] = [
    ["others come", () => {}],
    ["most of what was there is removed", (living, id) => id % 4 > 0 && living.ids.has(id - 900) && living.remove(id - 900)],
    ["some are replaced by their like", (living, id) => living.put(Math.floor(id / 2))],
    ["some are replaced by others", (living, id) => living.put(KINDS * Math.floor(id / 9) + (id % KINDS))],
    [
      "some are cut",
      (living, id) =>
        id % 20 === 0 &&
        living.index.truncate(
          1 + (id % 3),
          [id, id - 500, id - 1000].filter((each) => living.ids.has(each)),
        ),
    ],
  ];
  it.each(happens)("a search by a filter finds all that it lets and that is there, though %s", (_, happen) => {
    const living = new Living();
    for (let id = 0; id < COUNT; id++) {
      living.put(id);
      happen(living, id);
      if (id % LOOKED_EACH > 0 || id < LOOKED_FROM) continue;
      const isThird = (each: VectorId): boolean => (each as number) % 3 === 0;
      living.expectFound(isThird, isThird);
      const few = Array.from({ length: 40 }, (_, nth) => (nth * 151) % id);
      living.expectFound((each) => few.includes(each), few);
      living.expectNothingElse(isThird);
    }
    expect(living.index.stats().cells).toBeGreaterThan(1);
  });
});
