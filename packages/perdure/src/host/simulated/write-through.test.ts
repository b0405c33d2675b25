import { expect, test } from "vitest";
import type { Files } from "../files.ts";
import { type CrashPick, createDisk, type Disk, ONLY_SYNCED } from "./disk.ts";
import { createDiskFiles, type DiskFaults, healthyDisk } from "./disk-files.ts";

const PATH = "/a";
const SECTOR = 512;
const ALL: CrashPick = { sector: () => true, name: () => true };
const ONLY_NAMES: CrashPick = { sector: () => false, name: () => true };

interface Scene {
  readonly disk: Disk;
  readonly files: Files;
  readonly faults: DiskFaults;
  /** Ends what was begun. */
  end(): void;
}

function scene(pick: CrashPick = ALL): Scene {
  const disk = createDisk();
  const faults = healthyDisk();
  let calls: (() => void)[] = [];
  const files = createDiskFiles({ disk, faults, delay: (_work, finish) => void calls.push(finish), pick, owner: { alive: true } });
  return {
    disk,
    files,
    faults,
    end: () => {
      const ending = calls;
      calls = [];
      for (const call of ending) call();
    },
  };
}

async function ended<Value>(given: Scene, work: Promise<Value>): Promise<Value> {
  given.end();
  return await work;
}

const filled = (byte: number, sectors: number): Uint8Array => new Uint8Array(sectors * SECTOR).fill(byte);
/** The first byte of each sector a loss of power leaves. */
const left = ({ disk }: Scene, pick: CrashPick): number[] | undefined => {
  const bytes = disk.image(pick).get(PATH);
  return bytes && Array.from({ length: Math.ceil(bytes.length / SECTOR) }, (_, index) => bytes[index * SECTOR] as number);
};

/** A file of three sectors of ones, written through. */
async function written(given: Scene) {
  const file = await ended(given, given.files.open(PATH, "write-through"));
  await ended(given, file.write(0, filled(1, 3)));
  await ended(given, file.sync());
  return file;
}

test("what was written through is there after a loss of power, and its name after a sync", async () => {
  const given = scene();
  const file = await ended(given, given.files.open(PATH, "write-through"));
  await ended(given, file.write(0, filled(1, 2)));
  expect(left(given, ONLY_SYNCED)).toBeUndefined();
  expect(left(given, ONLY_NAMES)).toEqual([1, 1]);
  await ended(given, file.sync());
  expect(left(given, ONLY_SYNCED)).toEqual([1, 1]);
});

test("of a write under way any sectors may be there, and of one that ended all", async () => {
  const given = scene();
  const file = await written(given);
  const writing = file.write(0, filled(2, 3));
  let nth = 0;
  expect(left(given, { sector: () => nth++ === 1, name: () => true })).toEqual([1, 2, 1]);
  expect([left(given, ONLY_SYNCED), left(given, ALL)]).toEqual([
    [1, 1, 1],
    [2, 2, 2],
  ]);
  await ended(given, writing);
  expect(left(given, ONLY_SYNCED)).toEqual([2, 2, 2]);
});

test("it says nothing of what was written otherwise, and that cannot come over it", async () => {
  const given = scene();
  const file = await written(given);
  const other = await ended(given, given.files.open(PATH, "write"));
  await ended(given, other.write(0, filled(2, 3)));
  await ended(given, file.write(SECTOR, filled(3, 1)));
  expect(left(given, ONLY_SYNCED)).toEqual([1, 3, 1]);
  expect(left(given, ALL)).toEqual([2, 3, 2]);
});

test("one that failed leaves any of its sectors for ever, and another after it is durable all the same", async () => {
  const given = scene({ sector: () => false, name: () => false });
  const file = await written(given);
  given.faults.failSyncs = 1;
  await expect(ended(given, file.write(0, filled(2, 3)))).rejects.toMatchObject({ code: "disk-failed" });
  expect(await ended(given, file.read(0, 1))).toEqual(new Uint8Array([2]));
  expect(left(given, ALL)).toEqual([1, 1, 1]);
  await ended(given, file.write(SECTOR, filled(3, 1)));
  expect(left(given, ONLY_SYNCED)).toEqual([1, 3, 1]);
});

test("a full disk takes the part that fits, and a disk that lies keeps nothing", async () => {
  const given = scene();
  const file = await written(given);
  given.faults.capacityBytes = 4 * SECTOR;
  await expect(ended(given, file.write(2 * SECTOR, filled(2, 3)))).rejects.toMatchObject({ code: "disk-full" });
  expect([left(given, ONLY_SYNCED), left(given, ALL)]).toEqual([
    [1, 1, 1],
    [1, 1, 2, 2],
  ]);
  given.faults.syncIgnored = true;
  await ended(given, file.write(0, filled(5, 1)));
  expect(left(given, ONLY_SYNCED)).toEqual([1, 1, 1]);
});
