/**
 * JSON values by key, that are there after a crash.
 *
 * Inputs: changes, each of several keys together; a folder. What is changed is seen at once by who asks, and kept when `change` resolves: all of it or none. Changes
 * that come while others are written are written together. Where the disk fails all that was not kept yet is taken back and told so, and the next change
 * begins with a new file of all that is kept: of the old one nothing can be assumed. So does the first after an opening.
 *
 * Invariants: what resolved is found by the next opening; what is found was asked for (of what was told to have failed, too, if the process ends right then);
 * the file is at most twice as long as what was in it and some more; bytes that cannot be read are kept in a file of their own, and told.
 */
import { PaceError } from "../error.ts";
import type { Folder } from "../host/folder.ts";
import { type Change, type Damage, encodeChanges, HEAD, readJournal, VERSION } from "./journal.ts";
import type { Json } from "./json.ts";

export interface Found {
  readonly entries: number;
  /** Of a write that was under way when the process before ended. */
  readonly tornBytes: number;
  /** What was kept and cannot be read. */
  readonly damaged: readonly Damage[];
  /** The file that has all of it as it was found. */
  readonly keptAs: string | undefined;
}

export interface Shelf {
  readonly found: Found;
  /** Of JSON on it. */
  readonly characters: number;
  get(key: string): Json | undefined;
  /** Characters of its JSON; 0 where there is none. */
  sizeOf(key: string): number;
  entries(): Iterable<readonly [key: string, value: Json]>;
  /** Throws `disk-full`, `disk-failed`, `closed`: then none of it is there. */
  change(changes: readonly Change[]): Promise<void>;
  /** All that was found and changed until now is kept. Throws as changes do. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

interface Kept {
  readonly value: Json;
  readonly characters: number;
}

interface Pending {
  readonly changes: readonly Change[];
  /** What was there before, to take it back. */
  readonly before: readonly (readonly [key: string, kept: Kept | undefined])[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const FILE = "journal";
const NEXT = "journal.next";
/** A file is made anew when it is twice as long as after the last time, and so much more: small ones are not worth it. */
const SLACK_BYTES = 1 << 20;

/** Throws `disk-full`, `disk-failed`, and `bad-argument` for a journal of a later version. */
export async function openShelf(folder: Folder, slackBytes: number = SLACK_BYTES): Promise<Shelf> {
  const bytes = (await folder.read(FILE)) ?? new Uint8Array();
  const found = readJournal(bytes);
  const { changes, tornBytes, version } = found;
  if (version !== undefined && version > VERSION)
    throw new PaceError("bad-argument", `the work was kept by a later version (${version})`, "Use that version, or another folder.");
  const shelf = new Map<string, Kept>();
  let characters = 0;
  const put = (key: string, kept: Kept | undefined): Kept | undefined => {
    const before = shelf.get(key);
    characters += (kept?.characters ?? 0) - (before?.characters ?? 0);
    if (kept === undefined) shelf.delete(key);
    else shelf.set(key, kept);
    return before;
  };
  for (const [key, ...values] of changes) put(key, values.length === 0 ? undefined : keptOf(JSON.stringify(values[0])));

  let fileBytes = bytes.length;
  /**
   * Whether all of the file is on the disk and more can be put behind it. One that is found may be so in the memory of the system only, where a process before
   * did not survive a sync that failed.
   */
  let isSound = false;
  let longEnough = 2 * characters + slackBytes;
  let isClosed = false;
  let pending: Pending[] = [];
  let writing: Promise<void> | undefined;

  const writeAnew = async (): Promise<void> => {
    const whole = joined([HEAD, ...[...shelf].map(([key, { value }]) => encodeChanges([[key, JSON.stringify(value)]]))]);
    await folder.write(NEXT, 0, whole);
    await folder.sync(NEXT);
    // From here on it may be the one or the other.
    isSound = false;
    await folder.rename(NEXT, FILE);
    isSound = true;
    fileBytes = whole.length;
    longEnough = 2 * fileBytes + slackBytes;
  };

  const append = async (batch: readonly Pending[]): Promise<void> => {
    const changes = batch.flatMap((one) => one.changes);
    if (changes.length === 0) return;
    const line = encodeChanges(changes);
    isSound = false;
    await folder.write(FILE, fileBytes, line);
    await folder.sync(FILE);
    isSound = true;
    fileBytes += line.length;
  };

  const write = async (batch: readonly Pending[]): Promise<void> => {
    if (!isSound) return await writeAnew();
    if (fileBytes > longEnough) {
      try {
        return await writeAnew();
      } catch (error) {
        // Where there is no room for a second file there may be for a line.
        if (!isSound) throw error;
        longEnough = fileBytes + slackBytes;
      }
    }
    await append(batch);
  };

  const writeAll = async (): Promise<void> => {
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      try {
        await write(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const failed = [...batch, ...pending];
        pending = [];
        for (const { before } of failed.toReversed()) for (const [key, kept] of before.toReversed()) put(key, kept);
        for (const { reject } of failed) reject(error);
      }
    }
    writing = undefined;
  };

  const change = (changes: readonly Change[]): Promise<void> =>
    new Promise((resolve, reject) => {
      if (isClosed) return reject(new PaceError("closed", "the kept work was closed", "Open it again."));
      const before = changes.map(([key, text]) => [key, put(key, text === undefined ? undefined : keptOf(text))] as const);
      pending.push({ changes, before, resolve, reject });
      // Who changes something right after this is written with it.
      writing ??= Promise.resolve().then(writeAll);
    });

  // A file gets its name when its head is kept: one without is damaged, however little is left of it.
  const damaged =
    version !== undefined || bytes.length === 0 || found.damaged.length > 0 ? found.damaged : [{ offset: 0, sizeBytes: bytes.length }];
  const keptAs = damaged.length === 0 ? undefined : await keepAside(folder, bytes);
  return {
    found: { entries: shelf.size, tornBytes, damaged, keptAs },
    get characters() {
      return characters;
    },
    get: (key) => shelf.get(key)?.value,
    sizeOf: (key) => shelf.get(key)?.characters ?? 0,
    entries: function* () {
      for (const [key, { value }] of shelf) yield [key, value];
    },
    change,
    flush: () => (isSound && writing === undefined ? Promise.resolve() : change([])),
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      await writing;
      await folder.close();
    },
  };
}

function keptOf(text: string): Kept {
  return { value: JSON.parse(text), characters: text.length };
}

async function keepAside(folder: Folder, bytes: Uint8Array): Promise<string> {
  for (let nth = 1; ; nth++) {
    const name = `damaged-${nth}`;
    const there = await folder.read(name);
    // One that is there half was left by a process that ended meanwhile.
    if (there !== undefined && !there.every((byte, at) => byte === bytes[at])) continue;
    await folder.write(name, 0, bytes);
    await folder.sync(name);
    return name;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
