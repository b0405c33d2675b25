/**
 * All incidents of one folder, as the entries of its ledger make them. Pure: an entry goes in, or is refused, and nothing changes then.
 *
 * What must hold: the same entries give the same book, and each incident in it reads back; the book is bounded however many different
 * things go wrong. What gives way first is closed, then what was seen last longest ago; how many gave way is counted. What others bring
 * about pushes out nothing but its like: first of the kind there is most of, and last what the owner said something of, so that nobody
 * wipes out an accusation, or the guard that would count him as a recurrence, by making noise.
 */
import { PerdureError } from "../../wire/error.ts";
import {
  type Detector,
  INCIDENT_FORMAT,
  INCIDENT_SETTINGS,
  INCIDENT_SYMPTOM,
  INCIDENT_TEXT,
  type Incident,
  type IncidentState,
  idOf,
  readIncident,
  type SettingThen,
} from "./incident.ts";

/** Incidents one folder remembers. */
export const MAX_INCIDENTS = 256;
/** ... of them those that whoever connects can bring about. */
export const MAX_INCIDENTS_OF_PEERS = 64;

/** What a running process saw is written within this: it may be older than what the owner said meanwhile. */
const LATE_MS = 120_000;

/** It happened `count` times between two moments. */
export interface Sighting {
  readonly what: "seen";
  readonly fingerprint: string;
  readonly kind: string;
  readonly symptom: string;
  readonly detectedBy: Detector;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
  readonly settings: readonly SettingThen[];
  /** Somebody else can bring it about at will. */
  readonly ofPeers: boolean;
}

export type OwnersEntry =
  | { readonly what: "note"; readonly id: string; readonly atMs: number; readonly cause: string; readonly fix: string }
  | { readonly what: "reproduced"; readonly id: string; readonly atMs: number; readonly by: string }
  | { readonly what: "guarded"; readonly id: string; readonly atMs: number; readonly guard: string }
  | { readonly what: "closed"; readonly id: string; readonly atMs: number };

/** `kept`: the whole book, at the beginning of a file that replaced a longer one. */
export type LedgerEntry =
  | Sighting
  | OwnersEntry
  | {
      readonly what: "kept";
      readonly incidents: readonly Incident[];
      readonly ofPeers: readonly string[];
      readonly forgotten: number;
      /** Keys that signed what it replaced, hexadecimal; see `ledger-file.ts`. */
      readonly signers?: readonly string[];
    };

export interface IncidentBook {
  /** In the order in which they were first seen. */
  readonly incidents: readonly Incident[];
  /** How many gave way to newer ones. */
  readonly forgotten: number;
  /** By its id or the beginning of it; `not-found`, `bad-argument` when it could be several. */
  find(id: string): Incident;
  /** Throws `bad-argument` with a hint where the state does not allow it, `not-found`, `malformed`. */
  apply(entry: LedgerEntry): void;
  /** The entry a new file of the ledger begins with. */
  restate(): LedgerEntry;
}

