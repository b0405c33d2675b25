/**
 * What a relay must answer to each input, and what it must know then: facts that were written down, and the sessions of this start. Agents take every
 * sender's mail; rates, passes and statements have rooms of their own.
 */

import type { RelayInput } from "../../../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import type { MailboxesOptions } from "../../../packages/perdure/src/protocol/delivery/mailboxes.ts";
import { equalBytes, hex } from "../../../packages/perdure/src/wire/bytes.ts";
import type { MailFrame } from "../../../packages/perdure/src/wire/control.ts";
import { decodeEnvelope } from "../../../packages/perdure/src/wire/envelope.ts";
import { agentIdText } from "../../../packages/perdure/src/wire/ids.ts";
import { createKnownRelays, type Known } from "./known-relays.ts";
import { boxOf, createRelayBook, type Fact, floorOf, type Letter, linkOf, type RelayBook, write } from "./relay-book.ts";
import { type Batch, type Effect, noCounters, type Reader, type Recalled, type Session } from "./relay-session.ts";
import { usedUp } from "./shares.ts";
import { createSpeeds } from "./speeds.ts";
import { verdictOn } from "./verdicts.ts";

export interface ReferenceOptions {
  readonly self: string;
  readonly selfId: Uint8Array;
  readonly limits: MailboxesOptions["limits"];
  /** Of an id that has a name here. */
  readonly nameOf: (id: Uint8Array) => string | undefined;
  readonly agents: readonly string[];
  /** Bytes of a notice with this body. */
  readonly noticeBytes: (body: Uint8Array) => number;
  /** The generation of the first start. */
  readonly generation: Uint8Array;
}

export type RelayReference = ReturnType<typeof createRelayReference>;

