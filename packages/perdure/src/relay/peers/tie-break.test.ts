import fc from "fast-check";
import { expect, it } from "vitest";
import { equalBytes } from "../../wire/bytes.ts";
import { type Dialler, takesOver } from "./tie-break.ts";

const dialler = fc.constantFrom<Dialler>("us", "them");
const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const other = (side: Dialler): Dialler => (side === "us" ? "them" : "us");

it("both relays keep the same one of two sessions, in whichever order they come to know of them", () => {
  fc.assert(
    fc.property(dialler, id, id, (first, own, peer) => {
      fc.pre(!equalBytes(own, peer));
      const second = other(first);
      const here = takesOver(second, first, own, peer) ? second : first;
      // The other relay sees them the other way round, and opened by the other side.
      const there = takesOver(other(first), other(second), peer, own) ? other(first) : other(second);
      expect(there).toBe(other(here));
    }),
  );
});

it("a relay that dials again has lost the session before", () => {
  fc.assert(
    fc.property(dialler, id, id, (side, own, peer) => {
      expect(takesOver(side, side, own, peer)).toBe(true);
    }),
  );
});
