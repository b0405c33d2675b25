import { execFileSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { VectorId } from "../file/segment.ts";
import { codeOfLater } from "../file/test-code-of.ts";
import { openParallelIndex, type ParallelIndex } from "../parallel/parallel-index.ts";
import { serveShare } from "../parallel/share.ts";
import type { Posted, StartThread } from "../parallel/thread.ts";
import { createVectorIndex } from "../search/vector-index.ts";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { createParallelIndex } from "./parallel-index.ts";

const options = { dim: 64, bits: 4 } as const;

function vectorsOf(count: number, seed = 1): readonly Float32Array[] {
  const normal = createNormals(seed);
  return Array.from({ length: count }, () => randomVector(options.dim, normal));
}

const matrixOf = (vectors: readonly Float32Array[]): Float32Array => {
  const matrix = new Float32Array(vectors.length * options.dim);
  for (const [nth, vector] of vectors.entries()) matrix.set(vector, nth * options.dim);
  return matrix;
};

describe("an index over threads", () => {
  it("finds what one index finds, with filters and after every kind of change", async () => {
    await using index = await createParallelIndex({ ...options, threads: 3 });
    const one = createVectorIndex(options);
    const vectors = vectorsOf(900);
    const ids: VectorId[] = vectors.map((_, nth) => (nth % 3 === 0 ? `note ${nth}` : nth));
    await index.addBatch(ids, matrixOf(vectors));
    one.addBatch(ids, matrixOf(vectors));
    for (const id of [1, "note 3", 2 ** 40]) {
      expect(await index.remove(id)).toBe(one.remove(id));
      await index.add(id, vectors[7] as Float32Array);
      one.add(id, vectors[7] as Float32Array);
    }
    expect(await index.truncate(2, ["note 6", 10, 11])).toBe(one.truncate(2, ["note 6", 10, 11]));
    const queries = vectorsOf(9, 77);
    const few = ids.slice(100, 160);
    const selection = await index.select(few);
    const all = { candidates: 1000, k: 12 };
    expect((await index.searchBatch(queries, all)).map(({ hits }) => hits)).toEqual(one.searchBatch(queries, all).map(({ hits }) => hits));
    for (const filter of [few, selection])
      expect((await index.searchBatch(queries, { ...all, filter })).map(({ hits }) => hits)).toEqual(
        one.searchBatch(queries, { ...all, filter: one.select(few) }).map(({ hits }) => hits),
      );
    expect(await index.get(10)).toEqual(one.get(10));
    expect(await index.get("nobody")).toBeUndefined();
    const stats = await index.stats();
    expect(stats.vectors).toBe(one.size);
    for (const { vectors: share } of stats.shares) expect(share).toBeGreaterThan(200);
    await selection.forget();
    expect(await codeOfLater(() => index.search(queries[0] as Float32Array, { filter: selection }))).toBe("bad-argument");
  });

  it("has the recall that is asked for, and tells it", async () => {
    await using index = await createParallelIndex({ ...options, bits: 3, originals: true, threads: 4 });
    const vectors = vectorsOf(4000);
    await index.addBatch([...vectors.keys()], matrixOf(vectors));
    const queries = vectorsOf(40, 5);
    const results = await index.searchBatch(queries, { recall: 0.9 });
    const lengths = vectors.map((vector) => Math.sqrt(dot(vector, vector)));
    let [right, told] = [0, 0];
    for (const [nth, { hits, expectedRecall, candidates }] of results.entries()) {
      const scores = vectors.map((vector, id) => dot(vector, queries[nth] as Float32Array) / (lengths[id] as number));
      const tenth = scores.toSorted((left, right) => right - left)[9] as number;
      right += hits.filter(({ id }) => (scores[id as number] as number) >= tenth).length / 10;
      told += expectedRecall;
      expect(candidates).toBeLessThan(4000);
    }
    expect(right / queries.length).toBeGreaterThan(0.89);
    expect(told / queries.length).toBeGreaterThan(0.89);
    expect(told / queries.length).toBeLessThan(right / queries.length + 0.02);
  });

  it("sees in a search what was called before it, though nobody waited", async () => {
    await using index = await createParallelIndex({ ...options, threads: 2 });
    const vectors = vectorsOf(6000);
    const adding = index.addBatch([...vectors.keys()], matrixOf(vectors));
    const last = index.search(vectors[5999] as Float32Array, { k: 1 });
    const removing = index.remove(5999);
    const gone = index.search(vectors[5999] as Float32Array, { k: 1 });
    expect((await last).hits[0]?.id).toBe(5999);
    expect((await gone).hits[0]?.id).not.toBe(5999);
    expect(await removing).toBe(true);
    await adding;
  });

  it("refuses what an index refuses, and goes on", async () => {
    await using index = await createParallelIndex({ ...options, threads: 2 });
    const [vector] = vectorsOf(1) as [Float32Array];
    expect(await codeOfLater(() => index.add(-1, vector))).toBe("bad-argument");
    expect(await codeOfLater(() => index.add(1, vector.slice(1)))).toBe("bad-vector");
    expect(await codeOfLater(() => index.add(1, new Float32Array(64).fill(Number.NaN)))).toBe("bad-vector");
    expect(await codeOfLater(() => index.search(vector, { k: 0 }))).toBe("bad-argument");
    expect(await codeOfLater(() => index.search(vector, { filter: (() => true) as never }))).toBe("bad-argument");
    expect(await codeOfLater(() => createParallelIndex({ dim: 1, threads: 2 }))).toBe("bad-argument");
    expect(await codeOfLater(() => createParallelIndex({ dim: 8, threads: 0 }))).toBe("bad-argument");
    await index.add(1, vector);
    expect((await index.search(vector)).hits.map(({ id }) => id)).toEqual([1]);
  });

  it("answers what waits when it is closed, and nothing later", async () => {
    const index = await createParallelIndex({ ...options, threads: 2 });
    const selection = await index.select([1]);
    const vectors = vectorsOf(3000);
    const adding = index.addBatch([...vectors.keys()], matrixOf(vectors));
    const finding = index.search(vectors[2] as Float32Array, { k: 1 });
    // Twice at once: both resolve.
    await Promise.all([index[Symbol.asyncDispose](), index[Symbol.asyncDispose]()]);
    await adding;
    expect((await finding).hits[0]?.id).toBe(2);
    const vector = vectors[2] as Float32Array;
    const calls = [
      () => index.add(1, vector),
      () => index.addBatch([], new Float32Array(0)),
      () => index.remove(1),
      () => index.get(1),
      () => index.truncate(1),
      () => index.search(vector),
      () => index.searchBatch([]),
      () => index.select([]),
      () => index.stats(),
      () => selection.forget(),
    ];
    for (const call of calls) expect(await codeOfLater(call)).toBe("closed");
    await index[Symbol.asyncDispose]();
  });

  it("lets a program end that forgot it", () => {
    const source = `
      import { createParallelIndex } from ${JSON.stringify(new URL("./parallel-index.ts", import.meta.url).href)};
      const index = await createParallelIndex({ dim: 8, threads: 2 });
      await index.add(1, new Float32Array(8).fill(1));
      console.log((await index.search(new Float32Array(8).fill(1))).hits.length);`;
    const run = [process.execPath, ["--input-type=module", "--eval", source]] as const;
    expect(execFileSync(run[0], run[1], { encoding: "utf8", cwd: fileURLToPath(new URL(".", import.meta.url)), timeout: 25_000 })).toBe(
      "1\n",
    );
  });
});

/** Threads that are none: each answers when it is let. */
function createSlowThreads() {
  const threads: { readonly posted: Posted[]; answer: () => void; die: () => void; ended: boolean }[] = [];
  const start: StartThread = (tell, ended) => {
    const serve = serveShare(tell);
    const posted: Posted[] = [];
    const thread = {
      posted,
      ended: false,
      answer: () => {
        const next = posted.shift();
        if (next !== undefined) serve(next);
      },
      die: () => ended("killed"),
    };
    threads.push(thread);
    return {
      post: (message) => {
        posted.push(message);
        if (message.request.do === "open") queueMicrotask(thread.answer);
      },
      hold: () => {},
      end: async () => {
        thread.ended = true;
      },
    };
  };
  return { threads, start };
}

describe("what waits for threads", () => {
  it("is refused when one of them dies, and so is what comes later, and the others end", async () => {
    const { threads, start } = createSlowThreads();
    const index = await openParallelIndex({ ...options, threads: 2 }, start);
    const [vector] = vectorsOf(1) as [Float32Array];
    const waiting = [codeOfLater(() => index.search(vector)), codeOfLater(() => index.add(1, vector)), codeOfLater(() => index.stats())];
    threads[1]?.die();
    expect(await Promise.all(waiting)).toEqual(["thread-failed", "thread-failed", "thread-failed"]);
    expect(await codeOfLater(() => index.search(vector))).toBe("thread-failed");
    expect(threads.map(({ ended }) => ended)).toEqual([true, true]);
    await index[Symbol.asyncDispose]();
  });

  it("is at most a few messages of a batch of any size, and as many calls as were said", async () => {
    const { threads, start } = createSlowThreads();
    const index = await openParallelIndex({ ...options, threads: 1, mostWaiting: 100 }, start);
    const vectors = vectorsOf(20_000);
    const batch = index.addBatch([...vectors.keys()], matrixOf(vectors));
    expect(threads[0]?.posted.length).toBe(8);
    const small = Array.from({ length: 10_000 }, (_, nth) => codeOfLater(() => index.add(nth, vectors[nth] as Float32Array)));
    expect(threads[0]?.posted.length).toBe(8);
    while ((threads[0]?.posted.length ?? 0) > 0) threads[0]?.answer();
    await batch;
    const answers = await Promise.all(small);
    expect(answers.slice(0, 99)).toEqual(new Array(99).fill("nothing"));
    expect(answers.slice(99)).toEqual(new Array(9901).fill("busy"));
    expect((await withAnswers(index, threads)).vectors).toBe(20_000);
  });

  async function withAnswers(index: ParallelIndex, threads: ReturnType<typeof createSlowThreads>["threads"]) {
    const stats = index.stats();
    threads[0]?.answer();
    return stats;
  }
});

it("a worker that is killed takes the index with it, and everybody who waits is told", async () => {
  const workers: Worker[] = [];
  const note = (worker: Worker): number => workers.push(worker);
  process.on("worker", note);
  await using index = await createParallelIndex({ ...options, threads: 2 });
  process.off("worker", note);
  expect(workers.length).toBe(2);
  const vectors = vectorsOf(5000);
  const waiting = [
    codeOfLater(() => index.addBatch([...vectors.keys()], matrixOf(vectors))),
    codeOfLater(() => index.search(vectors[0] as Float32Array)),
  ];
  await workers[0]?.terminate();
  expect(await Promise.all(waiting)).toEqual(["thread-failed", "thread-failed"]);
  expect(await codeOfLater(() => index.add(1, vectors[0] as Float32Array))).toBe("thread-failed");
  await index[Symbol.asyncDispose]();
  expect(workers.map(({ threadId }) => threadId)).toEqual([-1, -1]);
});