export function createRelayReference({ self, selfId, limits, nameOf, agents, noticeBytes, generation: begun }: ReferenceOptions) {
  const durable = createRelayBook();
  let book = createRelayBook();
  let batches: Batch[] = [];
  let generation = begun;
  let sessions = new Map<number, Session>();
  let readers = new Map<string, Reader>();
  let tails = new Map<string, number>();
  let synced = new Map<string, number>();
  let trouble: string | undefined;
  let counters = noCounters();
  let floor = 1;
  const ended = new Set<string>();
  // Of one step.
  let isEnding = false;
  let said: string[] = [];
  let step: Batch = { facts: [], effects: [] };

  const holders = (role: "agent" | "relay", name: string): readonly Session[] =>
    [...sessions.values()].filter((each) => !each.isOver && each.name === name && (each.role === "agent") === (role === "agent"));
  const boxKeyOf = ({ role, name }: Pick<Session, "role" | "name">): string => `${role === "agent" ? "agent" : "relay"} ${name}`;
  const known = createKnownRelays(limits, self, {
    waits: (name) =>
      boxOf(book, `relay ${name}`).stored.size > 0 ||
      [...book.boxes].some(([key, { stored }]) => !key.startsWith("relay ") && [...stored.values()].some(({ via }) => via === name)),
    isAttached: (name) => holders("relay", name).length > 0,
  });

  const speeds = createSpeeds(limits);
  const say = (...words: readonly (string | number)[]): void => void said.push(words.join(" "));
  const note = (fact: Fact): void => {
    if (fact.kind === "gone" && (isEnding || fact.box.startsWith("agent ")))
      ended.add(boxOf(book, fact.box).stored.get(fact.position)?.id ?? "");
    step.facts.push(fact);
    write(book, fact);
  };
  const later = (effect: Effect): void => void step.effects.push(effect);
  const goodbye = (session: number, code: string): void => say("goodbye", session, code);
  const tailOf = (key: string): number => tails.get(key) ?? 0;
  const isWanted = (name: string): boolean => boxOf(book, `relay ${name}`).stored.size > 0 && !book.bans.has(name);

  const wake = (key: string): void => {
    const reader = readers.get(key);
    if (reader?.ready && !reader.blocked && reader.cursor < boxOf(book, key).next - 1) say("behind", reader.session);
  };

  const writeDown = (name: string): void => {
    const relay = known.all.get(name);
    if (relay === undefined) return;
    note({ kind: "relay", name, known: { urls: relay.urls, isMet: relay.isMet, seenAtMs: relay.seenAtMs } });
    relay.isKept = true;
  };

  const forget = (name: string): void => {
    for (const session of sessions.values()) if (session.name === name && session.role !== "agent") session.left ??= standingOf(session);
    floor = Math.max(floor, boxOf(book, `relay ${name}`).next);
    book.boxes.delete(`relay ${name}`);
    for (const each of [tails, readers]) each.delete(`relay ${name}`);
    for (const each of [book.links, synced]) for (const key of each.keys()) if (key.startsWith(`relay ${name} `)) each.delete(key);
    book.relays.delete(name);
  };

  const meet = (name: string, url: string | undefined, isMet: boolean, teller: string, nowMs: number): boolean => {
    const leaves = isMet ? known.whoLeaves(name) : undefined;
    if (leaves !== undefined) {
      counters.limited.set("newcomerPeersPercent", (counters.limited.get("newcomerPeersPercent") ?? 0) + 1);
      for (const session of holders("relay", leaves)) {
        session.isOver = true;
        goodbye(session.number, "too-busy");
      }
      forget(leaves);
      known.forget(leaves);
    }
    const isNew = !known.all.has(name);
    const meeting = known.meet({ name, url, isMet, teller }, nowMs, forget);
    if (meeting === "no room") return false;
    if (isNew) {
      boxOf(book, `relay ${name}`).next = floor;
      tails.set(`relay ${name}`, floor - 1);
    }
    if (meeting === "to be written down") writeDown(name);
    const { urls: [first] = [], isMet: wasMet } = known.all.get(name) ?? {};
    if (meeting !== "nothing new") say("met", name, String(first), String(wasMet));
    return true;
  };

  /** The letter takes the next position of a box, and goes on at once to a reader that has everything before it. */
  const store = (key: string, letter: Letter): number => {
    const relay = key.startsWith("relay ") ? key.slice("relay ".length) : undefined;
    if (relay !== undefined && known.all.get(relay)?.isKept === false) writeDown(relay);
    const position = boxOf(book, key).next;
    note({ kind: "letter", box: key, position, letter });
    later({ kind: "stored", box: key, position });
    const reader = readers.get(key);
    if (reader === undefined) {
      if (relay !== undefined) say("peer-wanted", relay);
    } else if (reader.ready && !reader.blocked && reader.cursor === position - 1) {
      say("deliver", reader.session, position);
      handedOver(key, reader, position);
    } else wake(key);
    return position;
  };

  const handedOver = (key: string, reader: Reader, position: number): void => {
    reader.cursor = position;
    if (key.startsWith("agent ")) counters.delivered++;
  };

  const mail = (session: Session | undefined, input: MailFrame, nowMs: number): void => {
    if (session === undefined || session.isOver || session.role === "forwarder") return;
    const link = linkOf(book, session.link);
    const { linkSeq } = input;
    const durableUpTo = synced.get(session.link) ?? 0;
    if (linkSeq <= link.upTo) {
      counters.duplicates++;
      if (linkSeq <= durableUpTo) say("ack", session.number, durableUpTo);
      return;
    }
    const [frames, bytes] =
      session.role === "peer" ? [limits.peerWindowFrames, limits.peerWindowBytes] : [limits.windowFrames, limits.windowBytes];
    const isOutside = linkSeq !== link.upTo + 1 || linkSeq > durableUpTo + frames || session.unacked + input.envelope.length > 2 * bytes;
    if (isOutside) return goodbye(session.number, "malformed");
    session.unacked += input.envelope.length;
    later({ kind: "used", link: session.link, linkSeq, session, bytes: input.envelope.length });
    const isRelay = session.role === "peer";
    const envelope = decodeEnvelope(input.envelope);
    const tooFast = speeds.beyond(boxKeyOf(session), isRelay, input.envelope.length, nowMs);
    session.tooFast = tooFast === undefined ? 0 : session.tooFast + 1;
    if (session.tooFast > 2 * frames) {
      session.isOver = true;
      goodbye(session.number, "rate-limited");
    }
    const knowledge = { book, limits, selfId, agents, nameOf, knows: (relay: string) => known.all.has(relay), trouble };
    const verdict = tooFast === undefined ? verdictOn(knowledge, session, input, envelope, nowMs) : `rate-limited ${tooFast}`;
    note({ kind: "used", link: session.link, linkSeq, refused: typeof verdict === "string" });
    if (typeof verdict === "string") {
      const [code = "", limit] = verdict.split(" ");
      counters.refused.set(code, (counters.refused.get(code) ?? 0) + 1);
      if (limit !== undefined) counters.limited.set(limit, (counters.limited.get(limit) ?? 0) + 1);
      say("refuse", session.number, linkSeq, verdict);
      return say("refused", session.name, linkSeq, code);
    }
    counters.accepted++;
    const relay = session.role === "peer" ? known.all.get(session.name) : undefined;
    if (relay !== undefined) {
      counters.relayed++;
      relay.traffic++;
    }
    const [key, letter] = verdict;
    const at = store(key, letter);
    const owner = key.slice(key.indexOf(" ") + 1);
    const routed = key.startsWith("relay ") ? `for ${letter.to ?? agentIdText(envelope.to)}` : "here";
    const author = nameOf(envelope.from) ?? agentIdText(envelope.from);
    say("appended", owner, session.name, letter.id, envelope.class, letter.bytes, linkSeq, at, routed, isRelay ? `of ${author}` : "own");
  };

  const attach = (input: Extract<RelayInput, { kind: "attach" }>, nowMs: number): void => {
    const { role, consume, session: number } = input;
    const name = nameOf(input.registration.idRaw) ?? "";
    if (book.bans.has(name)) return goodbye(number, "blocked");
    if (role === "forwarder" && !known.all.has(name)) return goodbye(number, "unknown-relay");
    if (role === "peer") {
      if (!known.all.has(name) && trouble !== undefined) return goodbye(number, trouble);
      if (!meet(name, undefined, true, "", nowMs)) return goodbye(number, "too-busy");
    }
    const key = boxKeyOf({ role, name });
    const session: Session = {
      number,
      role,
      name,
      link: role === "forwarder" ? "none" : `${key} ${hex(input.link)}`,
      consumes: consume,
      unacked: 0,
      tooFast: 0,
      welcomed: false,
      mayRead: role !== "agent" || !consume,
      isOver: false,
      left: undefined,
    };
    for (const other of holders(role === "agent" ? "agent" : "relay", name)) {
      const isSameLink = role !== "forwarder" && other.role !== "forwarder" && other.link === session.link;
      if (!isSameLink && !(consume && other.consumes)) continue;
      other.isOver = true;
      goodbye(other.number, "fenced");
    }
    sessions.set(number, session);
    later({ kind: "attached", session });
    if (!consume) return;
    const box = boxOf(book, key);
    note({ kind: "epoch", box: key, epoch: box.epoch + 1 });
    const cursor = equalBytes(input.have.generation, generation) ? Math.min(input.have.position, box.next - 1) : 0;
    readers.set(key, { session: number, cursor, ready: false, blocked: false, asked: new Set() });
  };

  const settle = (session: Session | undefined, wanted: Extract<RelayInput, { kind: "settle" }>["settle"]): void => {
    if (session === undefined) return;
    const key = boxKeyOf(session);
    const box = boxOf(book, key);
    const reader = readers.get(key);
    const isHeard = session.consumes && !session.isOver && wanted.epoch === box.epoch && equalBytes(wanted.generation, generation);
    if (!isHeard || reader?.session !== session.number) return position(session);
    for (const [first = 0, last = 0] of [[1, wanted.floor], ...wanted.ranges])
      for (let each = Math.max(1, first); each <= Math.min(last, box.next - 1); each++) reader.asked.add(each);
    // What is not durable is answered when it is.
    const isAwaited = [...reader.asked].some((each) => each > tailOf(key));
    if (!letGo(session, reader) && !isAwaited) later({ kind: "settled", session });
  };

  /** What its reader asked for, and is durable, goes; false when that is nothing. */
  const letGo = (session: Session, { asked }: Reader): boolean => {
    const key = boxKeyOf(session);
    const { stored } = boxOf(book, key);
    const granted = [...stored.keys()].filter((each) => asked.has(each) && each <= tailOf(key));
    for (const each of granted) note({ kind: "gone", box: key, position: each });
    if (session.role === "agent") counters.settled += granted.length;
    else {
      counters.passedOn += granted.length;
      const relay = known.all.get(session.name);
      if (relay !== undefined) relay.traffic += granted.length;
    }
    if (granted.length > 0) later({ kind: "settled", session });
    return granted.length > 0;
  };

  const standingOf = (session: Session): readonly number[] => {
    const key = boxKeyOf(session);
    const box = boxOf(book, key);
    return session.left ?? [box.epoch, floorOf(box), tailOf(key)];
  };
  const position = (session: Session): void => say("position", session.number, ...standingOf(session));

  const welcome = (session: Session): void => {
    if (sessions.get(session.number) !== session || session.isOver) return;
    const key = boxKeyOf(session);
    const box = boxOf(book, key);
    const upTo = synced.get(session.link) ?? 0;
    const refused = session.role === "forwarder" ? [] : linkOf(book, session.link).refused.filter((linkSeq) => linkSeq <= upTo);
    say("welcome", session.number, session.consumes ? box.epoch : 0, tailOf(key), floorOf(box), upTo, `[${refused}]`);
  };

  const beginReading = (session: Session): void => {
    const reader = readers.get(boxKeyOf(session));
    if (!session.welcomed || !session.mayRead || reader?.session !== session.number) return;
    reader.ready = true;
    wake(boxKeyOf(session));
  };

  const acknowledge = (by: Session): void => {
    const isGone = by.isOver || sessions.get(by.number) !== by;
    const holder = isGone ? [...sessions.values()].find((each) => !each.isOver && each.link === by.link) : by;
    if (holder !== undefined) say("ack", holder.number, synced.get(by.link) ?? 0);
  };

  /** What is true once the batches are durable. */
  const comeTrue = (effects: readonly Effect[]): void => {
    const [acked, answered] = [new Set<Session>(), new Set<Session>()];
    const risen = new Set<string>();
    for (const effect of effects) {
      if (effect.kind === "used") {
        // A link may have been forgotten meanwhile.
        if (linkOf(book, effect.link).upTo >= effect.linkSeq)
          synced.set(effect.link, Math.max(synced.get(effect.link) ?? 0, effect.linkSeq));
        effect.session.unacked -= effect.bytes;
        acked.add(effect.session);
      } else if (effect.kind === "stored") {
        tails.set(effect.box, Math.max(tailOf(effect.box), effect.position));
        risen.add(effect.box);
      } else if (effect.kind === "attached") welcome(effect.session);
      else if (effect.kind === "settled") answered.add(effect.session);
      else {
        effect.session.mayRead = true;
        beginReading(effect.session);
      }
    }
    for (const session of acked) acknowledge(session);
    for (const key of risen) {
      const reader = readers.get(key);
      const session = sessions.get(reader?.session ?? 0);
      if (reader !== undefined && session !== undefined) letGo(session, reader);
    }
    for (const session of answered) if (sessions.get(session.number) === session) position(session);
  };

  const end = (key: string, at: number, body: Uint8Array | undefined, nowMs: number): void => {
    const letter = at > tailOf(key) ? undefined : boxOf(book, key).stored.get(at);
    if (letter === undefined) return;
    note({ kind: "gone", box: key, position: at });
    counters.expired++;
    const owner = letter.via === undefined ? letter.author && `agent ${letter.author}` : `relay ${letter.via}`;
    const told = (noticeFor?: string, noticeAt?: number): void =>
      say(
        "expired",
        key.replace(" ", "-"),
        at,
        letter.id,
        letter.expiresAtMs,
        nowMs,
        noticeFor === undefined ? "" : `${noticeFor} ${noticeAt}`,
      );
    if (body === undefined || owner === undefined) return told();
    const notice: Letter = {
      id: "notice",
      bytes: noticeBytes(body),
      isMail: false,
      from: hex(selfId),
      to: undefined,
      via: undefined,
      author: undefined,
      expiresAtMs: nowMs + limits.noticeExpiryMs,
    };
    if (usedUp(book, limits, owner, notice) !== undefined) return told();
    told(owner, store(owner, notice));
  };

  const ban = (id: Uint8Array, isBanned: boolean): void => {
    const name = nameOf(id) ?? "";
    note({ kind: "ban", name, banned: isBanned });
    if (!isBanned) return known.all.has(name) && isWanted(name) ? say("peer-wanted", name) : undefined;
    for (const session of [...holders("agent", name), ...holders("relay", name)]) {
      session.isOver = true;
      goodbye(session.number, "blocked");
    }
  };

  const detach = (number: number): void => {
    const session = sessions.get(number);
    sessions.delete(number);
    if (session === undefined || readers.get(boxKeyOf(session))?.session !== number) return;
    readers.delete(boxKeyOf(session));
    if (session.role !== "agent" && known.all.has(session.name) && isWanted(session.name)) say("peer-wanted", session.name);
  };

  const take = (input: RelayInput, nowMs: number): void => {
    if (input.kind === "mails") for (const each of input.mails) mail(sessions.get(input.session), each, nowMs);
    else if (input.kind === "attach") attach(input, nowMs);
    else if (input.kind === "detach") detach(input.session);
    else if (input.kind === "settle") settle(sessions.get(input.session), input.settle);
    else if (input.kind === "end") end(input.agent, input.position, input.notice, nowMs);
    else if (input.kind === "ban") ban(input.agentId, input.banned);
    else if (input.kind === "trouble") trouble = input.trouble?.code;
    else if (input.kind === "peer") {
      if (trouble === undefined) meet(nameOf(input.relayId) ?? "", input.url, input.bundle !== undefined, input.teller ?? "", nowMs);
    } else if (input.kind === "ready" || input.kind === "confirm") {
      const session = sessions.get(input.session);
      if (session === undefined || session.isOver) return;
      if (input.kind === "confirm") return later({ kind: "confirmed", session });
      session.welcomed = true;
      beginReading(session);
    } else if (input.kind === "blocked") {
      const key = boxKeyOf(sessions.get(input.session) ?? { role: "agent", name: "" });
      const reader = readers.get(key);
      if (reader?.session !== input.session) return;
      reader.blocked = input.blocked;
      wake(key);
    } else if (input.kind === "handed-over") {
      const key = boxKeyOf(sessions.get(input.session) ?? { role: "agent", name: "" });
      const reader = readers.get(key);
      for (const position of input.positions)
        if (reader?.session === input.session && position > reader.cursor) handedOver(key, reader, position);
    } else if (input.kind === "synced") {
      const done = batches;
      batches = [];
      for (const { facts } of done) for (const fact of facts) write(durable, fact);
      comeTrue(done.flatMap(({ effects }) => effects));
    }
  };

  return {
    get book(): RelayBook {
      return book;
    },
    get counters() {
      return counters;
    },
    get relays(): ReadonlyMap<string, Known> {
      return known.all;
    },
    tailOf,
    readers: (): ReadonlyMap<string, Reader> => readers,
    /** Ids of what its reader let go of, or what ended. */
    ended: ended as ReadonlySet<string>,
    /** What the relay must say to this input. `appends`: it wrote something down; `waits`: something it wrote is not durable. */
    heed(input: RelayInput, nowMs: number, appends: boolean, waits: boolean): readonly string[] {
      said = [];
      step = { facts: [], effects: [] };
      isEnding = input.kind === "end";
      take(input, nowMs);
      if (step.facts.length > 0 && !appends) throw new Error(`nothing was written down of ${input.kind}`);
      if (appends) batches.push(step);
      else if (waits) batches.at(-1)?.effects.push(...step.effects);
      else comeTrue(step.effects);
      return said;
    },
    /** What a reader gets next; where nothing is left it has seen everything. */
    dueFor(key: string, mostBytes: number): readonly number[] {
      const reader = readers.get(key);
      const { stored, next } = boxOf(book, key);
      if (reader === undefined || !reader.ready || reader.blocked) return [];
      const due: number[] = [];
      let left = mostBytes;
      for (const [at, { bytes }] of [...stored].sort(([a], [b]) => a - b)) {
        if (at <= reader.cursor || left <= 0) continue;
        due.push(at);
        left -= bytes;
      }
      if (due.length === 0) reader.cursor = Math.max(reader.cursor, next - 1);
      return due;
    },
    /** The first `more` batches that were not durable survive. Relays that were never met and wait for nothing may be known or not. */
    restart(more: number, next: Uint8Array): void {
      for (const { facts } of batches.slice(0, more)) for (const fact of facts) write(durable, fact);
      book = structuredClone(durable);
      generation = next;
      batches = [];
      sessions = new Map();
      readers = new Map();
      trouble = undefined;
      counters = noCounters();
      speeds.forget();
      synced = new Map([...book.links].map(([key, { upTo }]) => [key, upTo]));
      tails = new Map([...book.boxes].map(([key, { next }]) => [key, next - 1]));
    },
    /** What was written down of other relays is written down once more. */
    restate(): void {
      for (const [name, { urls, isMet, seenAtMs, isKept }] of known.all)
        if (isKept) write(durable, { kind: "relay", name, known: { urls, isMet, seenAtMs } });
    },
    /** Relays as a restart knows them, in its order, with the position each box goes on from. */
    recall(relays: readonly Recalled[], routeFloor: number): void {
      const before = book.relays;
      floor = routeFloor;
      const names = new Set(relays.map(({ name }) => name));
      for (const [key, { stored }] of [...book.boxes]) {
        if (!key.startsWith("relay ") || names.has(key.slice("relay ".length)) || stored.size > 0) continue;
        for (const each of [book.boxes, tails]) each.delete(key);
      }
      for (const { name, next, epoch } of relays) {
        Object.assign(boxOf(book, `relay ${name}`), { next, epoch });
        tails.set(`relay ${name}`, next - 1);
      }
      known.become(
        new Map(
          relays.map(({ name, isMet }) => {
            const { urls = [], seenAtMs = 0 } = before.get(name) ?? {};
            return [name, { urls, tellers: new Map(), isMet, seenAtMs, isKept: true, traffic: 0 }];
          }),
        ),
      );
    },
  };
}
