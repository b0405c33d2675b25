/**
 * The rate for a quota of a window, full again at a moment, whose level the service tells.
 *
 * What is more than three quarters of what the time that is left would take leaves at once. Down to half of that it is spent freely: a twelfth of the window would
 * spend it all. Where less is left, so fast that it lasts until the window ends. Between them the one becomes the other, so that nobody runs into the end of a window at full speed; and as what is
 * left is the same for all who share it, so is the rate. Refusals that the level does not explain take of it, once for all calls under way together.
 */
import type { Random } from "../host/random.ts";
import type { HeadedRate, Level } from "./headed-rate.ts";

/** What an answer tells of a window. */
export interface WindowLevel extends Level {
  readonly most: number;
  readonly windowMs: number;
  /** Until it ends. */
  readonly leftMs: number;
}

/** Of what the time left would take. */
const TIGHT = 0.5;
const FREE = 0.75;
/** Of the window, in which what is left would be spent freely, and no less than a second. */
const FREELY = 1 / 12;
const LEAST_FREELY_MS = 1000;
const AFTER_REFUSAL = 0.8;
const TRUST_PER_SECOND = 0.02;
const LEAST_TRUST = 0.02;
const LEAST_PER_SECOND = 1e-6;
const PAUSE_S = 0.5;
const MOST_PAUSE_S = 10;
const PAUSE_SPREAD = 0.4;

export function isWindow(level: Level): level is WindowLevel {
  return "leftMs" in level;
}

export function createWindowRate(random: Random, first: WindowLevel): HeadedRate {
  let told = first;
  let toldMs: number | undefined;
  let trust = 1;
  let pauseBeganMs = Number.NEGATIVE_INFINITY;
  let refusals = 0;
  let isNews = false;

  const rate = (nowMs: number): number => {
    const { remaining, most, windowMs, perSecond } = told;
    const leftMs = told.leftMs - (nowMs - (toldMs ?? nowMs));
    // Of the next window nothing is told yet.
    if (leftMs <= 0) return perSecond * trust;
    const even = (remaining * 1000) / leftMs;
    const freely = (remaining * 1000) / Math.max(LEAST_FREELY_MS, windowMs * FREELY);
    const way = Math.max(0, Math.min(1, ((remaining * windowMs) / most / leftMs - TIGHT) / (FREE - TIGHT)));
    return Math.max(LEAST_PER_SECOND, trust * (even + way * Math.max(0, freely - even)));
  };

  return {
    get level() {
      return told.remaining / told.most;
    },
    isBlind: false,
    levelAt: ({ remaining }) => remaining / told.most,
    freeAbove: (nowMs) => {
      const leftMs = told.leftMs - (nowMs - (toldMs ?? nowMs));
      return trust < 1 ? Number.POSITIVE_INFINITY : FREE * told.most * (leftMs > 0 ? leftMs / told.windowMs : 1);
    },
    share: () => {
      const learned = isNews ? trust : undefined;
      isNews = false;
      return learned;
    },
    agree: (to) => {
      trust = Math.max(LEAST_TRUST, Math.min(1, to));
    },
    rate,
    whole: rate,
    // What does not leave in this window leaves in the next.
    spanMs: (nowMs, units) =>
      Math.min((units / rate(nowMs)) * 1000, Math.max(0, told.leftMs - (nowMs - (toldMs ?? nowMs))) + (units / told.perSecond) * 1000),
    told: (nowMs, level) => {
      if (!isWindow(level)) return;
      isNews = true;
      if (toldMs !== undefined) trust = Math.min(1, trust + (TRUST_PER_SECOND * (nowMs - toldMs)) / 1000);
      toldMs = nowMs;
      told = level;
    },
    accepted: (_nowMs, sentMs) => {
      if (sentMs > pauseBeganMs) refusals = 0;
    },
    refused: (nowMs, sentMs) => {
      if (sentMs <= pauseBeganMs) return 0;
      refusals++;
      isNews = true;
      trust = Math.max(LEAST_TRUST, trust * AFTER_REFUSAL);
      pauseBeganMs = nowMs;
      const seconds = Math.min(MOST_PAUSE_S, PAUSE_S * 2 ** (refusals - 1));
      return seconds * 1000 * (1 - PAUSE_SPREAD / 2 + PAUSE_SPREAD * random());
    },
  };
}
