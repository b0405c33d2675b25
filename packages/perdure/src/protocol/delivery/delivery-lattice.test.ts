import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DELIVERY_STATES, type DeliveryState } from "../../wire/kept-agent.ts";
import { isTerminal, rises } from "./delivery-lattice.ts";

const highest = (states: readonly DeliveryState[]): DeliveryState =>
  states.reduce((current, next) => (rises(current, next) ? next : current), "queued");

describe("delivery lattice", () => {
  it("ends in the same state whatever the order of what became known", () => {
    const states = fc.array(fc.constantFrom(...DELIVERY_STATES), { maxLength: 12 });
    fc.assert(
      fc.property(
        states.chain((known) => fc.tuple(fc.constant(known), fc.shuffledSubarray(known, { minLength: known.length }))),
        ([known, shuffled]) => {
          expect(highest(shuffled)).toBe(highest(known));
        },
      ),
    );
  });

  it("puts a proven end above the sender's own verdict", () => {
    expect(rises("unconfirmed", "done")).toBe(true);
    expect(rises("expired", "lost")).toBe(false);
    expect(rises("done", "refused")).toBe(false);
  });

  it("calls exactly six states terminal", () => {
    expect(DELIVERY_STATES.filter(isTerminal)).toEqual(["unconfirmed", "lost", "expired", "failed", "refused", "done"]);
  });
});
