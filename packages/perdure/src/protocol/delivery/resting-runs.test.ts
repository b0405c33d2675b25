import fc from "fast-check";
import { expect, test } from "vitest";
import { createRestingRuns } from "./resting-runs.ts";

test("runs of mail that rests are what a list of positions is", () => {
  const step = fc.record({ first: fc.integer({ min: 1, max: 60 }), count: fc.integer({ min: 1, max: 12 }), takes: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const runs = createRestingRuns();
      /** By position: segment and row. */
      const reference = new Map<number, string>();
      let segment = 0;
      for (const { first, count, takes } of steps) {
        const last = first + count - 1;
        if (!takes) {
          segment++;
          // Only what does not rest yet comes to rest.
          for (let at = first; at <= last; at++) {
            if (reference.has(at)) continue;
            let to = at;
            while (to < last && !reference.has(to + 1)) to++;
            runs.add({ first: at, last: to, segment, row: 100 * segment + at, expiresAtMs: 1000 - segment, storedAtMs: segment });
            for (; at <= to; at++) reference.set(at, `${segment} ${100 * segment + at}`);
          }
        } else {
          const within = runs.within(first, last)[0];
          if (within !== undefined) {
            const run = runs.from(within[0]);
            const to = Math.min(within[1], run?.last ?? 0);
            runs.take(within[0], to);
            for (let at = within[0]; at <= to; at++) reference.delete(at);
          }
        }
        expect(runs.size).toBe(reference.size);
        const told = new Map<number, string>();
        for (let run = runs.from(0); run !== undefined; run = runs.from(run.last + 1))
          for (let at = run.first; at <= run.last; at++) told.set(at, `${run.segment} ${run.row + at - run.first}`);
        expect([...told].sort(([a], [b]) => a - b)).toEqual([...reference].sort(([a], [b]) => a - b));
        for (let at = 0; at < 75; at++) expect(runs.has(at)).toBe(reference.has(at));
        const earliest = Math.min(Number.POSITIVE_INFINITY, ...[...reference.values()].map((each) => 1000 - Number(each.split(" ")[0])));
        expect(runs.earliestExpiryMs).toBe(earliest);
        expect(runs.expiring(earliest - 1)).toBeUndefined();
        expect(runs.expiring(earliest)?.expiresAtMs).toBe(reference.size === 0 ? undefined : earliest);
      }
    }),
    { numRuns: 200 },
  );
});
