import { describe, expect, test } from "vitest";
import { codeOf } from "../../host/conformance/subject.ts";
import type { Files } from "../../host/files.ts";
import { createNodeHash } from "../../host/node/hash.ts";
import type { World } from "../../host/simulated/index.ts";
import { createDisk, createMemoryFiles, createWorld, ONLY_SYNCED } from "../../host/simulated/index.ts";
import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import type { OpenRecordLogOptions } from "./open-log.ts";
import { openRecordLog } from "./open-log.ts";
import type { LogHealth, RecordAt, RecordLog } from "./record-log.ts";

const FOLDER = "/data/log";

interface Opened {
  readonly log: RecordLog;
  /** What was replayed, as text, and where it lies. */
  readonly replayed: string[];
  readonly at: RecordAt[];
  readonly health: LogHealth["state"][];
}

/** Opens the log of host "a", as a process that runs now. */
async function open(world: World, options: Partial<OpenRecordLogOptions> = {}): Promise<Opened> {
  const replayed: string[] = [];
  const at: RecordAt[] = [];
  const health: LogHealth["state"][] = [];
  const log = await openRecordLog({
    ...world.host("a"),
    folder: FOLDER,
    magic: "relay",
    segmentBytes: 4096,
    diskRetryMs: 100,
    replay: (record, place) => {
      replayed.push(fromUtf8(record));
      at.push(place);
    },
    snapshot: () => [],
    onHealth: ({ state }) => void health.push(state),
    ...options,
  });
  return { log, replayed, at, health };
}

/** A test whose body runs in a fresh world. */
function worldTest(name: string, body: (world: World) => Promise<void>): void {
  test(name, async () => {
    const world = createWorld({ seed: name, hash: createNodeHash() });
    await world.complete(body(world));
  });
}

const texts = (...values: readonly string[]): Uint8Array[] => values.map(utf8);
const segments = (world: World): string[] => world.disk("a").disk.list(FOLDER);
const readAll = async (log: RecordLog, at: readonly RecordAt[]): Promise<string[]> =>
  (await Promise.all(at.map((place) => log.read(place)))).map(fromUtf8);

async function fill(log: RecordLog, bytes: number): Promise<RecordAt[]> {
  const places: RecordAt[] = [];
  for (let written = 0; written < bytes; written += 500) {
    const { at, synced } = log.append([utf8("x".repeat(500))]);
    await synced;
    places.push(...at);
  }
  return places;
}

describe("compaction", () => {
  /** One record in ten stays needed. */
  async function scattered(world: World, options: Partial<OpenRecordLogOptions> = {}) {
    const opened = await open(world, options);
    const { log } = opened;
    const kept: { readonly at: RecordAt; readonly text: string }[] = [];
    for (let index = 0; index < 100; index++) {
      const text = `${index} `.padEnd(500, "x");
      const { at, synced } = log.append(texts(text));
      await synced;
      if (index % 10 === 0) kept.push({ at: at[0] as RecordAt, text });
      else log.release(at[0] as RecordAt);
    }
    return { ...opened, kept };
  }

  worldTest("frees what a few needed records hold, which stay readable by their places", async (world) => {
    const { log, kept } = await scattered(world);
    const before = log.bytesOnDisk;
    while (await log.compact());
    await log.append(texts("later")).synced;
    expect(log.bytesOnDisk).toBeLessThan(before / 3);
    expect(
      await readAll(
        log,
        kept.map(({ at }) => at),
      ),
    ).toEqual(kept.map(({ text }) => text));
    await log[Symbol.asyncDispose]();
    const again = await open(world);
    expect(again.replayed.filter((text) => kept.some((each) => each.text === text)).sort()).toEqual(kept.map(({ text }) => text).sort());
    await again.log[Symbol.asyncDispose]();
  });

  worldTest("lets go of a record that is released while it moves, and of one that is released after it", async (world) => {
    const { log, kept } = await scattered(world);
    const moving = log.compact();
    for (const { at } of kept.slice(0, 5)) log.release(at);
    await moving;
    while (await log.compact());
    for (const { at } of kept.slice(5)) log.release(at);
    await fill(log, 10_000).then((places) => places.forEach(log.release));
    await log.append(texts("last")).synced;
    expect(log.bytesOnDisk).toBeLessThan(3 * 4096);
    await log[Symbol.asyncDispose]();
  });

  worldTest("loses nothing when the power fails in the midst of it", async (world) => {
    for (let round = 0; round < 5; round++) {
      const { log, kept } = await scattered(world);
      const moving = (async () => {
        while (await log.compact());
      })();
      moving.catch(() => {});
      await new Promise<void>((resolve) => void world.host("a").clock.after(round * 3, resolve));
      world.crash("a", { keep: "random" });
      const again = await open(world);
      for (const { text } of kept) expect(again.replayed).toContain(text);
      again.at.forEach(again.log.release);
      await again.log[Symbol.asyncDispose]();
    }
  });
});

