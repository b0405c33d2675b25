/** Shares of mailboxes, routes and the store, beside sums over everything that waits; what settles and what is overdue beside lists. */
import type { Draws } from "../../../packages/perdure/src/host/simulated/index.ts";
import { createContactList, turnsAway } from "../../../packages/perdure/src/protocol/delivery/contact-list.ts";
import { isFromStranger, lackOfRoom } from "../../../packages/perdure/src/protocol/delivery/mailbox-shares.ts";
import {
  type AgentState,
  addAgent,
  type Load as Counted,
  createRelayState,
} from "../../../packages/perdure/src/protocol/delivery/mailbox-state.ts";
import { findOverdue } from "../../../packages/perdure/src/protocol/delivery/overdue.ts";
import { createPeer } from "../../../packages/perdure/src/protocol/delivery/peer-state.ts";
import { grantSettle } from "../../../packages/perdure/src/protocol/delivery/settling.ts";
import { dropMail, keepMail, OWN_ORIGIN, originOf, recountStrangers } from "../../../packages/perdure/src/protocol/delivery/stored-mail.ts";
import { type Bytes, concat, utf8 } from "../../../packages/perdure/src/wire/bytes.ts";
import { type Envelope, FROM_AT, SUITE_UNSEALED } from "../../../packages/perdure/src/wire/envelope.ts";
import { parted, type Room, type RoomTools } from "../room.ts";
import { type Filter, isRoute, type Limits, lacks, MIB, senderOf, sumOf, type Waiting } from "./reference.ts";

type Step =
  | {
      readonly do: "put";
      readonly route: boolean;
      readonly box: number;
      readonly by: "agent" | "peer" | "relay";
      readonly who: number;
      readonly from: number;
      readonly isMail: boolean;
      readonly bytes: number;
      readonly livesMs: number;
      readonly count: number;
      /** Each into another mailbox. */
      readonly spread: boolean;
    }
  | {
      readonly do: "settle";
      readonly route: boolean;
      readonly box: number;
      readonly ranges: readonly (readonly [number, number])[];
      readonly tail: number;
    }
  | { readonly do: "drop"; readonly nth: number }
  | {
      readonly do: "contacts";
      readonly box: number;
      readonly open: boolean;
      readonly agents: readonly number[];
      readonly writers: readonly number[];
      readonly blocked: readonly number[];
    }
  | { readonly do: "overdue"; readonly beforeMs: number; readonly limit: number; readonly lag: number };

const STEPS = 24;
const AGENTS = 4;
const CARRIERS = 3;
const WRITERS = 3;
const ROUTES = 20;
const MOST_BYTES = 3 * MIB;

export const shares: Room<Step> = {
  name: "shares",
  about: "who may fill how much of what, beside sums over everything that waits",
  draw: (draws) => {
    const one = <Value>(...values: readonly Value[]): Value => values[draws.below(values.length)] as Value;
    const some = (below: number): readonly number[] => Array.from({ length: below }, (_, index) => index).filter(() => draws.chance(0.5));
    return Array.from({ length: STEPS }, (): Step => {
      const kind = draws.below(20);
      const route = draws.chance(0.35);
      const box = route ? (draws.chance(0.7) ? draws.below(3) : draws.below(ROUTES)) : draws.below(2);
      if (kind < 12)
        return {
          do: "put",
          route,
          box,
          by: route ? one("agent", "agent", "agent", "relay") : one("agent", "agent", "peer", "peer", "peer", "relay"),
          who: draws.chance(0.6) ? 0 : draws.below(CARRIERS),
          from: draws.chance(0.5) ? 0 : draws.below(WRITERS),
          isMail: draws.chance(0.7),
          bytes: draws.chance(0.4) ? 1 + draws.below(MOST_BYTES) : 100 + draws.below(900),
          livesMs: draws.below(1000),
          count: draws.chance(0.5) ? 1 + draws.below(3) : 20 + draws.below(60),
          spread: draws.chance(0.15),
        };
      if (kind < 15) {
        const from = 1 + draws.below(90);
        const ranges = Array.from({ length: 1 + draws.below(3) }, () => [draws.below(4) + from - 1, from + draws.below(60)] as const);
        return { do: "settle", route, box, ranges: draws.chance(0.1) ? [[5, 2], ...ranges] : ranges, tail: draws.below(120) };
      }
      if (kind < 16) return { do: "drop", nth: draws.below(300) };
      if (kind < 18)
        return {
          do: "contacts",
          box: draws.below(2),
          open: draws.chance(0.2),
          agents: some(AGENTS),
          writers: some(WRITERS),
          blocked: some(WRITERS),
        };
      return { do: "overdue", beforeMs: draws.below(1100), limit: one(1, 5, 999), lag: draws.below(3) };
    });
  },
  run: async (steps, tools) => {
    const play = createPlay(drawLimits(tools.draws("limits")), tools);
    for (const step of steps) {
      play.take(step);
      play.compare();
    }
  },
};

