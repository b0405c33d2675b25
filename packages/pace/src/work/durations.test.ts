import { describe, expect, it } from "vitest";
import { createDurations } from "./durations.ts";

describe("how long work takes", () => {
  it("is what nine in ten of the last took no longer than", () => {
    const durations = createDurations(600);
    durations.add("page", 9999);
    for (let nth = 1; nth <= 20; nth++) durations.add("page", nth);
    expect(durations.mostMs("page")).toBe(18);
  });

  it("is the longest of a few, and what was said counts among them until there are ten", () => {
    const durations = createDurations(600);
    durations.expect("page", 50);
    for (let nth = 0; nth < 8; nth++) durations.add("page", 1);
    expect(durations.mostMs("page")).toBe(50);
    durations.add("page", 1);
    expect(durations.mostMs("page")).toBe(1);
  });

  it("is not shorter for one that its deadline stopped soon", () => {
    const durations = createDurations(600);
    durations.addAtLeast("page", 5);
    expect([durations.isKnown("page"), durations.mostMs("page")]).toEqual([false, 600]);
    durations.addAtLeast("page", 700);
    expect(durations.mostMs("page")).toBe(700);
  });

  it("is usual as it was said until one was measured", () => {
    const durations = createDurations(600);
    expect(durations.usualMs("page")).toBeUndefined();
    durations.expect("page", 50);
    expect(durations.usualMs("page")).toBe(50);
    durations.add("page", 10);
    expect(durations.usualMs("page")).toBe(10);
  });
});
