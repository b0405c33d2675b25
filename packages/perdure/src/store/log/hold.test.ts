/** Whoever holds a moment of the log finds it in its files, whatever is appended and let go of meanwhile. */

import { expect, test } from "vitest";
import { sleep } from "../../host/deadline.ts";
import { createNodeHash } from "../../host/node/hash.ts";
import { createDisk, createMemoryFiles, createWorld, EVERYTHING, type World } from "../../host/simulated/index.ts";
import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import { openRecordLog } from "./open-log.ts";
import type { LogHold, RecordAt, RecordLog } from "./record-log.ts";
import { segmentName } from "./segment-format.ts";
import { preparedWithin } from "./spare-segments.ts";

const FOLDER = "log";

async function opened(world: World, prepared: boolean): Promise<RecordLog> {
  return await openRecordLog({
    ...world.host("a"),
    folder: FOLDER,
    magic: "relay",
    segmentBytes: 4096,
    prepared: prepared ? preparedWithin(1_000_000) : undefined,
    diskRetryMs: 10,
    replay: () => {},
    snapshot: () => [utf8("small state")],
  });
}

/** What a log says whose files are so much of the ones there are. */
async function readHeld(world: World, hold: LogHold): Promise<readonly string[]> {
  const image = world.disk("a").disk.image(EVERYTHING);
  const cut = hold.segments.map(({ segment, end }) => {
    const path = `${FOLDER}/${segmentName(segment)}`;
    return [path, (image.get(path) ?? new Uint8Array(0)).slice(0, end)] as const;
  });
  const told: string[] = [];
  const log = await openRecordLog({
    ...world.host("b"),
    files: createMemoryFiles(createDisk(new Map(cut))),
    folder: FOLDER,
    magic: "relay",
    segmentBytes: 4096,
    diskRetryMs: 10,
    replay: (record) => void told.push(fromUtf8(record)),
    snapshot: () => [],
  });
  await log[Symbol.asyncDispose]();
  return told.filter((text) => text !== "small state").map((text) => text.trim());
}

test.each([
  ["files that grow", false],
  ["prepared files, which are used again", true],
])("%s", async (name, prepared) => {
  const world = createWorld({ seed: name, hash: createNodeHash() });
  await world.complete(
    (async () => {
      const log = await opened(world, prepared);
      const places: RecordAt[] = [];
      const append = async (from: number, to: number): Promise<void> => {
        for (let nth = from; nth < to; nth++) {
          const { at, synced } = log.append([utf8(`${nth} `.padEnd(500, "x"))]);
          await synced;
          places.push(at[0] as RecordAt);
        }
      };
      await append(0, 30);
      for (const at of places.slice(0, 10)) log.release(at);
      const before = (texts: readonly string[]): number[] => texts.map((text) => Number(text.split(" ")[0]));
      const hold = await log.hold();
      const atHold = before(await readHeld(world, hold));
      expect(atHold.slice(-20)).toEqual(Array.from({ length: 20 }, (_, nth) => 10 + nth));
      const files = (): readonly string[] =>
        world
          .disk("a")
          .disk.list(FOLDER)
          .filter((each) => each.endsWith(".log"));
      const second = await log.hold();
      for (const at of places.splice(0)) log.release(at);
      await append(100, 160);
      for (const at of places.slice(0, -1)) log.release(at);
      await append(160, 190);
      expect(before(await readHeld(world, hold))).toEqual(atHold);
      const held = files().length;
      hold.release();
      hold.release();
      expect(before(await readHeld(world, second)).slice(-20)).toEqual(atHold.slice(-20));
      second.release();
      await append(190, 191);
      await sleep(world.host("a").clock, 1000);
      expect(files().length).toBeLessThan(held - hold.segments.length + 2);
      await log[Symbol.asyncDispose]();
      await expect(log.hold()).rejects.toMatchObject({ code: "aborted" });
    })(),
  );
});

test("who waits for a moment of a log that closes is told", async () => {
  const world = createWorld({ seed: "closing", hash: createNodeHash() });
  await world.complete(
    (async () => {
      const log = await opened(world, false);
      await log.append([utf8("some record")]).synced;
      const disk = world.disk("a");
      disk.capacityBytes = disk.disk.usedBytes;
      const waiting = log.hold();
      const told = expect(waiting).rejects.toMatchObject({ code: "aborted" });
      await sleep(world.host("a").clock, 100);
      await log[Symbol.asyncDispose]();
      await told;
    })(),
  );
});
