/**
 * What happened in a town, and whether it was allowed to: the invariants of the protocol, checked on the facts that relays
 * and agents report, on what callers were promised, and on what handlers were handed.
 *
 *   1 custody        what was acknowledged is with somebody until it came to an end
 *   2 ack            no acknowledgement before the sync that covers it
 *   3 completion     at most one per message and recipient; a second start only after a crash, a failure or a lost claim
 *   4 release        a relay lets go only of what the recipient completed or dealt with and its reader asked for, what the next relay has, or what expired
 *   5 statements     numbers gapless and never twice; a handle only rises; who signed for a message has it
 *   6 horizon        nothing completed is ever handed over again
 *   8 sealing        no body in anything a relay keeps or says
 *   9 bounds         queues and stores stay below their limits; whoever writes is charged for it, and for no more than its share
 *  10 no silence     every message ends, every error has a code
 *  boxes             no handler is handed a stranger's mail unless its owner takes mail from anybody
 *  loop guard        automatic mail caused by automatic mail stays within its budget
 *  passes            a folder that lives twice is found out, and no other is taken for one
 * (7, key state, is checked by `key-audit`; order by `order-book`; what a disk must hold by `relay-disk`; that no key seals two texts by `seal-book`.)
 */
import type { Mail, Step } from "../packages/perdure/src/agent/api.ts";
import type { LogFields, LogLevel } from "../packages/perdure/src/host/log.ts";
import { rank } from "../packages/perdure/src/protocol/delivery/delivery-lattice.ts";
import { isErrorCode } from "../packages/perdure/src/wire/error.ts";
import { createAged } from "./aged.ts";
import { PASSING, UNEXPECTED } from "./alarms.ts";
import { createLoopBook } from "./loop-book.ts";
import type { Model } from "./model.ts";
import { createOrderBook } from "./order-book.ts";
import { createPassBook, type Picture } from "./pass-book.ts";
import { createRelayBook, type RelayBook, type Shares, type Taken } from "./relay-book.ts";
import { createSessionBook } from "./session-book.ts";
import { createSettleBook } from "./settle-book.ts";
import type { Census } from "./town.ts";
import { CANARY } from "./traffic.ts";
import { createTurnBook, type Endings } from "./turn-book.ts";

