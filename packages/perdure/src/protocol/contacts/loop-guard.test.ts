import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../wire/bytes.ts";
import type { Kept } from "../../wire/kept-agent.ts";
import { createLoopGuard, EVERY_THREAD, type LoopGuard, MAX_COUNTED, MAX_PAUSES } from "./loop-guard.ts";
import { idOf, pauseRecord, queuedRecord, reread, someId, someThread } from "./test-contacts.ts";

const LIMITS = { autoPerThread: 3, autoPerPair: 5, autoWindowMs: 100 };
const ONE = { inThread: 1, toPeer: 1 };
const THREAD = new Uint8Array(16).fill(1);
const PEER = hex(idOf(0));
const guard = (enabled = true): LoopGuard =>
  createLoopGuard({ limits: LIMITS, named: (name) => (name === "desk" ? idOf(0) : undefined), enabled });
const stateOf = (on: LoopGuard): unknown => Object.fromEntries([...on.pauses()].map((each) => [hex(each.thread) + hex(each.peer), each]));

describe("budgets", () => {
  it("let no window have more than they say, whatever is sent when and where", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ waitMs: fc.nat(60), thread: someThread, peer: someId }), { maxLength: 60 }), (wishes) => {
        const on = guard();
        let nowMs = 1000;
        const left: { readonly atMs: number; readonly thread: string; readonly peer: string }[] = [];
        for (const [number, { waitMs, thread, peer }] of wishes.entries()) {
          nowMs += waitMs;
          if (on.passes(thread, hex(peer), ONE, nowMs) !== undefined) continue;
          on.charge({ id: String(number), thread, peer: hex(peer), atMs: nowMs });
          left.push({ atMs: nowMs, thread: hex(thread), peer: hex(peer) });
        }
        for (const { atMs, thread, peer } of left) {
          const window = left.filter((each) => each.atMs <= atMs && each.atMs > atMs - LIMITS.autoWindowMs);
          expect(window.filter((each) => each.thread === thread).length).toBeLessThanOrEqual(LIMITS.autoPerThread);
          expect(window.filter((each) => each.peer === peer).length).toBeLessThanOrEqual(LIMITS.autoPerPair);
        }
      }),
    );
  });

  it("switched off let everything pass", () => {
    const on = guard(false);
    for (let number = 0; number < 100; number++) on.charge({ id: String(number), thread: THREAD, peer: PEER, atMs: 1 });
    expect(on.passes(THREAD, PEER, ONE, 1)).toBeUndefined();
  });

  it("count what is planned and then durable once", () => {
    const on = guard();
    const kept = queuedRecord({ sentAtMs: 1 });
    on.charge({ id: "0101010101010101.1", thread: THREAD, peer: PEER, atMs: 1 });
    on.apply(kept);
    on.apply(kept);
    expect(on.passes(THREAD, PEER, { inThread: 2, toPeer: 2 }, 1)).toBeUndefined();
    expect(on.passes(THREAD, PEER, { inThread: 3, toPeer: 3 }, 1)).toBe("thread");
  });

  it("begin anew with a pause that ended also after a restart, when what was sent before is read back", () => {
    const sent = [1, 2, 3].map((seq) => queuedRecord({ seq, sentAtMs: 1 }));
    const before = guard();
    for (const kept of sent) before.apply(kept);
    const pause = { thread: THREAD, peer: idOf(0), why: "because", atMs: 2 };
    for (const paused of [true, false]) before.apply({ kind: "paused", head: { ...pause, paused } });
    const after = guard();
    for (const { kept } of before.restate()) after.apply(reread(kept));
    for (const kept of sent) after.apply(kept);
    for (const on of [before, after]) expect(on.passes(THREAD, PEER, { inThread: 3, toPeer: 3 }, 2)).toBeUndefined();
    expect([...after.pauses()]).toEqual([]);
  });

  it("count a peer once, by id or by name", () => {
    const on = guard();
    on.apply(queuedRecord({ seq: 1, to: new Uint8Array(0), toName: "desk", thread: new Uint8Array(16).fill(3) }));
    on.apply(queuedRecord({ seq: 2, thread: new Uint8Array(16).fill(4) }));
    expect(on.passes(THREAD, PEER, { inThread: 1, toPeer: 4 }, 1)).toBe("peer");
    expect(on.passes(THREAD, PEER, { inThread: 1, toPeer: 3 }, 1)).toBeUndefined();
  });

  it("do not count a wish, nor its answer, nor a receipt: a queue of any length passes", () => {
    const on = guard();
    for (let seq = 1; seq <= 1000; seq++) on.apply(queuedRecord({ seq, depth: seq % 2, class: "mail" }));
    for (let seq = 1; seq <= 1000; seq++) on.apply(queuedRecord({ seq, depth: 3, class: "receipt" }));
    expect(on.passes(THREAD, PEER, { inThread: 3, toPeer: 5 }, 1)).toBeUndefined();
  });

  it("over more threads than can be counted let nothing through", () => {
    const on = guard();
    for (let number = 0; number <= MAX_COUNTED; number++) {
      const thread = new Uint8Array(16);
      new DataView(thread.buffer).setUint32(0, number);
      on.charge({ id: String(number), thread, peer: String(number), atMs: 1 });
    }
    expect(on.passes(THREAD, PEER, ONE, 1)).toBe("peer");
    expect(on.passes(THREAD, PEER, ONE, 1 + LIMITS.autoWindowMs)).toBeUndefined();
  });
});

