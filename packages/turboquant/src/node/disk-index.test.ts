import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, describe, expect, it } from "vitest";
import { indexFileConformance } from "../file/index-file-conformance.ts";
import type { StoredSegment } from "../file/stored-segment.ts";
import { codeOfLater } from "../file/test-code-of.ts";
import { testColumns, testHeader, testIds } from "../file/test-columns.ts";
import { rowsRead } from "../file/test-rows.ts";
import { type DiskFile, openDiskFile } from "./disk-file.ts";
import { openIndexAt, readIndexAt } from "./disk-index.ts";

const folder = mkdtempSync(join(tmpdir(), "turboquant-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const newPath = (): string => join(folder, `${made++}.tqi`);

const HEADER = testHeader();
/** Of this process, by number, where the system tells. */
const OPEN_FILES = "/proc/self/fd";

function isLinkTo(path: string, link: string): boolean {
  try {
    return readlinkSync(link) === path;
  } catch {
    // Of the list itself, which is over.
    return false;
  }
}

const opened: DiskFile[] = [];
const kept = async (opening: Promise<DiskFile>): Promise<DiskFile> => {
  opened.push(await opening);
  return await opening;
};
afterAll(async () => void (await Promise.all(opened.map((file) => file.close()))));

indexFileConformance("a disk", async () => {
  const path = newPath();
  return { file: await kept(openDiskFile(path, "create")), again: () => kept(openDiskFile(path, "read")) };
});

describe("an index on a disk", () => {
  it("leaves nothing beside a name that is not there", async () => {
    const path = newPath();
    expect(await codeOfLater(() => openIndexAt(path))).toBe("file-failed");
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it("says what cannot be written where its lock cannot be", async () => {
    const path = newPath();
    mkdirSync(`${path}.lock`);
    await expect(openIndexAt(path, HEADER)).rejects.toMatchObject({ code: "file-failed", message: `could not write ${path}.lock` });
  });

  it.runIf(existsSync(OPEN_FILES))("lets others write where its file cannot be closed", async () => {
    const path = newPath();
    const index = await openIndexAt(path, HEADER);
    // Somebody else in the process closed it: nothing can be done with it any more.
    for (const number of readdirSync(OPEN_FILES)) if (isLinkTo(path, join(OPEN_FILES, number))) closeSync(Number(number));
    await expect(index.close()).rejects.toThrow("EBADF");
    await (await openIndexAt(path)).close();
  });

  it("is there again when it is opened again", async () => {
    const path = newPath();
    {
      await using index = await openIndexAt(path, HEADER);
      await index.append(testColumns(HEADER, testIds(100)));
      await index.remove([7]);
    }
    await using reader = await readIndexAt(path);
    expect((await rowsRead(reader)).length).toBe(99);
    expect(reader.header).toEqual(HEADER);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is smaller after compaction, with the same in it and nothing left beside", async () => {
    const path = newPath();
    await using index = await openIndexAt(path, HEADER);
    chmodSync(path, 0o640);
    for (let nth = 0; nth < 50; nth++) await index.append(testColumns(HEADER, [nth], { seed: nth }));
    await index.remove(testIds(25));
    const before = await rowsRead(index);
    await using earlier = await readIndexAt(path);
    const { size } = statSync(path);
    await index.compact();
    expect(statSync(path).size).toBeLessThan(size / 10);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(await rowsRead(index)).toEqual(before);
    await index.append(testColumns(HEADER, ["more"]));
    await index.sync();
    await using later = await readIndexAt(path);
    expect((await rowsRead(later)).length).toBe(26);
    // Who opened the former file still reads that one.
    expect(await rowsRead(earlier)).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.includes("compacting"))).toEqual([]);
  });

  it("goes on being read while it is compacted", async () => {
    await using index = await openIndexAt(newPath(), HEADER);
    const segment = await index.append(testColumns(HEADER, testIds(4000)));
    const cut = await index.truncateSegment(segment, 2, new Float32Array(4000));
    let compacted = false;
    const compacting = index.compact().finally(() => {
      compacted = true;
    });
    const outcomes: Promise<string>[] = [];
    while (!compacted) {
      // Of each of these the scales are read after the rest.
      outcomes.push(codeOfLater(() => index.readColumns(cut)));
      await new Promise(setImmediate);
    }
    await compacting;
    // The file that is gone was never read any more; whoever asked too late was told.
    expect((await Promise.all(outcomes)).filter((code) => code !== "nothing" && code !== "bad-argument")).toEqual([]);
    expect(await outcomes[0]).toBe("nothing");
    expect(await codeOfLater(() => index.readColumns(cut))).toBe("bad-argument");
  });

  it("is damaged when somebody cuts it while it is read", async () => {
    const path = newPath();
    await using index = await openIndexAt(path, HEADER);
    const segment = await index.append(testColumns(HEADER, testIds(4000)));
    truncateSync(path, 5000);
    expect(await codeOfLater(() => index.readColumns(segment))).toBe("bad-file");
  });

  it("clears away what a compaction left that did not come to its end", async () => {
    const path = newPath();
    writeFileSync(`${path}.compacting`, "half of it");
    await using index = await openIndexAt(path, HEADER);
    expect(existsSync(`${path}.compacting`)).toBe(false);
    expect(index.segments).toEqual([]);
  });

  it("stays as it was when compaction finds damage", async () => {
    const path = newPath();
    {
      await using index = await openIndexAt(path, HEADER);
      await index.append(testColumns(HEADER, testIds(100)));
    }
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(1500) ^ 1, 1500);
    writeFileSync(path, bytes);
    {
      await using index = await openIndexAt(path);
      expect(await codeOfLater(() => index.compact())).toBe("bad-file");
    }
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(existsSync(`${path}.compacting`)).toBe(false);
  });

  it("says what a crash left, to whoever opens it for writing", async () => {
    const path = newPath();
    {
      await using index = await openIndexAt(path, HEADER);
      await index.append(testColumns(HEADER, testIds(10)));
    }
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(1000, 7)]));
    await using index = await openIndexAt(path);
    expect(index.tail).toEqual({ at: bytes.length, bytes: 1000, vectors: 0, kept: `${realpathSync(path)}.tail-${bytes.length}` });
    expect(statSync(path).size).toBe(bytes.length);
  });

  it("begins nothing for a header that cannot be", async () => {
    const path = newPath();
    expect(await codeOfLater(() => openIndexAt(path, { ...HEADER, dim: 1 }))).toBe("bad-argument");
    expect(existsSync(path)).toBe(false);
  });

  it.each<readonly [string, (path: string) => Promise<unknown>, string]>([
    ["a file that is not there, for reading", (path) => readIndexAt(path), "file-failed"],
    ["a file that is not there, without a header", (path) => openIndexAt(path), "file-failed"],
    ["a folder that is not there", (path) => openIndexAt(join(path, "x"), HEADER), "file-failed"],
    ["a folder", () => readIndexAt(folder), "file-failed"],
  ])("says that it cannot open %s", async (_name, act, code) => {
    expect(await codeOfLater(() => act(newPath()))).toBe(code);
  });

  it("leaves a file alone that is something else", async () => {
    const path = newPath();
    for (const content of ["x", "\0\0\0\0 notes", "some notes of mine, longer than a header ".repeat(20)]) {
      writeFileSync(path, content);
      expect(await codeOfLater(() => openIndexAt(path, HEADER))).toBe("bad-file");
      expect(readFileSync(path, "utf8")).toBe(content);
    }
  });
});

