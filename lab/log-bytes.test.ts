import { expect, test } from "vitest";
import { silentLog } from "../packages/perdure/src/host/log.ts";
import { createNodeHash } from "../packages/perdure/src/host/node/hash.ts";
import { createDisk, createMemoryFiles, createWorld, ONLY_SYNCED } from "../packages/perdure/src/host/simulated/index.ts";
import { openRecordLog } from "../packages/perdure/src/store/log/open-log.ts";
import { payloadsIn } from "./log-bytes.ts";
import { createPool } from "./pool.ts";

/** A log of three segments, and what was appended to it. */
async function written(): Promise<{ readonly segments: Map<number, Uint8Array>; readonly records: readonly string[] }> {
  const world = createWorld({ seed: "log", hash: createNodeHash() });
  const { clock, random } = world.host("writer");
  const disk = createDisk(new Map());
  const files = createMemoryFiles(disk);
  const options = { clock, random, files, log: silentLog, folder: "/log", magic: "relay", segmentBytes: 300, diskRetryMs: 1000 };
  const log = await openRecordLog({ ...options, snapshot: () => [], replay: () => {} });
  const records: string[] = [];
  for (let index = 0; index < 12; index++) {
    records.push(`record ${index} ${"x".repeat(index * 5)}`);
    await log.append([new TextEncoder().encode(records.at(-1))]).synced;
  }
  await log[Symbol.asyncDispose]();
  const segments = new Map([...disk.image(ONLY_SYNCED)].map(([path, bytes]) => [Number(/(\d+)\.log$/.exec(path)?.[1]), bytes] as const));
  return { segments, records };
}

test("a log is read by its description alone", async () => {
  const { segments, records } = await written();
  expect(segments.size).toBeGreaterThan(1);
  expect(payloadsIn(segments, "relay").map(String)).toEqual(records);
  expect(() => payloadsIn(segments, "agent")).toThrow("begins with another header than it must");
});

test("what follows the last whole batch of the newest file is left out, what is missing before it is an error", async () => {
  const { segments, records } = await written();
  const [oldest, newest] = [Math.min(...segments.keys()), Math.max(...segments.keys())];
  const shortened = new Map(segments);
  shortened.set(newest, (segments.get(newest) as Uint8Array).subarray(0, -32));
  expect(payloadsIn(shortened, "relay").length).toBeLessThan(records.length);
  const torn = new Map(segments);
  torn.set(oldest, (segments.get(oldest) as Uint8Array).subarray(0, -32));
  expect(() => payloadsIn(torn, "relay")).toThrow("has no batch at");
});

test("a product that writes and reads wrongly alike is noticed", { timeout: 60_000 }, async () => {
  const planted = { file: "store/log/crc32.ts", find: "let crc = ~before;", put: "let crc = before;" };
  await using pool = createPool({ planted, threads: 1 });
  const options = { minutes: 0, relays: 1, agents: 2, hostile: "nobody", disaster: "none", faults: [] } as const;
  const { result } = await pool.run({ seed: 1, options, twice: false });
  expect(result.broken?.what).toContain("is not as it is described");
});
