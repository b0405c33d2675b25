import { afterEach, expect, it, vi } from "vitest";
import type { SegmentColumns, VectorId } from "../file/segment.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { asFarAsMemoryGoes } from "./cells.ts";
import { WatchedMemory } from "./test-memory-end.ts";
import { createVectorIndex, type VectorIndex } from "./vector-index.ts";

afterEach(() => vi.restoreAllMocks());

const DIM = 16;
/** Sixty blocks: what cells take passes the 64 of which keys stand in one piece. */
const FIRST = 3840;
/** Vectors that come again and again. */
const COMING = 64;
/** With each vector something is done for cells: until all are in them, and until all is measured, of which there may be twice as much. */
const TO_SHARE = 200;
const TO_MEASURE = 1100;
/** Of 64 middles: four bits for each coordinate, and a scale. */
const MIDDLES_BYTES = 64 * (4 * 8 + 4);
/** Results of one search. */
const MOST_AT_ONCE = 8000;
/** What comes of memory that is there again takes long to see: it is asked for each so manyth. */
const SEEN_LATER = 5;

/** Every other is of one kind, so that some cell becomes too large. */
function vectorsOf(count: number, seed: number): readonly Float32Array[] {
  const normals = createNormals(seed);
  const kind = randomVector(DIM, createNormals(3));
  return Array.from({ length: count }, (_, nth) =>
    randomVector(DIM, normals).map((value, at) => (nth % 2 === 0 ? value : (kind[at] as number) + 0.2 * value)),
  );
}

/** One bit each: what is behind the signs takes little beside them. */
function segmentsOf(firstId: number, count: number): readonly SegmentColumns[] {
  const index = createVectorIndex({ dim: DIM, bits: 1 });
  for (const [nth, vector] of vectorsOf(count, firstId + 1).entries()) index.add(firstId + nth, vector);
  return [...index.segments()];
}

class Filled {
  readonly index: VectorIndex;
  readonly names = new Set<VectorId>();
  readonly #coming = vectorsOf(COMING, 77);
  #came = 0;

  constructor(segments: readonly SegmentColumns[], flatUpTo: number) {
    this.index = createVectorIndex({ dim: DIM, bits: 1, flatUpTo });
    this.load(segments);
  }

  load(segments: readonly SegmentColumns[]): void {
    for (const segment of segments) {
      this.index.load(segment);
      for (const id of segment.ids) this.names.add(id);
    }
  }

