import { describe, expect, it } from "vitest";
import { mostInTime, type Wish } from "./optimum.ts";

const SECOND_MS = 1000;
const one = { perSecond: () => 1, endMs: 100 * SECOND_MS, calmFromMs: 0 };

function wishes(count: number, atMs: number, forMs: number): readonly Wish[] {
  return Array.from({ length: count }, () => ({ atMs, untilMs: atMs + forMs }));
}

describe("the most that can be done in time", () => {
  it("is all the work where there is less of it than room", () => {
    expect(mostInTime(wishes(20, 0, 50 * SECOND_MS), one, 5)).toBe(20);
  });

  it("is what was kept and what comes until the deadline where there is more", () => {
    // Five that were kept, and one a second for ten seconds.
    expect(mostInTime(wishes(200, 20 * SECOND_MS, 10 * SECOND_MS), one, 5)).toBe(15);
  });

  it("gives room to what is due first, and keeps none for what is late", () => {
    const patient = wishes(10, 0, 90 * SECOND_MS);
    const hasty = wishes(3, 1000, 3 * SECOND_MS);
    // Without it the patient would have taken what the hasty need: 10 + 3 - 1 is what arrival order brings.
    expect(mostInTime([...patient, ...hasty], one, 1)).toBe(13);
  });

  it("counts nothing that is let in after the end", () => {
    expect(mostInTime(wishes(500, 0, 1000 * SECOND_MS), one, 0.5)).toBe(0);
    expect(mostInTime(wishes(500, 0, 1000 * SECOND_MS), one, 1)).toBe(100);
  });
});
