/**
 * What a running agent or relay writes into its ledger of incidents: gathered by fingerprint, written at most every few seconds.
 *
 * What must hold: noting never throws and never waits; what anybody who connects can bring about fills neither the memory nor the disk;
 * a disk that takes nothing costs the notes of that time and nothing else.
 */
import type { SigningKey } from "../../host/crypto.ts";
import { withDeadline } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import type { LogFields } from "../../host/log.ts";
import { replaceFile } from "../../identity/whole-file.ts";
import { FIXED } from "../../settings/fixed.ts";
import { utf8 } from "../../wire/bytes.ts";
import { isPerdureError } from "../../wire/error.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { INCIDENT_SETTINGS, INCIDENT_SYMPTOM, type SettingThen } from "./incident.ts";
import { mostOfAKind, type Sighting } from "./incident-book.ts";
import { addToLedger, ledgerFolder } from "./ledger-file.ts";

/** The first sight of anything is on disk so soon. */
const FIRST_MS = 1000;
/** ... and what is seen again, or while another write was under way, so soon; what others can bring about is written no more often. */
const AGAIN_MS = 60_000;
/** Different things that wait to be written. */
const MAX_WAITING = 64;
/** ... of them those that whoever connects can bring about. */
const MAX_WAITING_OF_PEERS = 48;

export interface Note {
  readonly kind: string;
  /** What a person would say went wrong, without bodies, keys or passphrases; cut at 300 letters. */
  readonly symptom: string;
  /** Somebody else can bring it about at will. */
  readonly ofPeers?: boolean;
}

export interface IncidentKeeper extends AsyncDisposable {
  add(note: Note): void;
  /** Resolves when everything noted so far is on disk or given up. */
  flush(): Promise<void>;
}

export interface KeeperOptions {
  readonly host: Host;
  readonly folder: string;
  readonly key: () => SigningKey;
  /** All settings as they are in force. */
  readonly settings: () => readonly SettingThen[];
}

/**
 * Opens the keeper for as long as the folder is held. A mark in the folder says that somebody runs: who finds one at the beginning was preceded by a
 * process that did not come to its end, which is noted. Closing the keeper removes the mark.
 */
export async function openIncidentKeeper(options: KeeperOptions): Promise<IncidentKeeper> {
  const { host, folder, key } = options;
  const { clock, crypto, files, log } = host;
  const mark = `${ledgerFolder(folder)}/running`;
  // bound: MAX_WAITING
  const waiting = new Map<string, Sighting>();
  /** What was seen before: the next time is not urgent. */
  // bound: MAX_WAITING
  const known = new Set<string>();
  let left = 0;
  let cancel: (() => void) | undefined;
  /** When what waits is written. */
  let dueMs = Number.POSITIVE_INFINITY;
  /** Until then nothing is written for what others brought about: the whole ledger is read for it. */
  let peersFromMs = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();
  let isWriting = false;
  let closed = false;

  const failed = (error: unknown): void =>
    log.write("warn", "incidents.not-kept", { code: isPerdureError(error) ? error.code : "internal", why: String(error) });

  const write = async (): Promise<void> => {
    const sightings = [...waiting.values()];
    waiting.clear();
    if (sightings.length === 0) return;
    if (sightings.some(({ ofPeers }) => ofPeers)) peersFromMs = clock.monotonicMs() + AGAIN_MS;
    if (left > 0) log.write("warn", "incidents.left-out", { left });
    left = 0;
    try {
      const { damage } = await addToLedger(host, folder, key(), sightings);
      if (damage !== undefined) add({ kind: "damage", symptom: `the ledger of incidents was not as written: ${damage}` });
    } catch (error) {
      failed(error);
    }
  };
  const flush = (): Promise<void> => {
    cancel?.();
    cancel = undefined;
    dueMs = Number.POSITIVE_INFINITY;
    writing = writing.then(async () => {
      isWriting = true;
      await write();
      isWriting = false;
    });
    return writing;
  };
  const arm = (delayMs: number): void => {
    const atMs = clock.monotonicMs() + delayMs;
    if (closed || atMs >= dueMs) return;
    cancel?.();
    dueMs = atMs;
    cancel = clock.after(delayMs, () => void flush());
  };
  /** Who makes noise of one kind keeps out noise of that kind alone. */
  const hasRoom = (kind: string, ofPeers: boolean): boolean => {
    if (!ofPeers) return waiting.size < MAX_WAITING;
    const theirs = [...waiting.values()].filter((each) => each.ofPeers);
    if (waiting.size < MAX_WAITING && theirs.length < MAX_WAITING_OF_PEERS) return true;
    const crowd = mostOfAKind(theirs) ?? [];
    const last = crowd.at(-1);
    if (last === undefined || theirs.filter((each) => each.kind === kind).length >= crowd.length - 1) return false;
    waiting.delete(last.fingerprint);
    left++;
    return true;
  };
  const add = ({ kind, symptom: whole, ofPeers = false }: Note): void => {
    const symptom = whole.slice(0, INCIDENT_SYMPTOM);
    const fingerprint = fingerprintOf(crypto.hash, kind, symptom);
    const nowMs = clock.wallMs();
    const before = waiting.get(fingerprint);
    if (before === undefined && !hasRoom(kind, ofPeers)) {
      left++;
      return;
    }
    const first = before ?? {
      what: "seen" as const,
      fingerprint,
      kind,
      symptom,
      detectedBy: "monitor" as const,
      firstMs: nowMs,
      lastMs: nowMs,
      count: 0,
      settings: concerned(options.settings(), symptom),
      ofPeers,
    };
    waiting.set(fingerprint, { ...first, lastMs: Math.max(first.lastMs, nowMs), count: first.count + 1 });
    if (ofPeers) return arm(Math.max(FIRST_MS, peersFromMs - clock.monotonicMs()));
    arm(isWriting || known.has(fingerprint) ? AGAIN_MS : FIRST_MS);
    known.add(fingerprint);
    if (known.size > MAX_WAITING) known.clear();
  };
  try {
    const found = await files.open(mark, "read").then(
      (file) => file.close().then(() => true),
      () => false,
    );
    if (found)
      add({ kind: "exit", symptom: "the process before this one ended without closing the folder: killed, crashed, or without power" });
    else await replaceFile(files, mark, utf8("who finds this was preceded by a process that did not close the folder\n"));
  } catch (error) {
    failed(error);
  }
  return {
    add,
    flush,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      // A disk that hangs must not keep a process from ending.
      await withDeadline(clock, { timeoutMs: FIXED.logCloseMs.value, what: "the ledger of incidents" }, async () => {
        await flush();
        await files.remove(mark);
      }).catch(failed);
    },
  };
}

/** Those somebody set, and those the symptom names. */
function concerned(rows: readonly SettingThen[], symptom: string): readonly SettingThen[] {
  const isNamed = (name: string): boolean => symptom.includes(name);
  return rows
    .filter(({ name, origin }) => isNamed(name) || (origin !== "default" && origin !== "fixed"))
    .toSorted((one, other) => Number(isNamed(other.name)) - Number(isNamed(one.name)))
    .slice(0, INCIDENT_SETTINGS)
    .map(({ name, value, unit, origin }) => ({ name, value, unit, origin }));
}

/** What went wrong, in one line, from the fields of a line of log. */
export function symptomOf(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}
