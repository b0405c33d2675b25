import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
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
