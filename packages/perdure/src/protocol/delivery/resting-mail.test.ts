import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EMPTY, hex } from "../../wire/bytes.ts";
import { INDEX_HEAD_BYTES, indexLayout, indexMailbox, indexRun, indexSender, readIndexHead } from "../../wire/kept-index.ts";
import { decodeKept } from "../../wire/kept-relay.ts";
import { missingIn } from "./holes.ts";
import { draftIndexes } from "./index-building.ts";
import { partsOf, type RestingRow, rowsIn } from "./index-reading.ts";
import { type IndexRecall, routedRuns } from "./index-recall.ts";
import type { RelayOutput } from "./mailbox-events.ts";
import { findAgent, findPeer, mailboxOwners } from "./mailbox-state.ts";
import { agentId, createTestRelay, envelope, LIMITS, NOW_MS, settleOf, type TestRelay } from "./test-relay.ts";

const AGENTS = ["anna", "bert", "cora"];
type Wanted = Extract<RelayOutput, { kind: "rows-wanted" }>;

/** A relay whose mail comes to rest when it is told, in indexes that are kept here; and what it asks for. */
function createRested(limits = {}) {
  const relay = createTestRelay({}, limits);
  const bodies: Uint8Array[] = [];
  const rowsOf = (segment: number, row: number, count: number): readonly RestingRow[] => {
    const body = bodies[segment] as Uint8Array;
    const counts = readIndexHead(body.subarray(0, INDEX_HEAD_BYTES), body.length);
    const layout = indexLayout(counts);
    const [loads = EMPTY, rows = EMPTY] = partsOf(counts, row, count).map(({ offset, length }) => body.subarray(offset, offset + length));
    return rowsIn(segment, (nth) => indexSender(body, layout.senders, nth), loads, rows, undefined);
  };
  return {
    relay,
    bodies,
    rowsOf,
    /** Makes an index of all that is durable, and lets it rest. */
    rest: (all: boolean): void => {
      const segment = bodies.length;
      const draft = draftIndexes([segment]);
      for (const owner of mailboxOwners(relay.machine.state)) draft.visit(owner, (place) => ({ ...place, segment }));
      const { body } = draft.finish(segment);
      bodies.push(body);
      const counts = readIndexHead(body, body.length);
      let row = 0;
      for (let nth = 0; nth < counts.runs; nth++) {
        const { mailbox, first, count } = indexRun(body, indexLayout(counts).runs, nth);
        const owner = findAgent(relay.machine.state, indexMailbox(body, mailbox).id);
        const runs = owner === undefined ? [] : [{ agent: owner.key, first, count, row }];
        relay.feed({ kind: "rest", segment, runs, all });
        row += count;
      }
    },
    /** Answers what was asked for until nothing is. */
    answer: (): void => {
      for (let asked = relay.take().filter((output): output is Wanted => output.kind === "rows-wanted"); asked.length > 0; ) {
        for (const { agent, segment, row, first, count } of asked)
          relay.feed({ kind: "rows", agent, first, rows: rowsOf(segment, row, count) });
        asked = relay.take().filter((output): output is Wanted => output.kind === "rows-wanted");
      }
    },
  };
}

/** Hands over what the machine gives, in order, as the pump does. */
function hand(relay: TestRelay, session: number, given: number[]): void {
  for (;;) {
    const due = relay.machine.nextFor(session, 500);
    if (due.length === 0) return;
    for (const { position } of due) {
      given.push(position);
      relay.feed({ kind: "handed-over", session, positions: [position] });
    }
  }
}

/** What a start takes of an index that lies whole in memory. */
function takeWhole(recall: IndexRecall, body: Uint8Array, segment = 1): ReturnType<IndexRecall["take"]> {
  const counts = readIndexHead(body, body.length);
  const layout = indexLayout(counts);
  const routed = new Map<number, readonly RestingRow[]>();
  for (const { nth, row, count, recipient } of routedRuns(counts, body)) {
    const [loads = EMPTY, rows = EMPTY] = partsOf(counts, row, count).map(({ offset, length }) => body.subarray(offset, offset + length));
    const to = body.subarray(layout.recipients + 32 * recipient, layout.recipients + 32 * (recipient + count));
    const senderOf = (by: number) => indexSender(body, layout.senders, by);
    routed.set(nth, rowsIn(segment, senderOf, loads, rows, to));
  }
  return recall.take(segment, counts, body, routed);
}

