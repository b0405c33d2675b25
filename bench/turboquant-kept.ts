/** What the file of an index costs: to be opened, to be written to for each vector by itself, and to be searched from far away. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createMemoryFile, createVectorIndex, openIndexFile, openRemoteIndex, type RangeSource } from "../packages/turboquant/src/index.ts";
import { openVectorIndexAt } from "../packages/turboquant/src/node/index.ts";
import { median } from "./measure.ts";
import { embeddingLike } from "./turboquant/data.ts";

const OPENER = fileURLToPath(new URL("turboquant/opener.ts", import.meta.url));
const OPENED = { dim: 1536, bits: 4, times: 5 } as const;
const SYNCED = { dim: 384, bits: 4 } as const;
const FAR = { dim: 768, bits: 4, queries: 100, nearest: 10 } as const;
/** Vectors of each topic. */
const OF_TOPIC = 100;
const WRITTEN = "/proc/self/io";

interface Opened {
  readonly vectors: number;
  readonly fileBytes: number;
  readonly ms: number;
  readonly residentBytes: number;
}

interface Synced {
  readonly vectors: number;
  /** Where the system tells. */
  readonly writtenBytes: number | undefined;
  readonly fileBytes: number;
  readonly mostSegments: number;
  readonly compactions: number;
  readonly perSecond: number;
}

interface Far {
  readonly vectors: number;
  readonly fileBytes: number;
  /** Before the first answer. */
  readonly begin: { readonly requests: number; readonly partOfFile: number };
  /** By what was loaded then. */
  readonly search: { readonly recall: number };
  /** With codes that are fetched; for each query. */
  readonly find: { readonly recall: number; readonly requests: number; readonly bytes: number };
}

export interface KeptResult {
  readonly opened: Opened;
  readonly synced: Synced;
  readonly far: Far;
}

export async function benchTurboquantKept(
  folder: string,
  { quick }: { readonly quick: boolean },
  say: (line: string) => void,
): Promise<KeptResult> {
  const opened = await open(folder, quick ? 5_000 : 100_000);
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  say(
    `${opened.vectors} vectors of ${OPENED.dim}, ${OPENED.bits} bits, a file of ${mib(opened.fileBytes)}: open after ${(opened.ms / 1000).toFixed(2)} s, the process takes ${mib(opened.residentBytes)}`,
  );
  const synced = await sync(folder, quick ? 500 : 10_000);
  const written = synced.writtenBytes === undefined ? "" : `${(synced.writtenBytes / 1e6).toFixed(1)} MB written, `;
  say(
    `${synced.vectors} vectors of ${SYNCED.dim}, each with a sync: ${written}${(synced.fileBytes / 1e6).toFixed(1)} MB left, ${synced.mostSegments} segments at most, compacted ${synced.compactions} times, ${synced.perSecond.toFixed(0)} a second`,
  );
  const far = await findFromAfar(quick ? 5_000 : 50_000);
  say(
    `${far.vectors} vectors of ${FAR.dim} far away, ${FAR.bits} bits: ${(100 * far.begin.partOfFile).toFixed(0)} % loaded first; by signs ${far.search.recall.toFixed(3)} of the nearest; found ${far.find.recall.toFixed(3)} with ${(far.find.bytes / 1024).toFixed(1)} KiB in ${far.find.requests.toFixed(0)} requests a query`,
  );
  return { opened, synced, far };
}

async function open(folder: string, vectors: number): Promise<Opened> {
  const path = join(folder, "opened.tqi");
  await using index = await openVectorIndexAt(path, { dim: OPENED.dim, bits: OPENED.bits });
  forEachOf(OPENED.dim, vectors, (row, vector) => index.add(row, vector));
  await index.close();
  const runs = Array.from(
    { length: OPENED.times },
    () =>
      JSON.parse(execFileSync(process.execPath, [OPENER, path], { encoding: "utf8" })) as {
        readonly ms: number;
        readonly residentBytes: number;
      },
  );
  return {
    vectors,
    fileBytes: statSync(path).size,
    ms: median(runs.map(({ ms }) => ms)),
    residentBytes: median(runs.map(({ residentBytes }) => residentBytes)),
  };
}

async function sync(folder: string, vectors: number): Promise<Synced> {
  const path = join(folder, "synced.tqi");
  const before = writtenBytes();
  const began = performance.now();
  let mostSegments = 0;
  await using index = await openVectorIndexAt(path, { dim: SYNCED.dim, bits: SYNCED.bits });
  const rows: Float32Array[] = [];
  forEachOf(SYNCED.dim, vectors, (_, vector) => rows.push(vector.slice()));
  for (const [row, vector] of rows.entries()) {
    index.add(row, vector);
    await index.sync();
    mostSegments = Math.max(mostSegments, index.stats().file.segments);
  }
  const { compactions } = index.stats();
  await index.close();
  const after = writtenBytes();
  return {
    vectors,
    writtenBytes: before === undefined || after === undefined ? undefined : after - before,
    fileBytes: statSync(path).size,
    mostSegments,
    compactions,
    perSecond: vectors / ((performance.now() - began) / 1000),
  };
}

async function findFromAfar(vectors: number): Promise<Far> {
  const index = createVectorIndex({ dim: FAR.dim, bits: FAR.bits });
  const set = forEachOf(FAR.dim, vectors, (row, vector) => index.add(row, vector));
  const file = createMemoryFile();
  const writer = await openIndexFile(file, index.header);
  for (const columns of index.segments()) await writer.append(columns);
  await writer.close();
  let [requests, bytes] = [0, 0];
  const source: RangeSource = {
    size: file.size,
    read: (at, length) => {
      requests++;
      bytes += length;
      return file.read(at, length);
    },
  };
  const remote = await openRemoteIndex(source);
  const begin = { requests, partOfFile: bytes / file.size };
  [requests, bytes] = [0, 0];
  let [bySigns, found] = [0, 0];
  for (let nth = 0; nth < FAR.queries; nth++) {
    const query = new Float32Array(FAR.dim);
    set.query(nth, query);
    const nearest = new Set(index.search(query, { k: FAR.nearest, candidates: vectors }).hits.map(({ id }) => id));
    const count = (hits: readonly { readonly id: number | string }[]): number => hits.filter(({ id }) => nearest.has(id)).length;
    bySigns += count(remote.search(query, { k: FAR.nearest }).hits);
    found += count((await remote.find(query, { k: FAR.nearest })).hits);
  }
  const all = FAR.queries * FAR.nearest;
  return {
    vectors,
    fileBytes: file.size,
    begin,
    search: { recall: bySigns / all },
    find: { recall: found / all, requests: requests / FAR.queries, bytes: bytes / FAR.queries },
  };
}

function forEachOf(dim: number, vectors: number, take: (row: number, vector: Float32Array) => void): ReturnType<typeof embeddingLike> {
  const set = embeddingLike("kept", dim, vectors, vectors / OF_TOPIC);
  const vector = new Float32Array(dim);
  for (let row = 0; row < vectors; row++) {
    vector.fill(0);
    set.base(row, vector);
    take(row, vector);
  }
  return set;
}

/** By this process so far. */
function writtenBytes(): number | undefined {
  const told = existsSync(WRITTEN) ? /^wchar: (\d+)$/m.exec(readFileSync(WRITTEN, "utf8"))?.[1] : undefined;
  return told === undefined ? undefined : Number(told);
}