const drawLimits = (draws: Draws): Limits => ({
  mailboxMessages: 60 + draws.below(70),
  mailboxBytes: (20 + draws.below(40)) * MIB,
  storeMessages: 200 + draws.below(200),
  storeBytes: (60 + draws.below(80)) * MIB,
  peerPercent: 10 + draws.below(40),
  peersPercent: 20 + draws.below(40),
  routePercent: 10 + draws.below(40),
  senderPercent: 40 + draws.below(55),
  senderStoredPercent: 20 + draws.below(60),
  strangersPercent: 40 + draws.below(55),
  relayPeers: 12 + draws.below(16),
});

interface Play {
  take(step: Step): void;
  compare(): void;
}

function createPlay(limits: Limits, { hash: { sha256 } }: RoomTools): Play {
  const idOf = (word: string): Bytes => sha256(utf8(word));
  const relayId = idOf("the relay");
  const state = createRelayState(relayId);
  const agents = Array.from({ length: AGENTS }, (_, index) => addAgent(state, idOf(`agent ${index}`)));
  const peers = Array.from({ length: ROUTES }, (_, index) => createPeer(state, sha256, idOf(`relay ${index}`)));
  const ownerOf = (route: boolean, box: number): AgentState => (route ? peers[box] : agents[box]) as AgentState;
  const nameOf = (owner: AgentState): string => (owner.peer === undefined ? `a${agents.indexOf(owner)}` : `r${peers.indexOf(owner)}`);
  const boxOf = (name: string): AgentState => ownerOf(name.startsWith("r"), Number(name.slice(1)));
  /** One that an agent of this relay and one behind another may both claim to be. */
  const writerOf = (index: number): Bytes => (index === 0 ? (agents[0] as AgentState).idRaw : idOf(`writer ${index}`));
  const bytes = new Uint8Array(MOST_BYTES + 1);
  const known = new Map<string, { readonly open: boolean; readonly entries: ReadonlySet<string> }>();
  let waiting: Waiting[] = [];

  const isStrange = (each: Waiting): boolean => {
    const list = known.get(each.box);
    if (isRoute(each) || senderOf(each) === undefined || list === undefined || list.open) return false;
    return !list.entries.has(each.author === undefined ? `${each.from} by ${each.via}` : `a${each.author}`);
  };

  const put = (step: Extract<Step, { do: "put" }>): void => {
    for (let sent = 0; sent < step.count; sent++) {
      const owner = ownerOf(step.route, step.spread ? (step.box + sent) % (step.route ? ROUTES : 2) : step.box);
      const { mailbox } = owner;
      const from = step.by === "relay" ? relayId : step.by === "agent" ? (agents[step.who] as AgentState).idRaw : writerOf(step.from);
      // Nothing else of these bytes is looked at.
      bytes.set(from, FROM_AT);
      const envelope: Envelope = {
        class: step.isMail ? "mail" : "receipt",
        from,
        to: owner.idRaw,
        stream: new Uint8Array(8),
        seq: 1,
        expiresAtMs: step.livesMs + sent,
        inboxKeyId: new Uint8Array(8),
        suite: SUITE_UNSEALED,
        body: new Uint8Array(0),
        digest: new Uint8Array(16),
        bytes: bytes.subarray(0, step.bytes),
      };
      const one: Waiting = {
        box: nameOf(owner),
        position: mailbox.nextPosition,
        author: step.by === "agent" ? step.who : undefined,
        via: step.by === "peer" ? step.who : undefined,
        from: `w${step.from}`,
        isMail: step.isMail,
        bytes: step.bytes,
        expiresAtMs: envelope.expiresAtMs,
      };
      const origin = step.by === "relay" ? OWN_ORIGIN : originOf((step.by === "agent" ? agents : peers)[step.who] as AgentState, { from });
      const wanted = lacks(limits, waiting, one, isStrange);
      const lack = lackOfRoom(state, limits, true, owner, envelope, origin);
      const said = lack === undefined ? "" : `${lack.limit.name}=${lack.limit.value}/${lack.limit.remaining}`;
      if (lack === undefined ? wanted.length > 0 : !wanted.includes(said) || lack.why === "")
        parted(`${one.bytes} bytes for ${one.box} lack "${said}", not ${wanted.join(" or ")}`);
      const open = lackOfRoom(state, limits, false, owner, envelope, origin)?.limit.name;
      const isFull = wanted.some((each) => each.startsWith("mailbox"));
      if (!step.route && (open !== undefined) !== isFull) parted(`without shares ${one.box} lacks ${open}`);
      if (!step.route && isFromStranger(state, owner, envelope, origin) !== isStrange(one))
        parted(`${senderOf(one)} is no stranger to ${one.box}, or is one`);
      if (lack !== undefined) return;
      keepMail(state, owner, mailbox.nextPosition++, envelope, origin, 0, { segment: 1, offset: waiting.length, length: 1 });
      waiting.push(one);
    }
  };
  const settle = ({ route, box, ranges, tail }: Extract<Step, { do: "settle" }>): void => {
    const owner = ownerOf(route, box);
    const name = nameOf(owner);
    const last = Math.min(tail, owner.mailbox.nextPosition - 1);
    const before = new Set(numbersOf(owner.mailbox.settled.ranges));
    const asked = new Set(numbersOf(ranges.filter(([first]) => first > 0)));
    const granted = grantSettle(state, owner.mailbox, ranges, last);
    const due = [...asked].filter((position) => position <= last && !before.has(position));
    const released = waiting.filter((each) => each.box === name && due.includes(each.position));
    waiting = waiting.filter((each) => !released.includes(each));
    if (granted.messages !== released.length || granted.places.length !== released.length)
      parted(`${granted.messages} messages are let go of, not ${released.length}`);
    const got = new Set([...before, ...numbersOf(granted.ranges)]);
    if (textOf(got) !== textOf(new Set([...before, ...due]))) parted(`granted is ${textOf(got)}`);
    if (granted.ranges.length > 0 !== due.length > 0) parted("what was settled before is granted again");
    if (textOf(new Set(numbersOf(owner.mailbox.settled.ranges))) !== textOf(got)) parted("what is granted is not settled");
    const later = [...asked].filter((position) => position > last);
    if (textOf(new Set(numbersOf(granted.waiting))) !== textOf(new Set(later))) parted(`${JSON.stringify(granted.waiting)} waits`);
  };
  const overdue = ({ beforeMs, limit, lag }: Extract<Step, { do: "overdue" }>): void => {
    for (const { mailbox } of [...agents, ...peers]) mailbox.syncedTail = Math.max(0, mailbox.nextPosition - 1 - lag);
    const due = waiting
      .filter((each) => each.expiresAtMs <= beforeMs && each.position <= boxOf(each.box).mailbox.syncedTail)
      .map((each) => `${each.box} ${each.position} ${each.isMail && senderOf(each) !== undefined}`);
    const found = findOverdue(state, beforeMs, limit).map(
      ({ agent, position, wantsNotice }) => `${nameOf(agent)} ${position} ${wantsNotice}`,
    );
    if (found.length !== Math.min(limit, due.length) || found.some((each) => !due.includes(each)))
      parted(`overdue are ${found.join(", ")}, not ${due.join(", ")}`);
  };
  const contacts = (step: Extract<Step, { do: "contacts" }>): void => {
    const owner = ownerOf(false, step.box);
    const entry = (id: Bytes, home: Bytes): Bytes => concat(id.slice(0, 8), home.slice(0, 8));
    // Writers are known through the first relay that brings mail.
    const home = (peers[0] as AgentState).idRaw;
    const entries = [
      ...step.agents.map((index) => entry((agents[index] as AgentState).idRaw, relayId)),
      ...step.writers.map((index) => entry(writerOf(index), home)),
    ];
    const blocked = concat(...step.blocked.map((index) => writerOf(index).slice(0, 8)));
    owner.contacts = createContactList(1, step.open, concat(...entries.toReversed()), blocked);
    recountStrangers(state, owner);
    const names = [...step.agents.map((index) => `a${index}`), ...step.writers.map((index) => `w${index} by 0`)];
    known.set(nameOf(owner), { open: step.open, entries: new Set(names) });
    for (let index = 0; index < WRITERS; index++)
      if (turnsAway(owner.contacts, writerOf(index), 0) !== step.blocked.includes(index))
        parted(`writer ${index} is turned away, or is not`);
    if (createContactList(1, true, new Uint8Array(15), new Uint8Array(8)) !== undefined) parted("half an entry is taken");
    if (createContactList(1, true, new Uint8Array(16), new Uint8Array(7)) !== undefined) parted("half an id is taken");
  };

  return {
    take: (step) => {
      if (step.do === "put") return put(step);
      if (step.do === "settle") return settle(step);
      if (step.do === "overdue") return overdue(step);
      if (step.do === "contacts") return contacts(step);
      const one = waiting[step.nth];
      const owner = one === undefined ? undefined : boxOf(one.box);
      if (one === undefined || owner === undefined) return;
      if (owner.mailbox.stored.get(one.position)?.sizeBytes !== one.bytes) parted("something else waits there");
      if (!dropMail(state, owner.mailbox, one.position)) parted("nothing is dropped");
      if (dropMail(state, owner.mailbox, one.position)) parted("it is dropped twice");
      owner.mailbox.settled.add(one.position);
      waiting = waiting.filter((each) => each !== one);
    },
    compare: () => {
      const is = (what: string, { messages, bytes: size }: Counted, which: Filter): void => {
        const sum = sumOf(waiting, which);
        if (messages !== sum.messages || size !== sum.bytes)
          parted(`${what}: ${messages}, ${size} bytes, not ${sum.messages}, ${sum.bytes}`);
      };
      is("the store", { messages: state.storedMessages, bytes: state.storedBytes }, () => true);
      is("what other relays brought", state.relayed, (each) => each.via !== undefined && !isRoute(each));
      is("what waits for other relays", state.routed, isRoute);
      for (const [index, agent] of agents.entries()) {
        is(`mail of agent ${index}`, agent.authored, ({ author }) => author === index);
        is(`mail of agent ${index} for other relays`, agent.outbound, (each) => each.author === index && isRoute(each));
        const routes = new Set(waiting.filter((each) => each.author === index && isRoute(each)).map(({ box }) => box)).size;
        if (agent.routes !== routes) parted(`mail of agent ${index} waits for ${agent.routes} relays, not ${routes}`);
      }
      for (const owner of [...agents, ...peers]) {
        const name = nameOf(owner);
        const { mailbox } = owner;
        const here: Filter = ({ box }) => box === name;
        is(`mailbox ${name}`, { messages: mailbox.stored.size, bytes: mailbox.storedBytes }, here);
        is(`strangers in ${name}`, mailbox.strangers.mail, (each) => here(each) && each.isMail && isStrange(each));
        is(`receipts of strangers in ${name}`, mailbox.strangers.other, (each) => here(each) && !each.isMail && isStrange(each));
        const theirs = new Set(waiting.filter(here).map((each) => senderOf(each) ?? ""));
        if (mailbox.senders.size !== theirs.size) parted(`${mailbox.senders.size} senders in ${name}, not ${theirs.size}`);
        if (owner.peer !== undefined) is(`what ${name} brought`, owner.peer.charged, (each) => !isRoute(each) && `r${each.via}` === name);
        if (mailbox.stored.size > 0 && mailbox.earliestExpiryMs > Math.min(...[...mailbox.stored.values()].map((each) => each.expiresAtMs)))
          parted(`nothing in ${name} is thought to expire before ${mailbox.earliestExpiryMs}`);
      }
    },
  };
}

function numbersOf(ranges: readonly (readonly [number, number])[]): readonly number[] {
  return ranges.flatMap(([first, last]) => Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index));
}

function textOf(numbers: ReadonlySet<number>): string {
  return [...numbers].sort((one, other) => one - other).join();
}
