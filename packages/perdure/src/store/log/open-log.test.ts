import { describe, expect, test } from "vitest";
import { createNodeHash } from "../../host/node/hash.ts";
import type { World } from "../../host/simulated/index.ts";
import { createWorld } from "../../host/simulated/index.ts";
import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import type { OpenRecordLogOptions } from "./open-log.ts";
import { openRecordLog } from "./open-log.ts";
import type { LogHealth, RecordAt, RecordLog } from "./record-log.ts";

const FOLDER = "/data/log";

interface Opened {
  readonly log: RecordLog;
  /** What was replayed, as text. */
  readonly replayed: string[];
  readonly at: RecordAt[];
  readonly health: LogHealth[];
}

/** Opens the log of host "a" in `world`, as a process that runs now. */
async function open(world: World, options: Partial<OpenRecordLogOptions> = {}): Promise<Opened> {
  const host = world.host("a");
  const replayed: string[] = [];
  const at: RecordAt[] = [];
  const health: LogHealth[] = [];
  const log = await openRecordLog({
    ...host,
    folder: FOLDER,
    magic: "relay",
    segmentBytes: 64 * 1024,
    diskRetryMs: 100,
    replay: (record, place) => {
      replayed.push(fromUtf8(record));
      at.push(place);
    },
    snapshot: () => [],
    onHealth: (state) => void health.push(state),
    ...options,
  });
  return { log, replayed, at, health };
}

/** Runs `script` in a fresh world. */
async function inWorld(script: (world: World) => Promise<void>, seed: string | number = 1): Promise<void> {
  const world = createWorld({ seed, hash: createNodeHash() });
  await world.complete(script(world));
}

function texts(...values: readonly string[]): Uint8Array[] {
  return values.map(utf8);
}

const names = (world: World): string[] => world.disk("a").disk.list(FOLDER);

describe("the record log", () => {
  test("replays what was appended, in order, over several openings", () =>
    inWorld(async (world) => {
      for (const round of [0, 1, 2]) {
        const { log, replayed } = await open(world);
        expect(replayed).toEqual(Array.from({ length: round * 3 }, (_, index) => `record ${index}`));
        await log.append(texts(`record ${round * 3}`, `record ${round * 3 + 1}`)).synced;
        await log.append(texts(`record ${round * 3 + 2}`)).synced;
        await log[Symbol.asyncDispose]();
      }
    }));

  test("reads a record before it is durable, after, and after opening again", () =>
    inWorld(async (world) => {
      const first = await open(world);
      const appended = first.log.append(texts("one", "", "three"));
      const read = async (log: RecordLog, places: readonly RecordAt[]) =>
        (await Promise.all(places.map((at) => log.read(at)))).map(fromUtf8);
      expect(await read(first.log, appended.at)).toEqual(["one", "", "three"]);
      await appended.synced;
      expect(await read(first.log, appended.at)).toEqual(["one", "", "three"]);
      await first.log[Symbol.asyncDispose]();
      const second = await open(world);
      expect(second.at).toEqual(appended.at);
      expect(await read(second.log, second.at)).toEqual(["one", "", "three"]);
    }));

  test("appends made while a sync is under way share the next one", () =>
    inWorld(async (world) => {
      const { log } = await open(world);
      let syncs = 0;
      const counted = await openCounting(world, () => void syncs++);
      await log[Symbol.asyncDispose]();
      syncs = 0;
      await Promise.all(Array.from({ length: 100 }, (_, index) => counted.append(texts(`record ${index}`)).synced));
      expect(syncs).toBe(1);
      const first = counted.append(texts("first"));
      await world.host("a").clock.after(0, () => {});
      const more = Array.from({ length: 50 }, () => counted.append(texts("more")).synced);
      await Promise.all([first.synced, ...more]);
      expect(syncs).toBeLessThanOrEqual(3);
    }));
});

async function openCounting(world: World, onSync: () => void): Promise<RecordLog> {
  const { files } = world.host("a");
  const counting = {
    ...files,
    open: async (path: string, mode: "read" | "write") => {
      const file = await files.open(path, mode);
      const sync = async (): Promise<void> => {
        onSync();
        await file.sync();
      };
      return { ...file, sync };
    },
  };
  return (await open(world, { files: counting, folder: "/data/counted" })).log;
}

test("names", () =>
  inWorld(async (world) => {
    await open(world);
    expect(names(world)).toEqual(["000001.log"]);
  }));
