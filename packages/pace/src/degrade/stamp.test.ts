import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STEPS } from "../ladder/step.ts";
import { fieldOfStamps, stampsOf } from "./stamp.ts";

const TEXT = fc.string({ unit: "grapheme", maxLength: 60 });

describe("stamps in a field of an answer", () => {
  it("are read as they were written, whatever stands in them, and fit into a field", () => {
    const stamp = fc.record({ strategy: TEXT, step: fc.constantFrom(...STEPS), gauge: TEXT, lost: TEXT });
    fc.assert(
      fc.property(fc.array(stamp, { maxLength: 4 }), (stamps) => {
        const field = fieldOfStamps(stamps);
        expect(new Headers({ a: field }).get("a")).toBe(field.trim());
        expect(stampsOf(field)).toEqual(stamps.map((one) => ({ ...one })));
      }),
    );
  });

  it("are none where there is no field, or nothing that can be read", () => {
    for (const field of [null, "", "nonsense", '"a";step=higher;gauge="";lost=""', '"a";step=saving', "\\".repeat(10_000)])
      expect(stampsOf(field)).toEqual([]);
  });

  it("cut what is endless", () => {
    expect(fieldOfStamps([{ strategy: "a", step: "saving", gauge: "b", lost: "c".repeat(100_000) }]).length).toBeLessThan(1000);
  });
});
