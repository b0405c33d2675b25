/**
 * The platters of a simulated machine: what programs see (`current`), what a loss of power leaves for sure (`durable`),
 * and the writes between the two (`pending`), of which any subset of 512-byte sectors may survive.
 */
export const SECTOR_BYTES = 512;

/** Decides what a crash leaves of what was never synced. */
export interface CrashPick {
  /** Whether this piece (at most one sector of one write) reached the platter. */
  sector(): boolean;
  /** Whether a file or a change of names that nothing made durable is there. */
  name(): boolean;
}

/** What programs see: as a copy, or a picture of a virtual machine, has it. */
export const EVERYTHING: CrashPick = { sector: () => true, name: () => true };

/** Leaves nothing but what was synced. */
export const ONLY_SYNCED: CrashPick = { sector: () => false, name: () => false };

export interface StoredFile {
  readonly current: Extent;
  /** The beginning of `current`, in the same memory, while everything pending was written at the end: as logs are. */
  readonly durable: Extent;
  /** In their order. */
  pending: PendingWrite[];
  /** Writes since the file exists: what marks count. */
  writes: number;
  /** True once the file's existence survives a loss of power. */
  named: boolean;
}

interface PendingWrite {
  /** Which of the writes of its file it was, or is a part of, counted from 1. */
  readonly nth: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface FolderHolder {
  readonly owner: object;
}

/** A rename or a removal, carried out on a table of names. */
type NameChange = (names: Map<string, StoredFile>, renamed: (file: StoredFile) => void) => void;

/** Bytes that grow at the end. */
export interface Extent {
  bytes: Uint8Array;
  size: number;
}

export interface Disk {
  /** The file at `path`; with `create` made when missing. */
  file(path: string, create: boolean): StoredFile | undefined;
  write(file: StoredFile, offset: number, bytes: Uint8Array): void;
  /** Names a point in the writes of a file, for {@link Disk.syncedTo}. */
  mark(file: StoredFile): number;
  /** Everything written before the mark is durable, and so is the file. */
  syncedTo(file: StoredFile, mark: number): void;
  /** The write made right before the mark is durable, whatever else is pending; the name of the file is not, if it was not before. */
  wroteThrough(file: StoredFile, mark: number): void;
  /** That write failed: a picked part of its sectors is durable, the rest never will be although programs still see it. */
  writeThroughFailed(file: StoredFile, mark: number, pick: CrashPick): void;
  /** A sync failed: a picked part of the pending sectors is durable, the rest never will be although programs still see it. */
  syncFailed(file: StoredFile, pick: CrashPick): void;
  /** What is pending beyond `size` never left the program: a write failed half way. */
  cut(file: StoredFile, size: number): void;
  /** Begins a change of names on behalf of a process; call the result when it is durable. */
  rename(from: string, to: string, owner: object): () => void;
  remove(path: string, owner: object): () => void;
  list(folder: string): string[];
  /** A process ended: its locks are free, its unfinished changes of names happened or did not. */
  ended(owner: object, pick: CrashPick): void;
  /** The power goes: what is not durable is kept or lost as `pick` says. */
  crash(pick: CrashPick): void;
  /** Puts the files of an image in the place of all there are; whoever works with them must have ended. */
  putBack(image: ReadonlyMap<string, Uint8Array>): void;
  /** Flips bits of a byte that is on the platter. */
  rot(path: string, offset: number, mask: number): void;
  /** What a loss of power at this moment leaves if it picks so, file by file. Changes nothing. */
  image(pick: CrashPick): Map<string, Uint8Array>;
  /** Folder locks and who holds them. */
  readonly locks: Map<string, FolderHolder>;
  /** Bytes of all files as programs see them. */
  readonly usedBytes: number;
}

export function createDisk(initial: ReadonlyMap<string, Uint8Array> = new Map()): Disk {
  const files = new Map<string, StoredFile>();
  const changes = new Map<NameChange, object>();
  const locks = new Map<string, FolderHolder>();
  for (const [path, bytes] of initial) files.set(normalPath(path), storedFile(bytes));

  const begin = (owner: object, change: NameChange): (() => void) => {
    changes.set(change, owner);
    return () => {
      if (changes.delete(change)) change(files, markNamed);
    };
  };

  const image = (pick: CrashPick): Map<string, Uint8Array> => {
    const left = new Map(files);
    const renamed = new Set<StoredFile>();
    for (const change of changes.keys()) if (pick.name()) change(left, (file) => renamed.add(file));
    const bytes = new Map<string, Uint8Array>();
    for (const [path, file] of left) {
      if (!file.named && !renamed.has(file) && !pick.name()) continue;
      const kept: Extent = { bytes: file.durable.bytes.slice(0, file.durable.size), size: file.durable.size };
      keepPicked(kept, file.pending, pick);
      bytes.set(path, kept.bytes.subarray(0, kept.size));
    }
    return bytes;
  };

  const replace = (left: ReadonlyMap<string, Uint8Array>): void => {
    changes.clear();
    locks.clear();
    files.clear();
    for (const [path, bytes] of left) files.set(normalPath(path), storedFile(bytes));
  };

  return {
    locks,
    get usedBytes() {
      let bytes = 0;
      for (const file of files.values()) bytes += file.current.size;
      return bytes;
    },
    file: (path, create) => {
      const name = normalPath(path);
      let file = files.get(name);
      if (file === undefined && create) {
        file = { ...sharedExtents(new Uint8Array(0), 0), pending: [], writes: 0, named: false };
        files.set(name, file);
      }
      return file;
    },
    write: (file, offset, bytes) => {
      if (bytes.length === 0) return;
      const { current, durable } = file;
      const nth = ++file.writes;
      if (!isShared(file) || offset !== current.size) {
        separate(file);
        const kept = bytes.slice();
        put(current, offset, kept);
        file.pending.push({ nth, offset, bytes: kept });
        return;
      }
      put(current, offset, bytes);
      durable.bytes = current.bytes;
      file.pending.push({ nth, offset, bytes: current.bytes.subarray(offset, current.size) });
    },
    mark: (file) => file.writes,
    syncedTo: (file, mark) => {
      const later = file.pending.findIndex(({ nth }) => nth > mark);
      const written = file.pending.splice(0, later < 0 ? file.pending.length : later);
      if (isShared(file)) for (const { offset, bytes } of written) file.durable.size = offset + bytes.length;
      else for (const { offset, bytes } of written) put(file.durable, offset, bytes);
      file.named = true;
    },
    wroteThrough: (file, mark) => {
      if (isShared(file) && file.pending[0]?.nth !== mark) separate(file);
      for (const { offset, bytes } of takeWrite(file, mark)) {
        if (isShared(file)) file.durable.size = offset + bytes.length;
        else put(file.durable, offset, bytes);
      }
    },
    writeThroughFailed: (file, mark, pick) => {
      separate(file);
      keepPicked(file.durable, takeWrite(file, mark), pick);
    },
    syncFailed: (file, pick) => {
      separate(file);
      keepPicked(file.durable, file.pending.splice(0), pick);
      file.named ||= pick.name();
    },
    cut: (file, size) => {
      separate(file);
      file.pending = file.pending.map((each) => ({ ...each, bytes: each.bytes.subarray(0, Math.max(0, size - each.offset)) }));
      file.current.size = Math.min(file.current.size, size);
    },
    rename: (from, to, owner) =>
      begin(owner, (names, renamed) => {
        const file = names.get(normalPath(from));
        if (file === undefined) return;
        names.delete(normalPath(from));
        names.set(normalPath(to), file);
        renamed(file);
      }),
    remove: (path, owner) => begin(owner, (names) => void names.delete(normalPath(path))),
    list: (folder) => {
      const prefix = `${normalPath(folder)}/`;
      const names: string[] = [];
      for (const path of files.keys()) {
        if (path.startsWith(prefix) && !path.includes("/", prefix.length)) names.push(path.slice(prefix.length));
      }
      return names.sort();
    },
    ended: (owner, pick) => {
      for (const [change, by] of [...changes]) {
        if (by !== owner) continue;
        changes.delete(change);
        if (pick.name()) change(files, markNamed);
      }
      for (const [folder, holder] of locks) if (holder.owner === owner) locks.delete(folder);
    },
    image,
    crash: (pick) => replace(image(pick)),
    putBack: replace,
    rot: (path, offset, mask) => {
      const file = files.get(normalPath(path));
      if (file === undefined) return;
      separate(file);
      for (const extent of [file.current, file.durable]) {
        if (offset < extent.size) extent.bytes[offset] = (extent.bytes[offset] as number) ^ mask;
      }
    },
  };
}

function markNamed(file: StoredFile): void {
  file.named = true;
}

function storedFile(bytes: Uint8Array): StoredFile {
  return { ...sharedExtents(bytes.slice(), bytes.length), pending: [], writes: 0, named: true };
}

/** One spelling per file: no doubled slashes, none at the end. */
export function normalPath(path: string): string {
  return path.includes("//") || path.endsWith("/") ? path.replace(/\/+/g, "/").replace(/(.)\/$/, "$1") : path;
}

function sharedExtents(bytes: Uint8Array, size: number): Pick<StoredFile, "current" | "durable"> {
  return { current: { bytes, size }, durable: { bytes, size } };
}

function isShared({ current, durable }: StoredFile): boolean {
  return current.bytes === durable.bytes;
}

/** Gives what is durable memory of its own, before anything but its end is written to. */
function separate(file: StoredFile): void {
  if (!isShared(file)) return;
  const { durable } = file;
  durable.bytes = durable.bytes.slice(0, durable.size);
  file.pending = file.pending.map((each) => ({ ...each, bytes: each.bytes.slice() }));
}

/** Takes a write out of those that are pending; what was written before it in the same place never reaches the platter after it. */
function takeWrite(file: StoredFile, mark: number): readonly PendingWrite[] {
  const taken = file.pending.filter(({ nth }) => nth === mark);
  const before = file.pending.filter(({ nth }) => nth < mark);
  const after = file.pending.filter(({ nth }) => nth > mark);
  const left = taken.reduce((pending, { offset, bytes }) => pending.flatMap((each) => around(each, offset, offset + bytes.length)), before);
  file.pending = [...left, ...after];
  return taken;
}

/** What of a write lies before `from`, and from `to` on. */
function around({ nth, offset, bytes }: PendingWrite, from: number, to: number): readonly PendingWrite[] {
  const end = offset + bytes.length;
  if (end <= from || offset >= to) return [{ nth, offset, bytes }];
  return [
    { nth, offset, bytes: bytes.subarray(0, Math.max(0, from - offset)) },
    { nth, offset: Math.min(end, to), bytes: bytes.subarray(Math.min(bytes.length, to - offset)) },
  ].filter((each) => each.bytes.length > 0);
}

function put(extent: Extent, offset: number, bytes: Uint8Array): void {
  const end = offset + bytes.length;
  if (end > extent.bytes.length) {
    const grown = new Uint8Array(Math.max(end, extent.bytes.length * 2, 1024));
    grown.set(extent.bytes.subarray(0, extent.size));
    extent.bytes = grown;
  }
  extent.bytes.set(bytes, offset);
  extent.size = Math.max(extent.size, end);
}

/**
 * Applies the picked sectors of `writes` in order; with a picked one goes what was written to the same sector before, for a disk is given
 * whole sectors. One that is missing below one that is there reads as zeros.
 */
function keepPicked(durable: Extent, writes: readonly PendingWrite[], pick: CrashPick): void {
  const pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  /** By sector: how many of the pieces reach up to the last one that was picked there. */
  const kept = new Map<number, number>();
  for (const { offset, bytes } of writes) {
    for (let at = offset; at < offset + bytes.length; ) {
      const length = Math.min(offset + bytes.length - at, SECTOR_BYTES - (at % SECTOR_BYTES));
      pieces.push({ at, bytes: bytes.subarray(at - offset, at - offset + length) });
      if (pick.sector()) kept.set(Math.floor(at / SECTOR_BYTES), pieces.length);
      at += length;
    }
  }
  for (const [index, { at, bytes }] of pieces.entries())
    if (index < (kept.get(Math.floor(at / SECTOR_BYTES)) ?? 0)) put(durable, at, bytes);
}
