/** What a ledger of incidents must come to: a plain list, changed by what is seen and by what an owner says of it. */
import { createHash } from "node:crypto";
import type { Dividend } from "../../packages/perdure/src/protocol/incidents/dividend.ts";
import type { Incident } from "../../packages/perdure/src/protocol/incidents/incident.ts";
import type { OwnersEntry, Sighting } from "../../packages/perdure/src/protocol/incidents/incident-book.ts";

export type Listed = Omit<Incident, "format" | "id" | "fingerprint"> & { readonly ofPeers: boolean };

export interface KeptList {
  readonly listed: readonly (readonly [string, Listed])[];
  readonly forgotten: number;
}

export interface IncidentList {
  /** By fingerprint, in the order in which they were first seen. */
  readonly listed: ReadonlyMap<string, Listed>;
  readonly forgotten: number;
  see(seen: Sighting): void;
  /** What was said of each before: nothing in a list is changed, only replaced. */
  readonly words: WeakMap<object, string>;
  /** All of it, as it was. */
  kept(): KeptList;
  restore(kept: KeptList): void;
  /** Why it cannot be, or undefined when it is. */
  say(entry: OwnersEntry): "not-found" | "bad-argument" | undefined;
}

/** Of all, and of what others can bring about. */
const MAX_INCIDENTS = 256;
const MAX_INCIDENTS_OF_PEERS = 64;
const TEXT = 2000;
const SYMPTOM = 300;
const SETTINGS = 16;
/** What was seen shortly before the guard may be written down after it. */
const LATE_MS = 120_000;

export function createIncidentList(): IncidentList {
  const list = new Map<string, Listed>();
  let forgotten = 0;

  const forget = (among: readonly (readonly [string, Listed])[]): void => {
    const closed = among.filter(([, { state }]) => state === "closed");
    const [oldest] = [...(closed.length > 0 ? closed : among)].sort(([, one], [, other]) => one.lastMs - other.lastMs);
    if (oldest !== undefined) list.delete(oldest[0]);
    forgotten++;
  };
  /** What others bring about pushes out its like: first of the kind there is most of, and last what somebody said something of. */
  const forgetOfPeers = (): boolean => {
    const theirs = [...list].filter(([, { ofPeers }]) => ofPeers);
    const untold = theirs.filter(([, { state, cause, fix, recurrences }]) => state === "open" && cause + fix === "" && recurrences === 0);
    const kinds = [...new Set(untold.map(([, { kind }]) => kind))].map((kind) => untold.filter(([, each]) => each.kind === kind));
    const most = kinds.find((those) => kinds.every((others) => others.length <= those.length));
    forget(most ?? theirs);
    return theirs.length > 0;
  };
  const see = (seen: Sighting): void => {
    const known = list.get(seen.fingerprint);
    const settings = seen.settings.slice(0, SETTINGS);
    if (known !== undefined) {
      const isLate = seen.lastMs <= known.guardedAtMs && seen.lastMs > known.guardedAtMs - LATE_MS;
      const isBack = (known.state === "guarded" || known.state === "closed") && !isLate;
      list.set(seen.fingerprint, {
        ...known,
        settings,
        count: known.count + seen.count,
        firstMs: Math.min(known.firstMs, seen.firstMs),
        lastMs: Math.max(known.lastMs, seen.lastMs),
        ...(isBack ? { state: "open", recurrences: known.recurrences + 1, closedAtMs: 0 } : {}),
      });
      return;
    }
    const ofPeers = [...list.values()].filter((each) => each.ofPeers).length;
    const isFull = list.size >= MAX_INCIDENTS;
    if (seen.ofPeers) {
      if ((isFull || ofPeers >= MAX_INCIDENTS_OF_PEERS) && !forgetOfPeers()) return;
    } else if (isFull) forget([...list]);
    const { kind, detectedBy, firstMs, count } = seen;
    list.set(seen.fingerprint, {
      kind,
      symptom: seen.symptom.slice(0, SYMPTOM),
      detectedBy,
      firstMs,
      lastMs: Math.max(firstMs, seen.lastMs),
      count,
      state: "open",
      recurrences: 0,
      settings,
      ...{ cause: "", fix: "", guard: "", reproduction: "" },
      ...{ diagnosedAtMs: 0, fixedAtMs: 0, reproducedAtMs: 0, guardedAtMs: 0, closedAtMs: 0 },
      ofPeers: seen.ofPeers,
    });
  };
  const say = (entry: OwnersEntry): "not-found" | "bad-argument" | undefined => {
    const meant = [...list].filter(([print]) => print.startsWith(entry.id.toLowerCase()));
    const [first] = meant;
    if (entry.id.length < 4 || first === undefined) return "not-found";
    if (meant.length > 1) return "bad-argument";
    const [print, known] = first;
    const put = (other: Partial<Listed>): undefined => void list.set(print, { ...known, ...other });
    const { atMs } = entry;
    switch (entry.what) {
      case "note": {
        const [cause, fix] = [short(entry.cause), short(entry.fix)];
        if (cause + fix === "") return "bad-argument";
        return put({
          ...(cause === "" ? {} : { cause, diagnosedAtMs: known.diagnosedAtMs === 0 ? atMs : known.diagnosedAtMs }),
          ...(fix === "" ? {} : { fix, fixedAtMs: known.fixedAtMs === 0 ? atMs : known.fixedAtMs }),
        });
      }
      case "reproduced":
        if (known.state !== "open" || short(entry.by) === "") return "bad-argument";
        return put({ state: "reproduced", reproduction: short(entry.by), reproducedAtMs: atMs });
      case "guarded":
        if ((known.state !== "open" && known.state !== "reproduced") || short(entry.guard) === "") return "bad-argument";
        return put({ state: "guarded", guard: short(entry.guard), guardedAtMs: atMs });
      case "closed":
        return known.state === "guarded" ? put({ state: "closed", closedAtMs: atMs }) : "bad-argument";
    }
  };
  return {
    listed: list,
    get forgotten() {
      return forgotten;
    },
    words: new WeakMap(),
    kept: () => ({ listed: [...list], forgotten }),
    restore: (kept) => {
      list.clear();
      for (const [print, each] of kept.listed) list.set(print, each);
      forgotten = kept.forgotten;
    },
    see,
    say,
  };
}

