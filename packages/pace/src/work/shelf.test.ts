import { describe, expect, it } from "vitest";
import { isPaceError } from "../error.ts";
import type { Folder } from "../host/folder.ts";
import { seededRandom } from "../testing/draws.ts";
import { createMemoryDisk, type DiskFault, type MemoryDisk } from "../testing/memory-disk.ts";
import { openShelf, type Shelf } from "./shelf.ts";

const disk = (): MemoryDisk => createMemoryDisk(seededRandom(1));
const put = (key: string, value: unknown): readonly [string, string] => [key, JSON.stringify(value)];
const contents = (shelf: Shelf): Record<string, unknown> => Object.fromEntries(shelf.entries());

describe("the shelf", () => {
  it("has what was put on it and nothing of what was taken off, now and when it is opened again", async () => {
    const under = disk();
    const shelf = await openShelf(under.open());
    await shelf.change([put("a", 1), put("b", { deep: [null, "text\n"] })]);
    await shelf.change([["a"], put("c", 3)]);
    expect(contents(shelf)).toEqual({ b: { deep: [null, "text\n"] }, c: 3 });
    await shelf.close();
    const again = await openShelf(under.open());
    expect(contents(again)).toEqual({ b: { deep: [null, "text\n"] }, c: 3 });
    expect(again.found).toEqual({ entries: 2, tornBytes: 0, damaged: [], keptAs: undefined });
  });

  it("writes what comes together in one piece", async () => {
    const under = disk();
    const shelf = await openShelf(under.open());
    await shelf.flush();
    const before = under.operations;
    await Promise.all(Array.from({ length: 100 }, (_, nth) => shelf.change([put(`k${nth}`, nth)])));
    expect(under.operations - before).toBe(2);
  });

  it("takes back what a full disk did not take, and takes the next when there is room", async () => {
    const under = disk();
    const shelf = await openShelf(under.open());
    await shelf.change([put("a", 1)]);
    under.fault = () => "disk-full";
    const refused = [shelf.change([put("a", 2)]), shelf.change([put("b", 2), ["a"]])];
    expect(contents(shelf)).toEqual({ b: 2 });
    for (const one of refused) await expect(one).rejects.toMatchObject({ code: "disk-full" });
    expect(contents(shelf)).toEqual({ a: 1 });
    under.fault = () => undefined;
    await shelf.change([put("c", 3)]);
    await shelf.close();
    expect(contents(await openShelf(under.open()))).toEqual({ a: 1, c: 3 });
  });

  it("takes back with it what came while it was written", async () => {
    const under = disk();
    const shelf = await openShelf(under.open());
    await shelf.change([put("a", 1)]);
    let later: Promise<unknown> = Promise.resolve();
    under.fault = ({ kind }) => {
      if (kind !== "write") return undefined;
      later = shelf.change([put("a", 3)]).catch((error: unknown) => error);
      return "disk-full";
    };
    await expect(shelf.change([put("a", 2)])).rejects.toMatchObject({ code: "disk-full" });
    expect(await later).toMatchObject({ code: "disk-full" });
    expect(contents(shelf)).toEqual({ a: 1 });
  });

  it("does not trust a file after a sync of it that failed", async () => {
    const under = disk();
    const shelf = await openShelf(under.open());
    await shelf.change([put("a", 1)]);
    under.fault = ({ kind }) => (kind === "sync" ? "disk-failed" : undefined);
    await expect(shelf.change([put("b", "lost".repeat(1000))])).rejects.toMatchObject({ code: "disk-failed" });
    const kinds: string[] = [];
    under.fault = ({ kind, name }) => void kinds.push(`${kind} ${name}`) as undefined;
    await shelf.change([put("c", 3)]);
    expect(kinds).toEqual(["write journal.next", "sync journal.next", "rename journal.next"]);
    under.crash();
    expect(contents(await openShelf(under.open()))).toEqual({ a: 1, c: 3 });
  });

  it("does not trust a file of a process that did not survive a sync that failed", async () => {
    const under = disk();
    const shelf = await openShelf(under.open());
    await shelf.change([put("a", 1)]);
    under.fault = ({ kind }) => (kind === "sync" ? "disk-failed" : undefined);
    await expect(shelf.change([put("b", "in memory only".repeat(1000))])).rejects.toMatchObject({ code: "disk-failed" });
    under.fault = () => undefined;
    await shelf.close();
    const again = await openShelf(under.open());
    expect(Object.keys(contents(again))).toEqual(["a", "b"]);
    await again.change([put("c", 3)]);
    under.crash();
    const last = await openShelf(under.open());
    expect([Object.keys(contents(last)), last.found.damaged]).toEqual([["a", "b", "c"], []]);
  });

  it("stays small however often something changes", async () => {
    const under = disk();
    const shelf = await openShelf(under.open(), 1000);
    for (let nth = 0; nth < 500; nth++) await shelf.change([put("é".repeat(20), nth)]);
    expect(under.bytes("journal")?.length).toBeLessThan(1500);
    await shelf.close();
    expect(contents(await openShelf(under.open()))).toEqual({ ["é".repeat(20)]: 499 });
  });

  it("goes on in its file where there is no room for a second", async () => {
    const under = disk();
    const shelf = await openShelf(under.open(), 100);
    await shelf.flush();
    under.fault = ({ name }) => (name === "journal.next" ? "disk-full" : undefined);
    for (let nth = 0; nth < 50; nth++) await shelf.change([put("a", nth)]);
    await shelf.close();
    under.fault = () => undefined;
    expect(contents(await openShelf(under.open()))).toEqual({ a: 49 });
  });

  it("keeps a file that it cannot read all of, and says what is missing", async () => {
    const under = disk();
    const shelf = await openShelf(under.open());
    for (const key of ["a", "b", "c"]) await shelf.change([put(key, key)]);
    await shelf.close();
    const bytes = under.bytes("journal") as Uint8Array;
    const offset = new TextDecoder().decode(bytes).indexOf('[["b"') - 9;
    bytes[offset + 12] = 0;
    under.set("journal", bytes);
    const again = await openShelf(under.open());
    expect(contents(again)).toEqual({ a: "a", c: "c" });
    expect(again.found).toEqual({ entries: 2, tornBytes: 0, damaged: [{ offset, sizeBytes: 21 }], keptAs: "damaged-1" });
    expect(under.bytes("damaged-1")).toEqual(bytes);
    await again.flush();
    await again.close();
    expect((await openShelf(under.open())).found.damaged).toEqual([]);
  });

  it("keeps a file that is none of its own", async () => {
    const under = disk();
    under.set("journal", new TextEncoder().encode("somebody's notes"));
    const shelf = await openShelf(under.open());
    expect(shelf.found).toMatchObject({ damaged: [{ offset: 0, sizeBytes: 16 }], keptAs: "damaged-1" });
    expect(under.bytes("damaged-1")?.length).toBe(16);
  });

  it("does not touch what a later version wrote", async () => {
    const under = disk();
    const later = new TextEncoder().encode('f834a619 {"pace":"work","version":9}\n');
    under.set("journal", later);
    await expect(openShelf(under.open())).rejects.toMatchObject({ code: "bad-argument" });
    expect(under.bytes("journal")).toEqual(later);
  });

  it("refuses what comes after it was closed, and keeps what came before", async () => {
    const under = disk();
    const shelf = await openShelf(under.open());
    const last = shelf.change([put("a", 1)]);
    await Promise.all([shelf.close(), last]);
    await expect(shelf.change([put("b", 1)])).rejects.toMatchObject({ code: "closed" });
    expect(contents(await openShelf(under.open()))).toEqual({ a: 1 });
  });
});

