/** Where the relay of a folder listened last: agents that joined it look for it there. */
import { join } from "node:path";
import type { Files } from "../host/files.ts";
import { readWhole, replaceFile } from "../identity/whole-file.ts";
import { fromUtf8, utf8 } from "../wire/bytes.ts";
import { parseListenAddress } from "./listen-address.ts";

const MAX_BYTES = 300;

/** A `ws:` address; `undefined` when there is none that can be read. Throws what the disk says. */
export async function lastAddress(files: Files, folder: string): Promise<string | undefined> {
  const bytes = await readWhole(files, pathIn(folder), MAX_BYTES);
  if (bytes === undefined) return undefined;
  try {
    return parseListenAddress(fromUtf8(bytes).trim());
  } catch {
    return undefined;
  }
}

/** For who holds the folder's lock. Durable when it resolves; throws what the disk says. */
export async function keepAddress(files: Files, folder: string, address: string): Promise<void> {
  const kept = parseListenAddress(address);
  if ((await lastAddress(files, folder)) === kept) return;
  await replaceFile(files, pathIn(folder), utf8(`${kept}\n`));
}

function pathIn(folder: string): string {
  return join(folder, "listens-at");
}