describe("the record log", () => {
  worldTest("restates a small state larger than a segment only after as much was written besides", async (world) => {
    const state = texts("s".repeat(20_000));
    const { log } = await open(world, { snapshot: () => state });
    await fill(log, 100_000);
    expect(segments(world).length).toBeLessThan(10);
    expect(log.bytesOnDisk).toBeLessThan(300_000);
    await log[Symbol.asyncDispose]();
  });

  worldTest("replays what was appended, in order, over several openings", async (world) => {
    for (const round of [0, 1, 2]) {
      const { log, replayed } = await open(world);
      expect(replayed).toEqual(Array.from({ length: round * 3 }, (_, index) => `record ${index}`));
      await log.append(texts(`record ${round * 3}`, `record ${round * 3 + 1}`)).synced;
      await log.append(texts(`record ${round * 3 + 2}`)).synced;
      await log[Symbol.asyncDispose]();
    }
  });

  worldTest("reads a record before it is durable, after, and after opening again", async (world) => {
    const first = await open(world);
    const appended = first.log.append(texts("one", "", "three"));
    expect(await readAll(first.log, appended.at)).toEqual(["one", "", "three"]);
    await appended.synced;
    expect(await readAll(first.log, appended.at)).toEqual(["one", "", "three"]);
    await first.log[Symbol.asyncDispose]();
    const second = await open(world);
    expect(second.at).toEqual(appended.at);
    expect(await readAll(second.log, second.at)).toEqual(["one", "", "three"]);
  });

  worldTest("appends made while a sync is under way share the next one", async (world) => {
    let syncs = 0;
    const { files } = world.host("a");
    const counting: Files = {
      ...files,
      open: async (path, mode) => {
        const file = await files.open(path, mode);
        return {
          ...file,
          sync: () => {
            syncs++;
            return file.sync();
          },
        };
      },
    };
    const { log } = await open(world, { files: counting, segmentBytes: 1_000_000 });
    syncs = 0;
    await Promise.all(Array.from({ length: 100 }, (_, index) => log.append(texts(`record ${index}`)).synced));
    expect(syncs).toBe(1);
    const { synced } = log.append(texts("first"));
    await Promise.resolve();
    await Promise.resolve();
    await Promise.all([synced, ...Array.from({ length: 50 }, () => log.append(texts("more")).synced)]);
    expect(syncs).toBe(3);
  });

  worldTest("counts the bytes that are not durable yet", async (world) => {
    const { log } = await open(world);
    const { synced } = log.append(texts("12345", "678"));
    expect(log.queuedBytes).toBe(8);
    await synced;
    expect(log.queuedBytes).toBe(0);
  });

  worldTest("a record of 300 KiB and one of nothing come back", async (world) => {
    const { log } = await open(world);
    const large = "y".repeat(300 * 1024);
    await log.append(texts(large, "")).synced;
    await log[Symbol.asyncDispose]();
    expect((await open(world)).replayed).toEqual([large, ""]);
  });

  worldTest("an append after the close is aborted", async (world) => {
    const { log } = await open(world);
    await log[Symbol.asyncDispose]();
    expect(() => log.append(texts("late"))).toThrow(expect.objectContaining({ code: "aborted" }));
  });
});

