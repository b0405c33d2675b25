import fc from "fast-check";
import { expect, test } from "vitest";
import { fewest, type Try } from "./fewer.ts";

/** Tries what needs all of some items; several candidates at once, as threads would. */
function needing(needed: ReadonlySet<number>, tried: number[][] = []): Try<readonly number[]> {
  return async (candidates) => {
    tried.push(...candidates.map((each) => [...each]));
    const found = candidates.findIndex((each) => [...needed].every((item) => each.includes(item)));
    return found < 0 ? undefined : found;
  };
}

test("what is needed is left, in its order, and nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(200), { maxLength: 60 }), fc.nat(), async (items, pick) => {
      const needed = new Set(items.filter((_, index) => ((pick >> (index % 24)) & 5) === 5));
      expect(await fewest(items, needing(needed))).toEqual(items.filter((item) => needed.has(item)));
    }),
  );
});

test("one of a thousand takes few tries", async () => {
  const items = Array.from({ length: 1000 }, (_, index) => index);
  const tried: number[][] = [];
  expect(await fewest(items, needing(new Set([617]), tried))).toEqual([617]);
  expect(tried.length).toBeLessThan(40);
});

test("who gives up keeps what is left so far", async () => {
  let calls = 0;
  const tired: Try<readonly number[]> = async (candidates) => (++calls < 3 ? needing(new Set([3]))(candidates) : undefined);
  expect(await fewest([1, 2, 3, 4, 5, 6, 7, 8], tired)).toContain(3);
});