export class InvariantBroken extends Error {
  readonly invariant: string;
  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`);
    this.name = "InvariantBroken";
    this.invariant = invariant;
  }
}

interface Promised {
  readonly from: string;
  /** As the sender wrote it: `@name`, or `@name@relay`. */
  readonly to: string;
  readonly text: string;
  last: Step | undefined;
  /** States shown so far: a handle shows them again after a restart, and never a lower one for the first time. */
  readonly shown: Set<string>;
}

export interface Ledger {
  fact(host: string, level: LogLevel, event: string, fields: LogFields): void;
  promised(host: string, id: string, to: string, text: string): void;
  step(host: string, id: string, step: Step): void;
  handed(host: string, mail: Mail, text: string): void;
  /** A call that was refused: allowed, when it says so with a code. */
  refused(host: string, code: string): void;
  unexpected(what: string): void;
  crashed(host: string): void;
  /** Something on its disk is not what was written there: what it can not read any more it may say is lost. */
  damaged(host: string): void;
  /** Digests of what a relay acknowledged and has not let go of: what its disk must hold at any moment. */
  owed(relay: string): readonly string[];
  /** Agents that have no session with their relay. */
  apart(): readonly string[];
  /** What relays acknowledged and have not stated, or whose statement nobody verified whose link lives; for people. */
  unproven(): readonly string[];
  /** Envelopes that relays could not read any more: of so many messages and receipts nobody may hear again. */
  readonly unread: number;
  /** A process that has a copy of an agent's folder, as its own host. What it completes counts for that agent. */
  double(copy: string, of: string, picture: Picture): void;
  /** What a copy that is made now knows of passes. */
  picture(): Picture;
  /** The disk of an agent was put back from an older copy: what it said, promised and completed since then it does not know any more. */
  putBack(host: string, picture: Picture): void;
  /** What a relay has now; call it when that relay is put back to this moment. */
  relayPicture(relay: string): () => void;
  /** Nobody looks after that agent's keys, which somebody else has: no mail from or to it is owed any more. */
  abandon(host: string): void;
  /** What is under way from an agent, or also to it, is owed to nobody: others read the receipts, or what it signed counts for nothing. */
  excuse(host: string, which: "from" | "both"): void;
  /** An agent that nobody knows, and that means no good: what it sends is nobody's loss. */
  stranger(agentId: string): void;
  /** Throws the first broken invariant; called after every step. */
  check(): void;
  /** Messages that were promised and have not come to an end. */
  open(): readonly string[];
  /** Throws when something promised is missing, once the weather is over and the deadline has passed. */
  settleUp(): void;
  /** What came to its end before the last call is judged and forgotten. */
  age(): void;
  readonly counts: LedgerCounts;
}

export interface LedgerCounts {
  promised: number;
  handed: number;
  completed: number;
  repeats: number;
  acked: number;
  statements: number;
  /** Envelopes that relays took from other relays. */
  relayed: number;
  crashes: number;
  /** Statements that somebody found to contradict others. */
  liesSeen: number;
  /** Folders that a relay found to live twice. */
  clonesSeen: number;
  refusals: number;
  byEnd: Record<string, number>;
}

const TERMINAL_RANK = rank("unconfirmed");
/** So many characters of a text say when it was written, and by whom. */
const BEGINNING = 80;

export interface LedgerOptions {
  readonly census: Census;
  /** The relay that lies, if one does: its agents, and who writes to them, may lose mail by it, and nobody anything else. */
  readonly liar: string | undefined;
  /** A relay whose folder is put back from an older copy: what it acknowledged since may be gone, and it repeats numbers of statements. */
  readonly forgetful?: string | undefined;
  /** Is told what happens, and whom it cannot follow. */
  readonly model?: Model | undefined;
  readonly limits: Omit<Shares, "isStranger"> & {
    /** Automatic messages that automatic mail causes: from one agent in one thread. */
    readonly automatic: number;
    /** How long what comes after a hole in a stream waits for it. */
    readonly holeWaitMs: number;
  };
}

export function createLedger({ census, liar, forgetful, model, limits }: LedgerOptions): Ledger {
  const counts: Omit<LedgerCounts, "acked" | "statements" | "relayed" | "completed" | "repeats"> = {
    promised: 0,
    handed: 0,
    crashes: 0,
    liesSeen: 0,
    clonesSeen: 0,
    refusals: 0,
    byEnd: {},
  };
  const idOf = new Map<string, string>();
  const copies = new Map<string, string>();
  const passes = createPassBook();
  /** How often the disk of a host was put back. */
  const lives = new Map<string, number>();
  const lineageOf = (host: string): string => `${host} ${lives.get(host) ?? 0}`;
  /** Agents with a copy of their folder, or an old state of it, somewhere: one id may come twice, with two contents. */
  const doubled = new Set<string>();
  const damaged = new Set<string>();
  const abandoned = new Set<string>();
  const relayOf = new Map<string, RelayBook>();
  const sessions = createSessionBook();
  const strangers = new Set<string>();
  const promises = createAged<string, Promised>();
  /** What stands at the beginning of what each id was given to, in all lives of an agent. */
  const beginnings = createAged<string, string>();
  const digests = createAged<string, string>();
  /** Digest of an envelope that took another one's place, and of that one. */
  const before = createAged<string, string>();
  const firstOf = (digest: string): string => {
    let first = digest;
    for (let each = before.get(first); each !== undefined; each = before.get(each)) first = each;
    return first;
  };
  /** What its recipient said it has no key for, by sender and message. */
  const unopened = createAged<string, true>();
  /** Parts whose envelope was sent, by agent, message and number. */
  const sent = createAged<string, true>();
  let broken: InvariantBroken | undefined;

  const fail = (invariant: string, what: string): void => {
    broken ??= new InvariantBroken(invariant, what);
  };
  const hostOf = (agentId: string): string => idOf.get(agentId) ?? agentId;
  const agentIdOf = (name: string): string | undefined => [...idOf].find(([, each]) => each === name)?.[0];
  const order = createOrderBook({ holeWaitMs: limits.holeWaitMs, isUnreliable: (agentId) => doubled.has(hostOf(agentId)), fail });
  const turns = createTurnBook({
    ownerOf: (host) => copies.get(host) ?? host,
    hostOf,
    isOther: (from, owner, id, digest) => {
      const sent = digests.get(`${from} ${agentIdOf(owner)} ${id}`);
      return sent !== undefined && firstOf(sent) !== firstOf(digest) && !doubled.has(hostOf(from));
    },
    fail,
  });
  /** What a relay that lies brings about with its own agents' mail is no fault of theirs; everything else still is. */
  const isHonest = (...relays: readonly (string | undefined)[]): boolean =>
    (liar === undefined || !relays.includes(liar)) && (forgetful === undefined || !relays.includes(forgetful));
  const homeOf = (agentId: string): string | undefined => census.homes.get(hostOf(agentId));

  const books = new Map(
    census.relays.map((name) => [
      name,
      createRelayBook({
        name,
        fail: (invariant, what) => {
          if (name === forgetful && !invariant.startsWith("9")) return;
          if (isHonest(name) || !invariant.startsWith("4")) fail(invariant, what);
        },
        isDamaged: () => damaged.has(name),
        hostOf,
        // A stranger's mail is settled as soon as it lies in `requests`, which nobody here waits for.
        isDealtWith: (taken) => strangers.has(taken.from) || turns.isDealtWith(hostOf(taken.to), taken.from, taken.id),
        isKeptAt: (relayId, digest) => relayOf.get(relayId)?.keeps(digest) ?? false,
        took: (taken) => took(name, taken),
        shares: { ...limits, isStranger: (_, from) => !census.open && strangers.has(from) },
      }),
    ]),
  );

  const took = (relay: string, taken: Taken): void => {
    const via = taken.via === undefined ? undefined : hostOf(taken.via);
    // What a relay says of a sender that is not its own counts as that relay's mail, and no agent takes it.
    if (!isHonest(relay, via) || (via !== undefined && homeOf(taken.from) !== via)) return;
    const key = `${taken.from} ${taken.to} ${taken.id}`;
    const known = digests.get(key);
    if (known !== undefined && firstOf(known) !== firstOf(taken.digest) && !doubled.has(hostOf(taken.from)))
      fail("id", `${taken.id} of ${hostOf(taken.from)} was sent with two contents`);
    digests.set(key, taken.digest);
  };

  const settles = createSettleBook({ isAgent: (agentId) => homeOf(agentId) !== undefined && isHonest(homeOf(agentId)), fail });

  const agentFact = (host: string, event: string, fields: LogFields): void => {
    const owner = copies.get(host) ?? host;
    const text = (name: string): string => String(fields[name] ?? "");
    switch (event) {
      case "agent.attached":
        if (fields["agent"] !== undefined) idOf.set(text("agent"), owner);
        // Epoch 0: let in and not as the reader, as everybody is while two histories contradict each other.
        if (fields["consumes"] === true && Number(fields["epoch"]) > 0 && isHonest(census.homes.get(owner))) {
          const overlooked = passes.attached(lineageOf(host), text("instance"));
          if (overlooked !== undefined)
            fail("passes", `${lineageOf(host)} reads the mailbox that ${overlooked} read before it, with the same pass`);
        }
        return;
      case "agent.sent":
        sent.set(`${host} ${text("id")} ${text("seq")}`, true);
        return;
      case "agent.sealed-anew":
        before.set(text("digest"), text("before"));
        if (sent.delete(`${host} ${text("id")} ${text("seq")}`) && !text("names").includes(text("before")))
          fail("id", `${host} sealed ${text("id")} anew and does not name the envelope that was sent`);
        return;
      case "agent.rejected":
        if (text("code") === "key-retired") unopened.set(`${hostOf(text("from"))} ${text("id")}`, true);
        return;
      case "agent.settle-sent":
        return settles.asked(agentIdOf(owner) ?? "", fields);
      case "agent.acked":
        return books.get(census.homes.get(owner) ?? "")?.acknowledged(text("link"), Number(fields["upTo"]));
      case "agent.statement":
        return relayOf.get(text("relay"))?.proven(text("link"), Number(fields["first"]), Number(fields["last"]));
      case "agent.statement-mismatch":
      case "agent.statement-refused":
        if (isHonest(...census.relays) && !doubled.has(owner) && !PASSING.has(text("code")))
          fail("5 statements", `${host} cannot prove what an honest relay said: ${event} ${JSON.stringify(fields)}`);
        return;
      case "agent.relay-equivocates":
        counts.liesSeen++;
        if (isHonest(...census.relays)) fail("5 statements", `${host} saw an honest relay contradict itself: ${JSON.stringify(fields)}`);
        return;
      case "agent.apart":
        if (!isErrorCode(text("code")))
          fail("10 no silence", `${host} lost its relay for an unlisted cause: ${text("code")} ${text("why")}`);
        return;
      default:
    }
  };

  const isOpen = (promise?: Promised): boolean =>
    promise !== undefined && (promise.last === undefined || rank(promise.last.state) < TERMINAL_RANK);
  const forgive = (key: string): unknown => isOpen(promises.get(key)) && promises.delete(key);
  /** Whether its end is owed by honest relays alone. */
  const isOwed = ({ from, to }: Promised): boolean =>
    isHonest(census.homes.get(from), census.homes.get(to.split("@")[1] ?? "")) &&
    !abandoned.has(from) &&
    !abandoned.has(to.split("@")[1] ?? "");

  /** A relay that signed for a message must have it, and `stored` is for the recipient's own relay to say. */
  const attested = (host: string, id: string, { by, state }: Step): void => {
    const from = agentIdOf(host);
    const relay = hostOf(by);
    if (from === undefined || !isHonest(relay)) return;
    if (relayOf.get(by)?.stored(from, id) !== true) fail("5 statements", `${relay} signed for ${id} of ${host}, which it never had`);
    const home = census.homes.get(promises.get(`${host} ${id}`)?.to.split("@")[1] ?? "");
    if (state === "stored" && relay !== home) fail("5 statements", `${id} of ${host} shows as stored by ${relay}, and its home is ${home}`);
  };

  const loops = createLoopBook({
    budget: limits.automatic,
    lives: (from) => (doubled.has(hostOf(from)) ? 2 + (lives.get(hostOf(from)) ?? 0) : 1),
    fail: (from, count) => fail("loop guard", `${hostOf(from)} sent ${count} automatic messages in one thread because of automatic ones`),
  });
  const unread = (): number => [...books.values()].reduce((total, book) => total + book.unread, 0);
  let unheard = 0;
  /** One message more of which nobody hears: as many are forgiven as relays could not read. */
  const isUnread = (): boolean => ++unheard <= unread();
  /** Whether what was promised came to an end, and to one that is true. */
  const judge = (key: string, promise: Promised, ended: Endings): void => {
    const { last } = promise;
    if (!isOwed(promise) && (last === undefined || isOpen(promise))) return;
    if (last === undefined || isOpen(promise)) {
      if (!isUnread()) fail("1 custody", `${key} was promised and has come to no end: ${last?.state ?? "no step"}`);
    } else counts.byEnd[last.state] = (counts.byEnd[last.state] ?? 0) + 1;
    // Sealed anew too late: what its recipient had no key for may end before the new envelope leaves.
    if (last?.state === "unconfirmed" && promise.shown.has("accepted") && isOwed(promise) && !unopened.has(key) && !isUnread())
      fail("1 custody", `${key} was taken by the relay and ended unconfirmed`);
    if ((last?.state === "done" || last?.state === "refused") && !ended[last.state].has(key))
      fail("5 statements", `${key} says ${last.state}, and nobody completed it`);
  };

  return {
    get counts() {
      const sum = (of: (book: RelayBook) => number): number => [...books.values()].reduce((total, book) => total + of(book), 0);
      return {
        ...counts,
        completed: turns.completed,
        repeats: turns.repeats,
        acked: sum((book) => book.acked),
        statements: sum((book) => book.statements),
        relayed: sum((book) => book.relayed),
      };
    },
    fact: (host, level, event, fields) => {
      if (event === "relay.registered") {
        const name = String(fields["name"] ?? "");
        if (census.homes.get(name) === host) idOf.set(String(fields["agent"]), name);
      }
      for (const value of Object.values(fields))
        if (typeof value === "string" && value.includes(CANARY)) fail("8 sealing", `${host} said a body in ${event}`);
      // A copy seals what was queued in its own way, and the recipient's word on that reaches whoever reads the mailbox.
      const isOfCopy = event === "agent.receipt-mismatch" && (doubled.has(host) || copies.has(host));
      if (level === "error" && UNEXPECTED.has(event) && !isOfCopy) fail("10 no silence", `${host}: ${event} ${JSON.stringify(fields)}`);
      const book = books.get(host);
      if (book === undefined) {
        model?.agentFact(host, event, fields);
        for (const each of [order, sessions, turns]) each.fact(host, event, fields);
        return agentFact(host, event, fields);
      }
      model?.relayFact(host, event, fields);
      if (event === "relay.pass-confirmed") passes.confirmed(String(fields["instance"]));
      if (event === "relay.cloned") {
        counts.clonesSeen++;
        if (!doubled.has(hostOf(String(fields["agent"]))))
          fail("passes", `${host} takes the folder of ${hostOf(String(fields["agent"]))} for a copy`);
      }
      if (event === "relay.started") {
        passes.relayStarted();
        idOf.set(String(fields["id"]), host);
        relayOf.set(String(fields["id"]), book);
      }
      settles.relayFact(event, fields);
      book.fact(event, fields);
    },
    promised: (host, id, to, text) => {
      counts.promised++;
      model?.promised(host, id);
      const key = `${copies.get(host) ?? host} ${id}`;
      const beginning = text.slice(0, BEGINNING);
      if ((beginnings.get(key) ?? beginning) !== beginning) fail("id", `${host} gave ${id} to two texts`);
      beginnings.set(key, beginning);
      promises.set(`${host} ${id}`, { from: host, to, text, last: undefined, shown: new Set() });
    },
    step: (host, id, step) => {
      const promise = promises.get(`${host} ${id}`);
      if (promise === undefined) return;
      if (promise.last !== undefined && !promise.shown.has(step.state) && rank(step.state) < rank(promise.last.state))
        fail("5 statements", `${id} of ${host} fell from ${promise.last.state} to ${step.state}`);
      promise.shown.add(step.state);
      model?.step(host, id, step);
      if (promise.last === undefined || rank(step.state) > rank(promise.last.state)) promise.last = step;
      if (step.proof === "statement") attested(host, id, step);
      if (step.state === "lost" && damaged.size === 0) fail("1 custody", `${id} of ${host} was lost`);
    },
    handed: (host, mail, text) => {
      counts.handed++;
      if (!text.startsWith(CANARY)) fail("content", `${host} was handed something nobody wrote: ${text.slice(0, 40)}`);
      const promise = promises.get(`${hostOf(mail.from)} ${mail.id}`);
      if (promise !== undefined && promise.text !== text) fail("content", `${mail.id} arrived at ${host} as another text`);
      if (!census.open && strangers.has(mail.from)) fail("boxes", `a handler of ${host} was handed mail of a stranger`);
      loops.handed(mail);
    },
    refused: (host, code) => {
      counts.refusals++;
      if (!isErrorCode(code)) fail("10 no silence", `${host}: ${code}`);
    },
    unexpected: (what) => fail("10 no silence", what),
    crashed: (host) => {
      counts.crashes++;
      sessions.crashed(host);
      order.forget(host);
      turns.crashed(host);
    },
    damaged: (host) => void damaged.add(host),
    double: (copy, of, picture) => {
      copies.set(copy, of);
      doubled.add(of);
      model?.ignore(of);
      passes.begin(lineageOf(copy), picture);
    },
    picture: passes.picture,
    putBack: (host, picture) => {
      doubled.add(host);
      model?.ignore(host);
      lives.set(host, (lives.get(host) ?? 0) + 1);
      passes.begin(lineageOf(host), picture);
      for (const [key, promise] of promises) if (promise.from === host) promises.delete(key);
      for (const key of sent.keys()) if (key.startsWith(`${host} `)) sent.delete(key);
      // The receipt may have been on that disk alone.
      for (const { from, id } of turns.putBack(host)) forgive(`${hostOf(from)} ${id}`);
    },
    relayPicture: (relay) => {
      const book = books.get(relay) as RelayBook;
      const { taken } = book;
      return () => book.forget(taken);
    },
    excuse: (host, which) => {
      model?.ignore(host);
      for (const [key, { from, to }] of promises) if (from === host || (which === "both" && to.split("@")[1] === host)) forgive(key);
    },
    abandon: (host) => {
      abandoned.add(host);
      model?.ignore(host);
    },
    apart: () => census.agents.filter((name) => !sessions.isHere(name)),
    unproven: () => census.relays.flatMap((name) => (damaged.has(name) ? [] : (books.get(name)?.unproven(sessions.links) ?? []))),
    get unread() {
      return unread();
    },
    owed: (relay) => (relay === forgetful ? [] : (books.get(relay)?.owed() ?? [])),
    stranger: (agentId) => void strangers.add(agentId),
    check: () => {
      if (broken !== undefined) throw broken;
    },
    open: () => [...promises].filter(([, promise]) => isOpen(promise) && isOwed(promise)).map(([key]) => key),
    settleUp: () => {
      const ended = turns.endings();
      for (const [key, promise] of promises) judge(key, promise, ended);
      if (broken !== undefined) throw broken;
    },
    age: () => {
      const ended = turns.endings();
      promises.age((promise, key) => {
        if (isOpen(promise)) return true;
        judge(key, promise, ended);
        return false;
      });
      for (const map of [turns, beginnings, digests, before, sent, unopened, loops]) map.age();
      for (const book of books.values()) book.age();
    },
  };
}
