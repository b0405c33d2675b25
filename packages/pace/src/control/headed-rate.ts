/**
 * The rate for a bucket whose limit and level the service tells with every answer. For windows there is `window-rate.ts`.
 *
 * The limit is known, the share of it that is ours is not: others may spend of it. So the share is learned from the level alone: it grows where the
 * bucket is full, by the same for everybody, and shrinks where it is empty, in proportion, so that several come to like shares without a word. Around
 * the share the level is held in the middle: what is not used is kept, what is too much is not yet refused. A limit that moves moves the rate at once.
 * Invariants: the rate is never above `MOST_SHARE` of the limit; a refusal lowers the share once for all calls under way together.
 */
import type { Random } from "../host/random.ts";
import type { RateLaw } from "./rate-law.ts";

/** What an answer tells. */
export interface Level {
  /** Units per second that come back. */
  readonly perSecond: number;
  /** Units that may be spent at once. */
  readonly remaining: number;
}

export interface HeadedRate extends RateLaw {
  /** How full the bucket is, from 0 to 1. */
  readonly level: number;
  /** Whether the bucket is too small for its level to say how fast to go, as far as is known. */
  readonly isBlind: boolean;
  /** How full it is where so much is told. */
  levelAt(told: Level): number;
  /** Of the limit: what is to be spent at all. Nothing where nothing was learned since this was asked last. */
  share(): number | undefined;
  /** Others who share it came to this one. */
  agree(share: number): void;
  /** Units a second of all who share it by agreement; the same as `rate` where nobody does. */
  whole(nowMs: number): number;
  /** Of what remains, what is above this may leave at once; nothing where it is not there. */
  freeAbove?(nowMs: number): number;
  told(nowMs: number, level: Level): void;
}

/** Of the limit, until the first levels are seen: three that begin together do not empty a bucket within a round trip. */
const FIRST_SHARE = 0.2;
const MOST_SHARE = 1.3;
/** Who has less hears so seldom how full it is that he does not come back: fifty may share a limit. */
const LEAST_SHARE = 0.02;
/** A full bucket adds so much a second, and an empty one takes nine times as much of the share: alone the level rests at three quarters. */
const GROWTH = 0.02;
const SHRINKING = 0.18;
/** Above this level nobody spends enough: by a third a second. */
const NEARLY_FULL = 0.9;
const FAST_GROWTH = 0.3;
/**
 * What counts as full: a second of the rate, and at least some calls. It is the same for all who share the bucket, which what each saw of it
 * is not; of what is beyond nobody needs to keep anything.
 */
const SPAN_S = 1;
const FEW_CALLS = 10;
const NEW_WEIGHT = 0.1;
/** A bucket that was never seen to hold half a second of the rate, or eight calls, says too little to steer by: found by sweeping both. */
const ENOUGH_S = 0.5;
const ENOUGH_CALLS = 8;
/** The level that a share is held at, and how hard: by how long what is told is old. */
const MIDDLE = 0.6;
const FIRMNESS = 0.5;
const MOST_FIRMNESS = 4;
const ROUND_TRIP_S = 0.75;
const LEAST_FACTOR = 0.3;
const MOST_FACTOR = 1.5;
const AFTER_REFUSAL = 0.8;
/** Levels that are further apart tell of less. */
const MOST_STEP_S = 2;
const PAUSE_S = 0.5;
const MOST_PAUSE_S = 10;
const PAUSE_SPREAD = 0.4;

export function createHeadedRate(random: Random, first: Level): HeadedRate {
  let { perSecond } = first;
  let highest = 0;
  let usualUnits = 1;
  let scale = 1;
  let level = 0;
  let share = FIRST_SHARE;
  let toldMs: number | undefined;
  let pauseBeganMs = Number.NEGATIVE_INFINITY;
  let refusals = 0;
  let isNews = false;

  const levelAt = ({ remaining }: Level): number => Math.max(0, Math.min(1, remaining / scale));
  const weigh = (told: Level): void => {
    highest = Math.max(highest, told.remaining + usualUnits);
    scale = Math.max(perSecond * SPAN_S, FEW_CALLS * usualUnits);
    level = levelAt(told);
  };
  weigh(first);

  const rate = (): number => {
    const firmness = Math.min(MOST_FIRMNESS, (FIRMNESS * scale) / perSecond / ROUND_TRIP_S);
    return perSecond * share * Math.max(LEAST_FACTOR, Math.min(MOST_FACTOR, 1 + firmness * (level - MIDDLE)));
  };

  return {
    get level() {
      return level;
    },
    get isBlind() {
      return highest < Math.max(ENOUGH_S * perSecond, ENOUGH_CALLS * usualUnits);
    },
    levelAt,
    share: () => {
      const learned = isNews ? share : undefined;
      isNews = false;
      return learned;
    },
    agree: (to) => {
      share = Math.max(LEAST_SHARE, Math.min(MOST_SHARE, to));
    },
    rate,
    whole: rate,
    // Where there is more than enough a share grows to what is wanted within seconds.
    spanMs: (_nowMs, units) => (units / (perSecond * (level > MIDDLE ? 1 : share))) * 1000,
    told: (nowMs, now) => {
      isNews = true;
      const passedS = toldMs === undefined ? 0 : (nowMs - toldMs) / 1000;
      toldMs = nowMs;
      ({ perSecond } = now);
      weigh(now);
      if (now.remaining > NEARLY_FULL * Math.min(highest - usualUnits, scale)) share *= 1 + FAST_GROWTH * Math.min(MOST_STEP_S, passedS);
      // Who sends little is told seldom: what he moves by is for all of the time, and never beyond where the level would lead him.
      const pull = SHRINKING * (1 - level) ** 2;
      const moved = -Math.expm1(-pull * passedS);
      const growth = pull * passedS < 1e-6 ? GROWTH * passedS : (GROWTH / pull) * moved;
      share = Math.max(LEAST_SHARE, Math.min(MOST_SHARE, share * (1 - moved) + growth * level ** 2));
    },
    accepted: (_nowMs, sentMs, units) => {
      if (units > 0) usualUnits += (units - usualUnits) * NEW_WEIGHT;
      if (sentMs > pauseBeganMs) refusals = 0;
    },
    refused: (nowMs, sentMs) => {
      if (sentMs <= pauseBeganMs) return 0;
      refusals++;
      isNews = true;
      const slowest = 1 / (perSecond * share);
      share = Math.max(LEAST_SHARE, share * AFTER_REFUSAL);
      pauseBeganMs = nowMs;
      const seconds = Math.min(MOST_PAUSE_S, (PAUSE_S + slowest) * 2 ** (refusals - 1));
      return seconds * 1000 * (1 - PAUSE_SPREAD / 2 + PAUSE_SPREAD * random());
    },
  };
}
