/**
 * How far guesses of tokens are wrong, learned from what answers tell.
 *
 * Input: a guess by kinds of text, and the tokens that it took in the end. Where nothing is known a text may take five times its guess; a kind that was seen takes half as much
 * again as the worst of the last few; one that was not seen, twice as much as the worst kind that was. Only what a kind makes most of says something of it.
 */
import { NO_TOKENS, sumOfGuess, type TextKind, type TokenGuess } from "./token-guess.ts";

export interface Calibration {
  /** Tokens that it takes at most, as far as is known. */
  most(guess: TokenGuess): number;
  /** Tokens that it takes as far as is known, neither high nor low. */
  likely(guess: TokenGuess): number;
  /** `isWhole`: of all that was sent, with what nobody counted; it is forgotten when parts are known. */
  told(guess: TokenGuess, tokens: number, isWhole: boolean): void;
}

/** The worst seen between a guess by characters and a tokenizer that was not made for the language. */
export const MOST_WRONG = 5;
/** Texts of one kind differ: English and German are both prose. */
const MARGIN = 1.5;
/** Kinds of one tokenizer are apart, but not by all that tokenizers are: else a kind that never comes in, as it might be large, is never known. */
const ACROSS = 2;
/** What took least, again as much less. */
const LEAST_MARGIN = 0.6;
/** What was told lately stands for what comes next. */
const REMEMBERED = 8;
/** Of a guess: what makes less of it says little. */
const SHARE = 0.5;
/** Smaller ones are mostly what stands around them. */
const LEAST_TOKENS = 50;

const KINDS = Object.keys(NO_TOKENS) as readonly TextKind[];

interface Ratios {
  /** Tokens for each that was guessed, at most, the last at the end. */
  readonly most: number[];
  isWhole: boolean;
}

export function createCalibration(): Calibration {
  const known = new Map<TextKind, Ratios>();
  const most = (kind: TextKind): number => {
    const ratios = known.get(kind);
    if (ratios !== undefined) return MARGIN * Math.max(...ratios.most);
    let worst = 0;
    for (const other of known.values()) worst = Math.max(worst, MARGIN * Math.max(...other.most));
    return worst === 0 ? MOST_WRONG : Math.max(worst, Math.min(MOST_WRONG, ACROSS * worst));
  };
  const least = (kind: TextKind): number => {
    const ratios = known.get(kind);
    return ratios === undefined || ratios.isWhole ? 1 / MOST_WRONG : LEAST_MARGIN * Math.min(...ratios.most);
  };
  const likely = (kind: TextKind): number => {
    const sorted = [...(known.get(kind)?.most ?? [1])].sort((one, other) => one - other);
    return sorted[sorted.length >> 1] as number;
  };
  const weighed = (guess: TokenGuess, ratio: (kind: TextKind) => number): number => {
    let sum = 0;
    for (const kind of KINDS) if (guess[kind] > 0) sum += guess[kind] * ratio(kind);
    return sum;
  };
  return {
    most: (guess) => weighed(guess, most),
    likely: (guess) => weighed(guess, likely),
    told: (guess, tokens, isWhole) => {
      const all = sumOfGuess(guess);
      if (all < LEAST_TOKENS) return;
      for (const kind of KINDS) {
        if (guess[kind] < all * SHARE) continue;
        const others = weighed({ ...guess, [kind]: 0 }, least);
        const ratio = Math.max((tokens - others) / guess[kind], 1 / MOST_WRONG);
        const ratios = known.get(kind);
        if (isWhole && ratios !== undefined) continue;
        if (ratios === undefined || ratios.isWhole) known.set(kind, { most: [isWhole ? Math.min(ratio, MOST_WRONG) : ratio], isWhole });
        else {
          ratios.most.push(ratio);
          if (ratios.most.length > REMEMBERED) ratios.most.shift();
        }
      }
    },
  };
}
