import { beforeAll, describe, expect, it } from "vitest";
import { createNormals } from "../test-vectors.ts";
import { type IndexWriter, openIndexFile } from "./index-writer.ts";
import { createMemoryFile } from "./memory-file.ts";
import { codeOfLater } from "./test-code-of.ts";
import { testColumns, testHeader, testIds } from "./test-columns.ts";
import { type CrashFile, createCrashFile } from "./test-crash-file.ts";
import { type Row, rowsIn, rowsRead } from "./test-rows.ts";

const HEADER = testHeader({ dim: 12, bits: 3, from: 3 });
const UNIT = 64;
/** Thousands of files are opened, on machines that do other things as well. */
const SLOW_MS = 120_000;

/** After one step: how far the file reached, how much of it would have survived, and what is in it. */
interface Moment {
  readonly size: number;
  readonly durable: number;
  readonly rows: readonly Row[];
}

/** Everything that can be done to a file, step by step. Compaction writes to another one. */
const STEPS: readonly ((writer: IndexWriter) => Promise<unknown>)[] = [
  (writer) => writer.append(testColumns(HEADER, testIds(5))),
  (writer) => writer.sync(),
  (writer) => writer.append(testColumns(HEADER, ["a", 3, "b"], { seed: 2 }), [3, 4]),
  (writer) => writer.append(testColumns(HEADER, [70, 60, 50], { seed: 3 })),
  (writer) => writer.sync(),
  (writer) => writer.remove([1, "a", 60]),
  (writer) => writer.truncateSegment(writer.segments[0] as never, 1.5, Float32Array.of(9, 8, 7, 6, 5)),
  (writer) => writer.sync(),
  (writer) => writer.append(testColumns(HEADER, testIds(9, 100), { seed: 4 })),
  (writer) => writer.close(),
  (writer) => writer.append(testColumns(HEADER, ["last"], { seed: 5 })),
  (writer) => writer.remove([100]),
  (writer) => writer.sync(),
];

async function momentsOf(file: CrashFile): Promise<readonly Moment[]> {
  const writer = await openIndexFile(file, HEADER, { identity: 1n });
  const moments: Moment[] = [];
  const note = async (): Promise<void> => {
    moments.push({ size: file.size, durable: file.durable, rows: await rowsRead(writer) });
  };
  await note();
  for (const step of STEPS) {
    await step(writer);
    await note();
  }
  return moments;
}

let bytes: Uint8Array;
let moments: readonly Moment[];
beforeAll(async () => {
  const file = createCrashFile();
  moments = await momentsOf(file);
  bytes = file.bytes();
});

const textOf = (rows: readonly Row[]): string => JSON.stringify(rows);

/** What an image of a crash shows to readers, and to a writer, who goes on with it. */
async function shownBy(image: Uint8Array, goOn = true): Promise<string> {
  const file = createMemoryFile(image);
  const read = textOf(await rowsIn(file));
  const writer = await openIndexFile(file, HEADER);
  const written = textOf(await rowsRead(writer));
  if (read !== written) return `a reader sees ${read} and a writer ${written}`;
  if (!goOn) return read;
  await writer.append(testColumns(HEADER, ["after"], { seed: 6 }));
  await writer.sync();
  const after = await rowsIn(file);
  if (after.at(-1)?.id !== "after" || textOf(after.slice(0, -1)) !== read) return `going on after ${read} leads to ${textOf(after)}`;
  return read;
}

/** The first thing that an image lost or made up. */
async function wrongWith(image: Uint8Array, durable: number): Promise<string | undefined> {
  const shown = await shownBy(image).catch((error: unknown) => `an error: ${error}`);
  const kept = moments.findLastIndex((moment) => moment.size <= durable);
  // Whatever was written in between may be there or not, but never in part and never out of order.
  return moments.slice(kept).some(({ rows }) => textOf(rows) === shown) ? undefined : `${durable} durable bytes show ${shown}`;
}

