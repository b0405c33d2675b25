/** Mail that comes together is judged by what was found out of the mail before it: nothing may come of that which one by one would not. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { hex, utf8 } from "../../wire/bytes.ts";
import type { MailFrame } from "../../wire/control.ts";
import type { Reason, RelayOutput } from "./mailbox-events.ts";
import { agentId, createTestRelay, envelope, NOW_MS, positionsOf, type TestRelay } from "./test-relay.ts";

const SESSION = { alice: 1, bob: 2, carol: 3, north: 5 } as const;
const who = fc.constantFrom("alice", "bob", "carol", "dora", "nobody");

const mail = fc.record({
  from: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: who }),
  to: fc.oneof({ weight: 6, arbitrary: fc.constant("bob") }, { weight: 2, arbitrary: who }),
  class: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary: fc.constantFrom("receipt", "notice") }),
  home: fc.oneof(
    { weight: 8, arbitrary: fc.constant(undefined) },
    { weight: 2, arbitrary: fc.constantFrom("relay", "south", "unheard of") },
  ),
  hopLimit: fc.oneof({ weight: 9, arbitrary: fc.constant(8) }, { weight: 1, arbitrary: fc.constantFrom(0, 1, 2) }),
  livesMs: fc.oneof({ weight: 9, arbitrary: fc.constant(60_000) }, { weight: 1, arbitrary: fc.constantFrom(-1, 40 * 86_400_000) }),
  seq: fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constantFrom(0, -1, 2) }),
  words: fc.constantFrom("", "a few words", "x".repeat(900)),
  isJunk: fc.oneof({ weight: 15, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const group = fc.record({
  by: fc.constantFrom("alice" as const, "north" as const),
  mails: fc.array(mail, { minLength: 1, maxLength: 12 }),
  afterMs: fc.constantFrom(0, 10, 1000),
  settles: fc.boolean(),
});

/** What is left of a rate is a sum, and may differ in its last bit where it was added up in another order. */
function reasonText(reason: Reason): string {
  return JSON.stringify(reason).replace(/"remaining":\d+/, "");
}

/** What follows of it, whatever was put together in between. */
function linesOf(outputs: readonly RelayOutput[]): readonly string[] {
  const lines = outputs.flatMap((output): readonly string[] => {
    switch (output.kind) {
      case "deliver":
        return positionsOf(output).map(
          (position, index) => `deliver ${output.session} ${position} ${hex(output.envelopes[index] ?? utf8(""))}`,
        );
      case "refuse":
        return [`refuse ${output.session} ${output.linkSeq} ${reasonText(output.reason)}`];
      case "goodbye":
        return [`goodbye ${output.session} ${reasonText(output.reason)}`];
      case "fact":
        return [`fact ${output.event} ${JSON.stringify({ ...output.fields, ticket: 0 })}`];
      default:
        return [];
    }
  });
  return lines.sort();
}

function start(): TestRelay {
  const relay = createTestRelay(
    {},
    {
      agentMessagesPerSecond: 128,
      agentMessagesBurst: 20,
      agentBytesPerSecond: 65_536,
      agentBytesBurst: 5000,
      peerMessagesPerSecond: 128,
      peerMessagesBurst: 20,
      strangerMessagesBurst: 3,
      mailboxMessages: 30,
      mailboxBytes: 24_000,
      windowFrames: 16,
      windowBytes: 6000,
    },
  );
  for (const name of ["alice", "bob", "carol"] as const) relay.attach(SESSION[name], name);
  relay.feed({ kind: "peer", relayId: agentId("south"), url: "wss://south/", bundle: utf8("bundle of south") });
  relay.attach(SESSION.north, "north", { role: "peer" });
  relay.feed({ kind: "contacts", session: SESSION.bob, version: 1, open: false, contacts: utf8(""), blocked: agentId("dora").slice(0, 8) });
  relay.feed({ kind: "ban", agentId: agentId("nobody"), banned: true, why: "" });
  relay.sync();
  relay.take();
  return relay;
}

test("mail that comes together is stored, refused and handed out as it is one by one", () => {
  let stored = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(group, { minLength: 1, maxLength: 6 }), (groups) => {
      const [one, other] = [start(), start()];
      const upTo = { alice: 0, north: 0 };
      let seq = 0;
      for (const { by, mails, afterMs, settles } of groups) {
        const frames = mails.map((each): MailFrame => {
          const linkSeq = Math.max(1, upTo[by] + each.seq);
          if (linkSeq === upTo[by] + 1) upTo[by] = linkSeq;
          const author = each.from ?? (by === "north" ? "carol" : by);
          const options = {
            words: each.words,
            expiresAtMs: NOW_MS + each.livesMs,
            ...(each.class === undefined ? {} : { class: each.class }),
          };
          const { bytes } = envelope(author, each.to, ++seq, options as Parameters<typeof envelope>[3]);
          const home = each.home === undefined ? undefined : agentId(each.home);
          return { linkSeq, hopLimit: each.hopLimit, home, envelope: each.isJunk ? bytes.subarray(0, 40) : bytes };
        });
        const lines = [one, other].map((relay, index) => {
          relay.nowMs += afterMs;
          if (index === 0) relay.feed({ kind: "mails", session: SESSION[by], mails: frames });
          else for (const frame of frames) relay.feed({ kind: "mails", session: SESSION[by], mails: [frame] });
          const said = linesOf(relay.take());
          relay.sync();
          const bob = relay.machine.lookup("agent", agentId("bob"))?.mailbox;
          const settle = { generation: relay.generation, epoch: bob?.epoch ?? 0, floor: bob?.syncedTail ?? 0, ranges: [] };
          if (settles) relay.feed({ kind: "settle", session: SESSION.bob, settle });
          relay.sync();
          return [...said, ...linesOf(relay.take())];
        });
        expect(lines[0]).toEqual(lines[1]);
        if (lines[0]?.some((line) => line.startsWith("goodbye"))) break;
      }
      expect(one.durable.map(hex)).toEqual(other.durable.map(hex));
      expect(one.machine.counters).toEqual(other.machine.counters);
      expect(one.machine.snapshot().map(hex)).toEqual(other.machine.snapshot().map(hex));
      stored += one.machine.counters.accepted;
      for (const count of one.machine.counters.refused.values()) refused += count;
    }),
    { numRuns: 300 },
  );
  expect(stored).toBeGreaterThan(1000);
  expect(refused).toBeGreaterThan(1000);
});

test("what leaves together stays well below what one message of a connection takes", () => {
  const relay = createTestRelay({}, { windowFrames: 200, windowBytes: 10_000_000, mailboxMessages: 1000, mailboxBytes: 10_000_000 });
  relay.attach(1, "alice");
  relay.attach(2, "bob");
  const mails = Array.from({ length: 60 }, (_, index) => ({
    linkSeq: index + 1,
    hopLimit: 8,
    envelope: envelope("alice", "bob", index + 1, { words: "x".repeat(10_000) }).bytes,
  }));
  const delivered = relay.feed({ kind: "mails", session: 1, mails }).filter((output) => output.kind === "deliver");
  expect(delivered.flatMap(positionsOf)).toEqual(mails.map(({ linkSeq }) => linkSeq));
  for (const { envelopes } of delivered) expect(envelopes.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(65_536);
  expect(delivered.length).toBeLessThan(15);
});
