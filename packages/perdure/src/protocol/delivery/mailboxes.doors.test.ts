import { describe, expect, it } from "vitest";
import { utf8 } from "../../wire/bytes.ts";
import {
  agentId,
  createTestRelay,
  envelope,
  kindsOf,
  LIMITS,
  NOW_MS,
  refusalsIn,
  registration,
  sha256,
  type TestRelay,
} from "./test-relay.ts";

const goodbyes = (relay: TestRelay): readonly string[] =>
  relay.take().flatMap((output) => (output.kind === "goodbye" ? [`${output.session} ${output.reason.code}`] : []));

function issue(relay: TestRelay, text: string, uses = 1, expiresAtMs = NOW_MS + 1000): void {
  relay.feed({ kind: "issue-ticket", hash: sha256(utf8(text)), expiresAtMs, uses });
  relay.sync();
}

describe("a relay that takes nobody new without a ticket", () => {
  const asking = (): TestRelay => createTestRelay({}, { ticketsRequired: true });

  it("turns away who has none, or one it never gave", () => {
    const relay = asking();
    relay.attach(1, "alice");
    relay.attach(2, "bob", { ticket: "made up" });
    expect([goodbyes(relay), relay.machine.state.agents.size]).toEqual([["1 ticket-required", "2 ticket-required"], 0]);
  });

  it("lets in as many as the ticket is for, over a crash too", () => {
    const relay = asking();
    issue(relay, "for two", 2);
    relay.attach(1, "alice", { ticket: "for two" });
    relay.rotate();
    relay.crash();
    relay.attach(2, "bob", { ticket: "for two" });
    relay.attach(3, "carol", { ticket: "for two" });
    expect([goodbyes(relay), relay.machine.state.tickets.size]).toEqual([["3 ticket-required"], 0]);
  });

  it("uses a ticket up in the batch that registers, so that a crash undoes both or neither", () => {
    const relay = asking();
    issue(relay, "once");
    relay.feed({
      kind: "attach",
      session: 1,
      role: "agent",
      ticket: "once",
      instanceKey: agentId("instance of alice"),
      pass: new Uint8Array(),
      consume: false,
      have: { generation: new Uint8Array(8), position: 0 },
      registration: registration(relay, "alice"),
      link: new Uint8Array(8).fill(1),
    });
    expect(relay.unsynced).toBe(1);
    relay.crash();
    expect([relay.machine.state.tickets.size, relay.machine.state.agents.size]).toEqual([1, 0]);
  });

  it("asks nobody twice, uses no ticket of somebody it knows, and asks no relay", () => {
    const relay = asking();
    issue(relay, "once");
    relay.attach(1, "alice", { ticket: "once" });
    issue(relay, "again");
    relay.attach(2, "alice", { ticket: "again" });
    relay.attach(3, "far", { role: "peer" });
    relay.take();
    expect(relay.machine.state.tickets.size).toBe(1);
    relay.attach(4, "alice");
    expect(goodbyes(relay)).toEqual(["2 fenced"]);
  });

  it("takes no ticket that has expired or was taken back", () => {
    const relay = asking();
    issue(relay, "old", 5, NOW_MS + 10);
    issue(relay, "back", 5);
    issue(relay, "back", 0);
    relay.nowMs = NOW_MS + 10;
    relay.attach(1, "alice", { ticket: "old" });
    relay.attach(2, "bob", { ticket: "back" });
    expect(goodbyes(relay)).toEqual(["1 ticket-required", "2 ticket-required"]);
  });

  it("does not use a ticket up for a name that is taken", () => {
    const relay = asking();
    issue(relay, "one");
    issue(relay, "two");
    relay.attach(1, "alice", { ticket: "one", as: "desk" });
    relay.attach(2, "bob", { ticket: "two", as: "desk" });
    expect([goodbyes(relay), relay.machine.state.tickets.size]).toEqual([["2 name-taken"], 1]);
  });

  it("keeps a bounded number of them, those that expired aside", () => {
    const relay = asking();
    for (let index = 0; index < LIMITS.openTickets + 5; index++) issue(relay, `ticket ${index}`);
    expect(relay.machine.state.tickets.size).toBe(LIMITS.openTickets);
    relay.nowMs = NOW_MS + 1000;
    issue(relay, "new", 1, NOW_MS + 5000);
    expect(relay.machine.state.tickets.size).toBe(1);
  });
});

describe("whom the owner turns away", () => {
  const ban = (relay: TestRelay, name: string, banned = true): void => {
    relay.feed({ kind: "ban", agentId: agentId(name), banned, why: "noise" });
    relay.sync();
  };

  it("loses its sessions at once, and what it says on them counts no more", () => {
    const relay = createTestRelay();
    relay.attach(1, "mallory");
    relay.attach(2, "bob");
    relay.attach(3, "mallory", { role: "peer" });
    relay.take();
    ban(relay, "mallory");
    expect(goodbyes(relay)).toEqual(["1 blocked", "3 blocked"]);
    expect(kindsOf(relay.mail(1, 1, envelope("mallory", "bob", 1)))).toEqual([]);
    expect(kindsOf(relay.mail(3, 1, envelope("alice", "bob", 1)))).toEqual([]);
  });

  it("does not come back, over a crash too, until it may", () => {
    const relay = createTestRelay();
    ban(relay, "mallory");
    relay.rotate();
    relay.crash();
    relay.attach(1, "mallory");
    relay.attach(2, "mallory", { role: "peer" });
    expect(goodbyes(relay)).toEqual(["1 blocked", "2 blocked"]);
    ban(relay, "mallory", false);
    relay.rotate();
    relay.crash();
    relay.attach(3, "mallory");
    expect(goodbyes(relay)).toEqual([]);
  });

  it("reaches nobody over another relay, and is no way to anybody", () => {
    const relay = createTestRelay();
    relay.attach(1, "alice");
    relay.attach(3, "far", { role: "peer" });
    ban(relay, "mallory");
    expect(refusalsIn(relay.mail(3, 1, envelope("mallory", "alice", 1)))).toEqual(["1 blocked after"]);
    ban(relay, "far");
    expect(refusalsIn(relay.mail(1, 1, envelope("alice", "bob", 1), "far"))).toEqual(["1 blocked after"]);
  });
});

describe("what was taken back", () => {
  it("does not come back from an old segment when the one that took it back is gone", () => {
    const relay = createTestRelay({}, { ticketsRequired: true });
    issue(relay, "once");
    relay.feed({ kind: "ban", agentId: agentId("mallory"), banned: true, why: "noise" });
    relay.sync();
    relay.rotate();
    relay.attach(1, "alice", { ticket: "once" });
    relay.feed({ kind: "ban", agentId: agentId("mallory"), banned: false, why: "" });
    relay.sync();
    relay.rotate();
    relay.crash();
    expect([relay.machine.state.tickets.size, relay.machine.state.bans.size]).toEqual([0, 0]);
  });
});
