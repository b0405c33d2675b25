/**
 * An inbox beside lists of streams and messages: parts in any order, doubled, in the place of others, of two contents, from liars and from many streams; handlers that
 * complete, fail, are released and never end; boxes, twins, expiry by clocks that jump, restarts at any step. After each step everything that can be asked is asked
 * of both.
 */
import { createInbox, type Inbox } from "../../packages/perdure/src/protocol/delivery/inbox.ts";
import { digestOf, type Incoming, incomingKey } from "../../packages/perdure/src/protocol/delivery/incoming.ts";
import { createMailboxCursor } from "../../packages/perdure/src/protocol/delivery/mailbox-cursor.ts";
import { concat, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { messageIdText } from "../../packages/perdure/src/wire/ids.ts";
import {
  type Box,
  decodeKept,
  encodeKept,
  type Kept,
  type KeptIncoming,
  type PayloadAt,
} from "../../packages/perdure/src/wire/kept-agent.ts";
import { PART_BYTES } from "../../packages/perdure/src/wire/limits.ts";
import { SEALED_EXTENSIONS } from "../../packages/perdure/src/wire/sealed.ts";
import { plainHead } from "../../packages/perdure/src/wire/test-sealed-head.ts";
import { type Arrival, createReference, isWhole, type Message, type Reference, type Whole } from "./inbox-reference.ts";
import { same } from "./likeness.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly do: (typeof DEEDS)[number];
  /** Which message, stream or number: counted round. */
  readonly pick: number;
  readonly other: number;
  readonly few: number;
}

const DEEDS = [
  ...["arrive", "arrive", "arrive", "arrive", "arrive", "arrive", "arrive", "arrive", "again", "again", "resealed", "lie", "odd"],
  ...["start", "start", "start", "start", "done", "done", "done", "refuse", "fail", "fail", "park", "release", "retry", "retry"],
  ...["knock", "knock", "admit", "commit", "wait", "wait", "jump", "sweep", "sweep", "pass", "twins", "restate", "reread", "generation"],
] as const;
const STEPS = 80;
const LIMITS = {
  ...{ holeWaitMs: 500, forgetStreamMs: 1500, liveStreams: 2, allStreams: 4, retryMaxMs: 900 },
  ...{ digests: 5, keys: 100, runs: 3, runsPerRecord: 1, keysPerRecord: 1 },
};
const LIFE_MS = 2500;
const SENDERS = 3;
const STREAMS = 3;
/** Parts of the first, second, … message of each stream, counted round. */
const SHAPE = [1, 2, 1, 1, 3, 1] as const;

const senderBytes = (sender: number): Uint8Array => new Uint8Array(32).fill(7 + sender);
const streamBytes = (name: number): Uint8Array => new Uint8Array(8).fill(1 + name);
const keyOf = ({ sender, stream, seq }: Whole): string => incomingKey(senderBytes(sender), streamBytes(stream), seq);
const placed = (at: PayloadAt): string => `${at.segment}:${at.offset}`;
const digestBytes = (digest: string): Uint8Array => Uint8Array.from({ length: 16 }, (_, index) => digest.charCodeAt(index) || 0);

/** The message that a number of a stream is a part of, as an honest sender sends it. */
function wholeOf(sender: number, stream: number, number: number, expiresAtMs: number): { readonly whole: Whole; readonly part: number } {
  let seq = 1;
  let index = 0;
  for (; seq + (SHAPE[index % SHAPE.length] as number) <= number; index++) seq += SHAPE[index % SHAPE.length] as number;
  const parts = SHAPE[index % SHAPE.length] as number;
  const whole = {
    ...{ sender, stream, seq, parts, expiresAtMs, wholeBytes: (parts - 1) * PART_BYTES + 1 + index, content: "as it was" },
    ...{ key: index % 3 < 2 ? `key ${index % 2}` : "", answers: index % 4 === 1 ? messageIdText(streamBytes(99), 1 + (index % 3)) : "" },
  };
  return { whole, part: number - seq };
}

