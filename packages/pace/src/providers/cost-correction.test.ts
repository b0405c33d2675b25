import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cost } from "../quota/reading.ts";
import { createCostCorrection } from "./cost-correction.ts";

const GUESS: Cost = { requests: 1, "input-tokens": 1000, "output-tokens": 4096, tokens: 5096 };
const used = (input: number, output: number): Cost => ({
  requests: 1,
  "input-tokens": input,
  "output-tokens": output,
  tokens: input + output,
});

describe("guesses are corrected", () => {
  it("by nothing until there are four, then by the largest", () => {
    const correction = createCostCorrection();
    for (let nth = 0; nth < 3; nth++) correction.learned(GUESS, used(1, 1));
    expect(correction.corrected(GUESS)).toEqual(GUESS);
    correction.learned(GUESS, used(500, 410));
    expect(correction.corrected(GUESS)).toEqual(used(500, 410));
  });

  it("to what nine of ten calls stay below, of input and of output", () => {
    const correction = createCostCorrection();
    for (let nth = 1; nth <= 50; nth++) correction.learned(GUESS, used(800, 4096 * (nth / 100)));
    expect(correction.corrected(GUESS)).toEqual(used(800, Math.ceil(4096 * 0.45)));
  });

  it("by the last fifty: a habit that changes is followed", () => {
    const correction = createCostCorrection();
    for (let nth = 0; nth < 500; nth++) correction.learned(GUESS, used(1000, 10));
    for (let nth = 0; nth < 50; nth++) correction.learned(GUESS, used(1000, 4000));
    expect(correction.corrected(GUESS)["output-tokens"]).toBe(4000);
  });

  it("of requests alone never", () => {
    expect(createCostCorrection().corrected({ requests: 1 })).toEqual({ requests: 1 });
  });

  it("within bounds, whatever is told", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.double(), fc.double()), { maxLength: 60 }), (told) => {
        const correction = createCostCorrection();
        for (const [input, output] of told) correction.learned(GUESS, used(input, output));
        const corrected = correction.corrected(GUESS);
        expect(corrected["input-tokens"]).toBeGreaterThanOrEqual(20);
        expect(corrected["input-tokens"]).toBeLessThanOrEqual(20_000);
        expect(corrected.tokens).toBe((corrected["input-tokens"] ?? 0) + (corrected["output-tokens"] ?? 0));
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
