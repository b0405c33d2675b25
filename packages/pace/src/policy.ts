/** What the owner of a program says of its limits and its calls, and whether it makes sense. */

import type { Strategy } from "./degrade/strategy.ts";
import { PaceError } from "./error.ts";
import type { Operation } from "./gate/operations.ts";
import type { LadderSettings } from "./ladder/ladder.ts";
import type { Rule } from "./ladder/rules.ts";
import type { Asked } from "./partition.ts";
import { checkPrices, type Prices } from "./providers/prices.ts";
import { HELD_UNITS, type HeldLimit } from "./quota/pool.ts";
import type { Cost, Reading, Unit } from "./quota/reading.ts";

/** A limit that its owner knows, or sets. */
export interface PolicyQuota {
  /** `requests` unless said. */
  readonly unit?: Unit;
  /** Tells several of one unit apart; the unit and the window unless said. */
  readonly name?: string;
  readonly limit: number;
  readonly windowMs: number;
  /** A bucket, that fills all the time, unless said. A window is full again at its end: at multiples of `windowMs` since 1970, so one of a day at midnight UTC. */
  readonly shape?: Reading["shape"];
}

export interface PacePolicy {
  /** Who leaves first: `heartbeat`, `interactive`, `normal`, `background` unless said. */
  readonly classes?: readonly string[];
  /** Of these, whom pauses that a guess began do not hold, and for whom room is kept: `heartbeat` unless said. */
  readonly reserved?: readonly string[];
  /** Of calls that name none: `normal` unless said, or the last. */
  readonly usualClass?: string;
  /** Until the last attempt of a call has left, which is then not ended; 120,000 unless said: longer than a person waits, shorter than most clients' ten minutes. */
  readonly deadlineMs?: number;
  /** Attempts of a call; 20 unless said. Deadlines end most before. */
  readonly attempts?: number;
  /** Calls that may wait for one quota; 10,000 unless said: some MB. */
  readonly mostWaiting?: number;
  /**
   * By what they are of: the origin of a service ("https://api.example.com"), one model there ("https://api.example.com gpt-x"), the name that `run` is given, or all
   * together ("*"). Each is one, whoever takes of it.
   */
  readonly quotas?: Readonly<Record<string, readonly PolicyQuota[]>>;
  /** What this process has of its own, for all services together: calls under way, memory, cores. */
  readonly here?: readonly HeldLimit[];
  /** Dollars for a million tokens, by model, so that quotas of `usd` can be counted. */
  readonly prices?: Prices;
  /** A file in which processes of this machine agree who takes how much of each quota; they name the same one. */
  readonly shareAt?: string;
  /** Of what is shared: who has 2 gets twice as much as who has 1, where there is not enough. */
  readonly weight?: number;
  /** From which use of a quota on something is short, and how it is calm again: 50, 75 and 90 in 100 unless said. */
  readonly ladder?: LadderSettings;
  /** Ways of doing with less while something is short, in the order in which they are asked: `fewerTokens()`, `cheaperModel(…)`. */
  readonly lesser?: readonly Strategy[];
  /** While one thing is short, what would be done because of it may not use up another. */
  readonly rules?: readonly Rule[];
  /** In an emergency each keeper has so long before others are told; 5,000 unless said. */
  readonly keepMs?: number;
  /** Names the quotas that a request takes of; by address, credentials and model unless said. */
  readonly partitionOf?: (asked: Asked) => string;
}

/** One of those that stand here without a policy, or one of the policy's `classes`. */
export type ClassName = "heartbeat" | "interactive" | "normal" | "background" | (string & Record<never, never>);

/** What calls have in common. */
export interface CallTraits {
  readonly class?: ClassName;
  /** As in the policy. */
  readonly deadlineMs?: number;
  /** For whom: those of one class take turns. */
  readonly requester?: string;
  /** The piece of work that they are part of, and the share of every quota that it may take at most, from above 0 to 1. */
  readonly operation?: Operation;
  /** What one of them takes, where that is known better than it can be guessed: `{ usd: 0.02, "memory-bytes": 50_000_000 }`. */
  readonly cost?: Cost;
  /** By which rules know them, besides the name of their operation. */
  readonly tags?: readonly string[];
  /** Whether they may be done another time, which a strategy decides that can put them off. */
  readonly isDeferrable?: boolean;
  /** Names of the strategies that may lessen them; all unless said, and none where they are of a reserved class. */
  readonly lessenedBy?: readonly string[];
}

