import { describe, expect, it } from "vitest";
import { utf8 } from "../../wire/bytes.ts";
import { decodeKept } from "../../wire/kept-relay.ts";
import { statement, statementProof } from "../../wire/statement.ts";
import { findPeer } from "./mailbox-state.ts";
import { createMailboxes, type Mailboxes } from "./mailboxes.ts";
import { agentId, createTestRelay, envelope, LIMITS, refusalsIn, settleOf, sha256, type TestRelay, waitingFor } from "./test-relay.ts";

const PEERS = 100;
const hear = (relay: TestRelay, name: string, url = `wss://${name}.example/`, teller?: string): void =>
  void relay.feed({ kind: "peer", relayId: agentId(name), url, bundle: undefined, teller });

/** What is replayed when every file with mail is still there and every other but the newest is gone. */
function fromOldFiles(relay: TestRelay, mails: readonly Uint8Array[], without?: string): Mailboxes {
  const generation = new Uint8Array(8).fill(9);
  const machine = createMailboxes({ relayId: agentId("relay"), generation, passKey: sha256(generation), sha256, limits: LIMITS });
  const records = [...mails, ...relay.machine.snapshot()].filter((record) => decodeKept(record).kind !== without);
  for (const [offset, record] of records.entries()) machine.replay(record, { segment: 1, offset, length: record.length });
  return machine;
}

describe("somebody who names relays that do not exist", () => {
  it("takes some of the places for relays that mail waits for, and leaves the rest", () => {
    const relay = createTestRelay({}, { relayPeers: PEERS });
    relay.attach(1, "mallory");
    relay.attach(2, "alice");
    const refused: string[] = [];
    for (let at = 0; at < 2 * PEERS; at++) {
      hear(relay, `dead ${at}`);
      refused.push(...refusalsIn(relay.mail(1, at + 1, envelope("mallory", "nobody", at + 1), `dead ${at}`)));
      relay.sync();
    }
    expect([refused.length, refused[0]]).toEqual([2 * PEERS - 16, "17 mailbox-full after"]);
    hear(relay, "far");
    expect(refusalsIn(relay.mail(2, 1, envelope("alice", "bob", 1), "far"))).toEqual([]);
    relay.attach(3, "new", { role: "peer" });
    expect(relay.machine.agentOf(3)).toBeDefined();
    // What it began it may go on with, and what ends makes room.
    expect(refusalsIn(relay.mail(1, 2 * PEERS + 1, envelope("mallory", "nobody", 1000), "dead 0"))).toEqual([]);
    const [first] = [...(findPeer(relay.machine.state, agentId("dead 1"))?.mailbox.stored.keys() ?? [])];
    relay.sync();
    const key = findPeer(relay.machine.state, agentId("dead 1"))?.key ?? "";
    relay.feed({ kind: "end", agent: key, position: first ?? 0, ending: "expired", notice: undefined });
    hear(relay, "another");
    expect(refusalsIn(relay.mail(1, 2 * PEERS + 2, envelope("mallory", "nobody", 1001), "another"))).toEqual([]);
  });

  it("has as many after a crash", () => {
    const relay = createTestRelay({}, { relayPeers: PEERS });
    relay.attach(1, "mallory");
    for (let at = 0; at < 16; at++) {
      hear(relay, `dead ${at}`);
      relay.mail(1, at + 1, envelope("mallory", "nobody", at + 1), `dead ${at}`);
    }
    relay.sync();
    relay.crash();
    relay.attach(1, "mallory", { link: 2 });
    hear(relay, "one more");
    expect(refusalsIn(relay.mail(1, 1, envelope("mallory", "nobody", 50), "one more"))).toEqual(["1 mailbox-full after"]);
  });

  it("costs the disk nothing, and a start no memory", () => {
    const relay = createTestRelay({}, { relayPeers: 10 });
    relay.attach(1, "mallory");
    const before = relay.durable.length;
    for (let at = 0; at < 500; at++) hear(relay, `dead ${at}`);
    relay.sync();
    expect(relay.durable.length).toBe(before);
    relay.crash();
    expect(relay.machine.peers(1000).length).toBeLessThanOrEqual(10);
  });

  it("does not push out where others say that a relay is, met or not", () => {
    for (const met of [false, true]) {
      const relay = createTestRelay();
      if (met) relay.feed({ kind: "peer", relayId: agentId("far"), url: "wss://old.example/", bundle: utf8("far") });
      hear(relay, "far", "wss://right.example/", "alice");
      for (let at = 0; at < 20; at++) hear(relay, "far", `wss://wrong${at}.example/`, "mallory");
      const urls = relay.machine.peer(agentId("far"))?.urls ?? [];
      expect(urls).toContain("wss://right.example/");
      expect(urls).toContain("wss://wrong19.example/");
      if (met) expect(urls[0]).toBe("wss://old.example/");
    }
  });
});

