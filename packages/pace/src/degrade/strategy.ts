/**
 * A way of doing with less. Look at `fewer-bits.ts` to see how short one is.
 *
 * It is asked when something that the work takes of is at its step or above, and says what it makes of the work, or nothing where it has nothing to say. What it
 * makes is stamped on the result by whoever runs it (`degrader.ts`), so that nothing is ever less than it seems (K7).
 */
import type { Step } from "../ladder/step.ts";

/** What is short: of all that an operation takes of, the highest step, and whose it is. */
export interface Shortage {
  readonly step: Step;
  /** "https://api.example.com requests minute". */
  readonly gauge: string;
}

export interface Work {
  readonly operation: string;
  readonly request: unknown;
  readonly class: string;
  /** Of works with another scope no answer is taken over: other credentials, other people. */
  readonly scope: string;
  /** Whether it may be done another time. */
  readonly isDeferrable: boolean;
  /** Whether it only asks, and does nothing: then an answer of before may stand for it. */
  readonly isQuestion: boolean;
  readonly shortage: Shortage;
}

/** `lost`: what the result lacks, in words for whoever reads it. */
export type Lesser =
  /** It is done with another request. */
  | { readonly kind: "request"; readonly request: unknown; readonly lost: string }
  /** It need not be done. */
  | { readonly kind: "answer"; readonly result: unknown; readonly lost: string }
  /** It will be done later. */
  | { readonly kind: "deferred"; readonly ticket: string; readonly lost: string }
  /** It is not done. */
  | { readonly kind: "dropped"; readonly lost: string };

export interface Strategy {
  readonly name: string;
  /** It is asked from this step on. */
  readonly from: Step;
  /** The signal says that nobody waits any more. */
  lessen(work: Work, signal: AbortSignal): Lesser | undefined | Promise<Lesser | undefined>;
  /** Told of every result that nothing was lost of. */
  answered?(work: Omit<Work, "shortage">, result: unknown): void;
}

/** That something was lost: what, why, by whom. */
export interface Stamp {
  readonly strategy: string;
  readonly step: Step;
  readonly gauge: string;
  readonly lost: string;
}
