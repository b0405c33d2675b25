import { expect, it } from "vitest";
import { MailRun, RUN_BYTES } from "./mail-run.ts";
import { createTestRelay, envelope, settleOf } from "./test-relay.ts";

it("says what comes behind what is due next, without taking that for handed over", () => {
  const relay = createTestRelay();
  relay.attach(1, "alice");
  relay.attach(2, "bob");
  for (let seq = 1; seq <= 4; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
  relay.sync();
  relay.attach(3, "bob");
  relay.feed(settleOf(relay, "bob", 0, { ranges: [[3, 4]] }));
  const next = (after?: number): readonly number[] => relay.machine.nextFor(3, 1e6, after).map((due) => due.position);
  // Behind the last message nothing is due, and all of it still is.
  expect([next(1), next(2), next(4), next()]).toEqual([[2], [], [], [1, 2]]);
});

it("a run is what comes next as far as it lies together, and as much of it is still due as nothing in it was let go of", () => {
  const relay = createTestRelay();
  relay.attach(1, "alice");
  relay.attach(2, "bob");
  for (let seq = 1; seq <= 6; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
  relay.sync();
  relay.attach(3, "bob");
  relay.feed(settleOf(relay, "bob", 0, { ranges: [[3, 3]] }));
  const positionsOf = (after: number): readonly number[] => [...relay.machine.nextRun(3, after).run.positions];
  const due = relay.machine.nextFor(3, 1e6);
  const { run, rest } = relay.machine.nextRun(3, 0);
  // Whatever the log of the test makes of places, a run is a beginning of what is due.
  expect(positionsOf(0)).toEqual(due.slice(0, run.size).map(({ position }) => position));
  expect(run.offsets).toEqual(due.slice(0, run.size).map(({ place }) => place.offset));
  expect(rest).toBe(run.size < due.length);
  expect(positionsOf(due.at(-1)?.position ?? 0)).toEqual([]);
  expect(relay.machine.nextRun(99, 0).run.size).toBe(0);
  const all = new MailRun();
  for (const [index, { position, storedAtMs }] of due.entries()) all.add(position, storedAtMs, 1, 100 * index, 90);
  expect(all.positions).toEqual([1, 2, 4, 5, 6]);
  expect([relay.machine.stillDue(3, all), relay.machine.stillDue(99, all)]).toEqual([5, 0]);
  relay.feed(settleOf(relay, "bob", 0, { ranges: [[5, 5]] }));
  expect(relay.machine.stillDue(3, all)).toBe(3);
  relay.feed({ kind: "handed-over", session: 3, positions: [1] });
  expect(relay.machine.stillDue(3, all)).toBe(0);
  relay.feed({ kind: "blocked", session: 3, blocked: true });
  expect([relay.machine.nextRun(3, 0).run.size, relay.machine.stillDue(3, all)]).toEqual([0, 0]);
});

it("a run ends where the next record is in another file, before the last one, far behind it, or beyond one read", () => {
  const run = new MailRun();
  expect(run.add(1, 5, 7, 1000, 100)).toBe(true);
  for (const [segment, offset, length] of [
    [8, 1200, 100],
    [7, 900, 100],
    [7, 1050, 100],
    [7, 100_000, 100],
    [7, 1112, RUN_BYTES],
  ] as const)
    expect(run.add(2, 5, segment, offset, length)).toBe(false);
  expect(run.add(2, 6, 7, 1112, 100)).toBe(true);
  expect([run.size, run.segment, run.positions, run.storedAtMs, run.offsets, run.lengths]).toEqual([
    2,
    7,
    [1, 2],
    [5, 6],
    [1000, 1112],
    [100, 100],
  ]);
});
