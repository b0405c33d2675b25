/**
 * Random histories of two relays with a link that breaks, and of a third relay that floods one of them: what was acknowledged
 * to an agent is never nowhere, every load is what it counts, and no share is overdrawn.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, EMPTY, utf8 } from "../../wire/bytes.ts";
import { envelopeId } from "../../wire/envelope.ts";
import type { RelayDefences, RelayOutput } from "./mailbox-events.ts";
import { emptyLoad, findPeer, type Load, mailboxOwners, type RelayState } from "./mailbox-state.ts";
import { createHop, type Hop, storedId } from "./test-federation.ts";
import { agentId, createTestRelay, envelope, key, NOW_MS, type TestRelay } from "./test-relay.ts";

const HOMES = { alice: "east", anna: "east", bob: "west", bea: "west" } as const;
type Name = keyof typeof HOMES;
type Side = "east" | "west";
const NAMES = Object.keys(HOMES) as readonly Name[];
const SIDES = ["east", "west"] as const;
const STORE_MESSAGES = 400;
/** A tenth and a fifth of the store and of a mailbox are less: the floor of a share. */
const SHARE = 64;
const FLOOD = 24;
/** No history waits so long: what ends here, ends because it was ended. */
const LONG_MS = 20 * 24 * 3_600_000;

type Op =
  | { readonly do: "mail"; readonly from: Name; readonly to: Name }
  | { readonly do: "read" | "list"; readonly who: Name; readonly part: number }
  | { readonly do: "sync" | "rotate" | "state" | "expire"; readonly side: Side }
  | { readonly do: "carry" | "back"; readonly side: Side; readonly count: number }
  | { readonly do: "cut" | "connect" | "wait" | "flood" | "idle" | "junk" }
  | { readonly do: "crash"; readonly side: Side; readonly more: number };

const who = fc.constantFrom(...NAMES);
const side = fc.constantFrom(...SIDES);
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("mail" as const), from: who, to: who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("read" as const, "read" as const, "list" as const), who, part: fc.nat(100) }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constantFrom("sync" as const, "sync" as const, "sync" as const, "rotate" as const, "state" as const, "expire" as const),
      side,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom("carry" as const, "back" as const), side, count: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "connect" as const,
        "connect" as const,
        "cut" as const,
        "wait" as const,
        "flood" as const,
        "flood" as const,
        "idle" as const,
        "junk" as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), side, more: fc.nat(6) }) },
);

interface Writer {
  session: number;
  linkSeq: number;
  acked: number;
  readonly sent: Map<number, { readonly id: string; readonly to: Name; refused: boolean }>;
}

interface World {
  readonly relays: Readonly<Record<Side, TestRelay>>;
  run(op: Op): void;
  check(): void;
  /** Everything that broke is mended; the mail that waited for the link has come over. */
  settleDown(): void;
}

