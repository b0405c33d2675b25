import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDialSlots } from "./dial-slots.ts";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

describe("places for dialling", () => {
  it("are given in turn, and half of them stay free for those that answered last time", async () => {
    const slots = createDialSlots(4);
    const got: string[] = [];
    const give: (() => void)[] = [];
    for (let index = 0; index < 5; index++)
      void slots.take("failed", never).then((release) => {
        got.push(`dead ${index}`);
        give.push(release);
      });
    void slots.take("answered", never).then(() => got.push("alive"));
    await settled();
    expect(got).toEqual(["dead 0", "dead 1", "alive"]);
    give[0]?.();
    await settled();
    expect(got.at(-1)).toBe("dead 2");
  });

  it("are never given twice by giving one back twice, and nobody waits who gave up", async () => {
    const slots = createDialSlots(2);
    const release = await slots.take("answered", never);
    await slots.take("answered", never);
    const gaveUp = new AbortController();
    const waiting = slots.take("answered", gaveUp.signal);
    gaveUp.abort(new Error("no longer"));
    await expect(waiting).rejects.toThrow("no longer");
    let third = 0;
    void slots.take("answered", never).then(() => third++);
    void slots.take("answered", never).then(() => third++);
    release();
    release();
    await settled();
    expect(third).toBe(1);
    await expect(slots.take("answered", gaveUp.signal)).rejects.toThrow("no longer");
  });

  it("are never more than there are, and none is lost", async () => {
    const step = fc.record({
      do: fc.constantFrom("answered" as const, "failed" as const, "new" as const, "never-met" as const, "give" as const),
      at: fc.nat(30),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 16 }), fc.array(step, { maxLength: 40 }), async (limit, steps) => {
        const slots = createDialSlots(limit);
        const held: { readonly before: string; readonly release: () => void }[] = [];
        let asked = 0;
        for (const each of steps) {
          if (each.do === "give") held.splice(each.at % Math.max(1, held.length), 1)[0]?.release();
          else {
            asked++;
            const before = each.do;
            void slots.take(before, never).then((release) => held.push({ before, release }));
          }
          await settled();
          expect(held.length).toBeLessThanOrEqual(limit);
          // Those that answered last time keep places of their own.
          const holding = (which: string): number => held.filter(({ before }) => before === which).length;
          expect(holding("failed")).toBeLessThanOrEqual(Math.floor(limit / 2));
          expect(holding("new")).toBeLessThanOrEqual(Math.max(1, Math.floor(limit / 4)));
          expect(holding("never-met")).toBeLessThanOrEqual(Math.max(1, Math.floor(limit / 8)));
          if (limit >= 5) expect(holding("failed") + holding("new") + holding("never-met")).toBeLessThan(limit);
        }
        let given = 0;
        for (; held.length > 0; given++) {
          held.shift()?.release();
          await settled();
        }
        expect(given).toBeLessThanOrEqual(asked);
        const all = Array.from({ length: limit }, () => slots.take("answered", never));
        await Promise.all(all);
      }),
      { numRuns: 60 },
    );
  });
});
