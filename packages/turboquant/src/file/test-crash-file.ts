/** A file in memory that knows what of it would survive, and that fails when it is told to. */
import { TurboQuantError } from "../error.ts";
import { createMemoryFile, type MemoryFile } from "./memory-file.ts";

export interface CrashFile extends MemoryFile {
  /** So many bytes are there whatever happens. */
  readonly durable: number;
}

/** Takes `room` bytes; what goes beyond is written as far as there is room, and fails. `syncs`: how many succeed; `lies`: they do nothing; `cuts`: whether it can be cut. */
export function createCrashFile({
  room = Number.POSITIVE_INFINITY,
  syncs = Number.POSITIVE_INFINITY,
  lies = false,
  cuts = true,
} = {}): CrashFile {
  const memory = createMemoryFile();
  const full = (): TurboQuantError => new TurboQuantError("file-failed", "no room", "Make some.");
  let [durable, written, synced] = [0, 0, 0];
  return {
    get size() {
      return memory.size;
    },
    get durable() {
      return durable;
    },
    bytes: memory.bytes,
    read: memory.read,
    append: async (bytes) => {
      const fit = Math.min(bytes.length, room - written);
      await memory.append(bytes.subarray(0, fit));
      written += fit;
      if (fit < bytes.length) throw full();
    },
    sync: async () => {
      if (++synced > syncs) throw full();
      if (!lies) durable = memory.size;
    },
    truncate: async (size) => {
      if (!cuts) throw full();
      written -= Math.max(0, memory.size - size);
      await memory.truncate(size);
      durable = Math.min(durable, size);
    },
  };
}
