import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat } from "../../wire/bytes.ts";
import { MAX_CONFLICTS } from "../../wire/evidence.ts";
import { decodeKept, encodeKept, type PayloadAt } from "../../wire/kept-agent.ts";
import { createEvidenceShelf, type EvidenceShelf } from "./evidence-shelf.ts";

const hash = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const place = (offset: number): PayloadAt => ({ segment: 1, offset, length: 10 });

function bench(): { readonly shelf: EvidenceShelf; readonly held: Set<number>; readonly released: number[] } {
  const held = new Set<number>();
  const released: number[] = [];
  const shelf = createEvidenceShelf({
    hold: (at) => {
      held.add(at.offset);
      return at;
    },
    release: (at) => {
      held.delete(at.offset);
      released.push(at.offset);
    },
  });
  return { shelf, held, released };
}

describe("evidence shelf", () => {
  it("holds what a step names, once, and lets go with the last step", () => {
    const { shelf, held } = bench();
    shelf.keep(hash(1), place(1));
    shelf.keep(hash(1), place(2));
    shelf.name(concat(hash(1)));
    shelf.name(concat(hash(1)));
    shelf.sweep();
    expect([...held]).toEqual([2]);
    shelf.unname(concat(hash(1)));
    shelf.sweep();
    expect(shelf.at(hash(1))).toEqual(place(2));
    expect(shelf.in(1)).toEqual([expect.objectContaining({ at: place(2) })]);
    shelf.unname(concat(hash(1)));
    shelf.sweep();
    expect([[...held], shelf.has(hash(1))]).toEqual([[], false]);
  });

  it("lets go of what nothing came to name", () => {
    const { shelf, released } = bench();
    shelf.keep(hash(1), place(1));
    shelf.sweep();
    expect(released).toEqual([1]);
  });

  it("keeps the first conflict of each relay and number, and no more than it may", () => {
    const { shelf, held } = bench();
    for (let number = 1; number <= 2 * MAX_CONFLICTS; number++) {
      for (const again of [0, 1]) {
        shelf.keep(hash(number + again), place(number));
        shelf.conflict({ relayId: hash(9), number, atMs: 1, hash: hash(number + again), bundle: hash(200) });
      }
    }
    shelf.sweep();
    expect(shelf.conflicts.map(({ number }) => number)).toEqual(Array.from({ length: MAX_CONFLICTS }, (_, index) => index + 1));
    expect(held.size).toBeLessThanOrEqual(MAX_CONFLICTS + 1);
  });

  it("holds exactly what is named, whatever happened, and the same after a restatement", () => {
    const action = fc.oneof(
      fc.record({
        do: fc.constant("batch" as const),
        items: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }),
        gone: fc.boolean(),
      }),
      fc.record({ do: fc.constant("forget" as const), pick: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (script) => {
        const { shelf, held } = bench();
        const steps: number[][] = [];
        let offset = 0;
        for (const each of script) {
          if (each.do === "batch") {
            for (const item of each.items) shelf.keep(hash(item), place(++offset));
            if (!each.gone) {
              steps.push(each.items);
              shelf.name(concat(...each.items.map(hash)));
            }
          } else if (steps.length > 0) {
            const [step] = steps.splice(each.pick % steps.length, 1);
            shelf.unname(concat(...(step as number[]).map(hash)));
          }
          shelf.sweep();
          const named = new Set(steps.flat());
          expect(held.size).toBe(named.size);
          for (const item of named) expect(shelf.has(hash(item))).toBe(true);
        }
        const after = bench();
        for (const { kept, restated } of shelf.restate()) {
          const read = decodeKept(encodeKept(kept, undefined, restated));
          if (read.kept.kind === "evidence") after.shelf.keep(read.kept.head.hash, read.restated);
        }
        for (const step of steps) after.shelf.name(concat(...step.map(hash)));
        after.shelf.sweep();
        expect(after.held).toEqual(held);
      }),
    );
  });
});
