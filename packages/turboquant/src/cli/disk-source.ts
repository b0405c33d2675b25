/** A file on this machine's disk. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { ByteSource } from "../reading/byte-source.ts";

const PIECE_BYTES = 1 << 18;

/** Throws what the system says when there is no such file. `signal` ends reading. */
export async function diskSource(path: string, signal?: AbortSignal): Promise<ByteSource> {
  const found = await stat(path);
  if (found.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: "EISDIR" });
  return {
    name: basename(path),
    size: found.size,
    read: (start) => createReadStream(path, { start, highWaterMark: PIECE_BYTES, ...(signal === undefined ? {} : { signal }) }),
  };
}