describe("a relay that was forgotten", () => {
  const passedOn = (): { readonly relay: TestRelay; readonly mails: readonly Uint8Array[] } => {
    const relay = createTestRelay({}, { relayPeers: 1 });
    relay.attach(1, "alice");
    hear(relay, "far");
    relay.mail(1, 1, envelope("alice", "bob", 1), "far");
    relay.sync();
    const mails = relay.durable.filter((record) => decodeKept(record).kind === "mail").map((record) => record.slice());
    relay.attach(9, "far", { role: "forwarder" });
    relay.feed(settleOf(relay, "far", 1));
    relay.sync();
    relay.feed({ kind: "detach", session: 9 });
    hear(relay, "other");
    expect(relay.machine.peer(agentId("far"))).toBeUndefined();
    return { relay, mails };
  };

  it("is sent nothing again that a file which others need still has", () => {
    const { relay, mails } = passedOn();
    const machine = fromOldFiles(relay, mails);
    expect(machine.peersWithMail()).toEqual([]);
    expect([machine.state.routed, machine.state.storedMessages]).toEqual([{ messages: 0, bytes: 0 }, 0]);
    expect([...machine.state.agents.values()].map(({ idRaw }) => idRaw)).toEqual([agentId("alice")]);
    // Without the word on who all the relays are it would be.
    expect(fromOldFiles(relay, mails, "routes").peersWithMail()).toEqual([agentId("far")]);
  });

  it("gets what came after it was known again, and only that", () => {
    const { relay, mails } = passedOn();
    hear(relay, "far");
    relay.mail(1, 2, envelope("alice", "bob", 2), "far");
    relay.sync();
    const later = relay.durable.filter((record) => decodeKept(record).kind === "mail").map((record) => record.slice());
    const machine = fromOldFiles(relay, [...mails, ...later]);
    expect([...(findPeer(machine.state, agentId("far"))?.mailbox.stored.keys() ?? [])]).toEqual([2]);
    relay.crash();
    expect(waitingFor(relay, "far")).toEqual(["0101010101010101.2"]);
  });

  it("leaves nobody behind in the log that counts as an agent", () => {
    const relay = createTestRelay({}, { relayPeers: 2, agents: 3 });
    relay.attach(1, "alice");
    for (let at = 0; at < 20; at++) {
      relay.attach(100 + at, `passer-by ${at}`, { role: "peer" });
      relay.feed({ kind: "detach", session: 100 + at });
      relay.rotate();
      if (at % 3 === 0) relay.crash();
    }
    relay.crash();
    expect([relay.machine.state.agents.size, relay.machine.state.peers.size]).toEqual([1, 2]);
  });
});

describe("a relay that proves without end", () => {
  const proofOf = (relay: string, number: number): Uint8Array =>
    statementProof.encode({
      statement: statement.encode({
        version: 1,
        relayId: agentId(relay),
        number,
        previous: new Uint8Array(32),
        timeMs: 1,
        leafCount: 1,
        root: new Uint8Array(32),
        extensions: [],
      }),
      signature: new Uint8Array(64),
      leaf: new Uint8Array(10),
      leafIndex: 0,
      path: [],
      digests: new Uint8Array(16),
      writers: new Uint8Array(0),
    });
  const numbers = (relay: TestRelay): readonly number[] =>
    relay.machine.lookup("agent", agentId("alice"))?.vouched.map(({ number }) => number) ?? [];

  it("leaves the proofs of others on the shelf of who is away, over a crash too", () => {
    const relay = createTestRelay();
    relay.attach(1, "alice");
    relay.feed({ kind: "detach", session: 1 });
    const vouch = (by: string, number: number): void =>
      void relay.feed({ kind: "vouch", senders: [agentId("alice")], number, proof: proofOf(by, number) });
    for (const number of [1, 2, 3]) vouch("far", number);
    for (let number = 100; number < 200; number++) vouch("mallory", number);
    relay.sync();
    const kept = [1, 2, 3, ...Array.from({ length: 13 }, (_, at) => 187 + at)];
    expect(numbers(relay)).toEqual(kept);
    relay.rotate();
    relay.crash();
    expect(numbers(relay)).toEqual(kept);
  });

  it("is written down once for all whose mail is in it, and each has it after a crash; who is nobody here gets nothing", () => {
    const relay = createTestRelay();
    const shelf = (name: string): readonly (readonly number[])[] => {
      const agent = relay.machine.lookup("agent", agentId(name));
      return [agent?.vouched.map(({ number }) => number) ?? [], agent?.proofs.map(({ number }) => number) ?? []];
    };
    for (const [index, name] of ["alice", "bob", "carol"].entries()) relay.attach(index + 1, name);
    const senders = ["alice", "bob", "nobody"].map((name) => agentId(name));
    const proof = proofOf("far", 7);
    const outputs = relay.feed({ kind: "vouch", senders, number: 7, proof });
    const other = createTestRelay();
    for (const [index, name] of ["alice", "bob"].entries()) other.attach(index + 1, name);
    const [append] = other.machine.step({ kind: "vouch", senders, number: 7, proof }, other.nowMs);
    expect(append?.kind === "append" && append.records.length).toBe(1);
    expect(outputs.filter(({ kind }) => kind === "proof")).toEqual([1, 2].map((session) => ({ kind: "proof", session, proof })));
    // To whom it was told before it is not told again.
    const again = relay.feed({ kind: "vouch", senders: [agentId("bob"), agentId("carol")], number: 7, proof });
    expect(again.filter(({ kind }) => kind === "proof")).toEqual([{ kind: "proof", session: 3, proof }]);
    relay.sync();
    const all = [
      [[7], []],
      [[7], []],
      [[7], []],
    ];
    expect(["alice", "bob", "carol"].map(shelf)).toEqual(all);
    relay.crash();
    expect(["alice", "bob", "carol"].map(shelf)).toEqual(all);
    relay.rotate();
    relay.crash();
    expect(["alice", "bob", "carol"].map(shelf)).toEqual(all);
  });
});
