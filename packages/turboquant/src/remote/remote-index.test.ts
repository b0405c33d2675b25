import { beforeAll, describe, expect, it } from "vitest";
import { openHttpRange } from "../file/http-range.ts";
import { openIndexFile } from "../file/index-writer.ts";
import { createMemoryFile, type MemoryFile } from "../file/memory-file.ts";
import { codeOf, codeOfLater } from "../file/test-code-of.ts";
import { createVectorIndex, type VectorIndex, type VectorIndexOptions } from "../search/vector-index.ts";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { openRemoteIndex, type RemoteIndex } from "./remote-index.ts";
import { serveRanges } from "./test-range-server.ts";

const DIM = 128;
const COUNT = 3000;

/** Some near to others, as those of texts are: each is one of a hundred directions and noise. */
function vectorsOf(count: number, dim = DIM): readonly Float32Array[] {
  const normal = createNormals(5);
  const directions = Array.from({ length: 100 }, () => randomVector(dim, normal));
  return Array.from({ length: count }, (_, nth) => {
    const direction = directions[nth % 100] as Float32Array;
    return randomVector(dim, normal).map((noise, at) => (direction[at] as number) + 0.8 * noise);
  });
}

const vectors = vectorsOf(COUNT);
const queries = vectorsOf(COUNT + 30).slice(COUNT);

async function fileOf(index: VectorIndex): Promise<MemoryFile> {
  const file = createMemoryFile();
  const writer = await openIndexFile(file, index.header);
  for (const columns of index.segments(700)) await writer.append(columns);
  await writer.close();
  return file;
}

function filled(options: Omit<VectorIndexOptions, "dim"> = {}, which = vectors): VectorIndex {
  const index = createVectorIndex({ dim: DIM, ...options });
  for (const [id, vector] of which.entries()) index.add(id, vector);
  return index;
}

let whole: VectorIndex;
let file: MemoryFile;
beforeAll(async () => {
  whole = filled({ bits: 4 });
  file = await fileOf(whole);
});

/** Share of the best ten by whole codes. */
function recallOf(hitsOf: readonly (readonly { readonly id: number | string }[])[], by = whole): number {
  let found = 0;
  for (const [nth, query] of queries.entries()) {
    const best = new Set(by.search(query, { candidates: COUNT }).hits.map(({ id }) => id));
    found += (hitsOf[nth] ?? []).filter(({ id }) => best.has(id)).length;
  }
  return found / (10 * queries.length);
}

const searchedAll = (remote: RemoteIndex): number => recallOf(queries.map((query) => remote.search(query).hits));