function headOf(arrival: Arrival, generation: number, number: number, atMs: number): KeptIncoming {
  const [digest = "", ...earlier] = arrival.digests;
  const head = plainHead({
    ...{ part: arrival.part, parts: arrival.parts, wholeBytes: arrival.wholeBytes, floor: arrival.floor, idempotencyKey: arrival.key },
    ...(arrival.content === "as it was" ? {} : { wholeHash: new Uint8Array(32).fill(9) }),
    ...(arrival.answers === "" ? {} : { inReplyTo: { stream: streamBytes(99), seq: Number(arrival.answers.split(".")[1]) } }),
    ...(earlier.length === 0 ? {} : { extensions: [{ code: SEALED_EXTENSIONS.resealed, bytes: concat(...earlier.map(digestBytes)) }] }),
  });
  return {
    ...{ from: senderBytes(arrival.sender), stream: streamBytes(arrival.stream), seq: arrival.seq + arrival.part, head },
    ...{ digest: digestBytes(digest), generation: new Uint8Array(8).fill(generation), position: arrival.position, arrival: number },
    ...{ storedAtMs: atMs, receivedAtMs: atMs, expiresAtMs: arrival.expiresAtMs, fromName: "" },
  };
}

export const inbox: Room<Step> = {
  name: "inbox",
  about: "what arrives, whether it starts, how often, and what is left of it, beside lists of it",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => {
      const { [draws.below(DEEDS.length)]: deed = "wait" } = DEEDS;
      return { do: deed, pick: draws.below(60), other: draws.below(60), few: draws.below(4) };
    }),
  run: async (steps) => goThrough(steps),
};

