import { expect, test } from "vitest";
import { createGapMeter } from "./gap.ts";

function createMeter(): { readonly meter: ReturnType<typeof createGapMeter>; readonly pass: (ms: number) => void } {
  let nowMs = 1000;
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs, after: () => () => {} };
  return {
    meter: createGapMeter(clock),
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

test("the longest time without a movement is named by what came before it", () => {
  const { meter, pass } = createMeter();
  meter.begin("sending");
  pass(10);
  meter.moved("a");
  pass(300);
  meter.moved("b");
  pass(20);
  meter.moved("c");
  expect(meter.longest()).toEqual({ ms: 300, after: "a" });
});

test("what was before the beginning does not count", () => {
  const { meter, pass } = createMeter();
  meter.moved("a");
  pass(5000);
  meter.begin("sending");
  pass(7);
  meter.moved("b");
  expect(meter.longest()).toEqual({ ms: 7, after: "sending" });
});

test("a pause after the last movement does not count", () => {
  const { meter, pass } = createMeter();
  meter.begin("sending");
  pass(7);
  meter.moved("a");
  pass(5000);
  expect(meter.longest()).toEqual({ ms: 7, after: "sending" });
});
