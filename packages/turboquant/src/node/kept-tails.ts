/**
 * What was cut off the end of a file lies beside it, as `<file>.tail-<offset>`: the bytes that stood there from that offset on. Where something else was cut off there before, as `<file>.tail-<offset>-2`, and
 * so on. The file up to the offset and the tail behind it are the file as it was.
 *
 * A program that crashes again and again leaves one each time, so there are MOST_KEPT at most: one more takes the place of the smallest of those before.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TurboQuantError } from "../error.ts";
import type { RangeSource } from "../file/index-file.ts";
import type { Tail } from "../file/tail.ts";
import { type DiskFile, openDiskFile } from "./disk-file.ts";
import { failedFile, fileCall } from "./failed-file.ts";

export const MOST_KEPT = 16;
const PIECE_BYTES = 1024 * 1024;

export interface KeptTail {
  readonly path: string;
  /** Where in the file it stood. */
  readonly at: number;
  readonly bytes: number;
}

/** Beside the file `place`. */
export async function keptTails(place: string): Promise<readonly KeptTail[]> {
  const [folder, begins] = [dirname(place), `${basename(place)}.tail-`];
  const names = await fileCall(`look through ${folder}`, () => readdir(folder));
  const ours = names.filter((name) => name.startsWith(begins) && /^\d+(-\d+)?$/.test(name.slice(begins.length))).toSorted();
  const kept = ours.map((name) => ({ path: join(folder, name), at: Number.parseInt(name.slice(begins.length), 10) }));
  return await Promise.all(
    kept.map(async ({ path, at }) => ({ path, at, bytes: (await fileCall(`look at ${path}`, () => stat(path))).size })),
  );
}

/** Puts a tail of the file `place`, which nobody else writes to, beside it. Where it lies when this resolves it lies after a loss of power, too. Throws `file-failed`. */
export async function keepTail(place: string, tail: Tail, source: RangeSource): Promise<string> {
  const before = await keptTails(place);
  const sameAt = before.filter(({ at }) => at === tail.at);
  // A crash between keeping and cutting finds it there.
  for (const kept of sameAt) if (kept.bytes === tail.bytes && (await isSame(kept, tail, source))) return kept.path;
  const path = freeName(`${place}.tail-${tail.at}`, new Set(sameAt.map((kept) => kept.path)));
  await copyTail(place, path, tail, source).catch((error: unknown) => {
    const { message, hint } = failedFile(error, `write ${path}`);
    throw new TurboQuantError(
      "file-failed",
      `the ${tail.bytes} bytes behind the end of ${place} could not be kept: ${message}`,
      `${hint} Nothing was cut. For reading the file can be opened as it is.`,
      error,
    );
  });
  const smallest = before.toSorted((one, other) => one.bytes - other.bytes).slice(0, Math.max(0, before.length + 1 - MOST_KEPT));
  for (const kept of smallest) await fileCall(`remove ${kept.path}`, () => rm(kept.path, { force: true }));
  return path;
}

/** Where a tail is written to, until all of it is there. */
export function keepingOf(place: string): string {
  return `${place}.keeping`;
}

async function copyTail(place: string, path: string, { at, bytes }: Tail, source: RangeSource): Promise<void> {
  const { mode } = await fileCall(`look at ${place}`, () => stat(place));
  const beside = keepingOf(place);
  const into = await openDiskFile(beside, "replace", mode & 0o777);
  try {
    for (const piece of piecesOf(bytes)) await into.append(await source.read(at + piece.at, piece.length));
    await into.sync();
    await into.moveTo(path);
    // Where the name was not made durable with it.
    await into.sync();
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  } finally {
    await into.close();
  }
}

async function isSame(kept: KeptTail, { at }: Tail, source: RangeSource): Promise<boolean> {
  let file: DiskFile | undefined;
  try {
    file = await openDiskFile(kept.path, "read");
    for (const piece of piecesOf(kept.bytes)) {
      const [one, other] = [await file.read(piece.at, piece.length), await source.read(at + piece.at, piece.length)];
      if (one.some((byte, nth) => byte !== other[nth])) return false;
    }
    return true;
  } finally {
    await file?.close();
  }
}

function piecesOf(bytes: number): readonly { readonly at: number; readonly length: number }[] {
  return Array.from({ length: Math.ceil(bytes / PIECE_BYTES) }, (_, nth) => {
    const at = nth * PIECE_BYTES;
    return { at, length: Math.min(PIECE_BYTES, bytes - at) };
  });
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  let [free, nth] = [name, 1];
  while (taken.has(free)) free = `${name}-${++nth}`;
  return free;
}