  /** As many vectors come, most for one that was there; those are in that are not refused. */
  work(vectors: number): void {
    for (let nth = 0; nth < vectors; nth++) {
      const which = this.#came++ % COMING;
      const id = `coming ${which}`;
      if (asFarAsMemoryGoes(() => this.index.add(id, this.#coming[which] as Float32Array))) this.names.add(id);
    }
  }

  /** Each vector is there once, and a search that has no memory to ask for finds it. */
  expectSound(): void {
    expect(this.index.size).toBe(this.names.size);
    const names = [...this.names];
    for (let first = 0; first < names.length; first += MOST_AT_ONCE) {
      const some = names.slice(first, first + MOST_AT_ONCE);
      const wanted = { k: some.length, candidates: some.length, filter: this.index.select(some) };
      const ids = this.index.search(this.#coming[0] as Float32Array, wanted).hits.map(({ id }) => id);
      expect([ids.length, new Set(ids)]).toEqual([some.length, new Set(some)]);
    }
  }

  /** Of all places, what a search for little looks at. */
  get looked(): number {
    return this.index.search(this.#coming[0] as Float32Array, { k: 1, recall: 0.01 }).looked;
  }
}

it("wherever memory ends while vectors go into cells, each is there once; with time nothing more is lost, and with memory the work goes on", () => {
  const [segments, more] = [segmentsOf(0, FIRST), segmentsOf(FIRST, FIRST + COMING)];
  const memory = new WatchedMemory();
  const started = (): Filled => {
    const filled = new Filled(segments, FIRST);
    memory.taken.length = 0;
    return filled;
  };
  const whole = started();
  whole.work(TO_SHARE);
  const requests = memory.taken.length;
  expect([whole.index.stats().cells > 8, requests > 50]).toEqual([true, true]);
  for (let nth = 0; nth < requests; nth++) {
    const filled = started();
    memory.endAfter(nth);
    filled.work(TO_SHARE);
    filled.expectSound();
    const used = memory.usedBytes;
    filled.work(TO_MEASURE);
    filled.expectSound();
    expect(memory.usedBytes).toBe(used);
    memory.lift();
    if (nth % SEEN_LATER > 0) continue;
    filled.load(more);
    filled.work(2 * TO_MEASURE);
    filled.expectSound();
    // Nothing stands beside cells any more.
    expect(filled.looked).toBeLessThan(FIRST);
  }
});

it("a cell for whose middle there is no memory is none, and one that could not become two does when there is", () => {
  const memory = new WatchedMemory();
  memory.refuse((sizeBytes) => sizeBytes === MIDDLES_BYTES && memory.taken.includes(MIDDLES_BYTES));
  // As many cells as have their middles in one piece.
  const filled = new Filled([], 64 * 512 - 1);
  filled.load(segmentsOf(0, 64 * 512));
  const more = segmentsOf(64 * 512, 3000);
  for (let time = 0; time < 20; time++) filled.load(more);
  expect([filled.index.stats().cells, memory.refusals > 0, filled.looked < filled.names.size / 4]).toEqual([64, true, true]);
  filled.expectSound();
  memory.lift();
  filled.load(segmentsOf(64 * 512 + 3000, 3000));
  expect(filled.index.stats().cells).toBeGreaterThan(64);
  filled.expectSound();
});

it("what an attempt to begin cells had of memory serves the next, wherever it was refused", () => {
  const [first, rest] = [segmentsOf(0, 1030), segmentsOf(2000, 1030)];
  const [one, other] = [segmentsOf(1030, 1), segmentsOf(3030, 1)];
  const memory = new WatchedMemory();
  const once = new Filled([...first, ...one, ...rest], 2061);
  memory.taken.length = 0;
  once.load(other);
  const [requests, used] = [memory.taken.length, memory.usedBytes];
  expect(requests).toBeGreaterThan(15);
  for (let nth = 0; nth < requests; nth++) {
    const { refusals } = memory;
    const twice = new Filled(first, 1030);
    memory.endAfter(nth);
    twice.load(one);
    expect(memory.refusals).toBeGreaterThan(refusals);
    memory.lift();
    twice.load([...rest, ...other]);
    expect(memory.usedBytes).toBe(used);
  }
});

it("cells that were left while they were begun are begun again as if they had not been", () => {
  const [few, many] = [[...segmentsOf(0, 1024), ...segmentsOf(1024, 1)], segmentsOf(2000, 3000)];
  const [twice, once] = [1024, 4000].map((flatUpTo) => {
    const filled = new Filled([...few, ...many], flatUpTo);
    filled.work(TO_MEASURE);
    filled.expectSound();
    return [filled.index.stats().cells, filled.index.search(new Float32Array(DIM).fill(1), { recall: 0.5 })];
  });
  expect(twice).toEqual(once);
});

it("a cell of which all is gone before it becomes two stays one, and gives back what it had", () => {
  const [segments, step] = [segmentsOf(0, 4000), segmentsOf(5000, 1)];
  const cells = 8;
  let steps = 0;
  const started = (): VectorIndex => new Filled(segments, 4000).index;
  const work = (index: VectorIndex): void => {
    for (const segment of step) index.load(segment);
  };
  for (const index = started(); index.stats().cells <= cells; steps++) work(index);
  // Just before one of too many becomes two.
  const index = started();
  for (let nth = 0; nth < steps - 1; nth++) work(index);
  const before = index.stats().bytes.codes;
  for (const { ids } of segments) for (const id of ids) index.remove(id);
  for (let nth = 0; nth < TO_MEASURE; nth++) work(index);
  expect([index.stats().cells, index.size]).toEqual([cells, 1]);
  expect(index.stats().bytes.codes).toBeLessThan(0.7 * before);
  expect(index.search(new Float32Array(DIM).fill(1)).hits.map(({ id }) => id)).toEqual([5000]);
});
