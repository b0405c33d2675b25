import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Files } from "../../host/files.ts";
import { createNodeHash } from "../../host/node/hash.ts";
import { createWorld, type World } from "../../host/simulated/index.ts";
import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { INDEX_FILES } from "./index-files.ts";
import { openRecordLog } from "./open-log.ts";
import type { IndexedRecords, RecordAt, RecordLog } from "./record-log.ts";
import { segmentOfIndex } from "./segment-index.ts";

const FOLDER = "/data/log";
const SEGMENT_BYTES = 4096;

/**
 * Keeps things by name. Of what is durable it restates which things are gone and the number of the newest thing; it learns what is durable
 * when the log says so, and restates nothing else.
 */
async function openOwner(world: World, indexed: boolean | Partial<IndexedRecords> = true, files: Files = world.host("a").files) {
  const things = new Map<string, RecordAt>();
  const gone = new Set<string>();
  let newest = 0;
  const toldGone = new Set<string>();
  let toldNewest = 0;
  const read = { records: 0, indexes: 0, reread: 0 };
  const take = (text: string, at: RecordAt): boolean => {
    const [what = "", name = ""] = text.split(" ");
    if (what === "newest") newest = Math.max(newest, Number(name));
    if (what === "gone" && name !== "") {
      gone.add(name);
      things.delete(name);
    }
    if (what !== "thing" || gone.has(name) || things.has(name)) return false;
    things.set(name, at);
    return true;
  };
  const owner: IndexedRecords = {
    recall: async (_segment, index) => {
      const rows = JSON.parse(fromUtf8(await index.read(0, index.bytes))) as { name: string; at: RecordAt }[];
      read.indexes++;
      return () => {
        const live = rows.filter(({ name, at }) => take(`thing ${name}`, at));
        return { count: live.length, bytes: live.reduce((sum, { at }) => sum + at.length, 0) };
      };
    },
    recalled: () => {},
    reread: (record, at) => {
      read.reread++;
      const text = fromUtf8(record);
      return text.startsWith("thing ") && take(text, at);
    },
    needed: async (segment) => [...things.values()].filter((at) => log.actual(at).segment === segment),
    ...(typeof indexed === "object" ? indexed : {}),
  };
  const dead: RecordAt[] = [];
  const log: RecordLog = await openRecordLog({
    ...world.host("a"),
    files,
    folder: FOLDER,
    magic: "relay",
    segmentBytes: SEGMENT_BYTES,
    diskRetryMs: 100,
    replay: (record, at) => {
      read.records++;
      const text = fromUtf8(record);
      if (text.startsWith("thing ")) newest = Math.max(newest, Number(text.split(" ")[1]));
      if (!take(text, at)) dead.push(at);
      // What is read is durable.
      toldNewest = newest;
      for (const name of gone) toldGone.add(name);
    },
    snapshot: () => [utf8(`newest ${toldNewest}`), ...[...toldGone].map((name) => utf8(`gone ${name}`))],
    indexed: indexed === false ? undefined : { by: owner, files: INDEX_FILES },
  });
  for (const at of dead) log.release(at);
  return {
    log,
    things,
    read,
    newest: () => newest,
    add: (bytes: number) => {
      const number = ++newest;
      const { at, synced } = log.append([utf8(`thing ${number} `.padEnd(bytes, "x"))]);
      things.set(String(number), at[0] as RecordAt);
      return synced.then(() => {
        toldNewest = Math.max(toldNewest, number);
      });
    },
    drop: (name: string) => {
      const place = things.get(name) as RecordAt;
      things.delete(name);
      gone.add(name);
      const { at, synced } = log.append([utf8(`gone ${name}`)]);
      return synced.then(() => {
        toldGone.add(name);
        log.release(place);
        log.release(at[0] as RecordAt);
      });
    },
    index: async () => {
      for (const segment of log.unindexed()) {
        const rows = [...things].map(([name, at]) => ({ name, at: log.actual(at) })).filter(({ at }) => at.segment === segment);
        // What is gone is durable when the index is.
        await log.append([utf8("turn")]).synced;
        await log.putIndex(
          segment,
          utf8(JSON.stringify(rows)),
          rows.map(({ at }) => at),
        );
      }
    },
    close: () => log[Symbol.asyncDispose](),
  };
}