function goThrough(steps: readonly Step[]): void {
  const opened = (): { readonly inbox: Inbox; readonly cursor: ReturnType<typeof createMailboxCursor> } => {
    const cursor = createMailboxCursor({ floor: true });
    return { cursor, inbox: createInbox({ limits: LIMITS, bounds: LIMITS, defences: { dedupe: true }, cursor }) };
  };
  let product = opened();
  let reference = createReference(LIMITS);
  let [generation, position, places, nowMs] = [1, 0, 0, 10_000];
  /** The date that more than one clock says has passed. */
  let provenMs = nowMs;
  /** All that was ever kept, and what it means; nothing once a restatement was read. */
  let log: { readonly kept: Kept; readonly at: PayloadAt | undefined; readonly means: (it: Reference) => void }[] | undefined = [];
  const everywhere: PayloadAt[] = [];
  const sent: Arrival[] = [];
  const upTo = new Map<string, number>();

  const apply = (kept: Kept, at: PayloadAt | undefined, means: (it: Reference) => void): void => {
    product.inbox.apply(kept, at);
    means(reference);
    log?.push({ kept, at, means });
  };
  const theirs = (message: Message): Incoming => product.inbox.find(keyOf(message.whole)) ?? parted(`${keyOf(message.whole)} is not there`);
  const sameIn = (it: Reference, { whole }: Message): Message => it.find(whole.sender, whole.stream, whole.seq) as Message;
  const where = ({ sender, stream, seq }: Whole) => ({ from: senderBytes(sender), stream: streamBytes(stream), seq });
  const nextArrival = (): number => {
    const [said, expected] = [product.inbox.nextArrival(), reference.nextArrival()];
    if (said !== expected) parted(`arrival ${said} is given, not ${expected}`);
    return said;
  };

  const arrive = (arrival: Arrival): void => {
    sent.push(arrival);
    const number = nextArrival();
    const head = headOf(arrival, generation, number, nowMs);
    const said = product.inbox.judge(head, nowMs);
    const expected = reference.judge(arrival, nowMs);
    if (said !== expected) parted(`part ${arrival.part} of ${keyOf(arrival)} is ${said}, not ${expected}`);
    const { sender, stream, seq, part } = arrival;
    const box = reference.boxOf(sender, stream, seq + part);
    if (said === "new") {
      const at = { segment: 1, offset: ++places, length: 10 };
      everywhere.push(at);
      const atMs = nowMs;
      apply({ kind: "received", head }, at, (it) => it.received(arrival, placed(at), number, atMs));
    } else if (said === "settled" || (said === "pending" && box === "requests")) {
      product.cursor.settlePosition(head.generation, arrival.position);
      reference.settlePosition(arrival.position);
    } else if (said === "pending") {
      product.cursor.hold(head.generation, arrival.position, incomingKey(head.from, head.stream, head.seq));
      reference.hold(sender, stream, seq + part, arrival.position);
    }
  };
  const put = (message: Message, box: Box, arrival: number, failures: number, notBeforeMs: number): void => {
    const crashes = failures === 0 ? 0 : message.crashes;
    const place = { box, arrival, failures, crashes, notBeforeMs };
    apply({ kind: "put", head: { ...where(message.whole), ...place } }, undefined, (it) => it.put(sameIn(it, message), place));
    letGo(message);
  };
  const letGo = (message: Message): void => {
    theirs(message).claim = undefined;
    theirs(message).committing = false;
    Object.assign(message, { claimed: false, committing: false });
  };
  const complete = (message: Message, attempt: number, outcome: "done" | "refused" | "failed", withTwins = true): void => {
    const { parts } = message.whole;
    const both = withTwins ? [...reference.twinsOf(message)] : [];
    for (const each of [message, ...both]) {
      const head = { ...where(each.whole), parts, attempt, outcome, atMs: nowMs } as const;
      const before = theirs(each);
      const digest = hex(digestOf(before));
      if (digest !== hex(digestBytes(firstDigest(each)))) parted(`a receipt of ${before.key} names ${digest}`);
      apply({ kind: "completed", head }, undefined, (it) => {
        const freed = it.completed(sameIn(it, each), attempt, outcome);
        // Which of them takes the key is nobody's right: the others end as that one does.
        const taker = freed.find((twin) => product.inbox.find(keyOf(twin.whole))?.twinOf === undefined);
        for (const twin of taker === undefined ? freed : [taker, ...freed.filter((other) => other !== taker)]) it.takeKey(twin);
      });
      // Which took it hangs on the state of this moment.
      if (outcome !== "done") log = undefined;
    }
  };
  const forget = (sender: number, stream: number): void =>
    apply({ kind: "streamForgotten", head: { from: senderBytes(sender), stream: streamBytes(stream) } }, undefined, (it) =>
      it.forgetStream(sender, stream),
    );
  const pass = (sender: number, stream: number, seq: number, digest: string, expiresAtMs: number, at: number): void => {
    const head = { from: senderBytes(sender), stream: streamBytes(stream), seq, digest: digestBytes(digest), expiresAtMs };
    const lies = { generation: new Uint8Array(8).fill(generation), position: at };
    apply({ kind: "passed", head: { ...head, ...lies } }, undefined, (it) => it.passed(sender, stream, seq, digest, expiresAtMs, at));
  };
  const sweep = (): void => {
    const { expired, passed, forgotten } = reference.due(nowMs, provenMs);
    for (const message of passed)
      pass(message.whole.sender, message.whole.stream, message.whole.seq, firstDigest(message), message.whole.expiresAtMs, 0);
    for (const { sender, name } of forgotten) forget(sender, name);
    for (const message of expired) {
      // Its twin took it along.
      if (!reference.messages.includes(message)) continue;
      if (message.box === "requests") complete(message, message.attempt + 1, "refused");
      else put(message, "failed", nextArrival(), message.failures, 0);
    }
    for (const twin of [...reference.lateTwins()]) complete(twin, twin.attempt, "done", false);
  };
  const restart = (isReread: boolean): void => {
    const before = product;
    product = opened();
    const current = new Uint8Array(8).fill(generation);
    if (isReread && log !== undefined) {
      product.cursor.begin(current, []);
      const told = reference;
      reference = createReference(LIMITS);
      for (const { kept, at, means } of log) {
        product.inbox.apply(decodeKept(encodeKept(kept, undefined)).kept, at);
        means(reference);
      }
      // What was only settled by a look is found out again.
      for (const message of reference.messages) message.crashes = sameIn(told, message).crashes;
      while (reference.arrivals < told.arrivals) reference.nextArrival();
      while (product.inbox.lastArrival < told.arrivals) product.inbox.nextArrival();
    } else {
      log = undefined;
      product.inbox.reset(before.inbox.lastArrival);
      const restated = before.inbox.restate().map(({ kept, restated: at }) => decodeKept(encodeKept(kept, undefined, at)));
      for (const { kept, restated: at } of restated.slice(0, places % 7)) product.inbox.apply(kept, at, true);
      product.inbox.reset(before.inbox.lastArrival);
      for (const { kept, restated: at } of restated) product.inbox.apply(kept, at, true);
      reference.restart();
    }
    product.inbox.takeReleases();
    heldBefore = reference.held();
  };
  let heldBefore = reference.held();

  product.cursor.begin(new Uint8Array(8).fill(generation), []);
  for (const { do: deed, pick, other, few } of steps) {
    const whole = reference.messages.filter((each) => isWhole(each) && each.twinOf === undefined);
    const claimed = whole.filter((each) => each.claimed && !each.committing);
    const message = whole[pick % Math.max(1, whole.length)];
    const mine = claimed[pick % Math.max(1, claimed.length)];
    const free = message !== undefined && !message.claimed && !message.committing ? message : undefined;
    if (deed === "arrive") {
      const [sender, stream] = [pick % SENDERS, few === 0 ? other % STREAMS : 0];
      const last = upTo.get(`${sender} ${stream}`) ?? 0;
      const number = last + 1 + (other % 7 === 0 ? other % 3 : 0);
      upTo.set(`${sender} ${stream}`, other % 5 === 0 ? last : number);
      const { whole: of, part } = wholeOf(sender, stream, number, nowMs + LIFE_MS);
      const earlier = reference.find(sender, stream, of.seq)?.whole.expiresAtMs ?? of.expiresAtMs;
      const floor = few === 1 ? of.seq : Math.max(1, of.seq - few);
      arrive({ ...of, expiresAtMs: other === 59 ? nowMs : earlier, part, digests: [`${stream}.${number}`], floor, position: ++position });
    } else if (deed === "again" || deed === "resealed" || deed === "lie" || deed === "odd") {
      const before = sent[sent.length - 1 - (pick % Math.max(1, sent.length))];
      if (before === undefined) continue;
      const once = { ...before, position: deed === "again" && few === 0 && before.position > 0 ? before.position : ++position };
      const changed = `${before.digests[0]}/${few}`;
      if (deed === "again") arrive(once);
      else if (deed === "resealed") arrive({ ...once, digests: [changed, ...before.digests].slice(0, 9), floor: 1 + (other % 4) });
      else if (deed === "lie") arrive({ ...once, digests: [changed], content: other % 2 === 0 ? "other" : before.content });
      else if (few === 0) arrive({ ...once, digests: [changed], wholeBytes: before.wholeBytes + PART_BYTES });
      else if (few === 1) arrive({ ...once, digests: [changed], part: before.parts, seq: before.seq });
      else if (few === 2) arrive({ ...once, digests: [changed], seq: 0, part: 1 });
      else arrive({ ...once, digests: [changed], parts: 0, part: 0, wholeBytes: 0 });
    } else if (deed === "start") {
      const expected = reference.next(nowMs);
      if (!("message" in expected)) continue;
      const { message: first } = expected;
      const attempt = first.attempt + 1;
      apply({ kind: "started", head: { ...where(first.whole), attempt } }, undefined, (it) => it.started(sameIn(it, first), attempt));
      theirs(first).claim = { client: "one", attempt };
      first.claimed = true;
    } else if (deed === "commit" && mine !== undefined) {
      theirs(mine).committing = true;
      mine.committing = true;
    } else if (deed === "release" && mine !== undefined) letGo(mine);
    else if (deed === "done" && mine !== undefined) complete(mine, mine.attempt, "done", few > 0);
    else if (deed === "refuse" && message !== undefined) complete(message, message.attempt + 1, few === 0 ? "failed" : "refused");
    else if (deed === "fail" && mine !== undefined) put(mine, "contacts", mine.arrival, mine.failures + 1, nowMs + 60 * other);
    else if (deed === "park" && message !== undefined) put(message, "failed", nextArrival(), message.failures, 0);
    else if (deed === "retry" && free !== undefined && free.box !== "requests")
      put(free, "contacts", free.box === "failed" ? nextArrival() : free.arrival, 0, 0);
    else if (deed === "knock") {
      const fresh = reference.messages.filter(
        ({ settled, claimed: has, committing, attempt }) => !settled && !has && !committing && attempt === 0,
      );
      const each = fresh[pick % Math.max(1, fresh.length)];
      if (each !== undefined && each.have.length > 0) put(each, "requests", each.arrival, 0, 0);
    } else if (deed === "admit") {
      for (const each of reference.messages.filter(({ box, whole: { sender } }) => box === "requests" && sender === pick % SENDERS))
        put(each, "contacts", each.arrival, 0, 0);
    } else if (deed === "wait" || deed === "jump") {
      nowMs += deed === "wait" ? 15 * other : 60 * (other - 25);
      if (few > 0) provenMs = Math.max(provenMs, nowMs - 100 * (pick % 10));
    } else if (deed === "sweep") sweep();
    else if (deed === "twins") for (const twin of [...reference.lateTwins()]) complete(twin, twin.attempt, "done", false);
    else if (deed === "pass") {
      const [sender, stream] = [pick % SENDERS, 2];
      const number = 1 + (other % 9);
      if (reference.streamOf(sender, stream)?.settled.has(number) !== true && reference.pendingAt(sender, stream, number) === undefined)
        pass(sender, stream, number, `${stream}.${number}`, nowMs + LIFE_MS, ++position);
    } else if (deed === "generation" && few === 0) {
      product.cursor.begin(new Uint8Array(8).fill(++generation), []);
      reference.newGeneration();
      log = undefined;
    } else if ((deed === "restate" || deed === "reread") && few > 1) restart(deed === "reread");

    const held = reference.held();
    const released = product.inbox.takeReleases().map(placed).sort();
    same("let go of", released, [...heldBefore].filter((at) => !held.has(at)).sort());
    heldBefore = held;
    compare(product, reference, everywhere, nowMs, provenMs);
  }
}

