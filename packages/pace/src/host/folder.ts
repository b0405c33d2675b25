/**
 * A folder that one process has to itself, in the few operations whose behaviour under a crash can be stated.
 *
 * What holds after a crash: what was written before a `sync` of that file that resolved is there. Of everything written to it later any subset of
 * 512-byte sectors may be there. A file is found under its name after its first `sync`, and under the name it was renamed to once `rename` resolved; a crash
 * in the middle of a `rename` leaves the one or the other file in its place, whole as far as it was synced. After a `sync` that failed nothing may be assumed of
 * what was written to the file since the one before, however later ones end.
 *
 * Errors are `PaceError`s: `disk-full`, `disk-failed`, `closed`.
 */
export interface Folder {
  /** All of a file; `undefined` where there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Cuts a file off at `offset`, which it has at least, and writes behind it; makes the file where it is missing. */
  write(name: string, offset: number, bytes: Uint8Array): Promise<void>;
  sync(name: string): Promise<void>;
  /** Atomically puts a file in the place of another. */
  rename(from: string, to: string): Promise<void>;
  /** Another process may have the folder. */
  close(): Promise<void>;
}
