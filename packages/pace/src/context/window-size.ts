/**
 * How large the window is, and from where that is known: never a number without its source.
 *
 * *Policy*: the owner said it. *Header*: the service said it of its model. *Learned*: a refusal said it, or what went through. *Assumed*: nobody said it. What a service says
 * smaller is taken over from everybody; larger, from all but the owner, who may want less.
 */
import type { Source } from "../quota/reading.ts";
import { LEAST_WINDOW } from "./overflow.ts";

export interface WindowSize {
  readonly tokens: number;
  readonly source: Source;
  /** From 0 to 1. */
  readonly confidence: number;
  /** The service says it of its model, or of the window. Whether it is another than before. */
  told(tokens: number): boolean;
  /** Whether one that says so may be believed: no window is too small for next to nothing, and one that shrank so far would fit nothing any more. */
  mayRefuse(sentTokens: number, sizeTokens: number | undefined): boolean;
  /** It refused what took about so many tokens; `sizeTokens`: what the refusal said. */
  refused(sentTokens: number, sizeTokens: number | undefined): void;
  /** It took so many. */
  took(tokens: number): boolean;
}

/** What nobody says: most models that can use tools have it. Small ones in local servers have less, and say so when they refuse. */
const ASSUMED_TOKENS = 32_768;
/** A refusal that says no number: less than was sent, by so much. */
const STEP_DOWN = 0.9;
const CONFIDENCE = { header: 1, policy: 1, learned: 0.9, assumed: 0.3 };
/** Learned without a number: it may be less. */
const GUESSED = 0.5;

export function createWindowSize(policyTokens: number | undefined): WindowSize {
  let tokens = policyTokens ?? ASSUMED_TOKENS;
  let source: Source = policyTokens === undefined ? "assumed" : "policy";
  let confidence: number = CONFIDENCE[source];
  const set = (next: number, from: Source, sure = CONFIDENCE[from]): void => {
    [tokens, source, confidence] = [Math.floor(next), from, sure];
  };
  const isLess = (size: number | undefined): size is number => size !== undefined && size < tokens;
  const refusedTo = (sent: number, size: number | undefined): number => (isLess(size) ? size : Math.min(tokens, sent) * STEP_DOWN);
  return {
    get tokens() {
      return tokens;
    },
    get source() {
      return source;
    },
    get confidence() {
      return confidence;
    },
    told: (size) => {
      if (size === tokens || (policyTokens !== undefined && size > policyTokens)) return false;
      set(size, "header");
      return true;
    },
    mayRefuse: (sent, size) => refusedTo(sent, size) >= LEAST_WINDOW,
    refused: (sent, size) => set(refusedTo(sent, size), "learned", isLess(size) ? CONFIDENCE.learned : GUESSED),
    took: (taken) => {
      if (source === "policy" || source === "header" || taken <= tokens) return false;
      set(taken, "learned", GUESSED);
      return true;
    },
  };
}