function firstDigest(message: Message): string {
  const first = message.have.find(({ part }) => part === 0) ?? message.have[0];
  return first?.digests[0] ?? parted(`${keyOf(message.whole)} has no part`);
}

function compare(
  { inbox: it, cursor }: { readonly inbox: Inbox; readonly cursor: ReturnType<typeof createMailboxCursor> },
  reference: Reference,
  everywhere: readonly PayloadAt[],
  nowMs: number,
  provenMs: number,
): void {
  const keys = (list: Iterable<Incoming>): readonly string[] => [...list].map(({ key }) => key);
  const expectedKeys = (list: readonly Message[]): readonly string[] => list.map(({ whole }) => keyOf(whole));
  const held = reference.held();
  for (const at of everywhere)
    if (it.holds(at) !== held.has(placed(at))) parted(`${placed(at)} is ${held.has(placed(at)) ? "not " : ""}held`);
  for (const message of reference.messages) {
    const { sender, stream, seq, parts } = message.whole;
    const found = it.find(keyOf(message.whole));
    same("a message", [found && lineOf(found, it)], [expectedLine(message, reference)]);
    same(`twins of ${found?.key}`, keys(it.twins(found as Incoming)).toSorted(), expectedKeys(reference.twinsOf(message)).toSorted());
    for (let part = 0; part < parts; part++) {
      same("box", [it.boxOf(senderBytes(sender), streamBytes(stream), seq + part)], [reference.boxOf(sender, stream, seq + part)]);
      const position = cursor.positionOf(incomingKey(senderBytes(sender), streamBytes(stream), seq + part));
      same(`position of part ${part} of ${found?.key}`, [position], [Math.max(0, ...reference.positionsOf(sender, stream, seq + part))]);
    }
  }
  for (const { sender, name, settled, digests } of reference.streams)
    for (const seq of settled) {
      // Of what is in the failed box, or was, the attempt that ends it is still to come.
      if (
        reference.messages.some(
          ({ whole }) => whole.sender === sender && whole.stream === name && seq >= whole.seq && seq < whole.seq + whole.parts,
        )
      )
        continue;
      same(
        `attempt that ended ${name}.${seq}`,
        [it.completedAttempt(senderBytes(sender), streamBytes(name), seq)],
        [digests.get(seq)?.attempt],
      );
      same("one that is over", [it.find(incomingKey(senderBytes(sender), streamBytes(name), seq))], [undefined]);
    }
  const settledPositions = cursor.settled.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
  same(
    "settled positions",
    settledPositions,
    [...reference.settledPositions].sort((a, b) => a - b),
  );
  same("has positions up to", [cursor.have().position], [reference.haveUpTo()]);
  for (const box of ["contacts", "requests", "failed"] as const) {
    const expected = expectedKeys(reference.listed(box));
    same(`listed in ${box}`, keys(it.listed(box, 0)), expected);
    const after = reference.listed(box)[0]?.arrival ?? 0;
    same(`two after the first in ${box}`, keys(it.listed(box, after, 2)), expected.slice(1, 3));
    same(`in ${box}`, [box === "contacts" ? it.waiting : box === "requests" ? it.requests : it.failed], [expected.length]);
  }
  for (const seq of [1, 2, 3]) {
    const id = messageIdText(streamBytes(99), seq);
    same(`answers to ${id}`, keys(it.answersTo(id)).toSorted(), expectedKeys(reference.answersTo(id)).toSorted());
  }
  for (const sender of [undefined, 0, 1, 2]) {
    const requested = reference.requested(sender);
    const { messages, bytes } = it.requested(sender === undefined ? undefined : senderBytes(sender));
    same("requested", [messages, bytes], [requested.length, requested.reduce((sum, { whole }) => sum + whole.wholeBytes, 0)]);
  }
  same("late twins", keys(it.lateTwins()).toSorted(), expectedKeys(reference.lateTwins()).toSorted());
  same("twins of failed ones", keys(it.twinsOfFailed()).toSorted(), expectedKeys(reference.twinsOfFailed()).toSorted());
  same("last arrival", [it.lastArrival], [reference.arrivals]);
  const [said, expected] = [it.next(nowMs, () => true), reference.next(nowMs)];
  const sayNext = "incoming" in said ? said.incoming.key : `in ${said.atMs - nowMs} ms`;
  same("next", [sayNext], ["message" in expected ? keyOf(expected.message.whole) : `in ${expected.atMs - nowMs} ms`]);
  if ("incoming" in said && "message" in expected) {
    const others = it.next(nowMs, (incoming) => incoming !== said.incoming);
    if ("incoming" in others && others.incoming === said.incoming) parted(`${said.incoming.key} starts although nobody takes it`);
  }
  const [due, expectedDue] = [it.due(nowMs, provenMs), reference.due(nowMs, provenMs)];
  same("expired", keys(due.expired).toSorted(), expectedKeys(expectedDue.expired).toSorted());
  same("looks again in", [due.nextMs - nowMs], [expectedDue.nextMs - nowMs]);
  const records = due.records.map((kept) => {
    if (kept.kind === "streamForgotten") return `forgotten ${hex(kept.head.from)} ${hex(kept.head.stream)}`;
    if (kept.kind !== "passed") return kept.kind;
    const { from, stream, seq, digest, expiresAtMs, position } = kept.head;
    return `passed ${incomingKey(from, stream, seq)} ${hex(digest)} ${expiresAtMs} ${position}`;
  });
  same(
    "due",
    records.sort(),
    [
      ...expectedDue.forgotten.map(({ sender, name }) => `forgotten ${hex(senderBytes(sender))} ${hex(streamBytes(name))}`),
      ...expectedDue.passed.map((each) => `passed ${keyOf(each.whole)} ${hex(digestBytes(firstDigest(each)))} ${each.whole.expiresAtMs} 0`),
    ].sort(),
  );
}

