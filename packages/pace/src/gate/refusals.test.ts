import { describe, expect, it } from "vitest";
import { createAccount } from "../quota/account.ts";
import { createPool } from "../quota/pool.ts";
import type { Cost } from "../quota/reading.ts";
import { TOLD } from "../testing/gate-at.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createGate } from "./gate.ts";

/** What is said to one that is more than what there is. */
function refused(cost: Cost): { readonly message: string; readonly hint: string } | undefined {
  const window = { name: "minute", windowMs: 60_000, resetInMs: 60_000, shape: "window" } as const;
  const gate = createGate(
    {
      mostWaiting: 100,
      ranks: 1,
      policy: [
        createAccount(0, { ...TOLD, ...window, unit: "requests", limit: 1, remaining: 0 }, "policy"),
        createAccount(0, { ...TOLD, ...window, unit: "tokens", limit: 1000, remaining: 0 }, "policy"),
        createAccount(0, { ...TOLD, ...window, unit: "usd", limit: 1, remaining: 0 }, "policy"),
      ],
    },
    { clock: createVirtualTime(), random: () => 0.5, pool: createPool([{ unit: "memory-bytes", limit: 100 }], () => ({})) },
  );
  let said: { readonly message: string; readonly hint: string } | undefined;
  gate.enter(
    { cost: { requests: 1, ...cost }, isGuess: false, rank: 0, isReserved: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY },
    {
      leave: () => undefined,
      refuse: ({ code, message, hint }) => {
        expect(code).toBe("quota-spent");
        said = { message, hint };
      },
    },
  );
  return said;
}

describe("a call that is more than there ever is", () => {
  it.each([
    [
      "a quota",
      { tokens: 2000 },
      /may take 2000 tokens, and the quota "minute" has 1000 in all/,
      /^Ask for less in one call, or raise the quota\.$/,
    ],
    ["a budget", { usd: 1.5 }, /may take 1\.5 usd, and the quota "minute" has 1 in all/, /^Ask .* \(max_tokens counts in full\), or raise/],
    [
      "what the process has",
      { "memory-bytes": 200 },
      /may take 200 memory-bytes, and this process has 100 in all/,
      /raise memory-bytes in "here"/,
    ],
  ])("of %s is told so, and not of another for which it would wait", (_what, cost, message, hint) => {
    expect(refused(cost)).toEqual({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
  });

  it("by a little is not told that it takes as much as there is", () => {
    expect(refused({ tokens: 1001 })?.message).toMatch(/may take 1001 tokens, .* has 1000 in all/);
  });
});
