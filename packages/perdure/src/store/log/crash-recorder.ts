/**
 * Records every operation on a Files and can tell, for every moment of that recording, what a loss of power would have
 * left: any subset of the 512-byte sectors that no finished sync covers and no finished write through, and any outcome of an unfinished change of
 * names. A kill of a process proves nothing about syncs, the page cache survives it; these images do.
 */
import { type Files, isThrough, type OpenFile, type OpenMode } from "../../host/files.ts";
import type { CrashPick, Disk, Draws, StoredFile } from "../../host/simulated/index.ts";
import { createDisk, toWholeBlocks } from "../../host/simulated/index.ts";
import type { Bytes } from "../../wire/bytes.ts";

export interface CrashRecorder {
  /** The files to be used instead of those given. */
  readonly files: Files;
  /** Operations so far; an image of step n holds what n operations may have left. */
  readonly steps: number;
  /** Images of every step: all subsets where few sectors are at stake, otherwise none, all, and drawn ones. */
  images(draws: Draws, drawnPerStep: number): Generator<CrashImage>;
}

export interface CrashImage {
  readonly step: number;
  readonly files: ReadonlyMap<string, Bytes>;
}

/** All subsets are tried of at most so many sectors and names: 16 images. */
const EXHAUSTIVE_CHOICES = 4;

type Shadow = {
  readonly disk: Disk;
  readonly open: Map<number, StoredFile>;
  readonly marks: Map<number, number>;
  readonly changes: Map<number, () => void>;
};
type Operation = (shadow: Shadow) => void;

/** `initial` is what `inner` holds already, all of it durable. */
export function createCrashRecorder(inner: Files, initial: ReadonlyMap<string, Bytes> = new Map()): CrashRecorder {
  // bound: a test's
  const operations: Operation[] = [];
  // bound: a test's
  const failed = new Set<number>();
  const owner = {};
  let handles = 0;
  let calls = 0;

  const recordFile = (handle: number, file: OpenFile, mode: OpenMode): OpenFile => ({
    ...file,
    write: async (offset, bytes) => {
      const copy = mode === "append-through" ? toWholeBlocks(offset, bytes) : bytes.slice();
      const call = calls++;
      operations.push(({ disk, open, marks }) => {
        const stored = open.get(handle) as StoredFile;
        disk.write(stored, offset, copy);
        marks.set(call, disk.mark(stored));
      });
      try {
        await file.write(offset, bytes);
        if (isThrough(mode))
          operations.push(({ disk, open, marks }) => disk.wroteThrough(open.get(handle) as StoredFile, marks.get(call) as number));
      } catch (error) {
        // It may have left any of its sectors all the same, as far as the file goes.
        const size = await file.size();
        operations.push(({ disk, open }) => disk.cut(open.get(handle) as StoredFile, size));
        throw error;
      }
    },
    sync: async () => {
      const call = calls++;
      operations.push(({ disk, open, marks }) => void marks.set(call, disk.mark(open.get(handle) as StoredFile)));
      try {
        await file.sync();
      } catch (error) {
        failed.add(handle);
        throw error;
      }
      // What a failed sync lost stays lost: no later sync of that file counts.
      if (failed.has(handle)) return;
      if (isThrough(mode)) {
        operations.push(({ open }) => {
          (open.get(handle) as StoredFile).named = true;
        });
        return;
      }
      operations.push(({ disk, open, marks }) => disk.syncedTo(open.get(handle) as StoredFile, marks.get(call) as number));
    },
  });

  const recordChange = async (begin: (disk: Disk) => () => void, work: () => Promise<void>): Promise<void> => {
    const call = calls++;
    operations.push(({ disk, changes }) => void changes.set(call, begin(disk)));
    await work();
    operations.push(({ changes }) => changes.get(call)?.());
  };

  const files: Files = {
    ...inner,
    open: async (path, mode) => {
      const file = await inner.open(path, mode);
      if (mode === "read") return file;
      const handle = handles++;
      operations.push(({ disk, open }) => void open.set(handle, disk.file(path, true) as StoredFile));
      return recordFile(handle, file, mode);
    },
    rename: (from, to) =>
      recordChange(
        (disk) => disk.rename(from, to, owner),
        () => inner.rename(from, to),
      ),
    remove: (path) =>
      recordChange(
        (disk) => disk.remove(path, owner),
        () => inner.remove(path),
      ),
  };

  return {
    files,
    get steps() {
      return operations.length;
    },
    *images(draws, drawnPerStep) {
      const shadow: Shadow = { disk: createDisk(initial), open: new Map(), marks: new Map(), changes: new Map() };
      for (const [index, operation] of operations.entries()) {
        operation(shadow);
        for (const pick of picks(shadow.disk, draws, drawnPerStep)) yield { step: index + 1, files: shadow.disk.image(pick) };
      }
    },
  };
}

function* picks(disk: Disk, draws: Draws, drawn: number): Generator<CrashPick> {
  let choices = 0;
  const count = (): boolean => {
    choices++;
    return true;
  };
  disk.image({ sector: count, name: count });
  if (choices <= EXHAUSTIVE_CHOICES) {
    for (let subset = 0; subset < 1 << choices; subset++) yield inOrder((choice) => (subset >> choice) % 2 === 1);
    return;
  }
  yield inOrder(() => false);
  yield inOrder(() => true);
  for (let round = 0; round < drawn; round++) {
    const odd = draws.below(choices);
    const kind = draws.below(3);
    if (kind === 0) yield inOrder((choice) => choice === odd);
    else if (kind === 1) yield inOrder((choice) => choice !== odd);
    else yield inOrder(() => draws.chance(0.5));
  }
}

function inOrder(choose: (choice: number) => boolean): CrashPick {
  let choice = 0;
  const next = (): boolean => choose(choice++);
  return { sector: next, name: next };
}
