/**
 * Tokens of messages: counted where an answer told them, guessed high where none did.
 *
 * An answer *tells* what all that was sent took; what was new in it since the answer before took the difference. Messages are known again by what is in them, so arrays may be
 * copied and made anew. What was left out since counts a little still, as nobody told its share alone.
 */
import type { Calibration } from "./calibration.ts";
import { addGuesses, NO_TOKENS, sumOfGuess, type TokenGuess } from "./token-guess.ts";

export interface Weighed {
  /** The same for messages with the same in them. */
  readonly key: string;
  readonly guess: TokenGuess;
}

export interface Ledger {
  /** Whether an answer told anything yet. */
  readonly isTold: boolean;
  /** Tokens that they take at most. */
  most(messages: readonly Weighed[]): number;
  /** Of one alone: what is known of its share, or what it likely takes. */
  tokensOf(message: Weighed): number;
  /** Tokens that they likely take. */
  likely(messages: readonly Weighed[]): number;
  /** Whether it was believed. */
  told(messages: readonly Weighed[], tokens: number): boolean;
}

/** Of what was left out: shares within one answer are guesses. */
const LEFT_OVER = 0.2;
/** Of what was counted: a service may leave old thoughts out, but one that tells less than this leaves out what it had kept in its cache. */
const LEAST_BELIEVED = 0.8;
/** Less than a fifth of the guess is no number of all that was sent. */
const LEAST_OF_GUESS = 0.2;

interface Known {
  readonly tokens: number;
  readonly count: number;
}

export function createLedger(calibration: Calibration): Ledger {
  let known: ReadonlyMap<string, Known> = new Map();
  let total = 0;

  const part = (messages: readonly Weighed[]) => {
    const left = new Map<string, number>();
    const fresh: Weighed[] = [];
    let kept = 0;
    for (const message of messages) {
      const entry = known.get(message.key);
      const used = left.get(message.key) ?? 0;
      if (entry === undefined || used >= entry.count) {
        fresh.push(message);
        continue;
      }
      left.set(message.key, used + 1);
      kept += entry.tokens;
    }
    let guess = NO_TOKENS;
    for (const message of fresh) guess = addGuesses(guess, message.guess);
    return { fresh, guess, kept, removed: Math.max(0, total - kept) };
  };

  const write = (messages: readonly Weighed[], tokensOf: (message: Weighed) => number): void => {
    const next = new Map<string, Known>();
    total = 0;
    for (const message of messages) {
      const entry = next.get(message.key);
      const tokens = entry?.tokens ?? tokensOf(message);
      next.set(message.key, { tokens, count: (entry?.count ?? 0) + 1 });
      total += tokens;
    }
    known = next;
  };

  return {
    get isTold() {
      return total > 0;
    },
    most: (messages) => {
      const { guess, kept, removed } = part(messages);
      return Math.ceil(kept + removed * LEFT_OVER + calibration.most(guess));
    },
    tokensOf: ({ key, guess }) => known.get(key)?.tokens ?? calibration.likely(guess),
    likely: (messages) => {
      const { guess, kept } = part(messages);
      return Math.ceil(kept + calibration.likely(guess));
    },
    told: (messages, tokens) => {
      const { fresh, guess, kept, removed } = part(messages);
      let all = NO_TOKENS;
      for (const message of messages) all = addGuesses(all, message.guess);
      if (tokens < sumOfGuess(all) * LEAST_OF_GUESS) return false;
      const isAppended = total > 0 && removed < 1;
      if (isAppended && tokens < kept * LEAST_BELIEVED) return false;
      if (total === 0) calibration.told(all, tokens, true);
      else if (isAppended && tokens > kept) calibration.told(guess, tokens - kept, false);
      const isNew = new Set(fresh);
      const weigh = ({ key, guess: own }: Weighed): number => known.get(key)?.tokens ?? calibration.likely(own);
      const likely = calibration.likely(guess);
      if (isAppended && tokens >= kept && likely > 0) {
        const scale = (tokens - kept) / likely;
        write(messages, (message) => (isNew.has(message) ? calibration.likely(message.guess) * scale : weigh(message)));
        return true;
      }
      let sum = 0;
      for (const message of messages) sum += weigh(message);
      write(messages, (message) => (sum === 0 ? 0 : (weigh(message) * tokens) / sum));
      return true;
    },
  };
}