function short(text: string): string {
  return text.trim().slice(0, TEXT);
}

/** What both say of one, in one order. */
export function told(each: Omit<Listed, "ofPeers">): string {
  const { kind, symptom, state, detectedBy, firstMs, lastMs, count, recurrences, cause, fix, guard, reproduction } = each;
  const { settings, diagnosedAtMs, fixedAtMs, reproducedAtMs, guardedAtMs, closedAtMs } = each;
  const words = [kind, symptom, state, detectedBy, cause, fix, guard, reproduction];
  const times = [firstMs, lastMs, diagnosedAtMs, fixedAtMs, reproducedAtMs, guardedAtMs, closedAtMs];
  return JSON.stringify([words, times, count, recurrences, settings.map(({ name, value, unit, origin }) => [name, value, unit, origin])]);
}

function once(words: WeakMap<object, string>, each: Omit<Listed, "ofPeers">): string {
  const before = words.get(each) ?? told(each);
  words.set(each, before);
  return before;
}

/** How the incidents that are shown part from the list; undefined where they do not. */
export function difference(list: IncidentList, shown: readonly Incident[], forgotten: number): string | undefined {
  if (forgotten !== list.forgotten) return `${forgotten} gave way, and not ${list.forgotten}`;
  if (shown.length !== list.listed.size) return `${shown.length} incidents are shown, and there are ${list.listed.size}`;
  let at = 0;
  for (const [print, each] of list.listed) {
    const found = shown[at++] as Incident;
    if (found.fingerprint !== print) return `${found.fingerprint} is shown in the place of ${print}`;
    if (found.id !== print.slice(0, 12) || found.format !== "perdure-incident/1") return `${print} is called ${found.id} ${found.format}`;
    if (once(list.words, found) !== once(list.words, each)) return `shown is ${told(found)}, and it is ${told(each)}`;
  }
  return undefined;
}

/** Counted again, one after the other. */
export function dividendAgain(incidents: readonly Omit<Listed, "ofPeers">[]): Dividend {
  let [occurrences, recurrences, ours] = [0, 0, 0];
  const states = { open: 0, reproduced: 0, guarded: 0, closed: 0 };
  for (const each of incidents) {
    occurrences += each.count;
    recurrences += each.recurrences;
    if (each.detectedBy !== "user") ours++;
    states[each.state] += 1;
  }
  const took = (name: "diagnosedAtMs" | "fixedAtMs" | "guardedAtMs", among: readonly Omit<Listed, "ofPeers">[]): number | undefined => {
    const times = among.filter((each) => each[name] !== 0).map((each) => Math.max(0, each[name] - each.firstMs));
    times.sort((one, other) => one - other);
    if (times.length === 0) return undefined;
    const middle = (times.length - (times.length % 2)) / 2;
    return times.length % 2 === 1 ? times[middle] : ((times[middle - 1] as number) + (times[middle] as number)) / 2;
  };
  const guards = incidents.filter(({ guardedAtMs }) => guardedAtMs !== 0).sort((one, other) => one.firstMs - other.firstMs);
  const half = (guards.length - (guards.length % 2)) / 2;
  const [olderMs, newerMs] = [took("guardedAtMs", guards.slice(0, half)), took("guardedAtMs", guards.slice(half))];
  return {
    incidents: incidents.length,
    states,
    occurrences,
    recurrences,
    foundByUs: incidents.length === 0 ? undefined : ours / incidents.length,
    medianToDiagnosisMs: took("diagnosedAtMs", incidents),
    medianToFixMs: took("fixedAtMs", incidents),
    medianToGuardMs: took("guardedAtMs", incidents),
    trend: olderMs === undefined || newerMs === undefined ? undefined : { olderMs, newerMs },
  };
}

/** `protocol/incidents.md`: of a symptom in which what varies stands for itself. */
export function fingerprintAgain(kind: string, same: string): string {
  return createHash("sha256").update(`perdure/incident-fingerprint/1\n${kind}\n${same}`).digest("hex");
}