/** Records of mail that were let go of. */
const mailReleased = (relay: TestRelay): number =>
  [...relay.released].filter((offset) => decodeKept(relay.read({ segment: 1, offset: Number(offset), length: 0 })).kind === "mail").length;

const loads = (relay: TestRelay) =>
  AGENTS.map((name) => {
    const agent = relay.machine.lookup("agent", agentId(name));
    return {
      size: agent?.mailbox.stored.size,
      bytes: agent?.mailbox.storedBytes,
      settled: agent?.mailbox.settled.ranges,
      authored: agent?.authored,
      senders: [...(agent?.mailbox.senders ?? [])].map(([key, { mail, other }]) => [key, mail, other]).sort(),
      strangers: agent?.mailbox.strangers,
    };
  });

describe("mail that rests", () => {
  it("is handed out, settled and ended as if it had never rested", () => {
    const agent = fc.nat(2);
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant("mail" as const), from: agent, to: agent, life: fc.integer({ min: 1, max: 3 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant("settle" as const), who: agent, first: fc.nat(20), count: fc.nat(8), floor: fc.nat(12) }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("rest" as const), all: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("answer" as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("hand" as const), who: agent }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("time" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("start" as const) }) },
    );
    let [rested, fetched] = [0, 0];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const limits = { expiryGraceMs: 0 };
        const plain = createTestRelay({}, limits);
        const other = createRested(limits);
        const both = [plain, other.relay];
        const given = both.map(() => AGENTS.map((): number[] => []));
        const seqs = AGENTS.map(() => 0);
        const attach = (): void => {
          for (const relay of both) for (const [nth, name] of AGENTS.entries()) relay.attach(nth + 1, name);
          seqs.fill(0);
          for (const of of given) for (const each of of) each.length = 0;
        };
        let links = 0;
        attach();
        /** Until both have nothing left to do. */
        const quiet = (): void => {
          for (let round = 0; round < 200; round++) {
            other.answer();
            for (const relay of both) relay.sync();
            for (const [at, relay] of both.entries())
              for (const [nth] of AGENTS.entries()) hand(relay, nth + 1, (given[at] as number[][])[nth] as number[]);
            for (const relay of both) {
              for (const { agent: owner, position } of relay.machine.overdue(relay.nowMs, 99))
                relay.feed({ kind: "end", agent: owner.key, position, ending: "expired", notice: undefined });
              if (relay.machine.mayRestOverdue(relay.nowMs)) relay.feed({ kind: "sweep", beforeMs: relay.nowMs });
            }
            if (other.relay.outputs.every(({ kind }) => kind !== "rows-wanted") && both.every(({ unsynced }) => unsynced === 0)) break;
          }
        };
        for (const each of steps) {
          if (each.do === "mail") {
            const linkSeq = (seqs[each.from] as number) + 1;
            seqs[each.from] = linkSeq;
            const sent = envelope(AGENTS[each.from] as string, AGENTS[each.to] as string, linkSeq, {
              stream: links % 250,
              expiresAtMs: plain.nowMs + each.life * 60_000,
            });
            for (const relay of both) {
              relay.mail(each.from + 1, linkSeq, sent);
              relay.sync();
            }
          } else if (each.do === "settle") {
            const ranges = [[each.first, each.first + each.count] as const];
            // What one has handed out the other may not have yet: both have everything that is asked about.
            for (const relay of both) relay.feed(settleOf(relay, AGENTS[each.who] as string, each.floor, { ranges }));
          } else if (each.do === "rest") {
            const before = other.relay.machine.state.mails.rows;
            other.rest(each.all);
            rested += before - other.relay.machine.state.mails.rows;
          } else if (each.do === "answer") {
            const before = other.relay.machine.state.mails.rows;
            other.answer();
            fetched += Math.max(0, other.relay.machine.state.mails.rows - before);
          } else if (each.do === "hand") {
            for (const [at, relay] of both.entries()) hand(relay, each.who + 1, (given[at] as number[][])[each.who] as number[]);
          } else if (each.do === "time") for (const relay of both) relay.nowMs += 60_000;
          else {
            quiet();
            for (const relay of both) relay.crash();
            links++;
            attach();
          }
        }
        quiet();
        expect(loads(other.relay)).toEqual(loads(plain));
        expect(other.relay.machine.state.storedMessages).toBe(plain.machine.state.storedMessages);
        expect(other.relay.machine.state.storedBytes).toBe(plain.machine.state.storedBytes);
        expect(mailReleased(other.relay)).toBe(mailReleased(plain));
        for (const order of given[1] as number[][]) expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
    // Otherwise nothing was tried.
    expect(rested).toBeGreaterThan(300);
    expect(fetched).toBeGreaterThan(30);
  });

  it("is told by an index at a start, with every load it counts in", () => {
    const mail = fc.record({ from: fc.nat(2), to: fc.nat(2), peer: fc.boolean(), class: fc.constantFrom(undefined, "receipt" as const) });
    fc.assert(
      fc.property(fc.array(mail, { maxLength: 40 }), fc.array(fc.nat(40), { maxLength: 10 }), (mails, settled) => {
        const full = createTestRelay();
        for (const [nth, name] of AGENTS.entries()) full.attach(nth + 1, name);
        const seqs = [0, 0, 0];
        for (const { from, to, peer, class: kind } of mails) {
          const linkSeq = (seqs[from] as number) + 1;
          seqs[from] = linkSeq;
          const what = envelope(
            AGENTS[from] as string,
            peer ? "far agent" : (AGENTS[to] as string),
            linkSeq,
            kind === undefined ? {} : { class: kind },
          );
          full.mail(from + 1, linkSeq, what, peer ? "far relay" : undefined);
        }
        full.sync();
        const draft = draftIndexes([1]);
        for (const owner of mailboxOwners(full.machine.state)) draft.visit(owner, (place) => place);
        const { body, places } = draft.finish(1);
        // What is settled after the index was made is in it.
        for (const [nth, name] of AGENTS.entries())
          full.feed({ ...settleOf(full, name, 0, { ranges: settled.map((at) => [at, at + nth] as const) }), session: nth + 1 });
        full.sync();
        const sizes = new Map(places.map(({ offset, length }) => [offset, length]));
        const again = createTestRelay();
        for (const record of full.machine.snapshot()) again.machine.replay(record, { segment: 2, offset: 0, length: record.length });
        const recall = again.machine.recallIndexes();
        const recalled = takeWhole(recall, body);
        // The same once more, as of a record that was copied: nothing counts twice.
        expect(takeWhole(recall, body, 3)).toEqual({ count: 0, bytes: 0 });
        recall.finish();
        expect(loads(again)).toEqual(loads(full));
        const { state } = full.machine;
        expect(again.machine.state.storedMessages).toBe(state.storedMessages);
        expect(again.machine.state.routed).toEqual(state.routed);
        expect(recalled.count).toBe(state.storedMessages);
        const left = [...mailboxOwners(state)].flatMap(({ mailbox }) =>
          [...mailbox.stored.values()].map(({ place }) => place?.offset ?? 0),
        );
        expect(recalled.bytes).toBe(left.reduce((sum, offset) => sum + (sizes.get(offset) ?? 0), 0));
      }),
      { numRuns: 200 },
    );
  });

  it("keeps the place a consumer is at, unless everything is to rest", () => {
    const { relay, rest, answer } = createRested();
    relay.attach(1, "anna");
    relay.attach(2, "bert");
    for (let seq = 1; seq <= 8; seq++) relay.mail(1, seq, envelope("anna", "bert", seq));
    relay.sync();
    const rows = (): number => relay.machine.state.mails.rows;
    rest(false);
    expect(rows()).toBe(8);
    rest(true);
    expect(rows()).toBe(0);
    expect(LIMITS.mailboxMessages).toBeGreaterThan(8);
    expect(relay.machine.lookup("agent", agentId("bert"))?.mailbox.stored.oldestMs).toBe(NOW_MS);
    const bert = relay.machine.lookup("agent", agentId("bert"));
    expect(bert === undefined ? [] : missingIn(bert.mailbox)).toEqual([]);
    relay.feed(settleOf(relay, "bert", 3));
    answer();
    relay.sync();
    expect(relay.machine.lookup("agent", agentId("bert"))?.mailbox.stored.size).toBe(5);
    expect(relay.released.size).toBeGreaterThanOrEqual(3);
  });

  it("is asked for again when it came to rest under a consumer that is being served", () => {
    const { relay, rest, answer } = createRested();
    relay.attach(1, "anna");
    relay.attach(2, "bert", { consume: false });
    for (let seq = 1; seq <= 4; seq++) relay.mail(1, seq, envelope("anna", "bert", seq));
    relay.sync();
    relay.attach(3, "bert");
    // What the pump reads from the log meanwhile.
    expect(relay.machine.nextFor(3, 9999)).toHaveLength(4);
    relay.take();
    rest(true);
    expect(relay.machine.nextFor(3, 9999)).toHaveLength(0);
    answer();
    const given: number[] = [];
    hand(relay, 3, given);
    expect(given).toEqual([1, 2, 3, 4]);
  });

  it("is fetched of a few mailboxes at once when it may have expired, and of all in the end", () => {
    const { relay, rest, answer } = createRested({ expiryGraceMs: 0, agents: 100 });
    relay.attach(1, "anna");
    for (let nth = 0; nth < 40; nth++) {
      relay.attach(2 + nth, `agent ${nth}`);
      relay.mail(1, nth + 1, envelope("anna", `agent ${nth}`, nth + 1, { expiresAtMs: NOW_MS + 1 }));
    }
    relay.sync();
    rest(true);
    relay.nowMs += 60_000;
    relay.take();
    for (let round = 0; relay.machine.mayRestOverdue(relay.nowMs); round++) {
      relay.feed({ kind: "sweep", beforeMs: relay.nowMs });
      expect(relay.outputs.filter(({ kind }) => kind === "rows-wanted").length).toBeLessThanOrEqual(16);
      answer();
      for (const { agent, position } of relay.machine.overdue(relay.nowMs, 99))
        relay.feed({ kind: "end", agent: agent.key, position, ending: "expired", notice: undefined });
      relay.sync();
      expect(round).toBeLessThan(10);
    }
    expect(relay.machine.state.storedMessages).toBe(0);
  });

  it("whose owner's record was lost by damage is told by an index all the same, and nothing of its mailbox is forgotten", () => {
    const full = createTestRelay();
    full.attach(1, "anna");
    full.attach(2, "bert");
    for (let seq = 1; seq <= 6; seq++) full.mail(1, seq, envelope("anna", "bert", seq));
    full.feed({ kind: "peer", relayId: agentId("far relay"), url: "wss://far.example/", bundle: undefined });
    for (let seq = 7; seq <= 9; seq++) full.mail(1, seq, envelope("anna", "far agent", seq), "far relay");
    full.sync();
    full.feed({ ...settleOf(full, "bert", 2), session: 2 });
    full.sync();
    const lost = (record: Uint8Array): boolean => {
      const kept = decodeKept(record);
      return kept.kind === "peer" || (kept.kind === "registration" && hex(kept.value.agentId) === hex(agentId("bert")));
    };
    const damaged = createTestRelay();
    for (const [nth, record] of full.durable.entries())
      if (!lost(record)) damaged.machine.replay(record, { segment: 1, offset: 100 * nth, length: record.length });
    damaged.machine.closeHoles(0);
    const facts = (relay: TestRelay) =>
      [findAgent(relay.machine.state, agentId("bert")), findPeer(relay.machine.state, agentId("far relay"))].map((owner) => ({
        waiting: owner?.mailbox.stored.size,
        settled: owner?.mailbox.settled.ranges,
        next: owner?.mailbox.nextPosition,
      }));
    expect(facts(damaged).map(({ waiting }) => waiting)).toEqual([4, 3]);
    const draft = draftIndexes([1]);
    for (const owner of mailboxOwners(damaged.machine.state)) draft.visit(owner, (place) => place);
    const { body } = draft.finish(1);
    const again = createTestRelay();
    for (const record of damaged.machine.snapshot()) again.machine.replay(record, { segment: 2, offset: 0, length: record.length });
    const recall = again.machine.recallIndexes();
    takeWhole(recall, body);
    recall.finish();
    expect(facts(again)).toEqual(facts(damaged));
  });
});
