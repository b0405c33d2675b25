/**
 * Which of two logs of one agent counts. Nothing is verified here: what goes in are logs that verify.
 *
 * Invariants: the answer is a function of the set of events that were seen, never of the order in which they came, so any two parties
 * that saw the same agree. Where two logs first differ, the one whose rest reveals more of the committed keys (one with each rotate or
 * retire) outranks the other. Whoever stole the keys in force, and all before them, can reveal those again and no more, so the owner's
 * next rotation undoes what he wrote, also when it was made on an older event. If both reveal as many, it is a fork: the agent is
 * frozen at the last common event until its owner reveals the next.
 */
import { type Bytes, compareBytes, equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type IdentityEvent, identityEvent, signedEvent } from "../wire/identity.ts";
import { isNextKeyKind, kindOf } from "./log-state.ts";

/** What is known of an agent's log: one log, or two that contradict each other, each cut after what proves it. */
export interface Branches {
  /** Signed events, oldest first. */
  readonly log: readonly Bytes[];
  /** Events of another log from where it leaves `log`; empty unless the agent is frozen. */
  readonly rival: readonly Bytes[];
}

export type LogRelation = "same" | "continues" | "behind" | "outranks" | "outranked" | "forked";

/** What log `a` is to log `b`; throws `malformed`, and `bad-argument` when they are of two agents. */
export function relateLogs(a: readonly Bytes[], b: readonly Bytes[]): LogRelation {
  const [one, other] = [readSteps(a), readSteps(b)];
  const split = splitOf(one, other);
  if (split === one.length || split === other.length)
    return one.length === other.length ? "same" : one.length > other.length ? "continues" : "behind";
  const [mine, theirs] = [revealedFrom(one, split), revealedFrom(other, split)];
  return mine === theirs ? "forked" : mine > theirs ? "outranks" : "outranked";
}

/**
 * What is known of an agent from two states of knowledge. Commutative, associative and idempotent up to the choice of valid signatures
 * on one event. Throws `malformed`, and `bad-argument` when they are of two agents.
 */
export function joinLogs(a: Branches, b: Branches): Branches {
  if (a.rival.length === 0 && b.rival.length === 0 && equalLogs(a.log, b.log)) return { log: a.log, rival: [] };
  return judgeBranches([a.log, b.log, ...rivalLogs(a), ...rivalLogs(b)].map(readSteps));
}

/** What `offered` would be to somebody who holds `held`. */
export function relateBranches(offered: Branches, held: Branches): LogRelation {
  if (offered.rival.length === 0 && held.rival.length === 0) return relateLogs(offered.log, held.log);
  const joined = joinLogs(offered, held);
  if (joined.rival.length === 0) return sameEvents(joined.log, offered.log) ? "outranks" : "outranked";
  if (sameBranches(joined, offered) && sameBranches(joined, held)) return "same";
  if (offered.rival.length > 0) return "forked";
  const toUndisputed = relateLogs(offered.log, joined.log.slice(0, commonLength(joined)));
  if (toUndisputed === "same" || toUndisputed === "behind") return "behind";
  return toUndisputed === "continues" ? "forked" : "outranked";
}

/** The other log in full; `undefined` when there is none. Throws `malformed` when it does not leave `log` anywhere. */
export function rivalLog(branches: Branches): readonly Bytes[] | undefined {
  return branches.rival.length === 0 ? undefined : [...branches.log.slice(0, commonLength(branches)), ...branches.rival];
}

/** Events that nobody disputes: all of a log without a rival. */
export function commonLength({ log, rival }: Branches): number {
  const [first] = rival;
  if (first === undefined) return log.length;
  const { seq } = readStep(first).event;
  if (seq < 1 || seq >= log.length) throw new PerdureError("malformed", "agent log: a rival that leaves the log nowhere");
  return seq;
}

/** Whether two states of knowledge are of the same events, whoever signed them. */
export function sameBranches(a: Branches, b: Branches): boolean {
  return sameEvents(a.log, b.log) && sameEvents(a.rival, b.rival);
}

/** A signed event and what ranking looks at. */
interface Step {
  readonly signed: Bytes;
  /** The event without its signatures: two steps are the same when these are. */
  readonly said: Bytes;
  readonly event: IdentityEvent;
  /** A rotation or retirement: it reveals the next of the committed keys. */
  readonly reveals: boolean;
}

function readStep(signed: Bytes): Step {
  const { event: said } = signedEvent.decode(signed);
  const event = identityEvent.decode(said);
  const kind = kindOf(event);
  return { signed, said, event, reveals: kind !== undefined && isNextKeyKind(kind) };
}

function readSteps(log: readonly Bytes[]): readonly Step[] {
  return log.map(readStep);
}

