/** Segments made of prepared files: when they are made, used again and given back, and what is read of them. */
import { expect, test } from "vitest";
import type { Files } from "../../host/files.ts";
import { silentLog } from "../../host/log.ts";
import { createNodeHash } from "../../host/node/hash.ts";
import { createDisk, createDraws, createMemoryFiles, createWorld, type World } from "../../host/simulated/index.ts";
import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { type OpenRecordLogOptions, openRecordLog } from "./open-log.ts";
import type { RecordAt, RecordLog } from "./record-log.ts";
import { encodeBatch, encodeSegmentHeader, GROWING, PREPARED } from "./segment-format.ts";
import { scanSegment } from "./segment-scan.ts";
import { createSpareSegments, preparedWithin } from "./spare-segments.ts";

const FOLDER = "/log";
const SEGMENT_BYTES = 4096;
const LOG_ID = new Uint8Array(8).fill(7);

interface Opened {
  readonly log: RecordLog;
  readonly texts: string[];
  readonly at: RecordAt[];
}

async function open(world: World, options: Partial<OpenRecordLogOptions> = {}): Promise<Opened> {
  const texts: string[] = [];
  const at: RecordAt[] = [];
  const log = await openRecordLog({
    ...world.host("a"),
    folder: FOLDER,
    magic: "relay",
    segmentBytes: SEGMENT_BYTES,
    prepared: preparedWithin(100 * SEGMENT_BYTES),
    diskRetryMs: 100,
    replay: (record, place) => {
      texts.push(fromUtf8(record).slice(0, 8).trimEnd());
      at.push(place);
    },
    snapshot: () => [],
    ...options,
  });
  return { log, texts, at };
}

function worldTest(name: string, body: (world: World) => Promise<void>): void {
  test(name, async () => {
    const world = createWorld({ seed: name, hash: createNodeHash() });
    await world.complete(body(world));
  });
}

const names = (world: World): string[] => world.disk("a").disk.list(FOLDER);
const sizeOf = (world: World, name: string): number => world.disk("a").disk.file(`${FOLDER}/${name}`, false)?.current.size ?? -1;
const versionOf = (world: World, name: string): number => world.disk("a").disk.file(`${FOLDER}/${name}`, false)?.current.bytes[31] ?? -1;
const pause = (world: World, ms: number): Promise<void> => new Promise((resolve) => void world.after(ms, "a while", resolve));

async function append(log: RecordLog, text: string, bytes = 500): Promise<RecordAt> {
  const { at, synced } = log.append([utf8(text.padEnd(bytes))]);
  await synced;
  return at[0] as RecordAt;
}

/** Appends until the newest segment is one made of a prepared file, and lets go of everything. */
async function untilPrepared(world: World, log: RecordLog): Promise<void> {
  for (
    let index = 0;
    versionOf(
      world,
      names(world)
        .filter((name) => name.endsWith(".log"))
        .at(-1) as string,
    ) !== PREPARED;
    index++
  ) {
    if (index > 50) throw new Error("no segment is made of a prepared file");
    log.release(await append(log, `fill ${index}`));
    await pause(world, 20);
  }
}

worldTest("who writes little needs no prepared file; with a quarter of a segment one is made", async (world) => {
  const { log } = await open(world);
  await append(log, "first", 100);
  await pause(world, 100);
  expect(names(world)).toEqual(["000001.log"]);
  expect(log.bytesOnDisk).toBeLessThan(SEGMENT_BYTES);
  await append(log, "second", SEGMENT_BYTES / 4);
  await pause(world, 100);
  expect(names(world)).toEqual(["000001.log", "1.spare"]);
  expect(sizeOf(world, "1.spare")).toBe(SEGMENT_BYTES);
  expect(log.bytesOnDisk).toBeGreaterThan(SEGMENT_BYTES);
  await log[Symbol.asyncDispose]();
});

