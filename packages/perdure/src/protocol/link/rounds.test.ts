import { expect, test } from "vitest";
import { createRounds } from "./rounds.ts";
import { createTestClock } from "./test-clock.ts";

test("one timer looks at all members, as long as there are any", () => {
  const clock = createTestClock();
  const rounds = createRounds(clock, 10);
  const seen: string[] = [];
  const [one, other] = ["one", "other"].map((name) => ({ round: () => seen.push(`${name} at ${clock.monotonicMs()}`) })) as [
    { round(): number },
    { round(): number },
  ];
  rounds.add(one);
  clock.advance(4);
  rounds.add(other);
  expect(clock.timers).toBe(1);
  clock.advance(16);
  expect(seen).toEqual(["one at 10", "other at 10", "one at 20", "other at 20"]);
  rounds.remove(one);
  rounds.remove(other);
  expect(clock.timers).toBe(0);
});

test("members may leave in their round, and others come", () => {
  const clock = createTestClock();
  const rounds = createRounds(clock, 10);
  let seen = 0;
  const late = { round: () => seen++ };
  const leaving = {
    round: () => {
      rounds.remove(leaving);
      rounds.add(late);
    },
  };
  rounds.add(leaving);
  clock.advance(10);
  expect(seen).toBe(0);
  expect(clock.timers).toBe(1);
  clock.advance(10);
  expect(seen).toBe(1);
  rounds.remove(late);
  clock.advance(100);
  expect(clock.timers).toBe(0);
});
