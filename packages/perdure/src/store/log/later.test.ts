import { describe, expect, test } from "vitest";
import { createNodeHash } from "../../host/node/hash.ts";
import { createWorld, type World } from "../../host/simulated/index.ts";
import { utf8 } from "../../wire/bytes.ts";
import { openRecordLog } from "./open-log.ts";
import type { RecordLog } from "./record-log.ts";

const LATER = { laterMs: 100 };

/** The log of host "a", and how many syncs its disk was asked for since it was opened. */
async function withLog(name: string, body: (log: RecordLog, world: World, syncs: () => number) => Promise<void>): Promise<void> {
  const world = createWorld({ seed: name, hash: createNodeHash() });
  let syncs = 0;
  world.watch({
    event: (label) => {
      if (label === "disk.sync") syncs++;
    },
  });
  const opening = openRecordLog({
    ...world.host("a"),
    folder: "/data/log",
    magic: "relay",
    segmentBytes: 1 << 20,
    diskRetryMs: 100,
    replay: () => {},
    snapshot: () => [],
  });
  const log = await world.complete(opening);
  const before = syncs;
  await world.complete(body(log, world, () => syncs - before));
}

const sleep = (world: World, ms: number): Promise<void> => new Promise((resolve) => void world.after(ms, "sleep", resolve));

describe("what nobody waits for", () => {
  test("shares the sync of what is appended next", () =>
    withLog("next", async (log, world, syncs) => {
      const first = log.append([utf8("a")], LATER);
      await sleep(world, 40);
      const second = log.append([utf8("b")], LATER);
      await sleep(world, 40);
      await log.append([utf8("c")]).synced;
      await Promise.all([first.synced, second.synced]);
      expect(syncs()).toBe(1);
    }));

  test("is written when its time has passed, and read before", () =>
    withLog("alone", async (log, world, syncs) => {
      const { at, synced } = log.append([utf8("a")], LATER);
      await sleep(world, 90);
      expect(syncs()).toBe(0);
      expect(await log.read(at[0] as (typeof at)[number])).toEqual(utf8("a"));
      const begun = world.nowMs;
      await synced;
      expect(syncs()).toBe(1);
      expect(world.nowMs - begun).toBeLessThan(40);
    }));

  test("is written when the shortest of the times of those that wait has passed", () =>
    withLog("shortest", async (log, world, syncs) => {
      const first = log.append([utf8("a")], LATER);
      const second = log.append([utf8("b")], { laterMs: 10 });
      const third = log.append([utf8("c")], { laterMs: 50 });
      const begun = world.nowMs;
      await Promise.all([first.synced, second.synced, third.synced]);
      expect(syncs()).toBe(1);
      expect(world.nowMs - begun).toBeLessThan(40);
    }));

  test("is written at once when somebody waits after all, and when the log is closed", () =>
    withLog("hurried", async (log, world, syncs) => {
      const { synced } = log.append([utf8("a")], LATER);
      const begun = world.nowMs;
      log.hurry();
      await synced;
      const left = log.append([utf8("b")], LATER);
      await log[Symbol.asyncDispose]();
      await left.synced;
      expect(syncs()).toBe(2);
      expect(world.nowMs - begun).toBeLessThan(60);
    }));

  test("that comes while a batch is written waits for its own time", () =>
    withLog("during", async (log, world, syncs) => {
      const urgent = log.append([utf8("a")]);
      await sleep(world, 0.01);
      const later = log.append([utf8("b")], LATER);
      await urgent.synced;
      await sleep(world, 50);
      expect(syncs()).toBe(1);
      await later.synced;
      expect(syncs()).toBe(2);
    }));
});
