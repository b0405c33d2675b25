import { describe, expect, it } from "vitest";
import { type Bytes, concat, EMPTY, utf8 } from "../../wire/bytes.ts";
import type { Load } from "./mailbox-state.ts";
import { agentId, createTestRelay, envelope, LIMITS, refusalsIn, settleOf, type TestRelay, waitingFor, waitingIn } from "./test-relay.ts";

const SENDER_SHARE = LIMITS.mailboxMessages / 10;
const STRANGERS_SHARE = LIMITS.mailboxMessages / 5;

interface Flood {
  readonly from: (index: number) => string;
  readonly to?: (index: number) => string;
  readonly home?: string;
  readonly class?: "receipt";
}

interface Line {
  readonly relay: TestRelay;
  /** Sends so many over a session and gives how many were taken. */
  flood(session: number, count: number, what: Flood): number;
}

/** Bob (session 2) and Carol (4) live here and read nothing; the relays "far" (3) and "third" (5) are connected. */
function line(...options: Parameters<typeof createTestRelay>): Line {
  const relay = createTestRelay(...options);
  const linkSeqs = new Map<number, number>();
  relay.attach(2, "bob", { consume: false });
  relay.attach(4, "carol", { consume: false });
  relay.attach(3, "far", { role: "peer" });
  relay.attach(5, "third", { role: "peer" });
  return {
    relay,
    flood: (session, count, { from, to = () => "bob", home, class: of }) => {
      let taken = 0;
      for (let index = 0; index < count; index++) {
        const linkSeq = (linkSeqs.get(session) ?? 0) + 1;
        linkSeqs.set(session, linkSeq);
        const options = of === undefined ? {} : { class: of };
        const refused = refusalsIn(relay.mail(session, linkSeq, envelope(from(index), to(index), linkSeq, options), home));
        if (refused.length === 0) taken++;
        else expect(refused).toEqual([`${linkSeq} mailbox-full after`]);
        relay.sync();
        relay.take();
      }
      return taken;
    },
  };
}

const entry = (name: string, home: string): Bytes => concat(agentId(name).slice(0, 8), agentId(home).slice(0, 8));

function tell(
  relay: TestRelay,
  session: number,
  { contacts = [], blocked = [], open = false }: { contacts?: readonly Bytes[]; blocked?: readonly string[]; open?: boolean },
): void {
  relay.feed({
    kind: "contacts",
    session,
    version: 1,
    open,
    contacts: concat(...contacts),
    blocked: concat(...blocked.map((name) => agentId(name).slice(0, 8))),
  });
  relay.sync();
}

describe("one sender", () => {
  it("fills its share of a mailbox, and leaves the rest to others", () => {
    const { flood } = line();
    expect(flood(3, SENDER_SHARE + 50, { from: () => "alice" })).toBe(SENDER_SHARE);
    expect(flood(3, 10, { from: () => "another" })).toBe(10);
  });

  it("gets its room back with what was read", () => {
    const { relay, flood } = line();
    flood(3, SENDER_SHARE, { from: () => "alice" });
    relay.attach(6, "bob");
    relay.feed(settleOf(relay, "bob", 20));
    relay.sync();
    expect(flood(3, 50, { from: () => "alice" })).toBe(20);
  });

  it("keeps its share when a relay claims to write for it", () => {
    const { relay, flood } = line();
    relay.attach(1, "alice", { consume: false });
    flood(3, SENDER_SHARE, { from: () => "alice" });
    expect(flood(1, 10, { from: () => "alice" })).toBe(10);
    expect(flood(5, 10, { from: () => "alice" })).toBe(10);
  });

  it("fills its share of what waits for another relay, and of what waits for all", () => {
    const { relay, flood } = line({}, { storeMessages: 2000 });
    relay.attach(1, "alice", { consume: false });
    relay.attach(6, "dave", { consume: false });
    // A route holds 200; the share of one sender would be 20, below the floor.
    expect(flood(1, 100, { from: () => "alice", home: "far" })).toBe(64);
    expect(flood(6, 100, { from: () => "dave", home: "far" })).toBe(64);
    // Over all routes, which hold 1000, one sender fills 100.
    expect(flood(1, 100, { from: () => "alice", home: "third" })).toBe(36);
  });
});

