import { orAwaited, refuse, shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";

/** What can be read in pieces: a file of this machine, one of a web server, or memory. */
export interface RangeSource {
  /** Bytes there are. */
  readonly size: number;
  /** Exactly these bytes; throws a TurboQuantError where there are fewer, or when they cannot be read. They belong to the caller. */
  read(at: number, length: number): Promise<Uint8Array>;
}

/**
 * What an index is kept in. What holds after a crash: everything before a `sync` or `truncate` that resolved; of what was appended later, any part,
 * and anything in the place of the rest.
 */
export interface IndexFile extends RangeSource {
  /** Puts `bytes` behind the end. After it threw, what lies behind the former end is undefined. */
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything appended so far survives a loss of power. After it threw nothing may be assumed. */
  sync(): Promise<void>;
  /** Cuts everything from `size` on, durably. */
  truncate(size: number): Promise<void>;
}

/** Throws `bad-argument` for what cannot be read in pieces. */
export function checkSource(source: RangeSource): void {
  if (typeof source !== "object" || source === null || typeof source.read !== "function" || typeof source.size !== "number")
    refuse(
      `the source of a file is ${shown(source)}`,
      orAwaited(source, "Open it first: await openHttpRange(url), createMemoryFile(bytes), or with Node readIndexAt(path)."),
    );
}

/** Throws `bad-argument` for what cannot be written to. */
export function checkFile(file: IndexFile): void {
  checkSource(file);
  for (const name of ["append", "sync", "truncate"] as const)
    if (typeof file[name] !== "function")
      refuse(`the file has no method ${name}`, "It can only be read: openIndexFile wants one to write to.");
}

/** Throws `bad-file` for what does not lie within `size` bytes. */
export function checkRange(size: number, at: number, length: number): void {
  if (Number.isSafeInteger(at) && Number.isSafeInteger(length) && at >= 0 && length >= 0 && at + length <= size) return;
  throw new TurboQuantError(
    "bad-file",
    `${length} bytes at ${at} of ${size} cannot be read`,
    "The file is shorter than what is in it says.",
  );
}