export function createIncidentBook(): IncidentBook {
  // bound: MAX_INCIDENTS
  const byPrint = new Map<string, Incident>();
  // bound: MAX_INCIDENTS_OF_PEERS
  const ofPeers = new Set<string>();
  let forgotten = 0;

  const find = (id: string): Incident => {
    const found = [...byPrint.values()].filter((each) => each.fingerprint.startsWith(id.toLowerCase()));
    const [first] = found;
    if (id.length < 4 || first === undefined)
      throw new PerdureError("not-found", `there is no incident ${id}`, {
        hint: "`perdure incidents` lists them; four digits of an id will do.",
      });
    if (found.length > 1)
      throw new PerdureError("bad-argument", `${id} could be ${found.length} incidents`, { hint: "Write more of its digits." });
    return first;
  };
  /** Read as if it came from elsewhere: it did, from a file. */
  const put = (incident: Incident): void => void byPrint.set(incident.fingerprint, readIncident(incident));
  const forget = (among: readonly Incident[]): void => {
    const closed = among.filter(({ state }) => state === "closed");
    const [oldest] = (closed.length > 0 ? closed : among).toSorted((one, other) => one.lastMs - other.lastMs);
    if (oldest === undefined) return;
    byPrint.delete(oldest.fingerprint);
    ofPeers.delete(oldest.fingerprint);
    forgotten++;
  };
  /** False where there is none. */
  const makeRoom = (forPeers: boolean): boolean => {
    const isFull = byPrint.size >= MAX_INCIDENTS;
    if (!forPeers) {
      if (isFull) forget([...byPrint.values()]);
      return true;
    }
    if (!isFull && ofPeers.size < MAX_INCIDENTS_OF_PEERS) return true;
    const theirs = [...byPrint.values()].filter(({ fingerprint }) => ofPeers.has(fingerprint));
    forget(mostOfAKind(theirs.filter(isUntold)) ?? theirs);
    if (theirs.length === 0) forgotten++;
    return theirs.length > 0;
  };

  const seen = (sighting: Sighting): void => {
    const { fingerprint, kind, symptom, detectedBy, firstMs, lastMs, count, settings } = sighting;
    const known = byPrint.get(fingerprint);
    if (known !== undefined) {
      const isLate = lastMs <= known.guardedAtMs && lastMs > known.guardedAtMs - LATE_MS;
      const isBack = (known.state === "guarded" || known.state === "closed") && !isLate;
      return put({
        ...known,
        count: known.count + count,
        firstMs: Math.min(known.firstMs, firstMs),
        lastMs: Math.max(known.lastMs, lastMs),
        settings: settings.slice(0, INCIDENT_SETTINGS),
        ...(isBack ? { state: "open", recurrences: known.recurrences + 1, closedAtMs: 0 } : {}),
      });
    }
    const incident = readIncident({
      format: INCIDENT_FORMAT,
      id: idOf(fingerprint),
      fingerprint,
      kind,
      symptom: symptom.slice(0, INCIDENT_SYMPTOM),
      state: "open",
      detectedBy,
      firstMs,
      lastMs: Math.max(firstMs, lastMs),
      count,
      recurrences: 0,
      settings: settings.slice(0, INCIDENT_SETTINGS),
      cause: "",
      fix: "",
      reproduction: "",
      guard: "",
      diagnosedAtMs: 0,
      fixedAtMs: 0,
      reproducedAtMs: 0,
      guardedAtMs: 0,
      closedAtMs: 0,
    });
    if (!makeRoom(sighting.ofPeers)) return;
    put(incident);
    if (sighting.ofPeers) ofPeers.add(fingerprint);
  };

  return {
    get incidents() {
      return [...byPrint.values()];
    },
    get forgotten() {
      return forgotten;
    },
    find,
    apply: (entry) => {
      switch (entry.what) {
        case "seen":
          return seen(entry);
        case "kept":
          byPrint.clear();
          ofPeers.clear();
          for (const each of entry.incidents.slice(0, MAX_INCIDENTS)) put(each);
          for (const print of entry.ofPeers) if (byPrint.has(print)) ofPeers.add(print);
          if (!Number.isSafeInteger(entry.forgotten)) throw new PerdureError("malformed", "incidents: forgotten is not a whole number");
          forgotten = entry.forgotten;
          return;
        default:
          return put(told(find(entry.id), entry));
      }
    },
    restate: () => ({ what: "kept", incidents: [...byPrint.values()], ofPeers: [...ofPeers], forgotten }),
  };
}

/** Nobody said anything of it yet. */
function isUntold({ state, cause, fix, recurrences }: Incident): boolean {
  return state === "open" && cause === "" && fix === "" && recurrences === 0;
}

/** Those of the kind there is most of; `undefined` of none. */
export function mostOfAKind<Item extends { readonly kind: string }>(items: readonly Item[]): readonly Item[] | undefined {
  return [...Map.groupBy(items, ({ kind }) => kind).values()].toSorted((one, other) => other.length - one.length)[0];
}

/** The incident after its owner said something of it. */
function told(incident: Incident, entry: OwnersEntry): Incident {
  const { id, state } = incident;
  const { atMs } = entry;
  switch (entry.what) {
    case "note": {
      const [cause, fix] = [short(entry.cause), short(entry.fix)];
      if (cause === "" && fix === "")
        throw new PerdureError("bad-argument", "a note names a cause or a fix", { hint: "Write --cause or --fix." });
      return {
        ...incident,
        ...(cause === "" ? {} : { cause, diagnosedAtMs: incident.diagnosedAtMs || atMs }),
        ...(fix === "" ? {} : { fix, fixedAtMs: incident.fixedAtMs || atMs }),
      };
    }
    case "reproduced":
      if (state !== "open") throw refused(id, state, "reproduced", "Only what is open is still to be reproduced.");
      return { ...incident, state: "reproduced", reproduction: needed(entry.by, "what shows it again"), reproducedAtMs: atMs };
    case "guarded":
      if (state !== "open" && state !== "reproduced")
        throw refused(id, state, "guarded", "It has its guard; should it come back, it opens by itself.");
      return { ...incident, state: "guarded", guard: needed(entry.guard, "the test that keeps it from coming back"), guardedAtMs: atMs };
    case "closed":
      if (state !== "guarded")
        throw refused(
          id,
          state,
          "closed",
          `First name the test that keeps it from coming back: perdure incidents guarded ${id} --guard <test>.`,
        );
      return { ...incident, state: "closed", closedAtMs: atMs };
  }
}

function refused(id: string, from: IncidentState, to: IncidentState, hint: string): PerdureError {
  return new PerdureError("bad-argument", `incident ${id} is ${from}: from there it cannot become ${to}`, { hint });
}

function short(text: string): string {
  return text.trim().slice(0, INCIDENT_TEXT);
}

function needed(text: string, what: string): string {
  const said = short(text);
  if (said === "") throw new PerdureError("bad-argument", `${what} is not named`);
  return said;
}