describe("another relay", () => {
  const LIMITED = { storeMessages: 2000, mailboxMessages: 100_000, mailboxBytes: 100_000_000 };

  it("fills its share of the store with any number of senders and recipients", () => {
    const { relay, flood } = line({}, LIMITED);
    const from = (index: number): string => `sender ${index}`;
    expect(flood(3, 300, { from, to: (index) => (index % 2 === 0 ? "bob" : "carol") })).toBe(200);
    expect(flood(5, 50, { from })).toBe(50);
    expect(relay.machine.state.peers.get(agentHex("far"))?.peer?.charged.messages).toBe(200);
  });

  it("has that share after a crash too", () => {
    const { relay, flood } = line({}, LIMITED);
    const from = (index: number): string => `sender ${index}`;
    flood(3, 300, { from });
    relay.rotate();
    relay.crash();
    relay.attach(3, "far", { role: "peer" });
    expect(flood(3, 10, { from })).toBe(0);
  });

  it("fills everything when shares are off", () => {
    const { flood } = line({ pools: false }, LIMITED);
    expect(flood(3, 300, { from: () => "alice" })).toBe(300);
  });

  it("leaves half of the store to agents, with all others together", () => {
    const { relay, flood } = line({}, { ...LIMITED, relayPeers: 20, storeMessages: 1000 });
    let taken = 0;
    for (let index = 0; index < 8; index++) {
      relay.attach(20 + index, `relay ${index}`, { role: "peer" });
      taken += flood(20 + index, 100, { from: (each) => `${index} ${each}` });
    }
    expect(taken).toBe(500);
    expect(flood(4, 50, { from: () => "carol" })).toBe(50);
  });

  it("is waited for by its share of the store, and all by half of it", () => {
    const { relay, flood } = line({}, { ...LIMITED, relayPeers: 20, storeMessages: 1000, agents: 100 });
    const taken: number[] = [];
    for (let index = 0; index < 8; index++) {
      const name = `relay ${index}`;
      relay.feed({ kind: "peer", relayId: agentId(name), url: "wss://r/", bundle: undefined });
      let here = 0;
      for (let writer = 0; writer < 2; writer++) {
        relay.attach(100 + index * 2 + writer, `${index} ${writer}`, { consume: false });
        here += flood(100 + index * 2 + writer, 64, { from: () => `${index} ${writer}`, home: name });
      }
      taken.push(here);
    }
    expect(taken).toEqual([100, 100, 100, 100, 100, 0, 0, 0]);
    expect(waitingFor(relay, "relay 0").length).toBe(100);
  });
});