type Owner = Awaited<ReturnType<typeof openOwner>>;

function inWorld(body: (world: World) => Promise<void>, seed = 1): Promise<void> {
  const world = createWorld({ seed, hash: createNodeHash() });
  return world.complete(body(world));
}

/** Files of which the indexes cannot be read: not at all, or not beyond their heads. */
function unreadableIndexes(files: Files, from: number): Files {
  return {
    ...files,
    open: async (path, mode) => {
      if (!path.endsWith(".idx") || mode !== "read") return files.open(path, mode);
      const fail = (): never => {
        throw new PerdureError("disk-failed", `could not read ${path} (EIO)`);
      };
      if (from === 0) return fail();
      const file = await files.open(path, mode);
      return { ...file, read: (offset, length) => (offset >= from ? fail() : file.read(offset, length)) };
    },
  };
}

const files = (world: World): readonly string[] => world.disk("a").disk.list(FOLDER);
const indexes = (world: World): readonly string[] => files(world).filter((name) => segmentOfIndex(name) !== undefined);

async function filled(owner: Owner, things: number): Promise<void> {
  for (let at = 0; at < things; at++) await owner.add(500);
}

async function readsAll({ log, things }: Owner): Promise<void> {
  for (const [name, at] of things) expect(fromUtf8(await log.read(at)).split(" ")[1]).toBe(name);
}