/** A process that changes pairs of keys, and dies, many times over; what is wrong after each death. */
async function wrongs(seed: number, lives: number, spoil: (folder: Folder) => Folder = (folder) => folder): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const under = createMemoryDisk(random);
  const found: string[] = [];
  /** By key: what may be there after the next death, in the order of its being asked for. */
  const possible = new Map<number, { readonly nth: number; readonly value: number }[]>();
  let count = 0;
  for (let life = 0; life < lives; life++) {
    let left = Math.floor(random() * 40);
    const errors: DiskFault[] = ["disk-full", "disk-failed"];
    under.fault = ({ kind }) =>
      left-- <= 0 ? "crash" : kind !== "read" && random() < 0.1 ? (errors[Math.floor(random() * 2)] as DiskFault) : undefined;
    const died = under.died();
    await Promise.race([died, live()]);
  }
  return found;

  async function live(): Promise<void> {
    const shelf = await openShelf(spoil(under.open()), 400).catch((error: unknown) => {
      if (!isPaceError(error)) throw error;
      return undefined;
    });
    if (shelf === undefined) return under.crash();
    if (shelf.found.damaged.length > 0) found.push("damaged");
    for (let key = 0; key < 5; key++) {
      const [one, other] = [Number(shelf.get(`a${key}`) ?? 0), Number(shelf.get(`b${key}`) ?? 0)];
      if (one !== other) found.push(`half of a change: ${one} and ${other}`);
      const values = possible.get(key)?.map(({ value }) => value) ?? [0];
      if (!values.includes(one)) found.push(`${one} is there of ${values}`);
      possible.set(key, [{ nth: count, value: one }]);
    }
    for (;;) {
      await Promise.all(
        Array.from({ length: 1 + Math.floor(random() * 3) }, async () => {
          const key = Math.floor(random() * 5);
          const nth = ++count;
          const pad = "x".repeat(Math.floor(random() * 700));
          const gone = random() < 0.2;
          const value = gone ? 0 : nth;
          possible.get(key)?.push({ nth, value });
          try {
            await shelf.change(gone ? [[`a${key}`], [`b${key}`]] : [put(`a${key}`, value), put(`pad${key}`, pad), put(`b${key}`, value)]);
            // Later ones of the same moment are seen already, and may fail.
            possible.set(key, possible.get(key)?.filter((one) => one.nth >= nth) ?? []);
          } catch (error) {
            if (!isPaceError(error)) throw error;
          }
        }),
      );
    }
  }
}

describe("the shelf of a process that dies at any moment", () => {
  it("has all that was said to be kept, and no half of a change", async () => {
    for (let seed = 0; seed < 30; seed++) expect([seed, await wrongs(seed, 25)]).toEqual([seed, []]);
  });

  it("is not so without a sync before a file takes the place of another", async () => {
    const spoil = (folder: Folder): Folder => ({
      ...folder,
      sync: async (name) => (name === "journal.next" ? undefined : await folder.sync(name)),
    });
    const all = await Promise.all(Array.from({ length: 20 }, (_, seed) => wrongs(seed, 10, spoil)));
    expect(all.flat().length).toBeGreaterThan(0);
  });

  it("is not so without a sync of each change", async () => {
    const spoil = (folder: Folder): Folder => ({
      ...folder,
      sync: async (name) => (name === "journal" ? undefined : await folder.sync(name)),
    });
    const all = await Promise.all(Array.from({ length: 20 }, (_, seed) => wrongs(seed, 10, spoil)));
    expect(all.flat().length).toBeGreaterThan(0);
  });
});