const INDEX = JSON.stringify(new URL("index.ts", import.meta.url).href);
/** Opens the file at the path it is given, says so, and keeps it until it is killed. */
const HOLDER = `
  const { openIndexAt } = await import(${INDEX});
  const index = await openIndexAt(process.argv[1]).catch((error) => error.code);
  console.log(typeof index === "string" ? index : "held");
  setInterval(() => index, 1000);
`;
/** Appends one vector after the other, compacts now and then, and says of each when it is synced. */
const APPENDER = `
  const { openIndexAt } = await import(${INDEX});
  const index = await openIndexAt(process.argv[1]);
  for (let id = 0; ; id++) {
    await index.append({ count: 1, bits: 4, from: 4, ids: [id], scales: new Float32Array(1), planes: Array.from({ length: 4 }, () => new Uint8Array(8)) });
    await index.sync();
    console.log(id);
    if (id % 20 === 19) await index.compact();
  }
`;

function start(script: string, path: string): ChildProcess {
  return spawn(process.execPath, ["--input-type=module", "-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
}

async function holder(path: string): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const child = start(HOLDER, path);
  const said = await new Promise<string>((resolve) => child.stdout?.once("data", (bytes: Buffer) => resolve(bytes.toString().trim())));
  return { child, said };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

describe("two that want to write", () => {
  it("are never let in both, by whatever name, and the second one is when the first is gone", async () => {
    const path = newPath();
    const link = newPath();
    const first = await openIndexAt(path, HEADER);
    symlinkSync(path, link);
    for (const name of [path, link]) expect(await codeOfLater(() => openIndexAt(name, HEADER))).toBe("file-busy");
    await using reader = await readIndexAt(link);
    expect(reader.segments).toEqual([]);
    await first.compact();
    expect(await codeOfLater(() => openIndexAt(path, HEADER))).toBe("file-busy");
    await first.close();
    await using second = await openIndexAt(link, HEADER);
    expect(second.segments).toEqual([]);
  });

  it("are not let in as two processes either, and one that is killed lets go", async () => {
    const path = newPath();
    await (await openIndexAt(path, HEADER)).close();
    const one = await holder(path);
    expect(one.said).toBe("held");
    expect(await codeOfLater(() => openIndexAt(path))).toBe("file-busy");
    const other = await holder(path);
    expect(other.said).toBe("file-busy");
    await Promise.all([end(one.child), end(other.child)]);
    await using mine = await openIndexAt(path);
    expect(mine.segments).toEqual([]);
  });
});

describe("what is called after closing", () => {
  const read = async (columns: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of columns);
  };

  it("is refused as such, of a writer and of a reader, also where nothing would be read or written", async () => {
    const path = newPath();
    const index = await openIndexAt(path, HEADER);
    const segment = await index.append(testColumns(HEADER, testIds(3)));
    const reader = await readIndexAt(path);
    const [seen] = reader.segments as [typeof segment];
    const empty = await openIndexAt(newPath(), HEADER);
    await Promise.all([index.close(), index.close(), reader[Symbol.asyncDispose](), empty.close()]);
    await reader[Symbol.asyncDispose]();
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      append: () => index.append(testColumns(HEADER, [9])),
      remove: () => index.remove([]),
      truncateSegment: () => index.truncateSegment(segment, 1, new Float32Array(3).fill(1)),
      sync: () => index.sync(),
      compact: () => index.compact(),
    };
    for (const [name, call] of Object.entries(calls)) expect([name, await codeOfLater(call)]).toEqual([name, "closed"]);
    for (const [from, which] of [
      [index, segment],
      [reader, seen],
    ] as const) {
      expect(await codeOfLater(() => from.readColumns(which))).toBe("closed");
      expect(await codeOfLater(() => from.readPlane(which, 0))).toBe("closed");
      expect(await codeOfLater(() => from.readRows(which, 0, [0]))).toBe("closed");
      expect(await codeOfLater(() => read(from.columns()))).toBe("closed");
    }
    expect(await codeOfLater(() => read(empty.columns()))).toBe("closed");
  });

  it("does not keep what was called before from its end", async () => {
    const path = newPath();
    {
      await using index = await openIndexAt(path, HEADER);
      // Scales that are read after the rest.
      await index.truncateSegment(await index.append(testColumns(HEADER, testIds(3))), 2, new Float32Array(3));
    }
    // Its closing has nothing to write that a reading could come before.
    const index = await openIndexAt(path);
    const reader = await readIndexAt(path);
    const begun = [index, reader].map((from) => from.readColumns(from.segments[0] as StoredSegment));
    await Promise.all([index.close(), reader[Symbol.asyncDispose]()]);
    for (const { count } of await Promise.all(begun)) expect(count).toBe(3);
  });

  it("leaves the file alone, which is somebody else's by now", async () => {
    const path = newPath();
    const first = await openIndexAt(path, HEADER);
    // It has not come to its file yet when closing begins.
    const compacting = first.compact();
    await first.close();
    const { ino } = statSync(path);
    await compacting;
    await using second = await openIndexAt(path);
    await second.append(testColumns(HEADER, testIds(3)));
    await second.sync();
    expect(await codeOfLater(() => first.compact())).toBe("closed");
    expect(statSync(path).ino).toBe(ino);
    expect(existsSync(`${path}.compacting`)).toBe(false);
  });

  it("is refused in the middle of a look at all of it", async () => {
    const path = newPath();
    await using index = await openIndexAt(path, HEADER);
    for (let nth = 0; nth < 10; nth++) await index.append(testColumns(HEADER, [nth]));
    const reader = await readIndexAt(path);
    const looking = reader.columns()[Symbol.asyncIterator]();
    await looking.next();
    await reader[Symbol.asyncDispose]();
    expect(
      await codeOfLater(async () => {
        for (let nth = 0; nth < 10; nth++) await looking.next();
      }),
    ).toBe("closed");
  });
});

describe("a process that is killed while it appends and compacts", () => {
  it("leaves everything that it said was synced", async () => {
    const path = newPath();
    await (await openIndexAt(path, HEADER)).close();
    let last = -1;
    for (let time = 0; time < 3; time++) {
      rmSync(path);
      await (await openIndexAt(path, HEADER)).close();
      const child = start(APPENDER, path);
      let said = "";
      await new Promise<void>((resolve) => {
        child.stdout?.on("data", (bytes: Buffer) => {
          said += bytes.toString();
          if (said.length > 100 + time * 70) resolve();
        });
      });
      await end(child);
      last = Number(said.slice(0, said.lastIndexOf("\n")).split("\n").at(-1));
      await using index = await openIndexAt(path);
      const ids = (await rowsRead(index)).map(({ id }) => id);
      expect(ids).toEqual(testIds(ids.length));
      expect(ids.length).toBeGreaterThan(last);
    }
    expect(last).toBeGreaterThan(40);
  });
});