describe("segments with an index", () => {
  it("are not read at a start, and what they hold is", () =>
    inWorld(async (world) => {
      const first = await openOwner(world);
      await filled(first, 40);
      await first.index();
      const names = [...first.things.keys()];
      await first.close();
      const again = await openOwner(world);
      expect(again.read).toMatchObject({ reread: 0, indexes: 4 });
      expect(again.read.records).toBeLessThan(25);
      expect([...again.things.keys()].sort()).toEqual(names.sort());
      expect(again.newest()).toBe(40);
      await readsAll(again);
      await again.close();
    }));

  it("go when nothing of them is needed, with their index, also when something is let go of twice", () =>
    inWorld(async (world) => {
      const owner = await openOwner(world);
      await filled(owner, 40);
      await owner.index();
      expect(indexes(world)).toHaveLength(4);
      const places = [...owner.things];
      for (const [name, at] of places.slice(0, 30)) {
        await owner.drop(name);
        owner.log.release(at);
      }
      await filled(owner, 20);
      expect(indexes(world).length).toBeLessThan(3);
      expect(owner.log.bytesOnDisk).toBeLessThan(40 * 600);
      await readsAll(owner);
      await owner.close();
    }));

  it("are read when their index is damaged, which is then removed", () =>
    inWorld(async (world) => {
      const first = await openOwner(world);
      await filled(first, 40);
      await first.index();
      await first.close();
      const { disk } = world.disk("a");
      const [damaged = ""] = indexes(world);
      const host = world.host("a").files;
      const file = await host.open(`${FOLDER}/${damaged}`, "write");
      await file.write(70, new Uint8Array([0]));
      await file.sync();
      await file.close();
      const again = await openOwner(world);
      expect(again.read.reread).toBeGreaterThan(5);
      expect(again.things.size).toBe(40);
      expect(disk.list(FOLDER)).not.toContain(damaged);
      expect(again.log.unindexed()[0]).toBe(segmentOfIndex(damaged)?.segment);
      await readsAll(again);
      for (const name of [...again.things.keys()]) await again.drop(name);
      await filled(again, 20);
      expect(again.log.bytesOnDisk).toBeLessThan(20 * 600 + 3 * SEGMENT_BYTES);
      await again.close();
    }));

  it.each([0, 64])("are read when the disk does not give their index from byte %i on", (from) =>
    inWorld(async (world) => {
      const first = await openOwner(world);
      await filled(first, 40);
      await first.index();
      await first.close();
      const again = await openOwner(world, true, unreadableIndexes(world.host("a").files, from));
      expect(again.things.size).toBe(40);
      await readsAll(again);
      await again.close();
    }),
  );

  it("get no index once their log is closed", () =>
    inWorld(async (world) => {
      const owner = await openOwner(world);
      await filled(owner, 40);
      let put = false;
      const made = owner.log.putIndex(owner.log.unindexed()[0] as number, new Uint8Array(50_000), []).finally(() => {
        put = true;
      });
      await owner.close();
      expect(put).toBe(true);
      await made;
    }));

  it("are read by whoever knows no indexes, and what lies beside them stays of no account", () =>
    inWorld(async (world) => {
      const first = await openOwner(world);
      await filled(first, 40);
      await first.index();
      await first.close();
      const other = await openOwner(world, false);
      expect(other.things.size).toBe(40);
      await filled(other, 20);
      await other.close();
      const again = await openOwner(world);
      expect(again.things.size).toBe(60);
      await again.close();
    }));

  it("are compacted, as their owner says what it needs of them", () =>
    inWorld(async (world) => {
      const owner = await openOwner(world);
      await filled(owner, 60);
      await owner.index();
      for (const name of [...owner.things.keys()].filter((each) => Number(each) % 10 > 0)) await owner.drop(name);
      const before = owner.log.bytesOnDisk;
      let rounds = 0;
      while (rounds++ < 50 && (await owner.log.compact()));
      expect(rounds).toBeLessThan(20);
      await filled(owner, 1);
      expect(owner.log.bytesOnDisk).toBeLessThan(before / 2);
      await readsAll(owner);
      await owner.close();
      const again = await openOwner(world);
      expect(again.things.size).toBe(7);
      await readsAll(again);
      await again.close();
    }));

  it("leave out only what the next one restates, also when that is begun the moment they are closed", () =>
    inWorld(async (world) => {
      const first = await openOwner(world);
      await filled(first, 10);
      await first.index();
      // One batch, which fills its segment; while it is written the next one gathers.
      const full = [first.add(SEGMENT_BYTES), first.drop("1")];
      await new Promise<void>((resolve) => void world.after(0.01, "sealed", resolve));
      await Promise.all([...full, first.add(100)]);
      await first.index();
      await first.close();
      const again = await openOwner(world);
      expect([...again.things.keys()]).not.toContain("1");
      expect(again.things.size).toBe(11);
      await again.close();
    }));

  it("lose nothing and bring nothing back, whatever comes in which order", async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant("add" as const), bytes: fc.integer({ min: 100, max: 1500 }), waits: fc.boolean() }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("drop" as const), which: fc.nat(), waits: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("index" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("start" as const), indexed: fc.integer({ min: 0, max: 9 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.nat(), async (steps, seed) => {
        await inWorld(async (world) => {
          let owner = await openOwner(world);
          for (const each of [...steps, { do: "start", indexed: 1 } as const]) {
            if (each.do === "index") await owner.index();
            else if (each.do === "compact") await owner.log.compact();
            else if (each.do === "start") {
              await owner.log.append([utf8("turn")]).synced;
              const [names, newest] = [[...owner.things.keys()].sort(), owner.newest()];
              await owner.close();
              owner = await openOwner(world, each.indexed > 0);
              expect([...owner.things.keys()].sort()).toEqual(names);
              expect(owner.newest()).toBe(newest);
              await readsAll(owner);
            } else {
              const names = [...owner.things.keys()];
              const name = each.do === "drop" ? names[each.which % Math.max(1, names.length)] : undefined;
              const done = each.do === "add" ? owner.add(each.bytes) : name === undefined ? undefined : owner.drop(name);
              if (each.waits) await done;
            }
          }
          await owner.close();
        }, seed);
      }),
      { numRuns: 150 },
    );
  }, 120_000);
});