worldTest(
  "it becomes the next segment, which has its size and is told as another version; what is let go of is used again",
  async (world) => {
    const { log } = await open(world);
    await untilPrepared(world, log);
    const made = world.disk("a").disk.usedBytes;
    const kept: RecordAt[] = [];
    for (let round = 0; round < 40; round++) {
      const at = await append(log, `round ${round}`);
      if (round % 10 === 0) kept.push(at);
      else log.release(at);
      await pause(world, 20);
    }
    const spares = names(world).filter((name) => name.endsWith(".spare"));
    expect(spares.length).toBeGreaterThan(0);
    expect(spares.length).toBeLessThanOrEqual(2);
    expect(world.disk("a").disk.usedBytes).toBeLessThan(made + 7 * SEGMENT_BYTES);
    expect(log.bytesOnDisk).toBe(world.disk("a").disk.usedBytes);
    await log[Symbol.asyncDispose]();
    const again = await open(world);
    expect(again.texts.filter((text) => text.startsWith("round"))).toEqual(
      expect.arrayContaining(["round 0", "round 10", "round 20", "round 30"]),
    );
    for (const at of kept) expect(fromUtf8(await again.log.read(at))).toContain("round");
    await again.log[Symbol.asyncDispose]();
  },
);

worldTest("a file that grows gives way to a prepared one after many batches, however small, and none before", async (world) => {
  const segmentBytes = 1024 * 1024;
  const { log } = await open(world, { segmentBytes, prepared: preparedWithin(8 * segmentBytes) });
  for (let batch = 0; batch < 1000; batch++) await append(log, `seldom ${batch}`, 20);
  await pause(world, 100);
  expect(names(world)).toEqual(["000001.log"]);
  for (let batch = 0; batch < 50; batch++) await append(log, `often ${batch}`, 20);
  await pause(world, 100);
  const next = await append(log, "the next", 20);
  expect([next.segment, names(world), versionOf(world, "000002.log")]).toEqual([2, ["000001.log", "000002.log"], PREPARED]);
  // There it stays.
  for (let batch = 0; batch < 1100; batch++) await append(log, `more ${batch}`, 20);
  expect(names(world)).toEqual(["000001.log", "000002.log"]);
  await log[Symbol.asyncDispose]();
});

worldTest("for one that restates much, it gives way only after it has written twice as much besides", async (world) => {
  const segmentBytes = 1024 * 1024;
  const small = new Uint8Array(60_000);
  const { log } = await open(world, { segmentBytes, prepared: preparedWithin(8 * segmentBytes), snapshot: () => [small] });
  for (let batch = 0; batch < 1030; batch++) await append(log, `often ${batch}`, 20);
  await pause(world, 100);
  expect(names(world)).toEqual(["000001.log"]);
  await append(log, "much", 2 * small.length);
  await pause(world, 100);
  expect(names(world)).toEqual(["000001.log", "1.spare"]);
  await log[Symbol.asyncDispose]();
});

worldTest("a log that grows reads what one of prepared files left, and puts away what was prepared", async (world) => {
  const { log } = await open(world);
  await untilPrepared(world, log);
  await append(log, "kept");
  await log[Symbol.asyncDispose]();
  world.disk("a").disk.file(`${FOLDER}/spare.part`, true);
  const again = await open(world, { prepared: undefined });
  expect(again.texts).toContain("kept");
  expect(names(world).filter((name) => !name.endsWith(".log"))).toEqual([]);
  expect(versionOf(world, names(world).at(-1) as string)).toBe(GROWING);
  await again.log[Symbol.asyncDispose]();
});

worldTest("prepared files and log take half of the space at most; above it they are given back", async (world) => {
  const { log } = await open(world, { prepared: preparedWithin(6 * SEGMENT_BYTES) });
  for (let round = 0; round < 40; round++) {
    await append(log, `round ${round}`);
    await pause(world, 20);
    if (log.bytesOnDisk > 4 * SEGMENT_BYTES) expect(names(world).filter((name) => !name.endsWith(".log"))).toEqual([]);
  }
  expect(world.disk("a").disk.usedBytes).toBeGreaterThan(4 * SEGMENT_BYTES);
  await log[Symbol.asyncDispose]();
});

