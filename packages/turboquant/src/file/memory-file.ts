import { kindOf, orAwaited, refuse, shown } from "../argument.ts";
import { checkRange, type IndexFile } from "./index-file.ts";

export interface MemoryFile extends IndexFile {
  /** A copy of what is in it. */
  bytes(): Uint8Array;
}

const FIRST_BYTES = 1024;

/** A file in memory, with `content` to begin with. */
export function createMemoryFile(content: Uint8Array = new Uint8Array(0)): MemoryFile {
  if (kindOf(content) !== "Uint8Array") refuse(`the content of a file is ${shown(content)}`, orAwaited(content, "It is a Uint8Array."));
  let memory = new Uint8Array(content);
  let size = content.length;
  return {
    get size() {
      return size;
    },
    bytes: () => memory.slice(0, size),
    read: async (at, length) => {
      checkRange(size, at, length);
      return memory.slice(at, at + length);
    },
    append: async (bytes) => {
      if (size + bytes.length > memory.length) {
        const larger = new Uint8Array(Math.max(FIRST_BYTES, memory.length * 2, size + bytes.length));
        larger.set(memory.subarray(0, size));
        memory = larger;
      }
      memory.set(bytes, size);
      size += bytes.length;
    },
    sync: async () => undefined,
    truncate: async (to) => {
      size = Math.min(size, to);
    },
  };
}