/** Follows the tree that all logs make from the inception on, until it ends or forks. */
function judgeBranches(logs: readonly (readonly Step[])[]): Branches {
  let alive = logs;
  const path: Bytes[] = [];
  for (;;) {
    const at = path.length;
    const branches = branchesAt(alive, at);
    const [first, second] = branches;
    if (first === undefined) return { log: path, rival: [] };
    if (second !== undefined) {
      if (at === 0) throw ofTwoAgents();
      const most = Math.max(...branches.map((branch) => mostRevealed(branch, at)));
      const ranked = branches.filter((branch) => mostRevealed(branch, at) === most);
      if (ranked.length > 1) return forkAt(ranked, at, most);
      alive = ranked[0] as readonly (readonly Step[])[];
    } else {
      alive = first;
    }
    path.push(leastSigned(alive, at));
  }
}

/** The logs that go on at position `at`, grouped by the event there. */
function branchesAt(logs: readonly (readonly Step[])[], at: number): readonly (readonly (readonly Step[])[])[] {
  const branches: { readonly said: Bytes; readonly logs: (readonly Step[])[] }[] = [];
  for (const log of logs) {
    const step = log[at];
    if (step === undefined) continue;
    const branch = branches.find(({ said }) => equalBytes(said, step.said));
    if (branch === undefined) branches.push({ said: step.said, logs: [log] });
    else branch.logs.push(log);
  }
  return branches.map((each) => each.logs);
}

/**
 * Two proofs that the branches at `at` contradict each other: each a log that from there on reveals `most` keys, cut after the event
 * that reveals the last of them, or after its first event when there is none. Of several the least by length and bytes, so that what is
 * dropped is dropped everywhere.
 */
function forkAt(branches: readonly (readonly (readonly Step[])[])[], at: number, most: number): Branches {
  const proofs = branches.map((logs) =>
    logs
      .filter((log) => revealedFrom(log, at) === most)
      .map((log) => log.slice(0, endOfProof(log, at, most)))
      .reduce((least, each) => (orderLogs(each, least) < 0 ? each : least)),
  );
  const [one, other] = proofs.sort(orderLogs) as readonly Step[][];
  if (one === undefined || other === undefined) throw new PerdureError("internal", "a fork has two branches");
  const all = branches.flat();
  const signed = (log: readonly Step[]): readonly Bytes[] => log.map((_, index) => leastSigned(sharing(all, log, index), index));
  return { log: signed(one), rival: signed(other).slice(at) };
}

function mostRevealed(logs: readonly (readonly Step[])[], from: number): number {
  return Math.max(...logs.map((log) => revealedFrom(log, from)));
}

/** How many committed keys the events from a position on reveal. */
function revealedFrom(log: readonly Step[], from: number): number {
  return log.reduce((sum, { reveals }, index) => sum + (reveals && index >= from ? 1 : 0), 0);
}

function endOfProof(log: readonly Step[], from: number, most: number): number {
  let end = from + 1;
  while (revealedFrom(log.slice(0, end), from) < most) end++;
  return end;
}

function splitOf(a: readonly Step[], b: readonly Step[]): number {
  let split = 0;
  while (split < a.length && split < b.length && equalBytes((a[split] as Step).said, (b[split] as Step).said)) split++;
  if (split === 0 && a.length > 0 && b.length > 0) throw ofTwoAgents();
  return split;
}

/** Logs that have the same event as `log` at `index`; an event names the ones before it by hash. */
function sharing(logs: readonly (readonly Step[])[], log: readonly Step[], index: number): readonly (readonly Step[])[] {
  return logs.filter((other) => other[index] !== undefined && equalBytes((other[index] as Step).said, (log[index] as Step).said));
}

/** One event may come with different valid signatures: the least bytes stand for all. */
function leastSigned(logs: readonly (readonly Step[])[], at: number): Bytes {
  return logs
    .map((log) => log[at]?.signed)
    .filter((each) => each !== undefined)
    .reduce((least, each) => (compareBytes(each, least) < 0 ? each : least));
}

function orderLogs(a: readonly Step[], b: readonly Step[]): number {
  if (a.length !== b.length) return a.length - b.length;
  for (const [index, { said }] of a.entries()) {
    const order = compareBytes(said, (b[index] as Step).said);
    if (order !== 0) return order;
  }
  return 0;
}

function rivalLogs(branches: Branches): readonly (readonly Bytes[])[] {
  const rival = rivalLog(branches);
  return rival === undefined ? [] : [rival];
}

function equalLogs(a: readonly Bytes[], b: readonly Bytes[]): boolean {
  return a.length === b.length && a.every((each, index) => equalBytes(each, b[index] as Bytes));
}

function sameEvents(a: readonly Bytes[], b: readonly Bytes[]): boolean {
  return a.length === b.length && a.every((each, index) => equalBytes(readStep(each).said, readStep(b[index] as Bytes).said));
}

function ofTwoAgents(): PerdureError {
  return new PerdureError("bad-argument", "these logs are of two agents");
}
