import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { folderConformance } from "../../testing/folder-conformance.ts";
import { createMemoryDisk } from "../../testing/memory-disk.ts";
import { openFolder } from "./folder.ts";

const made: string[] = [];
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true, force: true }))));

folderConformance("a folder of this machine", async () => {
  const path = await mkdtemp(join(tmpdir(), "pace-folder-"));
  made.push(path);
  return { open: () => openFolder(join(path, "deep", "work")) };
});

folderConformance("a folder in memory", async () => {
  const disk = createMemoryDisk(() => 0.5);
  return { open: async () => disk.open() };
});

it("that this process has open already says so, and one of another process does not", async () => {
  const path = await mkdtemp(join(tmpdir(), "pace-folder-"));
  made.push(path);
  const folder = await openFolder(path);
  await expect(openFolder(path)).rejects.toMatchObject({ code: "in-use", message: expect.stringContaining("this very process") });
  await writeFile(join(path, "holder"), `process ${process.pid} of elsewhere`);
  await expect(openFolder(path)).rejects.toMatchObject({ code: "in-use", message: expect.stringContaining("another process") });
  await folder.close();
});

it("that a program forgot to close is collected without a word", async () => {
  const path = await mkdtemp(join(tmpdir(), "pace-folder-"));
  made.push(path);
  const program = `
    import { setImmediate } from "node:timers/promises";
    import { openFolder } from ${JSON.stringify(new URL("./folder.ts", import.meta.url).href)};
    await (async () => {
      const folder = await openFolder(${JSON.stringify(path)});
      await folder.write("a", 0, new Uint8Array(5));
      await folder.sync("a");
    })();
    for (let nth = 0; nth < 5; nth++) {
      globalThis.gc();
      await setImmediate();
    }`;
  const { stderr } = await promisify(execFile)(process.execPath, ["--expose-gc", "--input-type=module", "--eval", program]);
  expect(stderr).toBe("");
});
