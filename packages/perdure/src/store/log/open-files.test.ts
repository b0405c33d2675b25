import { expect, test } from "vitest";
import type { Files } from "../../host/files.ts";
import { createNodeHash } from "../../host/node/hash.ts";
import { createWorld, type World } from "../../host/simulated/index.ts";
import { utf8 } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { openRecordLog } from "./open-log.ts";
import type { RecordAt, RecordLog } from "./record-log.ts";

const FOLDER = "/data/log";

interface Counted {
  readonly files: Files;
  readonly open: ReadonlyMap<string, number>;
  failRemoves: boolean;
  failCloses: boolean;
}

/** The files of host "a", and how often each is open. */
function counted(world: World): Counted {
  const { files } = world.host("a");
  const open = new Map<string, number>();
  const count = (path: string, by: number): void => void open.set(path, (open.get(path) ?? 0) + by);
  const watched: Counted = {
    open,
    failRemoves: false,
    failCloses: false,
    files: {
      ...files,
      open: async (path, mode) => {
        const file = await files.open(path, mode);
        count(path, 1);
        return {
          ...file,
          close: async () => {
            count(path, -1);
            await file.close();
            if (watched.failCloses) throw new PerdureError("disk-failed", "closing failed", { retry: "after" });
          },
        };
      },
      remove: async (path) => {
        if (watched.failRemoves) throw new PerdureError("disk-failed", "removing failed", { retry: "after" });
        await files.remove(path);
      },
    },
  };
  return watched;
}

function openLog(world: World, files: Files): Promise<RecordLog> {
  return openRecordLog({
    ...world.host("a"),
    files,
    folder: FOLDER,
    magic: "relay",
    segmentBytes: 300,
    diskRetryMs: 100,
    replay: () => {},
    snapshot: () => [],
  });
}

function inWorld(name: string, body: (world: World) => Promise<void>): void {
  test(name, async () => {
    const world = createWorld({ seed: name, hash: createNodeHash() });
    await world.complete(body(world));
  });
}

const stillOpen = ({ open }: Counted): number => [...open.values()].reduce((sum, count) => sum + count, 0);

async function append(log: RecordLog, count: number): Promise<RecordAt[]> {
  const places: RecordAt[] = [];
  for (let index = 0; index < count; index++) {
    const { at, synced } = log.append([utf8(`${index}`.padEnd(300, "x"))]);
    await synced;
    places.push(...at);
  }
  return places;
}

inWorld("a file in which a read failed does not stay open", async (world) => {
  const counting = counted(world);
  const log = await openLog(world, counting.files);
  const [place] = (await append(log, 2)) as [RecordAt];
  for (let round = 0; round < 5; round++) {
    world.disk("a").failReads = 1;
    await expect(log.read(place)).rejects.toMatchObject({ code: "disk-failed" });
    await log.read(place);
  }
  expect(stillOpen(counting)).toBe(2);
  await log[Symbol.asyncDispose]();
  expect(stillOpen(counting)).toBe(0);
});

inWorld("nor does one that was removed, or closed with its log, while it was read", async (world) => {
  const counting = counted(world);
  const log = await openLog(world, counting.files);
  const places = (await append(log, 3)) as [RecordAt, RecordAt, RecordAt];
  world.disk("a").delayMs.read = 50;
  const first = log.read(places[0]);
  log.release(places[0]);
  for (const place of await append(log, 3)) log.release(place);
  await append(log, 1);
  expect(world.disk("a").disk.list(FOLDER)).not.toContain("000001.log");
  const second = log.read(places[1]);
  const closed = log[Symbol.asyncDispose]();
  const third = log.read(places[2]);
  await Promise.all([first, second, closed, third]);
  expect(stillOpen(counting)).toBe(0);
});

inWorld("an opening that fails leaves nothing open", async (world) => {
  const counting = counted(world);
  const before = await openLog(world, counting.files);
  await append(before, 1);
  world.disk("a").failSyncs = 1;
  counting.failRemoves = true;
  await append(before, 1);
  await before[Symbol.asyncDispose]();
  await world.host("a").files.open(`${FOLDER}/000099.log`, "write");
  await expect(openLog(world, counting.files)).rejects.toMatchObject({ code: "disk-failed" });
  expect(stillOpen(counting)).toBe(0);
});

inWorld("an opening whose read and whose close fail says what the read said", async (world) => {
  const counting = counted(world);
  await (await openLog(world, counting.files))[Symbol.asyncDispose]();
  counting.failCloses = true;
  world.disk("a").failReads = 1;
  await expect(openLog(world, counting.files)).rejects.toMatchObject({ code: "disk-failed" });
  counting.failCloses = false;
  await (await openLog(world, counting.files))[Symbol.asyncDispose]();
  expect(stillOpen(counting)).toBe(0);
});
