import { expect, test } from "vitest";
import { codeOf } from "../../host/conformance/subject.ts";
import type { Files } from "../../host/files.ts";
import { createNodeHash } from "../../host/node/hash.ts";
import { IN_A_WORLD } from "../../host/points.ts";
import { createWorld, type World } from "../../host/simulated/index.ts";
import { type OpenRecordLogOptions, openRecordLog } from "./open-log.ts";
import type { RecordLog } from "./record-log.ts";
import { SECTOR_BYTES } from "./segment-format.ts";

const SEGMENT_BYTES = 4096;

function worldTest(name: string, body: (world: World) => Promise<void>): void {
  test(name, async () => {
    const world = createWorld({ seed: name, hash: createNodeHash() });
    await world.complete(body(world));
  });
}

const open = (world: World, options: Partial<OpenRecordLogOptions> = {}): Promise<RecordLog> =>
  openRecordLog({
    ...world.host("a"),
    folder: "/data/log",
    magic: "relay",
    segmentBytes: SEGMENT_BYTES,
    diskRetryMs: 100,
    replay: () => undefined,
    snapshot: () => [],
    ...options,
  });

const after = (world: World, ms: number): Promise<void> => new Promise((resolve) => void world.after(ms, "a while", resolve));

worldTest("records that are to be moved do not wait for a disk that got stuck while they were read", async (world) => {
  const disk = world.disk("a");
  const log = await open(world);
  for (let index = 0; index < 20; index++) {
    const { at, synced } = log.append([new Uint8Array(500)]);
    await synced;
    if (index % 10 !== 0) for (const place of at) log.release(place);
  }
  disk.delayMs.read = 50;
  disk.failSyncs = Number.POSITIVE_INFINITY;
  const moved = log.compact();
  const waits = log.append([new Uint8Array(10)]).synced;
  let said: boolean | undefined;
  const told = moved.then((verdict) => {
    said = verdict;
  });
  await after(world, 1000);
  expect([log.health.state, said]).toEqual(["stuck", false]);
  disk.failSyncs = 0;
  await Promise.all([waits, told]);
  await log[Symbol.asyncDispose]();
});

worldTest("who is to hear that an append failed hears of it when the log is closed while nothing is known yet", async (world) => {
  const disk = world.disk("a");
  const log = await open(world, {
    onHealth: ({ state }) => {
      if (state === "stuck") disk.held = true;
    },
  });
  disk.failSyncs = 1;
  let code: unknown;
  const told = codeOf(log.append([new Uint8Array(10)], { orReject: true }).synced).then((said) => {
    code = said;
  });
  while (log.health.state === "good") await after(world, 1);
  await after(world, 10);
  expect(code).toBeUndefined();
  await log[Symbol.asyncDispose]();
  await Promise.race([told, after(world, 1)]);
  expect(code).toBe("aborted");
});

worldTest("of a log that broke nothing is durable that came later, and whoever waits hears it", async (world) => {
  let breaks = false;
  const log = await open(world, {
    snapshot: () => {
      if (breaks) throw new RangeError("no memory is left");
      return [];
    },
  });
  await log.append([new Uint8Array(SEGMENT_BYTES)]).synced;
  breaks = true;
  const codes: unknown[] = [];
  void codeOf(log.append([new Uint8Array(10)]).synced).then((code) => codes.push(code));
  await after(world, 10);
  breaks = false;
  void codeOf(log.append([new Uint8Array(10)]).synced).then((code) => codes.push(code));
  await after(world, 10);
  expect([codes, log.health.state, log.queuedBytes]).toEqual([["internal", "internal"], "stuck", 0]);
  await log[Symbol.asyncDispose]();
});

worldTest("a batch that is written in pieces is cut where sectors meet", async (world) => {
  const host = world.host("a");
  const cuts: number[] = [];
  const files: Files = {
    ...host.files,
    open: async (path, mode) => {
      const file = await host.files.open(path, mode);
      let end = -1;
      let from = -1;
      return {
        ...file,
        write: async (offset, bytes) => {
          // A batch begins where the one before it ended as well, and so does the first behind a header.
          if (offset === end && offset > from && !isBatch(bytes)) cuts.push(offset % SECTOR_BYTES);
          [from, end] = [offset, offset + bytes.length];
          return await file.write(offset, bytes);
        },
      };
    },
  };
  const points = { [IN_A_WORLD]: true, misbehaves: (name: string) => name === "log-write-in-pieces" } as const;
  const log = await open(world, { files, points, segmentBytes: 64 * SEGMENT_BYTES });
  for (let index = 1; index < 40; index++) await log.append([new Uint8Array(index * 97)]).synced;
  await log[Symbol.asyncDispose]();
  expect(cuts.length).toBeGreaterThan(10);
  expect(new Set(cuts)).toEqual(new Set([0]));
});

/** Whether the bytes begin as a batch does: records are zeroes here. */
function isBatch(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 16).some((byte) => byte !== 0);
}
