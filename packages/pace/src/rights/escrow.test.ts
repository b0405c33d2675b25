import fc from "fast-check";
import { expect, it } from "vitest";
import { countedOf, type Held, promised } from "./escrow.ts";

const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** By how many answers he is behind when he asks, and what he is promised. */
const PROMISE = fc.record({ behind: fc.nat(40), amount: fc.nat(100) });

it("what a holder may have in force is counted, and nothing that he can take up no more", () => {
  fc.assert(
    fc.property(fc.array(PROMISE, { minLength: 1, maxLength: 100, size: "max" }), fc.boolean(), (promises, isNear) => {
      let held: Held | undefined;
      let applied = 0;
      for (const [index, { behind, amount }] of promises.entries()) {
        const nth = index + 1;
        applied = Math.max(applied, nth - 1 - (isNear ? behind % 30 : behind));
        held = promised(held, { amount, untilMs: NEVER_MS }, nth, applied, false);
        const most = Math.max(...promises.slice(Math.max(0, applied - 1), nth).map((one) => one.amount));
        if (isNear) expect(countedOf(held, 0)).toBe(most);
        else expect(countedOf(held, 0)).toBeGreaterThanOrEqual(most);
        // bound: what is kept of one holder.
        expect(held.before?.length ?? 0).toBeLessThanOrEqual(32);
      }
    }),
    { numRuns: 300, seed: 8 },
  );
});
