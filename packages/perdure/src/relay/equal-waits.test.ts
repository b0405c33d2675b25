import { expect, test } from "vitest";
import { createTestClock } from "../protocol/link/test-clock.ts";
import { createEqualWaits } from "./equal-waits.ts";

test("each wait is over once, as long after it began as the others, by one timer", () => {
  const clock = createTestClock();
  const over: string[] = [];
  const waits = createEqualWaits(clock, 10, (number) => over.push(`${number} at ${clock.monotonicMs()}`));
  waits.begin(1);
  clock.advance(3);
  waits.begin(2);
  waits.begin(3);
  expect(clock.timers).toBe(1);
  clock.advance(4);
  waits.end(2);
  waits.begin(4);
  clock.advance(100);
  expect(over).toEqual(["1 at 10", "3 at 13", "4 at 17"]);
  expect(clock.timers).toBe(0);
});

test("a wait that begins anew is as long again; with the last one its timer goes", () => {
  const clock = createTestClock();
  const over: number[] = [];
  const waits = createEqualWaits(clock, 10, (number) => over.push(number));
  waits.begin(1);
  clock.advance(9);
  waits.begin(1);
  clock.advance(9);
  expect(over).toEqual([]);
  waits.end(1);
  expect(clock.timers).toBe(0);
  clock.advance(100);
  expect(over).toEqual([]);
});

test("what is over may begin another", () => {
  const clock = createTestClock();
  const over: number[] = [];
  const waits = createEqualWaits(clock, 10, (number) => {
    over.push(number);
    if (number < 3) waits.begin(number + 1);
  });
  waits.begin(1);
  clock.advance(10);
  expect(clock.timers).toBe(1);
  clock.advance(20);
  expect(over).toEqual([1, 2, 3]);
});
