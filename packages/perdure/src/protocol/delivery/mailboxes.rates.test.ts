import { describe, expect, it } from "vitest";
import { EMPTY } from "../../wire/bytes.ts";
import type { RelayOutput } from "./mailbox-events.ts";
import { agentId, createTestRelay, envelope, LIMITS, NOW_MS, type TestRelay, waitingIn } from "./test-relay.ts";

interface Sent {
  readonly taken: number;
  readonly refusals: readonly Extract<RelayOutput, { readonly kind: "refuse" }>["reason"][];
  readonly goodbyes: readonly string[];
}

/** Alice (session 1) and Bob (2), who reads nothing, live here; the relay "far" (3) is connected. */
function line(...options: Parameters<typeof createTestRelay>) {
  const relay = createTestRelay(...options);
  const linkSeqs = new Map<number, number>();
  relay.attach(1, "alice", { consume: false });
  relay.attach(2, "bob", { consume: false });
  relay.attach(3, "far", { role: "peer" });
  const send = (
    session: number,
    count: number,
    from: (index: number) => string,
    of?: { readonly class?: "receipt"; readonly words?: string },
  ): Sent => {
    const outputs: RelayOutput[] = [];
    for (let index = 0; index < count; index++) {
      const linkSeq = (linkSeqs.get(session) ?? 0) + 1;
      linkSeqs.set(session, linkSeq);
      outputs.push(...relay.mail(session, linkSeq, envelope(from(index), "bob", linkSeq, of ?? {})), ...relay.sync());
    }
    const refusals = outputs.flatMap((output) => (output.kind === "refuse" ? [output.reason] : []));
    const goodbyes = outputs.flatMap((output) => (output.kind === "goodbye" ? [`${output.session} ${output.reason.code}`] : []));
    return { taken: waitingIn(relay, "bob").length, refusals, goodbyes };
  };
  return { relay, send };
}

const alice = (): string => "alice";
const many = (index: number): string => `stranger ${index}`;
/** Bob knows nobody. */
const knowNobody = (relay: TestRelay): void => {
  relay.feed({ kind: "contacts", session: 2, version: 1, open: false, contacts: EMPTY, blocked: EMPTY });
  relay.sync();
};

const SLOW = { agentMessagesPerSecond: 10, agentMessagesBurst: 20 };

describe("an agent", () => {
  it("brings a burst and then its rate, and is told which limit it hit, what it is, and when there is room", () => {
    const { relay, send } = line({}, SLOW);
    const first = send(1, 25, alice);
    expect(first.taken).toBe(20);
    expect(first.refusals).toHaveLength(5);
    expect(first.refusals[0]).toEqual({
      code: "rate-limited",
      why: "more than 10 messages of one agent a second",
      retry: "after",
      afterMs: 1000,
      limit: { name: "agentMessagesPerSecond", value: 10, remaining: 0 },
      hint: "Slow down. The relay's owner can raise it: perdure relay --set agentMessagesPerSecond=…",
    });
    relay.nowMs = NOW_MS + 1000;
    expect(send(1, 15, alice).taken).toBe(30);
  });

  it("brings everything at once when rates are off", () => {
    const { send } = line({ rates: false }, SLOW);
    expect(send(1, 50, alice)).toMatchObject({ taken: 50, refusals: [] });
  });

  it("is measured by bytes too", () => {
    const { send } = line({}, { agentBytesPerSecond: 1000, agentBytesBurst: 10_000 });
    const sent = send(1, 20, alice, { words: "x".repeat(872) });
    expect(sent.taken).toBe(10);
    expect(sent.refusals[0]?.limit).toEqual({ name: "agentBytesPerSecond", value: 1000, remaining: 0 });
  });

  it("is not helped by other sessions, and does not slow others down", () => {
    const { relay, send } = line({}, SLOW);
    send(1, 20, alice);
    relay.attach(4, "alice", { consume: false, link: 9 });
    relay.attach(5, "carol", { consume: false });
    expect(send(4, 1, alice).refusals).toHaveLength(1);
    expect(send(5, 1, () => "carol").refusals).toEqual([]);
  });

  it("that goes on after it was told loses its session, and may come again", () => {
    const { relay, send } = line({}, SLOW);
    const sent = send(1, 20 + 2 * LIMITS.windowFrames + 50, alice);
    expect(sent.refusals).toHaveLength(2 * LIMITS.windowFrames + 1);
    expect(sent.goodbyes).toEqual(["1 rate-limited"]);
    relay.nowMs = NOW_MS + 60_000;
    relay.feed({ kind: "detach", session: 1 });
    relay.attach(4, "alice", { consume: false, link: 9 });
    expect(send(4, 1, alice).refusals).toEqual([]);
  });

  it("gets nothing for a date that jumps: rates go by a clock nobody sets", () => {
    const { relay } = line({}, SLOW);
    const judge = (linkSeq: number, wallMs: number, monotonicMs: number): boolean =>
      relay.machine
        .step(
          { kind: "mails", session: 1, mails: [{ linkSeq, hopLimit: 8, envelope: envelope("alice", "bob", linkSeq).bytes }] },
          wallMs,
          monotonicMs,
        )
        .some((output) => output.kind === "refuse");
    for (let linkSeq = 1; linkSeq <= 20; linkSeq++) judge(linkSeq, NOW_MS, NOW_MS);
    expect(judge(21, NOW_MS + 1_000_000, NOW_MS)).toBe(true);
    expect(judge(22, NOW_MS - 1_000_000, NOW_MS + 100)).toBe(false);
  });

  it("has one share of the whole store, however many mailboxes it writes to", () => {
    const { relay } = line({}, { storeMessages: 1000, senderStoredPercent: 10 });
    for (const [at, name] of ["carol", "dave"].entries()) relay.attach(6 + at, name, { consume: false });
    const refusals: unknown[] = [];
    for (let linkSeq = 1; linkSeq <= 150; linkSeq++) {
      const to = ["bob", "carol", "dave"][linkSeq % 3] as string;
      for (const output of [...relay.mail(1, linkSeq, envelope("alice", to, linkSeq)), ...relay.sync()])
        if (output.kind === "refuse") refusals.push(output.reason.limit);
    }
    expect(refusals).toHaveLength(50);
    expect(refusals[0]).toEqual({ name: "senderStoredPercent", value: 10, remaining: 0 });
  });
});

