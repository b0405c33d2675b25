import { describe, expect, it } from "vitest";
import { createRecentPayloads, RECENT_BYTES } from "./recent-payloads.ts";

const at = (offset: number) => ({ segment: 1, offset, length: 0 });

describe("payloads of a moment ago", () => {
  it("are given as copies until nobody needs them", () => {
    const recent = createRecentPayloads();
    recent.add("part", at(0), Uint8Array.of(1, 2));
    const first = recent.get({ ...at(0) });
    expect(first).toEqual(Uint8Array.of(1, 2));
    first?.fill(9);
    expect(recent.get(at(0))).toEqual(Uint8Array.of(1, 2));
    recent.drop(at(0));
    expect(recent.get(at(0))).toBeUndefined();
  });

  it("are of kinds that are read soon, and have some", () => {
    const recent = createRecentPayloads();
    recent.add("evidence", at(0), Uint8Array.of(1));
    recent.add("part", at(1), new Uint8Array(0));
    expect([recent.get(at(0)), recent.get(at(1))]).toEqual([undefined, undefined]);
  });

  it("are forgotten in the order in which they came, beyond the bound", () => {
    const recent = createRecentPayloads();
    const half = new Uint8Array(RECENT_BYTES / 2);
    for (const offset of [0, 1, 2]) recent.add("sealedUnder", at(offset), half);
    expect([0, 1, 2].map((offset) => recent.get(at(offset))?.length)).toEqual([undefined, half.length, half.length]);
    recent.add("received", at(3), new Uint8Array(RECENT_BYTES + 1));
    expect(recent.get(at(3))).toBeUndefined();
    expect(recent.get(at(2))).toBeDefined();
  });
});