describe("senders an agent does not know", () => {
  const from = (index: number): string => `stranger ${index}`;

  it("fill their share of its mailbox together, however many they are", () => {
    const { relay, flood } = line();
    tell(relay, 2, { contacts: [entry("alice", "far")] });
    expect(flood(3, STRANGERS_SHARE + 50, { from })).toBe(STRANGERS_SHARE);
    expect(flood(3, 50, { from: () => "alice" })).toBe(50);
    expect(flood(3, 10, { from, to: () => "carol" })).toBe(10);
  });

  it("are nobody to an agent that has said nothing, or takes mail from anybody", () => {
    const { relay, flood } = line();
    tell(relay, 2, { open: true });
    expect(flood(3, STRANGERS_SHARE + 50, { from })).toBe(STRANGERS_SHARE + 50);
    expect(flood(3, STRANGERS_SHARE + 50, { from, to: () => "carol" })).toBe(STRANGERS_SHARE + 50);
  });

  it("write receipts within a share of their own", () => {
    const { relay, flood } = line();
    tell(relay, 2, {});
    flood(3, STRANGERS_SHARE + 1, { from });
    expect(flood(3, STRANGERS_SHARE + 50, { from, class: "receipt" })).toBe(STRANGERS_SHARE);
  });

  it("are who comes from another home than a contact has", () => {
    const { relay, flood } = line();
    relay.attach(1, "alice", { consume: false });
    tell(relay, 2, { contacts: [entry("alice", "far")] });
    flood(3, STRANGERS_SHARE, { from });
    expect([5, 1, 3].map((session) => flood(session, 1, { from: () => "alice" }))).toEqual([0, 0, 1]);
  });

  it("are agents of this relay too, unless their home stands beside them", () => {
    const { relay, flood } = line();
    relay.attach(1, "alice", { consume: false });
    tell(relay, 2, { contacts: [entry("alice", "relay")] });
    flood(3, STRANGERS_SHARE, { from });
    expect([flood(1, 1, { from: () => "alice" }), flood(4, 1, { from: () => "carol" })]).toEqual([1, 0]);
  });

  it("stop being strangers with what waits already, and become it again", () => {
    const { relay, flood } = line();
    tell(relay, 2, {});
    flood(3, STRANGERS_SHARE, { from });
    expect(flood(3, 1, { from: () => "new" })).toBe(0);
    tell(relay, 2, { contacts: Array.from({ length: 30 }, (_, index) => entry(from(index), "far")) });
    expect(flood(3, 50, { from: (index) => `new ${index}` })).toBe(30);
    tell(relay, 2, {});
    expect(strangersOf(relay, "bob")).toEqual({
      messages: STRANGERS_SHARE + 30,
      bytes: relay.machine.lookup("agent", agentId("bob"))?.mailbox.storedBytes,
    });
    expect(flood(3, 1, { from: () => "newer" })).toBe(0);
  });

  it("are counted alike after a crash", () => {
    const { relay, flood } = line();
    tell(relay, 2, { contacts: [entry("alice", "far")] });
    flood(3, 20, { from });
    flood(3, 5, { from: () => "alice" });
    const before = { ...strangersOf(relay, "bob") };
    relay.rotate();
    relay.crash();
    expect(strangersOf(relay, "bob")).toEqual(before);
    expect(before.messages).toBe(20);
  });
});

describe("the list of an agent", () => {
  it("turns away, with a word when to ask again, and is kept over a crash", () => {
    const { relay } = line();
    tell(relay, 2, { blocked: ["mallory", "eve"] });
    relay.rotate();
    relay.crash();
    relay.attach(3, "far", { role: "peer" });
    relay.attach(2, "bob", { consume: false });
    const came = relay.take();
    expect(came).toContainEqual(
      expect.objectContaining({ kind: "welcome", session: 2, standing: expect.objectContaining({ contactsVersion: 1 }) }),
    );
    const refused = relay.mail(3, 1, envelope("mallory", "bob", 1));
    expect(refused).toContainEqual(
      expect.objectContaining({ kind: "refuse", reason: expect.objectContaining({ code: "blocked", retry: "after", afterMs: 3_600_000 }) }),
    );
    expect(refusalsIn(relay.mail(3, 2, envelope("alice", "bob", 1)))).toEqual([]);
  });

  it("counts also while the disk cannot keep it, and is told again", () => {
    const { relay } = line();
    relay.feed({ kind: "trouble", trouble: { code: "disk-full", why: "full", afterMs: 1 } });
    tell(relay, 2, { blocked: ["mallory"] });
    relay.feed({ kind: "trouble", trouble: undefined });
    expect(refusalsIn(relay.mail(3, 1, envelope("mallory", "bob", 1)))).toEqual(["1 blocked after"]);
    relay.crash();
    relay.attach(2, "bob", { consume: false });
    expect(relay.take()).toContainEqual(expect.objectContaining({ standing: expect.objectContaining({ contactsVersion: 0 }) }));
  });

  it("is whole", () => {
    const { relay } = line();
    const came = relay.feed({ kind: "contacts", session: 2, version: 1, open: false, contacts: utf8("half"), blocked: EMPTY });
    expect(came).toContainEqual(expect.objectContaining({ kind: "goodbye", reason: expect.objectContaining({ code: "malformed" }) }));
  });
});

function agentHex(name: string): string {
  return Buffer.from(agentId(name)).toString("hex");
}

function strangersOf(relay: TestRelay, name: string): Load {
  return relay.machine.lookup("agent", agentId(name))?.mailbox.strangers.mail as Load;
}

describe("mailboxes without a share in question", () => {
  it("hold as much as they always did", () => {
    const { relay, flood } = line({}, { mailboxMessages: 3 });
    expect(flood(3, 10, { from: () => "alice" })).toBe(3);
    expect(waitingIn(relay, "bob").length).toBe(3);
  });
});