describe("segments", () => {
  worldTest("a full one is closed and the next begun, each with a snapshot", async (world) => {
    let state = "state 0";
    const first = await open(world, { snapshot: () => texts(state) });
    state = "state 1";
    await fill(first.log, 6000);
    expect(segments(world)).toEqual(["000001.log", "000002.log"]);
    await first.log[Symbol.asyncDispose]();
    const { replayed } = await open(world);
    expect(replayed.filter((text) => text.startsWith("state"))).toEqual(["state 0", "state 1"]);
    expect(replayed.filter((text) => text.startsWith("x"))).toHaveLength(12);
  });

  worldTest("whose records are all released are removed, those with one that is needed stay", async (world) => {
    const { log } = await open(world);
    const places = await fill(log, 12_000);
    expect(segments(world).length).toBeGreaterThanOrEqual(3);
    const needed = places[1] as RecordAt;
    const before = log.bytesOnDisk;
    for (const place of places) if (place !== needed) log.release(place);
    await log.append(texts("one more")).synced;
    await log[Symbol.asyncDispose]();
    expect(log.bytesOnDisk).toBeLessThan(before);
    expect(segments(world)[0]).toBe("000001.log");
    expect(segments(world)).not.toContain("000002.log");
    const { replayed } = await open(world);
    expect(replayed.at(-1)).toBe("one more");
  });

  worldTest("of any number are read at once", async (world) => {
    const { log } = await open(world);
    const places: RecordAt[] = [];
    for (let index = 0; index < 40; index++) {
      const { at, synced } = log.append(texts(`${index} ${"x".repeat(5000)}`));
      await synced;
      places.push(...at);
    }
    expect(segments(world)).toHaveLength(40);
    for (let round = 0; round < 3; round++) {
      expect((await readAll(log, places)).map((text) => Number.parseInt(text, 10))).toEqual(places.map((_, index) => index));
    }
  });

  worldTest("are not removed because a release was said twice", async (world) => {
    const { log } = await open(world);
    const [first, second] = await fill(log, 1000);
    for (let round = 0; round < 5; round++) log.release(first as RecordAt);
    await fill(log, 12_000);
    await log[Symbol.asyncDispose]();
    expect(await readAll((await open(world)).log, [second as RecordAt])).toEqual(["x".repeat(500)]);
  });

  worldTest("without anything that is needed do not pile up over many openings", async (world) => {
    for (let round = 0; round < 10; round++) {
      const { log, at } = await open(world, { snapshot: () => texts("state") });
      for (const place of at) log.release(place);
      const { at: mine, synced } = log.append(texts("small state"));
      for (const place of mine) log.release(place);
      await synced;
      await log[Symbol.asyncDispose]();
    }
    expect(segments(world).length).toBeLessThanOrEqual(2);
  });
});