function createWorld(defences: Partial<RelayDefences>): World {
  const limits = { storeMessages: STORE_MESSAGES, mailboxMessages: 300, agents: 10, relayPeers: 2, noticeExpiryMs: LONG_MS };
  const relays = { east: createTestRelay(defences, limits, "east"), west: createTestRelay(defences, limits, "west") };
  const writers = new Map<Name, Writer>();
  const promised = new Map<string, Name>();
  const gone = new Set<string>();
  let numbers = 0;
  let seq = 0;
  let evil = { session: 0, linkSeq: 0 };
  const session = (): number => ++numbers;
  const hops: readonly [Hop, Hop] = [
    createHop({ from: relays.east, fromName: "east", to: relays.west, toName: "west", session }),
    createHop({ from: relays.west, fromName: "west", to: relays.east, toName: "east", session }),
  ];
  const hopFrom = (from: Side): Hop => (from === "east" ? hops[0] : hops[1]);

  const heed = (): void => {
    for (let came = true; came; ) {
      came = false;
      for (const each of SIDES) {
        const outputs = relays[each].take();
        came ||= outputs.length > 0;
        for (const output of outputs) noteForWriter(output);
        for (const hop of hops) hop.heed(relays[each], outputs);
      }
    }
  };

  const noteForWriter = (output: RelayOutput): void => {
    if (output.kind !== "ack" && output.kind !== "refuse") return;
    const writer = [...writers.values()].find((each) => each.session === output.session);
    if (writer === undefined) return;
    if (output.kind === "refuse") {
      const sent = writer.sent.get(output.linkSeq);
      if (sent !== undefined) sent.refused = true;
      return;
    }
    for (let linkSeq = writer.acked + 1; linkSeq <= output.upTo; linkSeq++) {
      const sent = writer.sent.get(linkSeq);
      if (sent !== undefined && !sent.refused) promised.set(sent.id, sent.to);
    }
    writer.acked = Math.max(writer.acked, output.upTo);
  };

  const enter = (name: Name): void => {
    const number = session();
    writers.set(name, { session: number, linkSeq: 0, acked: 0, sent: new Map() });
    relays[HOMES[name]].attach(number, name, { link: number % 250 });
  };

  const hear = (at: Side, name: string): void =>
    void relays[at].feed({ kind: "peer", relayId: agentId(name), url: "wss://r/", bundle: undefined });

  const start = (at: Side): void => {
    for (const name of NAMES) if (HOMES[name] === at) enter(name);
    if (at !== "west") return;
    evil = { session: session(), linkSeq: 0 };
    relays.west.attach(evil.session, "evil", { role: "peer", link: evil.session % 250 });
  };

  /** Reads a part of what waits and lets go of it. */
  const read = (name: Name, part: number): void => {
    const relay = relays[HOMES[name]];
    const mailbox = relay.machine.lookup("agent", agentId(name))?.mailbox;
    if (mailbox === undefined) return;
    const { generation } = relay;
    const floor = Math.min(mailbox.syncedTail, Math.floor(((mailbox.nextPosition - 1) * part) / 100));
    for (const [position, mail] of mailbox.stored) if (position <= floor) gone.add(storedId(mail));
    const writer = writers.get(name) as Writer;
    relay.feed({ kind: "settle", session: writer.session, settle: { generation, epoch: mailbox.epoch, floor, ranges: [] } });
  };

  const run = (each: Op): void => {
    if (each.do === "mail") {
      const writer = writers.get(each.from) as Writer;
      if (writer.linkSeq - writer.acked >= 64) return;
      const what = envelope(each.from, each.to, ++seq, { expiresAtMs: NOW_MS + LONG_MS });
      if (HOMES[each.from] !== HOMES[each.to]) hear(HOMES[each.from], HOMES[each.to]);
      writer.sent.set(++writer.linkSeq, { id: envelopeId(what), to: each.to, refused: false });
      relays[HOMES[each.from]].mail(writer.session, writer.linkSeq, what, HOMES[each.to]);
    } else if (each.do === "read") read(each.who, each.part);
    else if (each.do === "list") {
      const lists = [EMPTY, concat(agentId("anna").slice(0, 8))];
      const open = each.part % 2 === 0;
      const writer = writers.get(each.who) as Writer;
      const contacts = concat(agentId("alice").slice(0, 8), agentId("east").slice(0, 8));
      const blocked = lists[each.part % 3] ?? EMPTY;
      relays[HOMES[each.who]].feed({ kind: "contacts", session: writer.session, version: each.part, open, contacts, blocked });
    } else if (each.do === "sync") relays[each.side].sync();
    else if (each.do === "rotate") relays[each.side].rotate(++seq % 2 === 0 ? "mail" : undefined);
    else if (each.do === "state") {
      relays[each.side].feed({ kind: "statement-due" });
      relays[each.side].feed({ kind: "signed", signature: new Uint8Array(64) });
    } else if (each.do === "expire") {
      const [overdue] = relays[each.side].machine.overdue(Number.MAX_SAFE_INTEGER, 1);
      if (overdue === undefined) return;
      gone.add(storedId(overdue.mail));
      const notice = overdue.wantsNotice ? utf8("notice") : undefined;
      relays[each.side].feed({ kind: "end", agent: overdue.agent.key, position: overdue.position, ending: "expired", notice });
    } else if (each.do === "carry") hopFrom(each.side).carry(each.count);
    else if (each.do === "back") hopFrom(each.side).carryBack(each.count);
    else if (each.do === "cut") for (const hop of hops) hop.cut();
    else if (each.do === "connect") for (const hop of hops) hop.connect();
    else if (each.do === "idle") for (const hop of hops) hop.idle();
    else if (each.do === "junk") for (const at of SIDES) hear(at, `junk ${++seq}`);
    else if (each.do === "wait") for (const at of SIDES) relays[at].nowMs += 70_000;
    else if (each.do === "flood") {
      for (let index = 0; index < FLOOD; index++) {
        const what = envelope(`invented ${++seq}`, seq % 2 === 0 ? "bob" : "bea", seq);
        relays.west.feed({ kind: "mails", session: evil.session, mails: [{ linkSeq: ++evil.linkSeq, hopLimit: 7, envelope: what.bytes }] });
      }
      relays.west.sync();
    } else if (each.do === "crash") {
      const released = new Set(relays[each.side].released);
      relays[each.side].crash(each.more);
      for (const { mailbox } of mailboxOwners(relays[each.side].machine.state))
        for (const mail of mailbox.stored.values())
          if (mail.place !== undefined && released.has(key(mail.place))) throw new Error("let go of, and back after a crash");
      for (const hop of hops)
        if (hop.from === relays[each.side]) hop.restart();
        else hop.cut();
      start(each.side);
    }
  };

  const check = (): void => {
    const waits = new Set<string>();
    for (const at of SIDES) {
      const { state } = relays[at].machine;
      for (const owner of mailboxOwners(state)) {
        for (const mail of owner.mailbox.stored.values()) {
          waits.add(storedId(mail));
          if (mail.place !== undefined && relays[at].released.has(key(mail.place))) throw new Error("released while it waits");
        }
      }
      checkLoads(state);
      checkShares(state);
    }
    for (const [id, to] of promised) if (!waits.has(id) && !gone.has(id)) throw new Error(`acknowledged ${id} to ${to} is nowhere`);
  };

  for (const at of SIDES) start(at);
  heed();
  return {
    relays,
    run: (each) => {
      run(each);
      heed();
    },
    check,
    settleDown: () => {
      for (const at of SIDES) {
        relays[at].feed({ kind: "detach", session: evil.session });
        for (const name of NAMES) if (HOMES[name] === at) openUp(name);
      }
      for (let round = 0; round < 12; round++) {
        for (const name of NAMES) read(name, 100);
        for (const hop of hops) {
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
        for (const at of SIDES) relays[at].nowMs += 2 * 3_600_000;
      }
    },
  };

  function openUp(name: Name): void {
    const writer = writers.get(name) as Writer;
    const relay = relays[HOMES[name]];
    relay.feed({ kind: "contacts", session: writer.session, version: 999, open: true, contacts: EMPTY, blocked: EMPTY });
    relay.sync();
    heed();
    read(name, 100);
    relay.sync();
    heed();
  }
}

/** Every load is the sum over the mail it is about. */
function checkLoads(state: RelayState): void {
  const [relayed, routed] = [emptyLoad(), emptyLoad()];
  const charged = new Map<unknown, Load>();
  const outbound = new Map<unknown, Load>();
  const add = (load: Load, bytes: number): Load => {
    load.messages++;
    load.bytes += bytes;
    return load;
  };
  let messages = 0;
  for (const { mailbox } of mailboxOwners(state)) {
    const strangers = { mail: emptyLoad(), other: emptyLoad() };
    for (const { sender, sizeBytes, wantsNotice } of mailbox.stored.values()) {
      messages++;
      if (mailbox.route) add(routed, sizeBytes);
      if (mailbox.route && sender.author !== undefined)
        outbound.set(sender.author, add(outbound.get(sender.author) ?? emptyLoad(), sizeBytes));
      if (sender.via !== undefined) {
        add(relayed, sizeBytes);
        charged.set(sender.via, add(charged.get(sender.via) ?? emptyLoad(), sizeBytes));
      }
      if (sender.stranger) add(wantsNotice ? strangers.mail : strangers.other, sizeBytes);
    }
    expect(mailbox.strangers).toEqual(strangers);
    const writers = new Set([...mailbox.stored.values()].map(({ sender }) => sender));
    expect(mailbox.senders.size, "a sender is kept only while its mail waits").toBe(writers.size);
  }
  expect([state.relayed, state.routed, state.storedMessages]).toEqual([relayed, routed, messages]);
  for (const owner of mailboxOwners(state)) {
    expect(owner.outbound).toEqual(outbound.get(owner) ?? emptyLoad());
    if (owner.peer !== undefined) expect(owner.peer.charged).toEqual(charged.get(owner) ?? emptyLoad());
  }
}

function checkShares(state: RelayState): void {
  for (const owner of mailboxOwners(state)) {
    if (owner.peer !== undefined) expect(owner.peer.charged.messages, "mail of a peer").toBeLessThanOrEqual(SHARE);
    if (owner.peer !== undefined) expect(owner.mailbox.stored.size, "mail for a peer").toBeLessThanOrEqual(SHARE);
  }
}

function play(ops: readonly Op[], defences: Partial<RelayDefences> = {}): World {
  const world = createWorld(defences);
  for (const each of ops) {
    world.run(each);
    world.check();
  }
  return world;
}

const history = fc.array(op, { minLength: 20, maxLength: 140 });

function isCaught(defences: Partial<RelayDefences>): boolean {
  return fc.check(
    fc.property(history, (ops) => void play(ops, defences)),
    { numRuns: 300, seed: 11 },
  ).failed;
}

describe("any history of two relays", () => {
  it("keeps what was promised, within every share, and brings it over when the link holds", () => {
    fc.assert(
      fc.property(history, (ops) => {
        const world = play(ops);
        world.settleDown();
        world.check();
        for (const [at, other] of [
          ["east", "west"],
          ["west", "east"],
        ] as const)
          expect(findPeer(world.relays[at].machine.state, agentId(other))?.mailbox.stored.size ?? 0).toBe(0);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  for (const defence of ["ackAfterSync", "pools"] as const) {
    it(`breaks a promise without ${defence}`, () => {
      expect(isCaught({ [defence]: false })).toBe(true);
    }, 60_000);
  }
});
