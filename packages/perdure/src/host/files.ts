/**
 * Files, in the few operations whose behaviour under a crash can be stated.
 *
 * What holds after a crash: bytes written before a `sync` that resolved are there. Of everything written later any
 * subset of 512-byte sectors may be there. `rename` and `remove` are durable when they resolve. A file that `open`
 * created is durable after its first `sync`.
 * Of a file opened for `write-through` each write that resolved is there by itself; `sync` makes only its name durable. Of a
 * write that failed or was under way any subset of sectors may be there, whatever is written elsewhere in the file later.
 * `append-through` is for whoever writes one thing behind the other: what lies behind a write, up to the next multiple of
 * FILE_BLOCK_BYTES, is zero afterwards or what it was, and the file may reach to there.
 *
 * Errors are PerdureErrors: `disk-full`, `disk-failed`, `read-only`, `permission-denied`, `folder-in-use`, `not-found`,
 * `too-busy` (no file handles left), `bad-argument` (a path that cannot be).
 */
export interface Files {
  /** To write creates the file and its folders when missing (files 0600, folders 0700); `read` of a missing file throws `not-found`. */
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Names in a folder, sorted, without subfolders; empty when the folder is missing. */
  list(folder: string): Promise<readonly string[]>;
  /** Atomically puts `from` in the place of `to`, in a folder that exists; `not-found` when `from` is missing. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; a missing one is fine. */
  remove(path: string): Promise<void>;
  /**
   * Takes the folder for this process until released or the process ends, however it ends; `folder-in-use` when it is taken, also
   * by this process. The names `lock` and `holder.json` in it are the lock's.
   */
  lock(folder: string): Promise<FolderLock>;
}

/** With `write-through` and `append-through` every write that resolves survives a loss of power. */
export type OpenMode = "read" | "write" | "write-through" | "append-through";

/** What a disk is written in at least, where it is written past the memory of the system. */
export const FILE_BLOCK_BYTES = 4096;

export function isThrough(mode: OpenMode): boolean {
  return mode === "write-through" || mode === "append-through";
}

export interface OpenFile {
  /** Bytes the file has now. */
  size(): Promise<number>;
  /** Up to `length` bytes from `offset`; fewer only at the end of the file. They may come in the memory given, which has room for them. */
  read(offset: number, length: number, memory?: Uint8Array): Promise<Uint8Array>;
  /** Writes all of `bytes` at `offset`, or throws; what then is in that place, as far as the file goes, is undefined. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Resolves when everything written so far survives a loss of power, and so does the name. After a failure nothing more may be assumed of this file. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FolderLock {
  release(): Promise<void>;
}
