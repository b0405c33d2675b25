import fc from "fast-check";
import { expect, it } from "vitest";
import { bitsAt, putBits } from "./bit-string.ts";

it("numbers of a few bits come back from where they were put, one behind the other", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.nat(255)), { minLength: 1 }), (numbers) => {
      const starts = numbers.map((_, nth) => numbers.slice(0, nth).reduce((sum, [bits]) => sum + bits, 0));
      const bytes = new Uint8Array(numbers.length + 1);
      for (const [nth, [bits, value]] of numbers.entries()) putBits(bytes, starts[nth] as number, bits, value & ((1 << bits) - 1));
      for (const [nth, [bits, value]] of numbers.entries())
        expect(bitsAt(bytes, starts[nth] as number, bits)).toBe(value & ((1 << bits) - 1));
    }),
  );
});