describe("a disk that fails", () => {
  worldTest("once at a sync delays an append, which is then durable in a new segment", async (world) => {
    const { log, health } = await open(world);
    await log.append(texts("before")).synced;
    world.disk("a").failSyncs = 1;
    const appended = log.append(texts("during"));
    await appended.synced;
    expect(health).toEqual(["stuck", "good"]);
    expect(await readAll(log, appended.at)).toEqual(["during"]);
    expect(segments(world)).toEqual(["000001.log", "000002.log"]);
    log.release(appended.at[0] as RecordAt);
    await log.append(texts("after")).synced;
    world.crash("a", { keep: "synced" });
    expect((await open(world)).replayed).toEqual(["before", "during", "after"]);
  });

  worldTest("is tried again every diskRetryMs until it works", async (world) => {
    const { log } = await open(world);
    world.disk("a").failSyncs = 5;
    const begunMs = world.nowMs;
    const { synced } = log.append(texts("patient"));
    const later = log.append(texts("and what came later")).synced;
    await synced;
    await later;
    expect(world.nowMs - begunMs).toBeGreaterThanOrEqual(400);
    expect(log.health).toEqual({ state: "good" });
  });

  worldTest("gives an append with orReject up, and nothing of it comes back", async (world) => {
    const { log } = await open(world);
    world.disk("a").failSyncs = 1;
    const rejected = log.append(texts("given up"), { orReject: true });
    const kept = log.append(texts("kept"));
    expect(await codeOf(rejected.synced)).toBe("disk-failed");
    await kept.synced;
    world.crash("a");
    expect((await open(world)).replayed).toEqual(["kept"]);
  });

  worldTest("that is full refuses with orReject at once, keeps the rest waiting, and goes on when there is space", async (world) => {
    const { log, health } = await open(world);
    const disk = world.disk("a");
    disk.capacityBytes = disk.disk.usedBytes + 700;
    const waiting = log.append(texts("z".repeat(2000)));
    await expect(log.append(texts("a"), { orReject: true }).synced).rejects.toMatchObject({
      code: "disk-full",
      retry: "after",
      hint: expect.any(String),
    });
    await expect(log.append(texts("b"), { orReject: true }).synced).rejects.toMatchObject({ code: "disk-full" });
    expect(log.health).toMatchObject({ state: "stuck", code: "disk-full" });
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await waiting.synced;
    expect(health).toEqual(["stuck", "good"]);
    await log.append(texts("c"), { orReject: true }).synced;
    await log[Symbol.asyncDispose]();
    expect((await open(world)).replayed).toEqual(["z".repeat(2000), "c"]);
  });

  worldTest("that became read-only says so", async (world) => {
    const { log } = await open(world);
    world.disk("a").readOnly = true;
    expect(await codeOf(log.append(texts("a"), { orReject: true }).synced)).toBe("read-only");
    expect(await codeOf(log.append(texts("b"), { orReject: true }).synced)).toBe("read-only");
    world.disk("a").readOnly = false;
    await log.append(texts("c")).synced;
    await log[Symbol.asyncDispose]();
    expect((await open(world)).replayed).toEqual(["c"]);
  });

  worldTest("from the start is an error of the opening, and the next opening finds everything", async (world) => {
    const { log } = await open(world);
    await log.append(texts("kept")).synced;
    await log[Symbol.asyncDispose]();
    const disk = world.disk("a");
    disk.readOnly = true;
    expect(await codeOf(open(world))).toBe("read-only");
    disk.readOnly = false;
    disk.capacityBytes = disk.disk.usedBytes + 40;
    expect(await codeOf(open(world))).toBe("disk-full");
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    disk.failSyncs = 1;
    expect(await codeOf(open(world))).toBe("disk-failed");
    expect((await open(world)).replayed).toEqual(["kept"]);
  });

  worldTest("for good does not keep the log from closing; what waited is aborted", async (world) => {
    const { log } = await open(world);
    world.disk("a").failSyncs = Number.POSITIVE_INFINITY;
    const { synced } = log.append(texts("never"));
    const outcome = codeOf(synced);
    await log[Symbol.asyncDispose]();
    expect(await outcome).toBe("aborted");
  });

  worldTest("and one that hangs does not either", async (world) => {
    const { log } = await open(world);
    world.disk("a").held = true;
    const outcome = codeOf(log.append(texts("never")).synced);
    await log[Symbol.asyncDispose]();
    expect(await outcome).toBe("aborted");
  });
});

describe("after a kill", () => {
  /** A process that wrote "seen" and was killed: before its sync ended, or right after it had failed. The page cache lives on. */
  async function killed(world: World, failing: boolean): Promise<void> {
    const { log } = await world.complete(open(world));
    await world.complete(log.append(texts("kept")).synced);
    const disk = world.disk("a");
    if (failing) disk.failSyncs = 1;
    else disk.delayMs.sync = 1000;
    log.append(texts("seen")).synced.catch(() => {});
    const end = world.nowMs + 50;
    await world.run({ untilMs: end, until: () => failing && disk.failSyncs === 0 });
    world.crash("a", { keep: "all" });
    disk.delayMs.sync = 1;
  }

  for (const failing of [false, true]) {
    test(`what was read back survives a loss of power${failing ? ", also where a sync had failed" : ""}`, async () => {
      for (let seed = 0; seed < 40; seed++) {
        const world = createWorld({ seed: `killed ${seed}`, hash: createNodeHash() });
        await killed(world, failing);
        const second = await world.complete(open(world));
        world.crash("a", { keep: "synced" });
        const third = await world.complete(open(world));
        expect(third.replayed).toEqual(second.replayed);
      }
    });
  }
});

