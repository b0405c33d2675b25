import { expect, it } from "vitest";
import { createOpaqueRate } from "./opaque-rate.ts";

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
  for (let passed = 0; passed <= 20_000; passed += 250) law.awaited(now + 3_600_000 + passed);
  expect(law.rate(now + 3_620_000)).toBeGreaterThan(1.2 * after);
});

it("no rate is beyond what a machine sends, however long nothing is refused", () => {
  const law = createOpaqueRate(() => 0.5);
  for (let now = 0; now < 7_200_000; now += 250) law.awaited(now);
  expect(law.rate(7_200_000)).toBeLessThanOrEqual(1e5);
});
