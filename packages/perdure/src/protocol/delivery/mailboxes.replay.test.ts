import { describe, expect, it } from "vitest";
import { concat, EMPTY, hex, utf8 } from "../../wire/bytes.ts";
import { decodeKept, encodeKept } from "../../wire/kept-relay.ts";
import { emptyLoad, type Load, mailboxOwners, type RelayState } from "./mailbox-state.ts";
import { createMailboxes, type Mailboxes } from "./mailboxes.ts";
import { agentId, createTestRelay, envelope, LIMITS, NOW_MS, settleOf, sha256, type TestRelay, waitingIn } from "./test-relay.ts";

/** A history that leaves every kind of record in the log. */
function lived(): TestRelay {
  const relay = createTestRelay({}, { ticketsRequired: true });
  relay.feed({ kind: "issue-ticket", hash: sha256(utf8("three")), expiresAtMs: NOW_MS + 1000, uses: 3 });
  relay.sync();
  relay.attach(1, "alice", { ticket: "three" });
  relay.attach(2, "bob", { ticket: "three" });
  relay.attach(3, "far", { role: "peer" });
  relay.feed({
    kind: "contacts",
    session: 2,
    version: 4,
    open: false,
    contacts: concat(agentId("carol").slice(0, 8), agentId("far").slice(0, 8)),
    blocked: EMPTY,
  });
  relay.feed({ kind: "ban", agentId: agentId("mallory"), banned: true, why: "noise" });
  for (let seq = 1; seq <= 4; seq++) {
    relay.mail(1, seq, envelope("alice", "carol", seq), "far");
    relay.mail(3, 2 * seq - 1, envelope(seq % 2 === 0 ? "carol" : "dave", "bob", seq, { stream: 2, expiresAtMs: NOW_MS + 1000 * seq }));
    relay.mail(3, 2 * seq, envelope("mallory", "bob", seq));
    relay.sync();
  }
  relay.attach(9, "far", { role: "forwarder" });
  relay.feed(settleOf(relay, "far", 1, { ranges: [[3, 3]] }));
  relay.feed(settleOf(relay, "bob", 1));
  relay.feed({ kind: "statement-due" });
  relay.feed({ kind: "signed", signature: new Uint8Array(64) });
  relay.sync();
  const [overdue] = relay.machine.overdue(NOW_MS + 3000, 1);
  relay.feed({ kind: "end", agent: overdue?.agent.key ?? "", position: overdue?.position ?? 0, ending: "expired", notice: utf8("notice") });
  relay.sync();
  relay.rotate();
  relay.mail(1, 5, envelope("alice", "carol", 5), "far");
  relay.sync();
  return relay;
}

function replayed(records: readonly Uint8Array[]): Mailboxes {
  const machine = createMailboxes({
    relayId: agentId("relay"),
    generation: new Uint8Array(8).fill(7),
    passKey: new Uint8Array(32),
    sha256,
    limits: { ...LIMITS, ticketsRequired: true },
  });
  for (const [index, record] of records.entries()) machine.replay(record, { segment: 1, offset: index, length: record.length });
  return machine;
}

/** What a state says that does not depend on how it came about. */
function digest(state: RelayState): unknown {
  return {
    owners: [...mailboxOwners(state)]
      .map(({ key, mailbox, links, contacts, outbound, peer, proofs, bundle }) => ({
        key,
        next: mailbox.nextPosition,
        settled: mailbox.settled.ranges,
        stored: [...mailbox.stored.keys()].sort((a, b) => a - b),
        links: [...links].map(([link, { synced, refused }]) => [link, synced, refused]),
        strangers: mailbox.strangers,
        senders: [...mailbox.senders.keys()].sort(),
        contacts,
        outbound,
        peer: peer === undefined ? undefined : { urls: peer.urls, charged: peer.charged },
        proofs: proofs.map(({ number }) => number),
        bundle,
      }))
      .sort((a, b) => (a.key < b.key ? -1 : 1)),
    tickets: [...state.tickets.values()],
    bans: [...state.bans.values()],
    loads: [state.relayed, state.routed, state.storedMessages, state.storedBytes],
    statement: state.statements.number,
  };
}

function sumOf(
  state: RelayState,
  of: (owner: ReturnType<typeof mailboxOwners> extends Generator<infer Owner> ? Owner : never) => Load,
): Load {
  const sum = emptyLoad();
  for (const owner of mailboxOwners(state)) {
    sum.messages += of(owner).messages;
    sum.bytes += of(owner).bytes;
  }
  return sum;
}