describe("damage", () => {
  /** A small log of several segments, as the platters hold it, and what it says. */
  async function smallLog(): Promise<{ image: Map<string, Uint8Array>; records: string[] }> {
    const world = createWorld({ seed: "damage", hash: createNodeHash() });
    const records = ["one", "", "\0".repeat(600), "three", "x".repeat(700), "last"];
    await world.complete(
      (async () => {
        for (const record of records) {
          const { log } = await open(world);
          await log.append(texts(record)).synced;
          await log[Symbol.asyncDispose]();
        }
      })(),
    );
    return { image: world.disk("a").disk.image(ONLY_SYNCED), records };
  }

  async function openImage(image: ReadonlyMap<string, Uint8Array>, options: Partial<OpenRecordLogOptions> = {}): Promise<string[]> {
    const world = createWorld({ seed: "image", hash: createNodeHash() });
    const { log, replayed } = await open(world, { files: createMemoryFiles(createDisk(image)), ...options });
    await log[Symbol.asyncDispose]();
    return replayed;
  }

  test("of any byte is told or harms nothing", async () => {
    const { image, records } = await smallLog();
    let told = 0;
    for (const [path, bytes] of image) {
      for (let at = 0; at < bytes.length; at++) {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
        try {
          expect(await openImage(new Map(image).set(path, damaged))).toEqual(records);
        } catch (error) {
          expect(error).toMatchObject({ code: "log-damaged", message: expect.stringContaining(path), hint: expect.any(String) });
          told++;
        }
      }
    }
    expect(told).toBeGreaterThan(1000);
  });

  test("a segment that is missing or shorter than it was is told", async () => {
    const { image } = await smallLog();
    const [first, second] = [...image.keys()] as [string, string];
    const without = new Map(image);
    without.delete(first);
    await expect(openImage(without)).rejects.toMatchObject({ code: "log-damaged", message: expect.stringContaining(first) });
    const bytes = image.get(second) as Uint8Array;
    await expect(openImage(new Map(image).set(second, bytes.subarray(0, bytes.length - 32)))).rejects.toMatchObject({
      code: "log-damaged",
    });
  });

  test("two segments that changed places are told", async () => {
    const { image } = await smallLog();
    const [first, second] = [...image.keys()] as [string, string];
    const swapped = new Map(image).set(first, image.get(second) as Uint8Array).set(second, image.get(first) as Uint8Array);
    await expect(openImage(swapped)).rejects.toMatchObject({ code: "log-damaged" });
  });

  test("a log of another kind is not read as ours", async () => {
    const { image } = await smallLog();
    await expect(openImage(image, { magic: "agent" })).rejects.toMatchObject({
      code: "log-damaged",
      message: expect.stringContaining("relay"),
    });
  });

  test("other files in the folder are left alone", async () => {
    const { image, records } = await smallLog();
    const disk = createDisk(new Map(image).set(`${FOLDER}/notes.txt`, utf8("mine")).set(`${FOLDER}/1.log`, utf8("mine")));
    expect(await openImage(image, { files: createMemoryFiles(disk) })).toEqual(records);
    expect(disk.list(FOLDER)).toEqual(expect.arrayContaining(["1.log", "notes.txt"]));
  });

  worldTest("of a record is told when it is read, and so is a place where none lies", async (world) => {
    const { log } = await open(world);
    const { at, synced } = log.append(texts("whole", "rotten"));
    await synced;
    const place = at[1] as RecordAt;
    world.disk("a").disk.rot(`${FOLDER}/000001.log`, place.offset + 2, 4);
    await expect(log.read(place)).rejects.toMatchObject({ code: "log-damaged", message: expect.stringContaining("000001.log") });
    expect(await readAll(log, [at[0] as RecordAt])).toEqual(["whole"]);
    await expect(log.read({ ...place, length: 3 })).rejects.toMatchObject({ code: "log-damaged" });
    await expect(log.read({ ...place, offset: place.offset + 5000 })).rejects.toMatchObject({ code: "log-damaged" });
  });
});