worldTest("a disk that is full while a file is prepared is no error, and holds nothing of it", async (world) => {
  const healths: string[] = [];
  const { log } = await open(world, { onHealth: ({ state }) => void healths.push(state) });
  const disk = world.disk("a");
  disk.capacityBytes = disk.disk.usedBytes + SEGMENT_BYTES;
  await append(log, "quarter", 1500);
  await pause(world, 200);
  expect(names(world)).toEqual(["000001.log"]);
  await append(log, "more", 1000);
  expect([healths, log.health.state]).toEqual([[], "good"]);
  await log[Symbol.asyncDispose]();
});

worldTest("who is to hear of a full disk hears of it also where the prepared file that was begun cannot be taken away", async (world) => {
  const host = world.host("a");
  let full = false;
  const files: Files = {
    ...host.files,
    open: async (path, mode) => {
      const file = await host.files.open(path, mode);
      const write = (offset: number, bytes: Uint8Array): Promise<void> =>
        full ? Promise.reject(new PerdureError("disk-full", "no room", { retry: "after" })) : file.write(offset, bytes);
      return { ...file, write };
    },
    remove: (path) => (full ? Promise.reject(new PerdureError("disk-failed", "it stays", { retry: "after" })) : host.files.remove(path)),
  };
  const { log } = await open(world, { files });
  while (!names(world).some((name) => name.endsWith(".spare"))) {
    await append(log, "fill");
    await pause(world, 10);
  }
  await append(log, "full", SEGMENT_BYTES);
  full = true;
  const told: unknown[] = [];
  log.append([utf8("or not")], { orReject: true }).synced.catch(({ code }) => told.push(code));
  await pause(world, 500);
  expect([told, log.health.state]).toEqual([["disk-full"], "stuck"]);
  full = false;
  await pause(world, 500);
  expect(log.health.state).toBe("good");
  await log[Symbol.asyncDispose]();
});

worldTest("a disk that is full has room in the file that is there already", async (world) => {
  const { log } = await open(world);
  await append(log, "quarter", 1500);
  await pause(world, 100);
  const disk = world.disk("a");
  disk.capacityBytes = disk.disk.usedBytes;
  const { synced } = log.append([utf8("must be kept")]);
  await synced;
  expect([
    log.health.state,
    versionOf(
      world,
      names(world)
        .filter((name) => name.endsWith(".log"))
        .at(-1) as string,
    ),
  ]).toEqual(["good", PREPARED]);
  await log[Symbol.asyncDispose]();
});

worldTest("a batch that failed in a prepared file is not read again, and who would rather hear of it does at once", async (world) => {
  const { log } = await open(world);
  await untilPrepared(world, log);
  world.disk("a").failSyncs = 1;
  const { synced } = log.append([utf8("refused")], { orReject: true });
  await expect(synced).rejects.toMatchObject({ code: "disk-failed" });
  await append(log, "after");
  await log[Symbol.asyncDispose]();
  const again = await open(world);
  expect(again.texts).toContain("after");
  expect(again.texts).not.toContain("refused");
  await again.log[Symbol.asyncDispose]();
});

worldTest("a log that is closed ends with a batch of nothing: its last records that rot are damage", async (world) => {
  const { log } = await open(world);
  await untilPrepared(world, log);
  const at = await append(log, "last");
  await log[Symbol.asyncDispose]();
  const path = `${FOLDER}/${String(at.segment).padStart(6, "0")}.log`;
  world.disk("a").disk.rot(path, at.offset + 3, 1);
  await expect(open(world)).rejects.toMatchObject({ code: "log-damaged" });
  world.disk("a").disk.rot(path, at.offset + 3, 1);
  const again = await open(world);
  expect(again.texts).toContain("last");
  await again.log[Symbol.asyncDispose]();
});

worldTest("while a file is read it is not used again", async (world) => {
  const { log } = await open(world);
  const at = await append(log, "slow", 500);
  await untilPrepared(world, log);
  world.disk("a").delayMs.read = 500;
  const reading = log.read(at);
  log.release(at);
  for (let round = 0; round < 30; round++) {
    log.release(await append(log, `round ${round}`));
    await pause(world, 5);
  }
  expect(fromUtf8(await reading)).toContain("slow");
  await log[Symbol.asyncDispose]();
});