describe("an index on a web server", () => {
  it("answers when a quarter of it came, and better with every plane, until it says what the index itself says", async () => {
    await using server = await serveRanges(file.bytes());
    const remote = await openRemoteIndex(await openHttpRange(server.url));
    expect(server.sent / server.bytes.length).toBeLessThan(0.36);
    expect([remote.size, remote.planes, remote.has(7), remote.has("x")]).toEqual([COUNT, 1, true, false]);
    const recalls = [searchedAll(remote)];
    for (const planes of [2, 3]) {
      await remote.refine({ planes });
      expect(remote.search(queries[0] as Float32Array).planes).toBe(planes);
      recalls.push(searchedAll(remote));
    }
    await remote.refine();
    expect(server.sent).toBeLessThan(1.02 * server.bytes.length);
    const [signs, two, three] = recalls as [number, number, number];
    expect(signs).toBeGreaterThan(0.4);
    expect(two).toBeGreaterThan(signs);
    expect(three).toBeGreaterThan(two);
    const options = { candidates: COUNT };
    for (const query of queries) {
      expect(remote.search(query, options).hits).toEqual(whole.search(query, options).hits);
      expect(remote.search(query).planes).toBe(4);
    }
    const { requests } = server;
    await remote.refine();
    expect(server.requests).toBe(requests);
  });

  it("finds what whole codes find, and moves a small part of them", async () => {
    await using server = await serveRanges(file.bytes());
    const remote = await openRemoteIndex(await openHttpRange(server.url));
    const before = server.sent;
    const results = [];
    for (const query of queries) results.push(await remote.find(query, { recall: 0.9 }));
    expect(recallOf(results.map(({ hits }) => hits))).toBeGreaterThan(0.87);
    const expected = results.reduce((sum, { expectedRecall }) => sum + expectedRecall, 0) / results.length;
    expect(expected).toBeGreaterThan(0.5);
    // These are small vectors, which signs tell little of, in a small file: others have less to load.
    expect((server.sent - before) / queries.length).toBeLessThan(0.5 * 3 * 16 * COUNT);
    for (const [nth, { hits }] of results.entries())
      for (const { id, score } of hits) {
        const same = whole.search(queries[nth] as Float32Array, { k: 1, candidates: COUNT, filter: (one) => one === id }).hits[0];
        expect(score).toBeCloseTo(same?.score as number, 6);
      }
    const { requests } = server;
    await remote.find(queries[0] as Float32Array);
    expect(server.requests).toBe(requests);
  });

  it("finds among what a filter lets, also after it was refined in part, and whatever k is", async () => {
    await using server = await serveRanges(file.bytes());
    const remote = await openRemoteIndex(await openHttpRange(server.url));
    const [query] = queries as [Float32Array];
    const filter = (id: number | string): boolean => (id as number) % 50 === 3;
    const expected = whole.search(query, { k: 5, candidates: COUNT, filter }).hits;
    expect((await remote.find(query, { k: 5, recall: 1, filter })).hits).toEqual(expected);
    await remote.refine({ planes: 3 });
    expect((await remote.find(query, { k: 5, recall: 1, filter })).hits).toEqual(expected);
    expect((await remote.find(query, { k: 100, filter })).hits.length).toBe(60);
    expect((await remote.find(query, { filter: () => false })).hits).toEqual([]);
    for (const options of [{ k: 0 }, { k: 1.5 }, { recall: 0 }])
      expect(await codeOfLater(() => remote.find(query, options))).toBe("bad-argument");
    expect(codeOf(() => remote.search([1]))).toBe("bad-vector");
  });

  it("finds for many at once, also while it is refined", async () => {
    await using server = await serveRanges(file.bytes());
    const remote = await openRemoteIndex(await openHttpRange(server.url));
    const [, ...results] = await Promise.all([remote.refine(), ...queries.map((query) => remote.find(query, { recall: 1 }))]);
    for (const [nth, { hits }] of results.entries())
      expect(hits).toEqual(whole.search(queries[nth] as Float32Array, { candidates: COUNT }).hits);
  });

  it("is read as it is after removals, replacements and truncations", async () => {
    const index = filled({ bits: 2.5, metric: "dot", center: vectors[0] as Float32Array });
    const changing = createMemoryFile();
    const writer = await openIndexFile(changing, index.header);
    const segments = [...index.segments(1000)];
    for (const columns of segments) await writer.append(columns);
    // Again, without a word of the ones before.
    index.add(5, vectors[9] as Float32Array);
    for (const columns of index.segments(10, [5, 6])) await writer.append(columns);
    await writer.remove([1, 2, 2001]);
    for (const id of [1, 2, 2001]) index.remove(id);
    index.truncate(1.5, [10, 11]);
    for (const columns of index.segments(10, [10, 11])) await writer.append(columns, [10, 11]);
    await writer.close();
    const remote = await openRemoteIndex(changing);
    expect(remote.size).toBe(COUNT - 3);
    const [query] = queries as [Float32Array];
    const { hits } = await remote.find(query, { recall: 1, k: 20 });
    expect(hits.map(({ id }) => id)).toEqual(index.search(query, { k: 20, candidates: COUNT }).hits.map(({ id }) => id));
    await remote.refine();
    for (const each of queries)
      expect(remote.search(each, { candidates: COUNT }).hits).toEqual(index.search(each, { candidates: COUNT }).hits);
  });

  it("is an error when its server ignores ranges", async () => {
    await using server = await serveRanges(file.bytes());
    server.ignoresRanges = true;
    expect(await codeOfLater(async () => await openRemoteIndex(await openHttpRange(server.url)))).toBe("file-failed");
  });

  it("that breaks off while it is refined answers by what came, and goes on where it was", async () => {
    await using server = await serveRanges(file.bytes());
    const remote = await openRemoteIndex(await openHttpRange(server.url));
    const [query] = queries as [Float32Array];
    const before = remote.search(query).hits;
    server.breaksAt = server.requests + 5;
    expect(await codeOfLater(() => remote.refine())).toBe("file-failed");
    expect(remote.search(query)).toMatchObject({ hits: before, planes: 1 });
    server.breaksAt = Number.POSITIVE_INFINITY;
    const { sent } = server;
    await remote.refine();
    expect(remote.planes).toBe(4);
    // What had come does not come again: of all planes but the signs, at least that of two segments of 700.
    expect(server.sent - sent).toBeLessThanOrEqual(16 * (3 * COUNT - 2 * 700));
    expect(remote.search(query, { candidates: COUNT }).hits).toEqual(whole.search(query, { candidates: COUNT }).hits);
  });

  it("that becomes another file is an error, and what came stays", async () => {
    await using server = await serveRanges(file.bytes());
    const remote = await openRemoteIndex(await openHttpRange(server.url));
    const [query] = queries as [Float32Array];
    const before = remote.search(query).hits;
    server.tag = '"two"';
    expect(await codeOfLater(() => remote.refine())).toBe("file-changed");
    expect(await codeOfLater(() => remote.find(query))).toBe("file-changed");
    expect(remote.search(query).hits).toEqual(before);
  });
});

describe("scores by a part of the planes", () => {
  it.each([2.5, 4, 6])(
    "of %d bits are right on average",
    async (bits) => {
      const some = vectorsOf(1500);
      const index = filled({ bits, metric: "dot" }, some);
      const remote = await openRemoteIndex(await fileOf(index));
      for (let planes = 1; planes <= Math.ceil(bits); planes++) {
        await remote.refine({ planes });
        const query = some[0] as Float32Array;
        const { hits } = remote.search(query, { k: some.length, candidates: some.length });
        // The slope of scores against inner products; that of the vector itself tells most.
        let [both, square] = [0, 0];
        for (const { id, score } of hits) {
          const exact = dot(query, some[id as number] as Float32Array);
          both += exact * score;
          square += exact * exact;
        }
        expect(both / square).toBeGreaterThan(0.97);
        expect(both / square).toBeLessThan(1.03);
      }
    },
    90_000,
  );
});