describe("pauses", () => {
  const pause = (thread: Uint8Array, paused: boolean): Kept => ({
    kind: "paused",
    head: { thread, peer: idOf(0), paused, why: "w", atMs: 1 },
  });

  it("are the same after a restatement", () => {
    fc.assert(
      fc.property(fc.array(pauseRecord, { maxLength: 30 }), fc.nat(30), (records, cut) => {
        const whole = guard();
        for (const kept of records) whole.apply(reread(kept));
        const begun = guard();
        for (const kept of records.slice(0, cut)) begun.apply(reread(kept));
        const again = guard();
        for (const { kept } of begun.restate()) again.apply(reread(kept));
        for (const kept of records.slice(cut)) again.apply(reread(kept));
        expect(stateOf(again)).toEqual(stateOf(whole));
      }),
    );
  });

  it("of a thread hold for it with that peer, of every thread for all of them", () => {
    const on = guard();
    on.apply(pause(THREAD, true));
    expect(
      [on.pause(THREAD, idOf(0)), on.pause(THREAD, idOf(1)), on.pause(new Uint8Array(16).fill(2), idOf(0))].map((each) => each?.why),
    ).toEqual(["w", undefined, undefined]);
    on.apply(pause(EVERY_THREAD, true));
    expect(on.pause(new Uint8Array(16).fill(2), idOf(0))?.why).toBe("w");
  });

  it("end by resume, and the count begins anew", () => {
    const on = guard();
    for (let number = 0; number < 3; number++) on.charge({ id: String(number), thread: THREAD, peer: PEER, atMs: 1 });
    expect(on.passes(THREAD, PEER, ONE, 1)).toBe("thread");
    on.apply(pause(THREAD, true));
    on.apply(pause(THREAD, false));
    expect([on.pause(THREAD, idOf(0)), on.passes(THREAD, PEER, ONE, 1)]).toEqual([undefined, undefined]);
  });

  it("are not written twice, and not without bound", () => {
    const on = guard();
    on.apply(pause(THREAD, true));
    expect(on.paused({ thread: THREAD, peer: idOf(0), why: "w", atMs: 2 })).toEqual([]);
    for (let number = 0; number < MAX_PAUSES; number++) {
      const thread = new Uint8Array(16).fill(9);
      new DataView(thread.buffer).setUint32(0, number);
      for (const kept of on.paused({ thread, peer: idOf(1), why: "w", atMs: 2 })) on.apply(kept);
    }
    expect([...on.pauses()]).toHaveLength(MAX_PAUSES);
  });
});
