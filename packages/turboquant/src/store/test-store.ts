/** A store in memory, whose files can be looked at and made to fail. */
import { TurboQuantError } from "../error.ts";
import type { IndexFile } from "../file/index-file.ts";
import { openIndexFile } from "../file/index-writer.ts";
import { createMemoryFile, type MemoryFile } from "../file/memory-file.ts";
import type { IndexHeader } from "../file/segment.ts";
import { createVectorIndex } from "../search/vector-index.ts";
import type { IndexStore } from "./index-store.ts";
import { StoredIndex } from "./stored-index.ts";

export interface TestDisk {
  /** So many bytes the file may have, and so many the one beside it that it is compacted into. */
  room: number;
  roomBeside: number;
  syncsFail: boolean;
  /** What is called before each append. */
  onAppend: () => Promise<void> | void;
  syncs: number;
  written: number;
  file: MemoryFile;
}

export function createTestDisk(file = createMemoryFile()): TestDisk {
  return {
    ...{ room: Number.POSITIVE_INFINITY, roomBeside: Number.POSITIVE_INFINITY },
    ...{ syncsFail: false, onAppend: () => undefined, syncs: 0, written: 0, file },
  };
}

function fileOn(disk: TestDisk, memory: MemoryFile, room: () => number): IndexFile {
  return {
    get size() {
      return memory.size;
    },
    read: memory.read,
    truncate: memory.truncate,
    append: async (bytes) => {
      await disk.onAppend();
      const fit = Math.max(0, Math.min(bytes.length, room() - memory.size));
      await memory.append(bytes.subarray(0, fit));
      disk.written += fit;
      if (fit < bytes.length) throw new TurboQuantError("file-failed", "no room", "Make some.");
    },
    sync: async () => {
      disk.syncs++;
      if (disk.syncsFail) throw new TurboQuantError("file-failed", "no sync", "It is broken.");
    },
  };
}

async function openTestStore(disk: TestDisk, header: IndexHeader): Promise<IndexStore> {
  const writer = await openIndexFile(
    fileOn(disk, disk.file, () => disk.room),
    header,
  );
  const compact = async (): Promise<void> => {
    const into = createMemoryFile();
    await writer.compact(
      fileOn(disk, into, () => (disk.file === into ? disk.room : disk.roomBeside)),
      async () => {
        disk.file = into;
      },
    );
  };
  return Object.defineProperties(
    { compact },
    {
      ...Object.getOwnPropertyDescriptors(writer),
      compact: { value: compact },
    },
  ) as IndexStore;
}

/** As `openVectorIndexAt` does on a real disk. */
export async function openOn(disk: TestDisk, header: IndexHeader): Promise<StoredIndex> {
  const store = await openTestStore(disk, header);
  const { dim, bits, seed, metric, originals } = header;
  const index = createVectorIndex({ dim, bits, seed, metric, originals });
  for await (const columns of store.columns()) index.load(columns);
  return new StoredIndex(index, store);
}