describe("another relay", () => {
  it("brings its rate, whoever it says wrote it", () => {
    const { send } = line({}, { peerMessagesPerSecond: 10, peerMessagesBurst: 20 });
    const sent = send(3, 30, many);
    expect(sent.taken).toBe(20);
    expect(sent.refusals[0]?.limit?.name).toBe("peerMessagesPerSecond");
  });
});

describe("strangers", () => {
  const FEW = { strangerMessagesPerHour: 3600, strangerMessagesBurst: 5 };

  it("bring their rate into a mailbox together, receipts apart from mail", () => {
    const { relay, send } = line({}, FEW);
    knowNobody(relay);
    const sent = send(3, 10, many);
    expect(sent.taken).toBe(5);
    expect(sent.refusals[0]).toMatchObject({ code: "rate-limited", limit: { name: "strangerMessagesPerHour", value: 3600, remaining: 0 } });
    expect(send(3, 10, many, { class: "receipt" }).taken).toBe(10);
    relay.nowMs = NOW_MS + 2000;
    expect(send(3, 10, many).taken).toBe(12);
  });

  it("are nobody to an agent that takes mail from anybody", () => {
    const { send } = line({}, FEW);
    expect(send(3, 10, many).taken).toBe(10);
  });

  it("bring everything when rates are off", () => {
    const { relay, send } = line({ rates: false }, FEW);
    knowNobody(relay);
    expect(send(3, 10, many).taken).toBe(10);
  });
});

describe("registrations", () => {
  const goodbyes = (relay: TestRelay): readonly unknown[] =>
    relay.take().flatMap((output) => (output.kind === "goodbye" ? [[output.session, output.reason.code, output.reason.limit?.name]] : []));

  it("are as many as a relay takes in a time; whom it knows comes at any time", () => {
    const { relay } = line({}, { registrationsPerHour: 3600, registrationsBurst: 4 });
    relay.take();
    for (let session = 10; session < 14; session++) relay.attach(session, `newcomer ${session}`, { consume: false });
    expect(goodbyes(relay)).toEqual([
      [12, "rate-limited", "registrationsPerHour"],
      [13, "rate-limited", "registrationsPerHour"],
    ]);
    relay.attach(20, "alice", { consume: false, link: 20 });
    expect(goodbyes(relay)).toEqual([]);
    relay.nowMs = NOW_MS + 1000;
    relay.attach(21, "newcomer 13", { consume: false });
    expect(goodbyes(relay)).toEqual([]);
  });

  it("use up no ticket when there are too many", () => {
    const relay = createTestRelay({}, { registrationsPerHour: 3600, registrationsBurst: 1, ticketsRequired: true });
    const uses = (): number | undefined => [...relay.machine.state.tickets.values()][0]?.usesLeft;
    relay.feed({ kind: "issue-ticket", hash: agentId("open"), expiresAtMs: NOW_MS + 1e6, uses: 2 });
    relay.attach(1, "one", { consume: false, ticket: "open" });
    relay.attach(2, "two", { consume: false, ticket: "open" });
    expect(uses()).toBe(1);
  });
});

describe("relays that come by themselves", () => {
  const come = (relay: TestRelay, first: number, count: number): void => {
    for (let index = first; index < first + count; index++) relay.attach(100 + index, `made-up ${index}`, { role: "peer" });
  };
  const told = (relay: TestRelay): readonly unknown[] =>
    relay.take().flatMap((output) => (output.kind === "goodbye" ? [[output.session, output.reason.code, output.reason.limit?.name]] : []));
  const FEW = { relayPeers: 10, newcomerPeersPercent: 50 };

  it("have a share of the places; one more takes that of the one that came first", () => {
    const { relay } = line({}, FEW);
    relay.take();
    come(relay, 0, 4);
    expect(told(relay)).toEqual([]);
    come(relay, 4, 2);
    expect(told(relay)).toEqual([
      [3, "too-busy", "newcomerPeersPercent"],
      [100, "too-busy", "newcomerPeersPercent"],
    ]);
    expect(relay.machine.state.peers.size).toBe(5);
  });

  it("push out no relay with which mail was exchanged, and keep none away that mail waits for", () => {
    const { relay, send } = line({}, FEW);
    send(3, 1, many);
    come(relay, 0, 50);
    expect(relay.machine.lookup("agent", agentId("far"))).toBeDefined();
    relay.feed({ kind: "peer", relayId: agentId("wanted"), url: "wss://wanted.example/", bundle: undefined });
    relay.mail(1, 1, envelope("alice", "somebody", 1), "wanted");
    relay.attach(900, "wanted", { role: "peer" });
    expect(relay.machine.lookup("agent", agentId("wanted"))).toBeDefined();
    expect(relay.machine.state.peers.size).toBeLessThanOrEqual(10);
  });

  it("take all places where shares are off", () => {
    const { relay } = line({ pools: false }, FEW);
    come(relay, 0, 9);
    relay.take();
    relay.attach(901, "late", { role: "peer" });
    expect(told(relay)).toEqual([[901, "too-busy", undefined]]);
  });
});