describe("a relay with peers, contacts, tickets and bans", () => {
  it("is after a start what it was, as often as it starts", () => {
    const relay = lived();
    const before = digest(relay.machine.state);
    relay.crash();
    expect(digest(relay.machine.state)).toEqual(before);
    relay.rotate();
    relay.crash();
    expect(digest(relay.machine.state)).toEqual(before);
  });

  it("has every kind of record in that history", () => {
    const kinds = new Set(lived().durable.map((record) => decodeKept(record).kind));
    for (const kind of ["mail", "peer", "contacts", "ticket", "ban", "doors", "settled", "link", "proof", "mailbox"] as const)
      expect(kinds).toContain(kind);
  });

  it("is in order after any part of its log", () => {
    const relay = lived();
    for (let end = 0; end <= relay.durable.length; end++) {
      const { state } = replayed(relay.durable.slice(0, end));
      for (const { mailbox } of mailboxOwners(state)) {
        for (const position of mailbox.stored.keys()) expect(mailbox.settled.has(position) || position >= mailbox.nextPosition).toBe(false);
      }
      expect(sumOf(state, (owner) => owner.peer?.charged ?? emptyLoad())).toEqual(state.relayed);
      expect(sumOf(state, (owner) => (owner.mailbox.route ? loadOf(owner.mailbox) : emptyLoad()))).toEqual(state.routed);
    }
  });

  it("reads the same twice as once", () => {
    const relay = lived();
    const once = digest(replayed(relay.durable).state);
    expect(digest(replayed([...relay.durable, ...relay.durable]).state)).toEqual(once);
  });

  it("knows the mailbox of a relay from records that come before the one that names it", () => {
    const relay = lived();
    const whole = digest(replayed(relay.durable).state);
    const [named, others] = [[], []] as [Uint8Array[], Uint8Array[]];
    // The word on who all the relays are holds for what was read before it, and belongs where it stands.
    for (const record of relay.durable)
      if (decodeKept(record).kind !== "routes") (decodeKept(record).kind === "peer" ? named : others).push(record);
    const isSmall = (record: Uint8Array): boolean => decodeKept(record).kind !== "mail";
    const late = [...others.filter(isSmall).filter((record) => decodeKept(record).kind !== "pending"), ...named, ...others];
    expect(digest(replayed(late).state)).toEqual(whole);
  });

  it("knows what was refused before a restatement that is read behind a newer refusal", () => {
    const [sender, link] = [agentId("alice"), new Uint8Array(8).fill(1)];
    const { state } = replayed([
      encodeKept("refusal", { sender, link, linkSeq: 2 }),
      encodeKept("link", { sender, link, upTo: 1, refused: [1] }),
      encodeKept("refusal", { sender, link, linkSeq: 3 }),
    ]);
    const [kept] = [...(state.agents.values().next().value?.links.values() ?? [])];
    expect([kept?.upTo, kept?.synced, kept?.refused]).toEqual([3, 3, [1, 2, 3]]);
  });

  it("still has mail whose end is restated before it is durable, and the notice with it", () => {
    const relay = createTestRelay();
    relay.attach(1, "alice");
    relay.attach(2, "bob");
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.mail(1, 2, envelope("alice", "bob", 2));
    relay.sync();
    relay.feed(settleOf(relay, "bob", 0, { ranges: [[2, 2]] }));
    relay.feed({ kind: "end", agent: hex(agentId("bob")), position: 1, ending: "expired", notice: utf8("notice") });
    relay.rotate();
    relay.crash();
    expect(waitingIn(relay, "bob")).toHaveLength(2);
    relay.feed({ kind: "end", agent: hex(agentId("bob")), position: 1, ending: "expired", notice: utf8("notice") });
    relay.sync();
    relay.rotate();
    relay.crash();
    expect([waitingIn(relay, "bob").length, waitingIn(relay, "alice").length]).toEqual([1, 1]);
  });
});

function loadOf({ stored, storedBytes }: { readonly stored: { readonly size: number }; readonly storedBytes: number }): Load {
  return { messages: stored.size, bytes: storedBytes };
}

it("of a statement whose record lies before the restatement that says who its senders are, its senders are still told", () => {
  const relay = createTestRelay();
  relay.attach(1, "alice");
  relay.attach(2, "bob");
  relay.mail(1, 1, envelope("alice", "bob", 1));
  relay.sync();
  relay.feed({ kind: "statement-due" });
  relay.feed({ kind: "signed", signature: new Uint8Array(64) });
  // As a segment that begins with that batch asks for it.
  const restated = relay.machine.snapshot();
  relay.sync();
  const [written] = relay.durable.filter((record) => decodeKept(record).kind === "statement");
  if (written === undefined) throw new Error("no statement was written");

  const fresh = replayed([written, ...restated]);
  const again = fresh.snapshot();
  const proofsIn = (records: readonly Uint8Array[]) => records.filter((record) => decodeKept(record).kind === "proof").length;
  expect([proofsIn(restated), proofsIn(again)]).toEqual([0, 1]);
  expect(fresh.lookup("agent", agentId("alice"))?.proofs.map(({ number }) => number)).toEqual([1]);
  expect(fresh.state.unclaimed).toEqual([]);
  // Where all of it is read again, as after another restatement, it is told once.
  const twice = replayed([written, ...restated, ...again]);
  twice.snapshot();
  expect(twice.lookup("agent", agentId("alice"))?.proofs.length).toBe(1);
});