/** Whose twin it is; `over` when that came to its end without it. */
const twinIn = (key: string | undefined, other: string | undefined, isThere: boolean): string =>
  other === undefined ? "" : other === key || !isThere ? "over" : other;

function lineOf(incoming: Incoming, it: Inbox): string {
  const have = [...incoming.have].map(([part, { head, at }]) => `${part} ${placed(at)} ${hex(head.digest)}`).sort();
  const { key, seq, parts, box, arrival, wholeAtMs, attempt, failures, crashes, starts, notBeforeMs, claim, committing, twinOf } = incoming;
  return JSON.stringify([
    key,
    seq,
    parts,
    have,
    box,
    arrival,
    wholeAtMs,
    attempt,
    failures,
    crashes + starts,
    notBeforeMs,
    claim !== undefined,
    committing,
    twinIn(key, twinOf?.key, it.find(twinOf?.key ?? "") !== undefined),
  ]);
}

function expectedLine(message: Message, reference: Reference): string {
  const have = message.have.map(({ part, at, digests }) => `${part} ${at} ${hex(digestBytes(digests[0] as string))}`).sort();
  const { whole, box, arrival, wholeAtMs, attempt, failures, crashes, notBeforeMs, claimed, committing, twinOf } = message;
  return JSON.stringify([
    keyOf(whole),
    whole.seq,
    whole.parts,
    have,
    box,
    arrival,
    wholeAtMs,
    attempt,
    failures,
    crashes,
    notBeforeMs,
    claimed,
    committing,
    twinIn(keyOf(whole), twinOf && keyOf(twinOf.whole), reference.messages.includes(twinOf as Message)),
  ]);
}