const UNITS: readonly Unit[] = ["requests", "tokens", "input-tokens", "output-tokens", "usd", ...HELD_UNITS];
const POLICY_NAMES = [
  "ladder",
  "lesser",
  "rules",
  "keepMs",
  "shareAt",
  "weight",
  "classes",
  "reserved",
  "usualClass",
  "deadlineMs",
  "attempts",
  "mostWaiting",
  "quotas",
  "here",
  "prices",
  "partitionOf",
];
const TRAIT_NAMES = ["class", "deadlineMs", "requester", "operation", "cost", "tags", "isDeferrable", "lessenedBy"];
const QUOTA_NAMES = ["unit", "name", "limit", "windowMs", "shape"];
const HELD_NAMES = ["unit", "limit"];
const LISTS = ["classes", "reserved", "here", "lesser", "rules"] as const;
const PORT_NAMES = ["clock", "random", "fetch", "rights", "sharingTrouble", "measure", "watch", "fault", "lessened"];
/** Of the ports: what is called. */
const CALLED = ["random", "fetch", "sharingTrouble", "measure", "watch", "fault", "lessened"];
const RUN_NAMES = ["signal", "guess", "isIdempotent", "told"];

/** Throws `bad-argument` for what makes no sense. */
export function checkPolicy(policy: PacePolicy): void {
  knownNames("createPace", policy, POLICY_NAMES);
  for (const name of LISTS) list(name, policy[name]);
  const { classes, reserved, usualClass, quotas = {}, here = [], partitionOf } = policy;
  if (classes !== undefined && (classes.length === 0 || new Set(classes).size < classes.length))
    throw bad(`classes: [${classes.join(", ")}]`, "At least one, each once; the first leaves first.");
  for (const name of reserved ?? []) if (classes !== undefined) knownClass(classes, name);
  if (classes !== undefined && usualClass !== undefined) knownClass(classes, usualClass);
  positive("deadlineMs", policy.deadlineMs);
  positive("weight", policy.weight);
  if (policy.shareAt !== undefined && (typeof policy.shareAt !== "string" || policy.shareAt === ""))
    throw bad("shareAt is no path", 'It is that of a file: "/run/user/1000/pace.db".');
  whole("attempts", policy.attempts);
  whole("mostWaiting", policy.mostWaiting);
  if (partitionOf !== undefined && typeof partitionOf !== "function")
    throw bad("partitionOf is no function", "It is given a request and names its quotas.");
  object("quotas", quotas);
  for (const [of, quotasOf] of Object.entries(quotas)) {
    checkScope(of);
    if (!Array.isArray(quotasOf)) throw bad(`quotas["${of}"] is no list`, "As in [{ limit: 60, windowMs: 60_000 }].");
    for (const quota of quotasOf) checkQuota(of, quota);
  }
  checkPrices(policy.prices ?? {});
  for (const limit of here) {
    knownNames("here", limit, HELD_NAMES);
    if (!HELD_UNITS.includes(limit.unit))
      throw bad(`here: "${limit.unit}" is nothing that a process has`, `It has: ${HELD_UNITS.join(", ")}.`);
    positive(`here: ${limit.unit}`, limit.limit, true);
  }
}

export function checkTraits(classes: readonly string[], traits: CallTraits): void {
  knownNames("with", traits, TRAIT_NAMES);
  if (traits.class !== undefined) knownClass(classes, traits.class);
  positive("deadlineMs", traits.deadlineMs);
  if (traits.requester !== undefined && typeof traits.requester !== "string")
    throw bad(`requester is ${String(traits.requester)}`, "It is a name.");
  list("tags", traits.tags);
  list("lessenedBy", traits.lessenedBy);
  if (traits.operation !== undefined) {
    const { name, mostShare } = traits.operation;
    if (typeof name !== "string" || name === "")
      throw bad("an operation has no name", 'It is told by it: { name: "reindex", mostShare: 0.5 }.');
    if (!(mostShare > 0 && mostShare <= 1))
      throw bad(`operation "${name}" may take ${mostShare} of everything`, "A share is above 0 and at most 1.");
  }
  checkCost("cost", traits.cost ?? {});
}

/** Throws `bad-argument` for a name that nobody reads, and for what is called and is no function. */
export function checkPorts(ports: object): void {
  knownNames("createPace, as its second argument,", ports, PORT_NAMES);
  for (const [name, given] of Object.entries(ports))
    if (CALLED.includes(name) && given !== undefined && typeof given !== "function") throw bad(`${name} is no function`, "It is called.");
}

/** Throws `bad-argument`. */
export function checkRun(partition: unknown, work: unknown, options: object): void {
  if (typeof partition !== "string" || typeof work !== "function")
    throw bad("run is given no name, or no work", 'The name of its quotas, then a function: run("search", () => engine.find(words)).');
  knownNames("run", options, RUN_NAMES);
}