test("the name of a file that was taken is given to no other before it has another", async () => {
  const disk = createDisk(new Map([[`${FOLDER}/1.spare`, new Uint8Array(SEGMENT_BYTES).fill(1)]]));
  const spares = createSpareSegments({
    files: createMemoryFiles(disk),
    folder: FOLDER,
    log: silentLog,
    segmentBytes: SEGMENT_BYTES,
    withinBytes: 100 * SEGMENT_BYTES,
    logBytes: () => 0,
    ready: [{ path: `${FOLDER}/1.spare`, bytes: SEGMENT_BYTES }],
  });
  const made = async (): Promise<string[]> => {
    await spares.begun();
    spares.prepare();
    await expect.poll(() => disk.list(FOLDER).includes("spare.part") || spares.bytes === 0).toBe(false);
    return disk.list(FOLDER);
  };
  const taken = spares.take();
  if (taken === undefined) throw new Error("none is ready");
  expect(await made()).toEqual(["1.spare", "2.spare"]);
  expect(disk.file(taken.path, false)?.current.bytes[0]).toBe(1);
  spares.take();
  spares.gone(taken);
  disk.remove(taken.path, {})();
  expect(await made()).toEqual(["1.spare", "2.spare"]);
  await spares.stop();
});

// What lies behind the end of a prepared file

const manifest = [{ kind: 2, payload: new Uint8Array(4) }] as const;

/** Segment 5 in a file that was segment 4 before; gives the file and where its batches begin. */
function reused(count: number): { readonly bytes: Uint8Array; readonly starts: readonly number[] } {
  const bytes = createDraws("noise").bytes(8192);
  const write = (segment: number, batches: number): number[] => {
    bytes.set(encodeSegmentHeader("relay", LOG_ID, segment, PREPARED));
    const starts: number[] = [];
    let offset = 64;
    const records = [{ kind: 0, payload: new Uint8Array(700).fill(segment) }] as const;
    for (let number = 1; number <= batches; number++) {
      const batch = encodeBatch({ logId: LOG_ID, segment, offset }, segment * 100 + number, number === 1 ? manifest : records);
      bytes.set(batch, offset);
      starts.push(offset);
      offset += batch.length;
    }
    return starts;
  };
  write(4, 9);
  return { bytes, starts: write(5, count) };
}

async function scan(bytes: Uint8Array): Promise<string> {
  const files: Files = createMemoryFiles(createDisk(new Map([["/f", bytes]])));
  const file = await files.open("/f", "read");
  let batches = 0;
  const onBatch = (): boolean => ++batches > 0;
  const { state } = await scanSegment({ file, logId: LOG_ID, segment: 5, prepared: true, onBatch });
  return `${batches} ${state}`;
}

test("batches of an earlier life are none of this segment, whole or torn", async () => {
  for (let count = 1; count <= 8; count++) expect(await scan(reused(count).bytes)).toBe(`${count} torn`);
  const { bytes, starts } = reused(4);
  const last = starts[3] as number;
  const before = reused(3).bytes;
  // Any sectors of the last batch may be what they were before.
  for (let subset = 1; subset < 4; subset++) {
    const torn = bytes.slice();
    for (let sector = 0; sector < 2; sector++) {
      const from = Math.max(last, last - (last % 512) + sector * 512);
      const to = last - (last % 512) + sector * 512 + 512;
      if ((subset >> sector) % 2 === 1) torn.set(before.subarray(from, to), from);
    }
    expect(await scan(torn)).toBe("3 torn");
  }
});

test("what is invalid before a batch with a higher number is damage, and so is a first batch that is", async () => {
  const { bytes, starts } = reused(4);
  for (const [index, start] of starts.entries()) {
    const rotten = bytes.slice();
    rotten[start + 40] = (rotten[start + 40] as number) ^ 1;
    expect(await scan(rotten)).toBe(`${index} ${index === 3 ? "torn" : "damaged"}`);
  }
  const first = reused(1).bytes;
  first[70] = (first[70] as number) ^ 1;
  expect(await scan(first)).toBe("0 damaged");
});

