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

/** Leaves nothing but what was synced. */
export const ONLY_SYNCED: CrashPick = { sector: () => false, name: () => false };

export interface StoredFile {
  readonly current: Extent;
  readonly durable: Extent;
  pending: PendingWrite[];
  /** Pending writes that have become durable or were lost since the file exists: marks count from here. */
  drained: number;
  /** True once the file's existence survives a loss of power. */
  named: boolean;
}

interface PendingWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface FolderHolder {
  readonly owner: object;
}

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
  /** A sync failed: a picked part of the pending sectors is durable, the rest never will be although programs still see it. */
  syncFailed(file: StoredFile, pick: CrashPick): void;
  /** Begins a change of names on behalf of a process; call the result when it is durable. */
  rename(from: string, to: string, owner: object): () => void;
  remove(path: string, owner: object): () => void;
  list(folder: string): string[];
  /** A process ended: its locks are free, its unfinished changes of names happened or did not. */
  ended(owner: object, pick: CrashPick): void;
  /** The power goes: what is not durable is kept or lost as `pick` says. */
  crash(pick: CrashPick): void;
  /** Flips bits of a byte that is on the platter. */
  rot(path: string, offset: number, mask: number): void;
  /** The durable bytes of every durable file. */
  durable(): Map<string, Uint8Array>;
  /** Folder locks and who holds them. */
  readonly locks: Map<string, FolderHolder>;
  /** Bytes of all files as programs see them. */
  readonly usedBytes: number;
}

export function createDisk(image: ReadonlyMap<string, Uint8Array> = new Map()): Disk {
  const files = new Map<string, StoredFile>();
  const changes = new Map<() => void, object>();
  const locks = new Map<string, FolderHolder>();
  for (const [path, bytes] of image) {
    files.set(normalPath(path), {
      current: { bytes: bytes.slice(), size: bytes.length },
      durable: { bytes: bytes.slice(), size: bytes.length },
      pending: [],
      drained: 0,
      named: true,
    });
  }

  const begin = (owner: object, change: () => void): (() => void) => {
    const apply = (): void => {
      if (changes.delete(apply)) change();
    };
    changes.set(apply, owner);
    return apply;
  };

  const settleChanges = (pick: CrashPick, owner?: object): void => {
    for (const [change, by] of [...changes]) {
      if (owner !== undefined && by !== owner) continue;
      if (pick.name()) change();
      else changes.delete(change);
    }
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
        file = { current: empty(), durable: empty(), pending: [], drained: 0, named: false };
        files.set(name, file);
      }
      return file;
    },
    write: (file, offset, bytes) => {
      if (bytes.length === 0) return;
      const kept = bytes.slice();
      put(file.current, offset, kept);
      file.pending.push({ offset, bytes: kept });
    },
    mark: (file) => file.drained + file.pending.length,
    syncedTo: (file, mark) => {
      const count = Math.max(0, mark - file.drained);
      for (const write of file.pending.splice(0, count)) put(file.durable, write.offset, write.bytes);
      file.drained += count;
      file.named = true;
    },
    syncFailed: (file, pick) => {
      file.drained += file.pending.length;
      keepPicked(file.durable, file.pending.splice(0), pick);
      file.named ||= pick.name();
    },
    rename: (from, to, owner) =>
      begin(owner, () => {
        const file = files.get(normalPath(from));
        if (file === undefined) return;
        files.delete(normalPath(from));
        files.set(normalPath(to), file);
        file.named = true;
      }),
    remove: (path, owner) => begin(owner, () => void files.delete(normalPath(path))),
    list: (folder) => {
      const prefix = `${normalPath(folder)}/`;
      const names: string[] = [];
      for (const path of files.keys()) {
        if (path.startsWith(prefix) && !path.includes("/", prefix.length)) names.push(path.slice(prefix.length));
      }
      return names.sort();
    },
    ended: (owner, pick) => {
      settleChanges(pick, owner);
      for (const [folder, holder] of locks) if (holder.owner === owner) locks.delete(folder);
    },
    crash: (pick) => {
      settleChanges(pick);
      locks.clear();
      for (const [path, file] of files) {
        if (!file.named && !pick.name()) {
          files.delete(path);
          continue;
        }
        keepPicked(file.durable, file.pending, pick);
        file.drained += file.pending.length;
        file.pending = [];
        file.named = true;
        file.current.bytes = file.durable.bytes.slice(0, file.durable.size);
        file.current.size = file.durable.size;
      }
    },
    rot: (path, offset, mask) => {
      const file = files.get(normalPath(path));
      if (file === undefined) return;
      for (const extent of [file.current, file.durable]) {
        if (offset < extent.size) extent.bytes[offset] = (extent.bytes[offset] as number) ^ mask;
      }
    },
    durable: () => {
      const image = new Map<string, Uint8Array>();
      for (const [path, file] of files) if (file.named) image.set(path, file.durable.bytes.slice(0, file.durable.size));
      return image;
    },
  };
}

/** One spelling per file: no doubled slashes, none at the end. */
export function normalPath(path: string): string {
  return path.includes("//") || path.endsWith("/") ? path.replace(/\/+/g, "/").replace(/(.)\/$/, "$1") : path;
}

function empty(): Extent {
  return { bytes: new Uint8Array(0), size: 0 };
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

/** Applies the picked sectors of `writes` in order. A sector that is missing below one that is there reads as zeros. */
function keepPicked(durable: Extent, writes: readonly PendingWrite[], pick: CrashPick): void {
  for (const { offset, bytes } of writes) {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
      if (pick.sector()) put(durable, offset + at, bytes.subarray(at, at + length));
      at += length;
    }
  }
}
