import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { RATES } from "../../settings/rates.ts";
import { type Bytes, concat, utf8 } from "../../wire/bytes.ts";
import { encodeEnvelope, SUITE_X25519_AES256GCM } from "../../wire/envelope.ts";
import type { Kept, KeptHead } from "../../wire/kept-agent.ts";
import { statement, statementProof } from "../../wire/statement.ts";
import { createInbox } from "../delivery/inbox.ts";
import { createMailboxCursor } from "../delivery/mailbox-cursor.ts";
import type { RelayInput } from "../delivery/mailbox-events.ts";
import { createMailboxes, type Mailboxes, type MailboxesOptions } from "../delivery/mailboxes.ts";
import { createOutbox, MAX_ENDED } from "../delivery/outbox.ts";
import { attachAs, newcomer } from "../delivery/test-attach.ts";
import { createGcra } from "./gcra.ts";
import type { RateLimits } from "./meter.ts";
import { beginCensus, type Census } from "./test-heap-census.ts";

const { sha256 } = createNodeCrypto().hash;
const NOW_MS = 1_800_000_000_000;
const idOf = (name: string): Bytes => sha256(utf8(name));
/** Above every limit set here, and those that are fixed (KEPT_REFUSALS is 1024), and far below what the floods try. */
const MOST = 1100;
const FLOOD = 2500;

const LIMITS: MailboxesOptions["limits"] = {
  ...(Object.fromEntries(Object.keys(RATES).map((name) => [name, 1e9])) as unknown as RateLimits),
  mailboxMessages: 100,
  mailboxBytes: 1_000_000,
  expiryGraceMs: 1000,
  windowFrames: 64,
  windowBytes: 1_000_000,
  peerWindowFrames: 64,
  peerWindowBytes: 1_000_000,
  noticeExpiryMs: 3_600_000,
  agents: 20,
  bundleBytes: 1000,
  relayPeers: 20,
  newcomerPeersPercent: 50,
  openTickets: 20,
  keptBans: 20,
  ticketsRequired: false,
  storeMessages: 100,
  storeBytes: 1_000_000,
  peerPercent: 50,
  peersPercent: 50,
  routePercent: 50,
  senderPercent: 50,
  senderStoredPercent: 50,
  strangersPercent: 20,
};

let census: Census;
beforeAll(async () => {
  census = await beginCensus();
}, 300_000);
afterAll(() => census[Symbol.dispose]());

/** A relay's machine whose disk keeps up; whom it says goodbye to is gone. */
function relayUnderFlood(): { readonly machine: Mailboxes; readonly feed: (input: RelayInput) => void; nowMs: number } {
  const self = { nowMs: NOW_MS };
  const machine = createMailboxes({
    relayId: idOf("relay"),
    generation: new Uint8Array(8).fill(1),
    passKey: new Uint8Array(32),
    sha256,
    limits: LIMITS,
  });
  machine.begin(NOW_MS);
  let offset = 0;
  const feed = (input: RelayInput): void => {
    for (const output of machine.step(input, self.nowMs)) {
      if (output.kind === "append") {
        const offsets = output.records.map(() => offset++);
        feed({ kind: "appended", ticket: output.ticket, segment: 1, offsets });
        feed({ kind: "synced", ticket: output.ticket });
      } else if (output.kind === "goodbye") feed({ kind: "detach", session: output.session });
      else if (output.kind === "sign") feed({ kind: "signed", signature: new Uint8Array(64) });
    }
  };
  return Object.assign(self, { machine, feed });
}

const attachOf = (session: number, name: string, role: "agent" | "peer", link = session): RelayInput =>
  attachAs(newcomer(idOf(name), name, { instances: [idOf(`${name} instance`)] }), {
    session,
    role,
    link: concat(new Uint8Array(4).fill(1), Uint8Array.of(0, 0, link >> 8, link & 255)),
  });

const mailOf = (from: string, to: string, seq: number, expiresAtMs = NOW_MS + 3_600_000): Bytes =>
  encodeEnvelope(
    {
      class: "mail",
      from: idOf(from),
      to: idOf(to),
      stream: new Uint8Array(8).fill(seq & 255),
      seq,
      expiresAtMs,
      inboxKeyId: new Uint8Array(8),
      suite: SUITE_X25519_AES256GCM,
    },
    utf8("x"),
    sha256,
  ).bytes;

const grown = async (): Promise<readonly string[]> =>
  (await census.grown(MOST)).map(({ kind, size, first }) => `${kind} of ${size}: ${first}`);

