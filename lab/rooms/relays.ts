/**
 * Two relays with mail both ways over a link that is cut, a third that sends what it likes, and guests nobody has mail for. Each of the two has a reference
 * beside it, and what was acknowledged to an agent is in one of them until its reader let go of it.
 */

import type { RelayOutput } from "../../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import type { MailboxesOptions } from "../../packages/perdure/src/protocol/delivery/mailboxes.ts";
import { createHop, type Hop } from "../../packages/perdure/src/protocol/delivery/test-federation.ts";
import { agentId, envelope, LIMITS, NOW_MS } from "../../packages/perdure/src/protocol/delivery/test-relay.ts";
import { utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { type Envelope, envelopeId } from "../../packages/perdure/src/wire/envelope.ts";
import { boxOf } from "./relays/relay-book.ts";
import { createWatchedRelay, type WatchedRelay } from "./relays/watched-relay.ts";
import { parted, type Room } from "./room.ts";

type Side = "east" | "west";

const HOMES = { alice: "east", anna: "east", bob: "west", bea: "west" } as const;
type Name = keyof typeof HOMES;
const AGENTS = Object.keys(HOMES) as readonly Name[];
const SIDES = ["east", "west"] as const;
const JUNK = ["junk 0", "junk 1", "junk 2", "junk 3", "junk 4"];
const GUESTS = ["guest 0", "guest 1", "guest 2"];
const NAMES = [...AGENTS, ...SIDES, "north", ...JUNK, ...GUESTS];
const DAY_MS = 24 * 3_600_000;

interface Letter {
  readonly class: "mail" | "receipt" | "notice";
  readonly letters: number;
  readonly hopLimit: number;
  /** From the relay's date; the longest is longer than may be. */
  readonly expiresInMs: number;
}

type Step =
  | ({ readonly do: "mail"; readonly from: Name; readonly as: string; readonly to: string; readonly home: string | undefined } & Letter)
  | ({
      readonly do: "north";
      readonly side: Side;
      readonly count: number;
      readonly as: string;
      readonly to: string;
      readonly home: string | undefined;
      readonly leap: number;
      /** Also after a goodbye. */
      readonly goesOn: boolean;
    } & Letter)
  | { readonly do: "read"; readonly who: Name; readonly upTo: number; readonly one: number; readonly stale: "epoch" | "generation" | "" }
  | { readonly do: "sync" | "rotate" | "north comes"; readonly side: Side }
  | { readonly do: "carry" | "back"; readonly side: Side; readonly count: number }
  | { readonly do: "cut" | "connect" | "idle" }
  | { readonly do: "crash"; readonly side: Side; readonly more: number }
  | { readonly do: "end"; readonly side: Side; readonly at: number; readonly told: boolean; readonly wild: boolean }
  | { readonly do: "ban"; readonly side: Side; readonly whom: string; readonly banned: boolean }
  | { readonly do: "trouble"; readonly side: Side; readonly on: boolean }
  | {
      readonly do: "hear";
      readonly side: Side;
      readonly whom: string;
      readonly url: number;
      readonly teller: string;
      readonly met: boolean;
      readonly more: number;
    }
  | { readonly do: "guest"; readonly side: Side; readonly whom: string; readonly leaves: boolean }
  | { readonly do: "block"; readonly who: Name; readonly blocked: boolean }
  | { readonly do: "wait"; readonly ms: number };

const STEPS = 110;

export const relays: Room<Step> = {
  name: "relays",
  about: "two relays and the link between them, each beside what was written down there",
  draw: (draws) => {
    const one = <T>(of: readonly T[]): T => of[draws.below(of.length)] as T;
    const side = (): Side => one(SIDES);
    const letter = (): Letter => ({
      class: draws.chance(0.85) ? "mail" : draws.chance(0.7) ? "receipt" : "notice",
      letters: 1 + draws.below(draws.chance(0.1) ? 700 : 40),
      hopLimit: draws.chance(0.9) ? 8 : draws.below(3),
      expiresInMs: draws.chance(0.9) ? 20 * DAY_MS : one([-1, 0, 1, DAY_MS / 12, 30 * DAY_MS, 31 * DAY_MS]),
    });
    const homeFor = (to: string): string | undefined =>
      draws.chance(0.2) ? one(["east", "west", ...JUNK, undefined]) : to in HOMES ? HOMES[to as Name] : undefined;
    return Array.from({ length: STEPS }, (): Step => {
      const kind = draws.below(100);
      if (kind < 22) {
        const [from, to] = [one(AGENTS), draws.chance(0.97) ? one(AGENTS) : "nobody"];
        return { do: "mail", from, as: draws.chance(0.97) ? from : one(AGENTS), to, home: homeFor(to), ...letter() };
      }
      if (kind < 31) {
        const to = draws.chance(0.95) ? one(AGENTS) : "nobody";
        const home = draws.chance(0.05) ? "east" : undefined;
        const count = 1 + draws.below(draws.chance(0.1) ? 30 : 3);
        return {
          do: "north",
          side: side(),
          count,
          as: one(["north", "bob", "x", "y", "z"]),
          to,
          home,
          leap: draws.chance(0.1) ? one([2, 1, -1, -1, -2]) : 0,
          goesOn: draws.chance(0.3),
          ...letter(),
        };
      }
      if (kind < 39)
        return {
          do: "read",
          who: one(AGENTS),
          upTo: draws.below(12),
          one: 1 + draws.below(30),
          stale: one(["", "", "", "", "", "", "epoch", "generation"]),
        };
      if (kind < 55) return { do: draws.chance(0.9) ? "sync" : "rotate", side: side() };
      if (kind < 67) return { do: draws.chance(0.5) ? "carry" : "back", side: side(), count: 1 + draws.below(6) };
      if (kind < 73) return { do: one(["connect", "connect", "connect", "cut", "idle"] as const) };
      if (kind < 76) return { do: "north comes", side: side() };
      if (kind < 79) return { do: "crash", side: side(), more: draws.below(6) };
      if (kind < 84) return { do: "end", side: side(), at: draws.below(20), told: draws.chance(0.8), wild: draws.chance(0.4) };
      if (kind < 86)
        return { do: "ban", side: side(), whom: one(["north", "alice", "bea", "junk 0", "east", "west"]), banned: draws.chance(0.3) };
      if (kind < 88) return { do: "trouble", side: side(), on: draws.chance(0.3) };
      if (kind < 93)
        return {
          do: "hear",
          side: side(),
          whom: draws.chance(0.6) ? one(["junk 0", "north"]) : one([...JUNK, ...SIDES]),
          url: draws.below(7),
          teller: one(AGENTS),
          more: draws.below(3),
          met: draws.chance(0.15),
        };
      if (kind < 96) return { do: "guest", side: side(), whom: one(GUESTS), leaves: draws.chance(0.4) };
      if (kind < 97) return { do: "block", who: one(AGENTS), blocked: draws.chance(0.4) };
      return { do: "wait", ms: one([1000, 70_000, 3_600_000]) };
    });
  },
  run: async (steps, tools) => {
    const draws = tools.draws("limits");
    const isRoomy = draws.chance(0.2);
    // Intervals without rounding.
    const messages = [4, 5, 8, 10][draws.below(4)] as number;
    const bytes = [1600, 2000, 4000][draws.below(3)] as number;
    const rates = {
      agentMessagesPerSecond: messages,
      agentMessagesBurst: messages,
      agentBytesPerSecond: bytes,
      agentBytesBurst: bytes,
      peerMessagesPerSecond: messages,
      peerMessagesBurst: messages,
      peerBytesPerSecond: bytes,
      peerBytesBurst: bytes,
    };
    const world = createWorld({
      ...LIMITS,
      ...(draws.chance(0.3) ? rates : {}),
      agents: 10,
      noticeExpiryMs: DAY_MS,
      relayPeers: 3 + draws.below(4),
      newcomerPeersPercent: [20, 50, 100][draws.below(3)] as number,
      mailboxMessages: isRoomy ? 90 : 2 + draws.below(8),
      mailboxBytes: isRoomy ? 100_000 : 1000 + draws.below(2000),
      storeMessages: isRoomy ? 110 : 4 + draws.below(12),
      storeBytes: isRoomy ? 1_000_000 : 1200 + draws.below(4000),
      windowFrames: 2 + draws.below(8),
      windowBytes: 400 + draws.below(2000),
      peerWindowFrames: isRoomy ? 40 : 2 + draws.below(8),
      peerWindowBytes: 400 + draws.below(2000),
      senderStoredPercent: 95,
      peersPercent: 75,
      routePercent: 70,
      peerPercent: 66,
      senderPercent: 60 + draws.below(40),
    });
    for (const step of steps) world.take(step);
    world.settleDown();
  },
};

const livesAt = (side: Side, name: string | undefined): boolean => AGENTS.some((each) => each === name && HOMES[each] === side);

interface Writer {
  readonly session: number;
  linkSeq: number;
  acked: number;
  readonly sent: Map<number, { readonly id: string; isRefused: boolean }>;
}

function createWorld(limits: MailboxesOptions["limits"]) {
  const watched: Readonly<Record<Side, WatchedRelay>> = {
    east: createWatchedRelay({ name: "east", agents: AGENTS.filter((name) => HOMES[name] === "east"), names: NAMES, limits }),
    west: createWatchedRelay({ name: "west", agents: AGENTS.filter((name) => HOMES[name] === "west"), names: NAMES, limits }),
  };
  const writers = new Map<Name, Writer>();
  const norths = new Map<Side, { readonly session: number; linkSeq: number }>();
  const guests = new Map<string, number>();
  const promised = new Set<string>();
  let numbers = 0;
  let written = 0;
  const session = (): number => ++numbers;
  const hopOf = (from: Side, to: Side): Hop =>
    createHop({ from: watched[from].relay, fromName: from, to: watched[to].relay, toName: to, session, limits, mayEnd: true });
  const hops = { east: hopOf("east", "west"), west: hopOf("west", "east") };

  const heed = (): void => {
    for (let came = true; came; ) {
      came = false;
      for (const side of SIDES) {
        const { relay } = watched[side];
        const outputs = relay.take();
        came ||= outputs.length > 0;
        for (const output of outputs) noteForWriter(output);
        for (const from of SIDES) hops[from].heed(relay, outputs);
      }
    }
  };

  const noteForWriter = (output: RelayOutput): void => {
    if (output.kind !== "ack" && output.kind !== "refuse") return;
    const writer = [...writers.values()].find((each) => each.session === output.session);
    if (writer === undefined) return;
    if (output.kind === "refuse") {
      const sent = writer.sent.get(output.linkSeq);
      if (sent !== undefined) sent.isRefused = true;
      return;
    }
    for (let linkSeq = writer.acked + 1; linkSeq <= output.upTo; linkSeq++) {
      const sent = writer.sent.get(linkSeq);
      if (sent?.isRefused === false) promised.add(sent.id);
    }
    writer.acked = Math.max(writer.acked, output.upTo);
  };

  const enter = (name: Name): void => {
    const number = session();
    writers.set(name, { session: number, linkSeq: 0, acked: 0, sent: new Map() });
    watched[HOMES[name]].relay.attach(number, name, { link: number % 250 });
  };

  const start = (side: Side): void => {
    for (const name of AGENTS) if (HOMES[name] === side) enter(name);
    norths.delete(side);
    for (const name of GUESTS) guests.delete(`${side} ${name}`);
  };

  const letterOf = (from: string, to: string, { class: kind, letters, expiresInMs }: Letter, nowMs: number): Envelope => {
    const options = { words: "x".repeat(letters), expiresAtMs: nowMs + expiresInMs };
    return envelope(from, to, ++written, kind === "mail" ? options : { ...options, class: kind });
  };

  const hear = (side: Side, whom: string, url: string, teller: string, isMet: boolean): void =>
    void watched[side].relay.feed({
      kind: "peer",
      relayId: agentId(whom),
      url,
      bundle: isMet ? utf8(`bundle of ${whom}`) : undefined,
      teller,
    });

  /** Whom the mail of that step is for, by way of which relay: sometimes others come together with it. */
  const besides = ({ to, home, letters }: Extract<Step, { do: "mail" }>): readonly (readonly [string, string | undefined])[] => {
    const other = AGENTS[letters % AGENTS.length] as Name;
    return letters % 4 === 0
      ? [
          [to, home],
          [other, HOMES[other]],
          [to, home],
          [other, undefined],
          [to, undefined],
        ]
      : [[to, home]];
  };

  const mail = (step: Extract<Step, { do: "mail" }>): void => {
    const writer = writers.get(step.from) as Writer;
    const { relay } = watched[HOMES[step.from]];
    if (step.home !== undefined && step.hopLimit > 2) hear(HOMES[step.from], step.home, `wss://${step.home}/`, step.from, false);
    const mails = besides(step).map(([to, by]) => {
      const what = letterOf(step.as, to, step, relay.nowMs);
      writer.sent.set(++writer.linkSeq, { id: envelopeId(what), isRefused: false });
      const home = by === undefined ? undefined : agentId(by);
      return { linkSeq: writer.linkSeq, hopLimit: step.hopLimit, home, envelope: what.bytes };
    });
    const outputs = relay.feed({ kind: "mails", session: writer.session, mails });
    // A relay that ends the session hears of a new one.
    if (outputs.some((output) => output.kind === "goodbye")) comeBack(step.from);
  };

  const comeBack = (name: Name): void => {
    const { session: before } = writers.get(name) as Writer;
    watched[HOMES[name]].relay.feed({ kind: "detach", session: before });
    enter(name);
  };

  const north = (step: Extract<Step, { do: "north" }>): void => {
    const { relay } = watched[step.side];
    const home = step.home === undefined ? undefined : agentId(step.home);
    const together = step.leap === 0 && step.letters % 2 === 0 ? step.count : 1;
    for (let count = 0; count < step.count; count += together) {
      const held = norths.get(step.side);
      if (held === undefined) return;
      const linkSeq = held.linkSeq + 1 + step.leap;
      const mails = Array.from({ length: together }, (_, index) => {
        const { bytes } = letterOf(step.as, step.to, step, relay.nowMs);
        return { linkSeq: linkSeq + index, hopLimit: step.hopLimit, home, envelope: bytes };
      });
      const outputs = relay.feed({ kind: "mails", session: held.session, mails });
      if (outputs.some((output) => output.kind === "goodbye")) {
        if (step.goesOn) continue;
        relay.feed({ kind: "detach", session: held.session });
        norths.delete(step.side);
      } else held.linkSeq = linkSeq + together - 1;
    }
  };

  const read = (who: Name, { upTo, one, stale }: { upTo: number; one: number; stale: string }): void => {
    const { relay, reference } = watched[HOMES[who]];
    const writer = writers.get(who) as Writer;
    const { epoch } = boxOf(reference.book, `agent ${who}`);
    const settle = {
      generation: stale === "generation" ? new Uint8Array(8) : relay.generation,
      epoch: stale === "epoch" ? epoch - 1 : epoch,
      floor: upTo,
      ranges: [[one, one + 1]],
    };
    relay.feed({ kind: "settle", session: writer.session, settle });
  };

  const end = (side: Side, at: number, isTold: boolean): void => {
    const { relay, reference } = watched[side];
    const overdue = relay.machine.overdue(Number.MAX_SAFE_INTEGER, 1000);
    const durable = [...reference.book.boxes].flatMap(([box, { stored }]) =>
      [...stored.keys()].filter((position) => position <= reference.tailOf(box)),
    );
    if (overdue.length !== durable.length) parted(`${side}: ${overdue.length} may end of ${durable.length}`);
    const each = overdue[at % Math.max(1, overdue.length)];
    if (each === undefined) return;
    const notice = each.wantsNotice && isTold ? utf8("it ended") : undefined;
    relay.feed({ kind: "end", agent: each.agent.key, position: each.position, ending: "expired", notice });
  };

  /** Whatever waits there, or nothing. */
  const endWildly = (side: Side, at: number): void => {
    const { relay } = watched[side];
    const { agents, peers } = relay.machine.state;
    const keys = [...agents.values(), ...peers.values()].map(({ key }) => key);
    relay.feed({ kind: "end", agent: keys[at % keys.length] ?? "", position: 1 + (at >> 2), ending: "expired", notice: utf8("it ended") });
    relay.feed({ kind: "end", agent: "nobody", position: 1, ending: "expired", notice: undefined });
  };

  const take = (step: Step): void => {
    if (step.do === "mail") mail(step);
    else if (step.do === "north") north(step);
    else if (step.do === "read") read(step.who, step);
    else if (step.do === "sync") watched[step.side].relay.sync();
    else if (step.do === "rotate") watched[step.side].rotate(++written % 2 === 0 ? "mail" : undefined);
    else if (step.do === "north comes") {
      const number = session();
      norths.set(step.side, { session: number, linkSeq: 0 });
      const before = watched[step.side].relay;
      before.attach(number, "north", { role: "peer", link: number % 250 });
    } else if (step.do === "carry") hops[step.side].carry(step.count);
    else if (step.do === "back") hops[step.side].carryBack(step.count);
    else if (step.do === "cut" || step.do === "connect" || step.do === "idle") for (const side of SIDES) hops[side][step.do]();
    else if (step.do === "crash") {
      watched[step.side].crash(step.more);
      for (const from of SIDES) hops[from][from === step.side ? "restart" : "cut"]();
      start(step.side);
    } else if (step.do === "end") step.wild ? endWildly(step.side, step.at) : end(step.side, step.at, step.told);
    else if (step.do === "ban") watched[step.side].relay.feed({ kind: "ban", agentId: agentId(step.whom), banned: step.banned, why: "" });
    else if (step.do === "trouble") {
      const trouble = step.on ? ({ code: "disk-full", why: "no room", afterMs: 100 } as const) : undefined;
      watched[step.side].relay.feed({ kind: "trouble", trouble });
    } else if (step.do === "hear") {
      for (let each = 0; each <= step.more; each++) hear(step.side, step.whom, `wss://${step.url + each}/`, step.teller, step.met);
    } else if (step.do === "guest") guest(step.side, step.whom, step.leaves);
    else if (step.do === "block")
      watched[HOMES[step.who]].relay.feed({ kind: "blocked", session: (writers.get(step.who) as Writer).session, blocked: step.blocked });
    else if (step.do === "wait") for (const side of SIDES) watched[side].relay.nowMs += step.ms;
    heed();
    compare();
  };

  const guest = (side: Side, whom: string, leaves: boolean): void => {
    const { relay } = watched[side];
    const key = `${side} ${whom}`;
    const before = guests.get(key);
    if (before !== undefined) relay.feed({ kind: "detach", session: before });
    guests.delete(key);
    if (leaves) return;
    const number = session();
    guests.set(key, number);
    relay.attach(number, whom, { role: "peer", link: number % 250 });
  };

  const compare = (): void => {
    const somewhere = new Set<string>();
    for (const side of SIDES) {
      watched[side].compare();
      const { book, ended } = watched[side].reference;
      for (const id of ended) somewhere.add(id);
      for (const { stored } of book.boxes.values()) for (const { id } of stored.values()) somewhere.add(id);
    }
    for (const id of promised) if (!somewhere.has(id)) parted(`${id} was acknowledged, and is nowhere`);
  };

  /** What waits for agents of the other relay, and has time. */
  const waitsFor = (side: Side) => {
    const other = side === "east" ? "west" : "east";
    const { book, relays } = watched[side].reference;
    // A relay whose places are all taken by others that mail waits for lets nobody new in.
    const isLetIn = watched[other].reference.relays.has(side);
    const waiting = relays.has(other) && isLetIn ? [...boxOf(book, `relay ${other}`).stored.values()] : [];
    return waiting.filter(({ to, expiresAtMs }) => livesAt(other, to) && expiresAtMs > NOW_MS + 10 * DAY_MS);
  };

  for (const side of SIDES) start(side);
  for (const hop of Object.values(hops)) hop.connect();
  heed();
  return {
    take,
    /** Nobody is turned away, the disks are well, everybody reads: what waited for the link has come over. */
    settleDown(): void {
      for (const side of SIDES) {
        const { relay } = watched[side];
        relay.feed({ kind: "trouble", trouble: undefined });
        for (const whom of NAMES) relay.feed({ kind: "ban", agentId: agentId(whom), banned: false, why: "" });
        for (const name of GUESTS) guest(side, name, true);
        hops[side].restart();
        relay.sync();
        for (const name of AGENTS) if (HOMES[name] === side) comeBack(name);
      }
      heed();
      for (let round = 0; round < 40; round++) {
        for (const name of AGENTS) read(name, { upTo: 10_000, one: 1, stale: "" });
        for (const hop of Object.values(hops)) {
          hop.connect();
          heed();
          hop.carry(1000);
          heed();
          hop.to.sync();
          heed();
          hop.carryBack(1000);
          heed();
          hop.from.sync();
          heed();
        }
        if (SIDES.every((side) => waitsFor(side).length === 0)) break;
        for (const side of SIDES) watched[side].relay.nowMs += DAY_MS / 24;
      }
      compare();
      for (const side of SIDES) for (const { id } of waitsFor(side)) parted(`${id} does not come over from ${side}`);
    },
  };
}
