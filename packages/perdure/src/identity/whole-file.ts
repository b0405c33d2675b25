/** Files that are there as a whole or not at all: written beside their place, synced, then renamed into it. */
import type { Files } from "../host/files.ts";
import type { Bytes } from "../wire/bytes.ts";
import { isPerdureError } from "../wire/error.ts";

/** Atomically puts `bytes` at `path`; durable when it resolves. Whatever happens, `path` holds the old or the new content. */
export async function replaceFile(files: Files, path: string, bytes: Bytes): Promise<void> {
  await writeAside(files, path, bytes);
  await files.rename(asidePath(path), path);
}

/** The first half of {@link replaceFile}: durable under {@link asidePath}, `path` untouched. */
export async function writeAside(files: Files, path: string, bytes: Bytes): Promise<void> {
  const aside = asidePath(path);
  // Ports cannot cut a file, so a longer leftover would keep its tail.
  await files.remove(aside);
  const file = await files.open(aside, "write");
  try {
    await file.write(0, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

export function asidePath(path: string): string {
  return `${path}.new`;
}

/** The content of a file of at most `maxBytes` (what is beyond is not read), or `undefined` when it is missing. */
export async function readWhole(files: Files, path: string, maxBytes: number): Promise<Bytes | undefined> {
  const file = await files.open(path, "read").catch((error: unknown) => {
    if (isPerdureError(error) && error.code === "not-found") return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    return await file.read(0, Math.min(await file.size(), maxBytes));
  } finally {
    await file.close();
  }
}
