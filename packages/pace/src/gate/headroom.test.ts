import { describe, expect, it } from "vitest";
import { createAccount } from "../quota/account.ts";
import { createHeadroom } from "./headroom.ts";

const BEAT_MS = 10_000;
const HOUR_MS = 3_600_000;

function bucket() {
  return createAccount(
    0,
    { unit: "tokens", name: "minute", limit: 10_000, windowMs: 60_000, remaining: 10_000, resetInMs: 0, shape: "bucket" },
    "header",
  );
}

/** Beats that take so many tokens, one after the other; what is kept after the last. */
function kept(...beats: readonly number[]): number {
  const headroom = createHeadroom();
  for (const [nth, tokens] of beats.entries()) headroom.left(nth * BEAT_MS, { requests: 1, tokens });
  return headroom.units((beats.length - 1) * BEAT_MS, bucket());
}

function many(count: number, tokens: number): readonly number[] {
  return Array.from({ length: count }, () => tokens);
}

describe("what is kept of a bucket for heartbeats", () => {
  it("is what the largest of the last ones took", () => {
    expect(kept(10, 50, 20)).toBe(50);
    expect(kept(...many(10, 10), 5000, ...many(50, 10))).toBe(5000);
  });

  it("falls when a large one was long ago", () => {
    expect(kept(5000, ...many(70, 10))).toBe(10);
  });

  it("is nothing of a unit that they take no more", () => {
    const headroom = createHeadroom();
    headroom.left(0, { requests: 1, tokens: 500 });
    for (let nth = 1; nth < 70; nth++) headroom.left(nth * BEAT_MS, { requests: 1 });
    expect(headroom.units(70 * BEAT_MS, bucket())).toBe(0);
  });

  it("begins anew after an hour without any", () => {
    const headroom = createHeadroom();
    headroom.left(0, { tokens: 5000 });
    expect(headroom.units(HOUR_MS + 1, bucket())).toBe(0);
    headroom.left(2 * HOUR_MS, { tokens: 10 });
    expect(headroom.units(2 * HOUR_MS, bucket())).toBe(10);
  });
});

it("of a window as much is kept as will come until its end, at the rate of now and not that of a night without any", () => {
  const headroom = createHeadroom();
  const window = createAccount(
    0,
    { unit: "requests", name: "day", limit: 10_000, windowMs: 86_400_000, remaining: 10_000, resetInMs: 8 * HOUR_MS, shape: "window" },
    "policy",
  );
  headroom.left(0, { requests: 1 });
  const morningMs = 6 * HOUR_MS;
  for (let nth = 0; nth < 3; nth++) headroom.left(morningMs + nth * 60_000, { requests: 1 });
  // A beat a minute for two hours.
  expect(headroom.units(morningMs + 120_000, window)).toBe(119);
});