test.each([64, 65, 95, 96])("a file that was prepared and has no whole batch is damage, cut after %i bytes", async (length) => {
  const disk = createDisk(new Map([[`${FOLDER}/000005.log`, reused(2).bytes.slice(0, length)]]));
  const world = createWorld({ seed: "cut", hash: createNodeHash() });
  const opening = openRecordLog({
    ...world.host("a"),
    files: createMemoryFiles(disk),
    folder: FOLDER,
    magic: "relay",
    segmentBytes: SEGMENT_BYTES,
    diskRetryMs: 100,
    replay: () => {},
    snapshot: () => [],
  });
  await expect(world.complete(opening)).rejects.toMatchObject({ code: "log-damaged" });
});

test("the end of 64 MiB in which every place looks like a batch is found in less than a few seconds", { timeout: 30_000 }, async () => {
  const bytes = new Uint8Array(64 * 1024 * 1024);
  for (let at = 0; at < bytes.length; at += 32) bytes.set([0x50, 0x42, 0x41, 0x54], at);
  bytes.set(reused(2).bytes.subarray(0, reused(3).starts[2] as number));
  const startedAt = performance.now();
  expect(await scan(bytes)).toBe("2 torn");
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test("a number that stands in a prepared file is not given again", async () => {
  const stale = new Uint8Array(SEGMENT_BYTES);
  const id = new Uint8Array(8).fill(3);
  const disk = createDisk();
  const options = {
    files: createMemoryFiles(disk),
    random: { bytes: () => id } as unknown as OpenRecordLogOptions["random"],
    clock: createWorld({ seed: 1, hash: createNodeHash() }).host("a").clock,
    log: silentLog,
    folder: FOLDER,
    magic: "relay",
    segmentBytes: SEGMENT_BYTES,
    prepared: preparedWithin(100 * SEGMENT_BYTES),
    diskRetryMs: 10,
    replay: () => {},
    snapshot: () => [],
  };
  await (await openRecordLog(options))[Symbol.asyncDispose]();
  stale.set(encodeSegmentHeader("relay", id, 7, PREPARED));
  const file = disk.file(`${FOLDER}/2.spare`, true);
  if (file === undefined) throw new Error("no file");
  disk.write(file, 0, stale);
  disk.syncedTo(file, disk.mark(file));
  await (await openRecordLog(options))[Symbol.asyncDispose]();
  expect(disk.list(FOLDER)).toEqual(["000008.log"]);
});

/** Writes so many segments of records that are let go of soon after, as of mail that somebody reads; the version of each segment, and the most bytes the log ever took. */
async function writeAndLetGo(
  world: World,
  log: RecordLog,
  segments: number,
): Promise<{ readonly versions: number[]; readonly most: number }> {
  const versions = new Map<string, number>();
  const waiting: RecordAt[] = [];
  let most = 0;
  for (let written = 0; written < segments * SEGMENT_BYTES; written += 500) {
    waiting.push(await append(log, "letter"));
    await pause(world, 5);
    if (waiting.length > 3) log.release(waiting.shift() as RecordAt);
    most = Math.max(most, log.bytesOnDisk);
    for (const name of names(world)) if (name.endsWith(".log")) versions.set(name, versionOf(world, name));
  }
  return { versions: [...versions.values()], most };
}

worldTest("where everything is let go of soon, every segment after the first is a prepared file, and there are few", async (world) => {
  const { log } = await open(world);
  const { versions, most } = await writeAndLetGo(world, log, 30);
  expect(versions.length).toBeGreaterThan(20);
  expect(versions.slice(1).every((version) => version === PREPARED)).toBe(true);
  expect(most).toBeLessThanOrEqual(5 * SEGMENT_BYTES);
  await log[Symbol.asyncDispose]();
});

worldTest("without room for one segment more, what is dead is let go of before the next is full", async (world) => {
  const { log } = await open(world, { prepared: preparedWithin(3 * SEGMENT_BYTES) });
  const { versions, most } = await writeAndLetGo(world, log, 30);
  expect(versions).toContain(GROWING);
  expect(most).toBeLessThanOrEqual(2.5 * SEGMENT_BYTES);
  await log[Symbol.asyncDispose]();
});
