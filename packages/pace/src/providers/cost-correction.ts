/**
 * By how much guesses of one quota's calls are off, learned from what they took: the ratio that nine calls of ten stay below. Tokens of input and of output are off by
 * ratios of their own: `max_tokens` is seldom used up.
 */
import type { Cost, Unit } from "../quota/reading.ts";

export interface CostCorrection {
  corrected(guess: Cost): Cost;
  /** `guess`: before its correction. */
  learned(guess: Cost, used: Cost): void;
}

/** Calls that are remembered: enough for a ninth tenth, few enough for habits that change. */
const REMEMBERED = 50;
/** Fewer say nothing. Of less than ten it is the largest that counts. */
const LEAST = 4;
const SHARE = 0.9;
/** Further off is a mistake, of ours or theirs. */
const [SMALLEST, LARGEST] = [0.02, 20];

export function createCostCorrection(): CostCorrection {
  const input = createRatio();
  const output = createRatio();
  const usd = createRatio();
  return {
    corrected: (guess) => {
      const { "input-tokens": into, "output-tokens": out } = guess;
      if (into === undefined || out === undefined) return guess;
      const cost = { ...guess, "input-tokens": Math.ceil(into * input.value()), "output-tokens": Math.ceil(out * output.value()) };
      const tokens = { tokens: cost["input-tokens"] + cost["output-tokens"] };
      return guess.usd === undefined ? { ...cost, ...tokens } : { ...cost, ...tokens, usd: guess.usd * usd.value() };
    },
    learned: (guess, used) => {
      const units: readonly (readonly [Unit, Ratio])[] = [
        ["input-tokens", input],
        ["output-tokens", output],
        ["usd", usd],
      ];
      for (const [unit, ratio] of units) {
        const [guessed, took] = [guess[unit] ?? 0, used[unit]];
        if (guessed > 0 && took !== undefined) ratio.seen(took / guessed);
      }
    },
  };
}

interface Ratio {
  value(): number;
  seen(ratio: number): void;
}

function createRatio(): Ratio {
  const seen: number[] = [];
  let next = 0;
  let value: number | undefined = 1;
  return {
    value: () => {
      // Sorted when it is asked for, once for all calls that were seen since.
      if (value === undefined) value = [...seen].sort((one, other) => one - other)[Math.ceil(SHARE * seen.length) - 1] as number;
      return value;
    },
    seen: (ratio) => {
      if (!Number.isFinite(ratio)) return;
      seen[next] = Math.max(SMALLEST, Math.min(LARGEST, ratio));
      next = (next + 1) % REMEMBERED;
      if (seen.length >= LEAST) value = undefined;
    },
  };
}
