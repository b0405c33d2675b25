import { expect, it } from "vitest";
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