/** A quota that is filed under an address with a path, or a slash at its end, would be that of no call. Throws `bad-argument`. */
function checkScope(of: string): void {
  const [address = "", ...model] = of.split(" ");
  if (!/^https?:/i.test(address)) return;
  if (!URL.canParse(address)) throw bad(`quotas["${of}"] is of no address`, 'As in "https://api.example.com".');
  const { origin } = new URL(address);
  if (origin !== address) throw bad(`quotas["${of}"] is of no origin`, `Is "${[origin, ...model].join(" ")}" meant?`);
}

/** Throws `bad-argument`. One that is no number would make accounts of none: nothing would leave any more. */
export function checkCost(what: string, cost: Cost): void {
  for (const [unit, units] of Object.entries(cost)) {
    if (!UNITS.includes(unit as Unit)) throw bad(`${what}: "${unit}" is no unit`, `They are: ${UNITS.join(", ")}.`);
    if (!isAmount(units)) throw bad(`${what}: ${units} of ${unit}`, "A number, from zero.");
  }
}

/** Of what somebody says that work took, what can be counted; nothing where nothing is said. */
export function countable(cost: unknown): Cost | undefined {
  if (typeof cost !== "object" || cost === null) return undefined;
  return Object.fromEntries(Object.entries(cost).filter(([unit, units]) => UNITS.includes(unit as Unit) && isAmount(units)));
}

function isAmount(units: unknown): boolean {
  return typeof units === "number" && units >= 0 && units < Number.POSITIVE_INFINITY;
}

/** Throws `bad-argument` where it is none of them. */
export function knownClass(classes: readonly string[], name: string): number {
  const rank = classes.indexOf(name);
  if (rank < 0) throw bad(`"${name}" is no class of calls`, `They are: ${classes.join(", ")}.`);
  return rank;
}

/** As it stands at this moment: full. */
export function readingOf({ unit = "requests", name, limit, windowMs, shape = "bucket" }: PolicyQuota, dateMs: number): Reading {
  const resetInMs = shape === "bucket" ? 0 : windowMs - (dateMs % windowMs);
  return { unit, name: name ?? `${unit} in ${windowMs} ms`, limit, windowMs, remaining: limit, resetInMs, shape };
}

function checkQuota(of: string, quota: PolicyQuota): void {
  knownNames(`quotas["${of}"]`, quota, QUOTA_NAMES);
  const { unit = "requests", limit, windowMs, shape = "bucket" } = quota;
  if (!UNITS.includes(unit)) throw bad(`quotas["${of}"]: "${unit}" is no unit`, `They are: ${UNITS.join(", ")}.`);
  if (HELD_UNITS.some((held) => held === unit))
    throw bad(`quotas["${of}"]: "${unit}" is of the process, not of a service`, `Say it as here: [{ unit: "${unit}", limit: … }].`);
  if (shape !== "bucket" && shape !== "window") throw bad(`quotas["${of}"]: "${shape}" is no shape`, 'It is "bucket" or "window".');
  positive(`quotas["${of}"].limit`, limit, true);
  positive(`quotas["${of}"].windowMs`, windowMs, true);
  // Of an endless window something may be spent; what comes back without end cannot be counted.
  if (!Number.isFinite(limit / windowMs)) throw bad(`quotas["${of}"]: ${limit} in ${windowMs} ms`, "What has no limit needs no quota.");
}

function object(what: string, given: unknown): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw bad(`${what} is no object`, "As in { name: value }.");
}

function list(what: string, given: unknown): void {
  if (given !== undefined && !Array.isArray(given)) throw bad(`${what} is no list`, "As in [one, other].");
}

function knownNames(where: string, given: object, names: readonly string[]): void {
  object(`what ${where} is given`, given);
  for (const name of Object.keys(given))
    if (!names.includes(name)) throw bad(`${where} knows no "${name}"`, `${nearest(name, names)}It knows: ${names.join(", ")}.`);
}

/** A slip of the pen is one letter, or two. */
function nearest(name: string, names: readonly string[]): string {
  const lower = name.toLowerCase();
  const found = names.find((one) => {
    const other = one.toLowerCase();
    return other.startsWith(lower) || lower.startsWith(other) || other.replace(/(ms|s)$/, "") === lower.replace(/(ms|s)$/, "");
  });
  return found === undefined ? "" : `Is "${found}" meant? `;
}

function positive(what: string, value: number | undefined, isNeeded = false): void {
  if ((value !== undefined || isNeeded) && !(typeof value === "number" && value > 0))
    throw bad(`${what} is ${shown(value)}`, "A number above zero.");
}

function whole(what: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isInteger(value) && value > 0)) throw bad(`${what} is ${shown(value)}`, "A whole number above zero.");
}

/** So that "3" is not taken for 3. */
function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function bad(message: string, hint: string): PaceError {
  return new PaceError("bad-argument", message, hint);
}