/** Of a relay that is another one each time. */
const proofOf = (number: number): Bytes =>
  statementProof.encode({
    statement: statement.encode({
      version: 1,
      relayId: idOf(`relay ${number}`),
      number,
      previous: new Uint8Array(32),
      timeMs: NOW_MS,
      leafCount: 1,
      root: new Uint8Array(32),
      extensions: [],
    }),
    signature: new Uint8Array(64),
    leaf: new Uint8Array(),
    leafIndex: 0,
    path: [],
    digests: new Uint8Array(),
    writers: new Uint8Array(),
  });

type Relay = ReturnType<typeof relayUnderFlood>;

/** What somebody hostile does at the relay of bob (session 1), where far (2) is connected and alice (3) writes. */
const FLOODS: readonly (readonly [what: string, step: (relay: Relay, index: number) => void])[] = [
  [
    "agents and their sessions",
    ({ feed }, index) => {
      feed(attachOf(10 + index, `agent ${index}`, "agent"));
      feed({ kind: "ready", session: 10 + index });
      if (index > 30) feed({ kind: "detach", session: index - 20 });
    },
  ],

  [
    "links and sessions of one agent",
    ({ feed }, index) => {
      feed({ ...attachOf(10 + index, "alice", "agent", index), consume: true } as RelayInput);
      if (index % 3 > 0) feed({ kind: "detach", session: 10 + index });
    },
  ],

  [
    "other relays, named or come by themselves",
    ({ feed }, index) => {
      if (index % 2 === 0) feed(attachOf(10 + index, `relay ${index}`, "peer"));
      else feed({ kind: "peer", relayId: idOf(`relay ${index}`), url: `wss://r${index}.example/`, bundle: undefined, teller: `t${index}` });
    },
  ],

  [
    "ways to one relay",
    ({ feed }, index) =>
      feed({ kind: "peer", relayId: idOf("far"), url: `wss://r${index}.example/`, bundle: undefined, teller: `t${index}` }),
  ],

  [
    "senders another relay makes up, and their mail",
    ({ feed }, index) =>
      feed({ kind: "mails", session: 2, mails: [{ linkSeq: index, hopLimit: 8, envelope: mailOf(`sender ${index}`, "bob", index) }] }),
  ],

  [
    "mail of one agent to anybody, here or elsewhere, and what was refused of it",
    ({ feed }, index) => {
      const home = index % 3 === 0 ? idOf("far") : index % 3 === 1 ? idOf(`relay ${index}`) : undefined;
      feed({
        kind: "mails",
        session: 3,
        mails: [{ linkSeq: index, hopLimit: 8, home, envelope: mailOf("alice", index % 2 === 0 ? "bob" : `nobody ${index}`, index) }],
      });
    },
  ],

  [
    "mail that expires unread, and its notices",
    (relay, index) => {
      relay.feed({
        kind: "mails",
        session: 3,
        mails: [{ linkSeq: index, hopLimit: 8, envelope: mailOf("alice", "bob", index, relay.nowMs + 1000) }],
      });
      relay.nowMs += 10_000;
      for (const { agent, position } of relay.machine.overdue(relay.nowMs, 100))
        relay.feed({ kind: "end", agent: agent.key, position, ending: "expired", notice: utf8("expired") });
    },
  ],

  [
    "settles with every second position, of what is not there yet, and of nothing",
    ({ machine, feed }, index) => {
      if (index === 1) feed({ ...attachOf(9, "bob", "agent", 9), consume: true } as RelayInput);
      feed({ kind: "mails", session: 2, mails: [{ linkSeq: index, hopLimit: 8, envelope: mailOf(`sender ${index}`, "bob", index) }] });
      const epoch = machine.state.agents.get(Buffer.from(idOf("bob")).toString("hex"))?.mailbox.epoch ?? 0;
      const ranges = [
        [2 * index, 2 * index],
        [1e6 + index * 3, 1e6 + index * 3],
      ];
      feed({ kind: "settle", session: 9, settle: { generation: new Uint8Array(8).fill(1), epoch, floor: 0, ranges } });
    },
  ],

  [
    "tickets and bans",
    ({ feed }, index) => {
      feed({ kind: "issue-ticket", hash: idOf(`ticket ${index}`), expiresAtMs: NOW_MS + 1e6, uses: 1 });
      feed({ kind: "ban", agentId: idOf(`banned ${index}`), banned: true, why: "" });
    },
  ],

  [
    "proofs another relay sends about mail",
    ({ feed }, index) => feed({ kind: "vouch", senders: [idOf("alice")], number: index, proof: proofOf(index) }),
  ],
];

