import { expect, it } from "vitest";
import { createOpaqueRate, type OpaqueRate } from "./opaque-rate.ts";

const STEP_MS = 250;

/** Somebody always waits for it, and such a part of it is sent. */
function awaitedFor(law: OpaqueRate, fromMs: number, spanMs: number, sent = 1): number {
  for (let passed = 0; passed <= spanMs; passed += STEP_MS) {
    const now = fromMs + passed;
    law.left(now, (sent * law.rate(now) * STEP_MS) / 1000);
    law.awaited(now);
  }
  return fromMs + spanMs;
}

it("a refusal takes no more than three fifths away, though nothing was answered of late", () => {
  const law = createOpaqueRate(() => 0.5);
  let now = 0;
  law.rate(now);
  now = 10_000;
  for (let nth = 0; nth < 5; nth++) {
    const before = law.rate(now);
    now += 1 + law.refused(now, now);
    expect(law.rate(now)).toBeGreaterThan(before * 0.4 * 0.9);
    expect(law.rate(now)).toBeLessThan(before);
  }
});

it("refusals of calls that left before a pause are one with the one that began it", () => {
  const law = createOpaqueRate(() => 0.5);
  law.rate(0);
  expect(law.refused(5000, 4600)).toBeGreaterThan(0);
  const after = law.rate(5000);
  for (const sent of [4700, 4900, 5000]) expect(law.refused(5100, sent)).toBe(0);
  expect(law.rate(5000)).toBe(after);
});

it("an hour in which nobody waits raises nothing, before a refusal and after", () => {
  const law = createOpaqueRate(() => 0.5);
  law.rate(0);
  expect(law.rate(3_600_000)).toBe(law.rate(0));
  const now = 3_600_000 + law.refused(3_600_000, 3_600_000);
  const after = law.rate(now);
  expect(law.rate(now + 3_600_000)).toBe(after);
  law.awaited(now + 3_600_000);
  expect(law.rate(awaitedFor(law, now + 3_600_000, 40_000))).toBeGreaterThan(1.2 * after);
});

it("who sends less than the rate raises nothing by calls that come together and wait for a moment", () => {
  const law = createOpaqueRate(() => 0.5);
  awaitedFor(law, 0, 10_000);
  const found = law.rate(10_000);
  expect(found).toBeGreaterThan(20);
  const soon = awaitedFor(law, 10_000, 2000, 0.4);
  const settled = law.rate(soon);
  expect(law.rate(awaitedFor(law, soon, 600_000, 0.4))).toBe(settled);
  expect(law.rate(awaitedFor(law, soon + 600_000, 5000, 1))).toBeGreaterThan(settled);
});

it("what was let in while levels were told is where it rises from when they are not told any more, whatever was refused before", () => {
  const law = createOpaqueRate(() => 0.5);
  for (let now = 0; now < 5000; now += 1000) law.refused(now, now);
  for (let now = 60_000; now < 70_000; now += 100) law.accepted(now, now - 20, 1);
  law.anew(70_000);
  expect(law.rate(70_000)).toBeCloseTo(10, 0);
  expect(law.rate(awaitedFor(law, 70_000, 3000))).toBeGreaterThan(25);
});

it("no rate is beyond what a machine sends, however long nothing is refused", () => {
  const law = createOpaqueRate(() => 0.5);
  expect(law.rate(awaitedFor(law, 0, 7_200_000))).toBe(1e5);
});

/** The law after a refusal at thirty calls a second, and when its pause ends. */
function around(): { readonly law: OpaqueRate; readonly fromMs: number } {
  const law = createOpaqueRate(() => 0.5);
  const now = awaitedFor(law, 0, 10_000);
  for (let at = now - 2000; at < now; at += 50) law.accepted(at, at - 20, 1);
  return { law, fromMs: now + law.refused(now, now) };
}

it("a limit that was raised to four times is found within 35 seconds, and one that did not move is held to for half of that", () => {
  const { law, fromMs } = around();
  const { perSecond } = law.found(fromMs);
  const soon = awaitedFor(law, fromMs, 15_000);
  expect(law.rate(soon)).toBeLessThan(1.08 * perSecond);
  expect(law.rate(awaitedFor(law, soon, 20_000))).toBeGreaterThan(4 * perSecond);
});

it("a refusal that comes before anything was measured does not end the rise", () => {
  const law = createOpaqueRate(() => 0.5);
  law.accepted(100, 0, 1);
  const fromMs = 100 + law.refused(100, 50);
  expect(law.rate(awaitedFor(law, fromMs, 6000))).toBeGreaterThan(4);
  // The second is measured: it came to one call in eight seconds.
  law.refused(fromMs + 6000, fromMs + 5900);
  expect(law.rate(fromMs + 6000)).toBeLessThan(3);
});

it("how long many take is told by the rate of now, and where it grows by what it grows to", () => {
  const { law, fromMs } = around();
  const { perSecond } = law.found(fromMs);
  expect(law.spanMs(fromMs, 100)).toBeCloseTo(100_000 / perSecond, 5);
  const later = awaitedFor(law, fromMs, 28_000);
  expect(law.spanMs(later, 500)).toBeLessThan((0.8 * 500_000) / law.rate(later));
});
