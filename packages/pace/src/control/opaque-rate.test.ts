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