it("a relay keeps no more than its limits, whatever is done to it again and again", { timeout: 300_000 }, async () => {
  const flooded = FLOODS.map(([, step]) => {
    const relay = relayUnderFlood();
    relay.feed(attachOf(1, "bob", "agent"));
    relay.feed(attachOf(2, "far", "peer"));
    relay.feed(attachOf(3, "alice", "agent"));
    for (let index = 1; index <= FLOOD; index++) {
      step(relay, index);
      if (index % 20 === 0) relay.feed({ kind: "statement-due" });
    }
    return relay;
  });
  expect(await grown()).toEqual([]);
  expect(flooded.every(({ machine }) => machine.state.agents.size > 0)).toBe(true);
});

describe("an agent keeps no more than its limits of", { timeout: 300_000 }, () => {
  const limits = { holeWaitMs: 1000, forgetStreamMs: 1000, liveStreams: 50, allStreams: 1000, retryMaxMs: 1000 };

  it("streams, whoever makes up senders", async () => {
    const cursor = createMailboxCursor({ floor: true });
    const inbox = createInbox({ limits, defences: { dedupe: true }, cursor });
    const expiresAtMs = NOW_MS + 1_000_000;
    let refused = 0;
    for (let index = 0; index < FLOOD; index++) {
      const arrival = {
        from: idOf(`sender ${index % 1700}`),
        stream: idOf(`stream ${index}`).slice(0, 8),
        seq: 1,
        digest: new Uint8Array(16),
        expiresAtMs,
      };
      if (inbox.judge(arrival, NOW_MS) === "too-busy") refused++;
      else inbox.apply({ kind: "passed", head: { ...arrival, generation: new Uint8Array(8), position: 0 } } as Kept, undefined);
    }
    expect([await grown(), refused > 0]).toEqual([[], true]);
    const again = inbox.due(expiresAtMs + 10_000, expiresAtMs + 10_000).records;
    for (const kept of again) inbox.apply(kept, undefined);
    expect(again.length).toBeGreaterThan(0);
    expect(
      inbox.judge({ from: idOf("late"), stream: new Uint8Array(8), seq: 1, digest: new Uint8Array(16), expiresAtMs: NOW_MS * 2 }, NOW_MS),
    ).toBe("new");
  });

  it("receipts nobody takes, and handles of messages that ended", async () => {
    const outbox = createOutbox({
      limits: { outboxMessages: 100, outboxBytes: 1_000_000, unconfirmedAfterMs: 1000, forgetStreamMs: 1000 },
      drawStream: () => new Uint8Array(8).fill(1),
    });
    for (let seq = 1; seq <= FLOOD; seq++) {
      const head = {
        stream: new Uint8Array(8).fill(1),
        seq,
        parts: 1,
        class: "receipt",
        to: idOf("bob"),
        toName: "",
        requestId: new Uint8Array(),
        sentAtMs: NOW_MS,
        expiresAtMs: NOW_MS + 1_000_000,
        wholeBytes: 10,
      } as unknown as KeptHead<"queued">;
      outbox.apply({ kind: "queued", head }, undefined);
      for (const kept of outbox.due(NOW_MS).records) outbox.apply(kept, undefined);
    }
    expect(MAX_ENDED).toBeLessThan(10_000);
    expect(await grown()).toEqual([]);
  });
});

describe("the census itself", { timeout: 300_000 }, () => {
  it("finds a collection that grows in a closure, and is silent about one that does not", async () => {
    const createLeak = () => {
      const seen = new Map<string, number>();
      return { note: (name: string) => void seen.set(name, 1), forget: () => seen.clear() };
    };
    const leak = createLeak();
    for (let index = 0; index < FLOOD; index++) leak.note(`sender ${index}`);
    expect(await grown()).toEqual([`Map of ${FLOOD}: sender 0`]);
    leak.forget();
    expect(await grown()).toEqual([]);
  });

  it("finds keys of a rate that are not bounded, and none of those that are", async () => {
    const rates = [10_000, 100].map((keys) => createGcra({ perSecond: 1, burst: 1, keys }));
    for (let index = 0; index < FLOOD; index++) for (const rate of rates) rate.judge(`key ${index}`, 1, 0);
    expect(await grown()).toEqual([`Map of ${FLOOD}: key 0`]);
    expect(rates.map(({ keys }) => keys)).toEqual([FLOOD, 100]);
  });
});