describe("after a crash", () => {
  it(
    "at any byte a file shows what was written wholly, in order",
    async () => {
      const first = moments[0] as Moment;
      for (let end = first.size; end <= bytes.length; end++) {
        const expected = moments.findLast(({ size }) => size <= end) as Moment;
        // Where it is cut within a unit makes no difference to what comes behind: that is tried at the borders.
        const goOn = end % UNIT < 2 || end % UNIT === UNIT - 1;
        expect(await shownBy(bytes.subarray(0, end), goOn), `cut at ${end}`).toBe(textOf(expected.rows));
      }
    },
    SLOW_MS,
  );

  it("while it was begun a file is begun anew", async () => {
    for (let end = 0; end < (moments[0] as Moment).size; end++) {
      const file = createMemoryFile(bytes.subarray(0, end));
      const writer = await openIndexFile(file, HEADER);
      expect(writer.tail).toEqual(end === 0 ? undefined : { at: 0, bytes: end, vectors: 0 });
      expect(await rowsIn(file)).toEqual([]);
    }
  });

  it("what is something else is left as it was", async () => {
    for (const text of ["n", "notes of mine", "\0\0\0\0\0\0\0\0 and notes"]) {
      const file = createMemoryFile(new TextEncoder().encode(text));
      expect(await codeOfLater(() => openIndexFile(file, HEADER))).toBe("bad-file");
      expect(new TextDecoder().decode(file.bytes())).toBe(text);
    }
  });

  it("tells what was cut, where there is something", async () => {
    const [, second] = moments as [Moment, Moment];
    expect((await openIndexFile(createMemoryFile(bytes.subarray(0, second.size)))).tail).toBeUndefined();
    const file = createMemoryFile(bytes.subarray(0, second.size + 100));
    expect((await openIndexFile(file)).tail).toEqual({ at: second.size, bytes: 100, vectors: 0 });
    expect(file.size).toBe(second.size);
  });

  it(
    "of what was not synced any part may be there, zero, or something else",
    async () => {
      const random = createNormals(3);
      const below = (limit: number): number => Math.floor(Math.abs(random()) * 1e6) % limit;
      const wrong: string[] = [];
      for (const { size, durable } of moments)
        for (let time = 0; time < 200 && size > durable; time++) {
          const image = bytes.slice(0, below(3) === 0 ? durable + below(size - durable + 1) : size);
          for (let at = durable; at < image.length; at += UNIT) {
            const unit = image.subarray(at, at + UNIT);
            if (below(3) === 0) unit.fill(0);
            else if (below(6) === 0) unit.set(unit.map(() => below(256)));
          }
          const found = await wrongWith(image, durable);
          if (found !== undefined) wrong.push(found);
        }
      expect(wrong).toEqual([]);
    },
    SLOW_MS,
  );

  it("this test notices a file whose syncs do nothing", async () => {
    const lying = createCrashFile({ lies: true });
    const noted = await momentsOf(lying);
    const last = noted.at(-1) as Moment;
    expect(last.durable).toBe(0);
    // What a crash leaves of it, beside what its syncs had promised.
    expect(await wrongWith(lying.bytes().subarray(0, (noted[1] as Moment).size), last.size)).toContain("durable bytes show");
  });
});

describe("a disk that fails", () => {
  it("at any byte leaves what was synced", async () => {
    for (let room = (moments[0] as Moment).size; room < bytes.length; room += 7) {
      const file = createCrashFile({ room });
      expect(await codeOfLater(() => momentsOf(file))).toBe("file-failed");
      expect(await wrongWith(file.bytes(), file.durable)).toBeUndefined();
    }
  });

  it("at any sync leaves what was synced before", async () => {
    for (let syncs = 1; syncs < 6; syncs++) {
      const file = createCrashFile({ syncs });
      expect(await codeOfLater(() => momentsOf(file))).toBe("file-failed");
      expect(await wrongWith(file.bytes().subarray(0, file.durable), file.durable)).toBeUndefined();
    }
  });

  it("for want of room is as if nothing had been tried: what fits can be written", async () => {
    const file = createCrashFile({ room: 1500 });
    const writer = await openIndexFile(file, HEADER);
    await writer.append(testColumns(HEADER, testIds(2)));
    const { size } = file;
    expect(await codeOfLater(() => writer.append(testColumns(HEADER, testIds(100))))).toBe("file-failed");
    expect(file.size).toBe(size);
    await writer.remove([1]);
    await writer.sync();
    expect((await rowsIn(createMemoryFile(file.bytes()))).map(({ id }) => id)).toEqual([0]);
  });

  it.each<readonly [string, object]>([
    ["a sync", { syncs: 1 }],
    ["taking back what was written in part", { room: 1500, cuts: false }],
  ])("at %s makes every later write fail until the file is opened again", async (_name, how) => {
    const file = createCrashFile(how);
    const writer = await openIndexFile(file, HEADER);
    const append = (): Promise<unknown> => writer.append(testColumns(HEADER, testIds(100)));
    expect(
      await codeOfLater(async () => {
        await append();
        await writer.sync();
      }),
    ).toBe("file-failed");
    const { size } = file;
    for (const act of [append, () => writer.remove([1]), () => writer.close()]) expect(await codeOfLater(act)).toBe("file-failed");
    expect(file.size).toBe(size);
  });
});

describe("a crash of compaction", () => {
  it("at any byte leaves the file as it was, and the writer on it", async () => {
    const into = createMemoryFile();
    await (await openIndexFile(createMemoryFile(bytes))).compact(into);
    const expected = textOf(await rowsIn(createMemoryFile(bytes)));
    for (let room = 0; room < into.size; room += 3) {
      const file = createMemoryFile(bytes);
      const writer = await openIndexFile(file);
      let published = false;
      const compact = writer.compact(createCrashFile({ room }), async () => {
        published = true;
      });
      expect(await codeOfLater(() => compact)).toBe("file-failed");
      expect(published).toBe(false);
      expect(Buffer.compare(file.bytes(), bytes)).toBe(0);
      expect(textOf(await rowsRead(writer))).toBe(expected);
    }
  });

  it("publishes only what would survive, and stays where it was when that fails", async () => {
    const file = createMemoryFile(bytes);
    const writer = await openIndexFile(file);
    const expected = textOf(await rowsRead(writer));
    const into = createCrashFile();
    let survived = "";
    const publish = async (): Promise<void> => {
      survived = textOf(await rowsIn(createMemoryFile(into.bytes().subarray(0, into.durable))));
      throw new RangeError("no");
    };
    await expect(writer.compact(into, publish)).rejects.toThrow("no");
    expect(survived).toBe(expected);
    await writer.append(testColumns(HEADER, ["more"]));
    expect((await rowsIn(file)).at(-1)?.id).toBe("more");
  });
});
