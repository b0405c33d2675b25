/**
 * Where a `unix:` address really is. Windows has named pipes instead of files, and other systems limit a socket's path to
 * about 104 bytes: a longer one is replaced by a short one in a folder that only this user can enter, found by hash, so
 * that every process of the user comes to the same place.
 */
import { createHash } from "node:crypto";
import { lstat, mkdir, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { PerdureError } from "../../wire/error.ts";
import { fileError, hasSystemCode } from "./file-error.ts";

/** The shortest limit in use is macOS's: 104 bytes with a closing zero. */
const MAX_PATH_BYTES = 100;

export async function socketPath(address: string): Promise<string> {
  const path = resolve(address.slice("unix:".length));
  const canonical = join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path));
  if (process.platform === "win32") return `\\\\.\\pipe\\perdure-${shortHash(canonical.toLowerCase())}`;
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return path;
  const short = join(await userFolder(), `${shortHash(canonical)}.sock`);
  if (Buffer.byteLength(short) > MAX_PATH_BYTES)
    throw new PerdureError("bad-argument", `the path of ${address} is too long for a socket`, {
      hint: "Choose a folder with a shorter path.",
    });
  return short;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** Others may write to the folder of temporary files: ours in it must be a real folder, owned by us and closed to everybody else. */
async function userFolder(): Promise<string> {
  const user = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `perdure-${user}`);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (!hasSystemCode(error, "EEXIST")) throw fileError(error, `make the folder ${folder}`);
  }
  const found = await lstat(folder);
  if (found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0) return folder;
  throw new PerdureError("permission-denied", `the folder ${folder} is not only ours`, {
    hint: "Remove it, or choose an agent folder with a shorter path.",
  });
}
