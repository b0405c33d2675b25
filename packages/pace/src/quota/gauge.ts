import type { Account } from "./account.ts";
import type { Source, Unit } from "./reading.ts";

/** One limited thing at one moment, for whoever looks: the ladder, the forecast, monitors and metrics. */
export interface Gauge {
  /** Whose it is: the partition of a service, as `partitionOf` names it, or `here` for what this process has of its own. */
  readonly partition: string;
  readonly unit: Unit;
  /** Tells several of one unit apart: "minute", "day". */
  readonly name: string;
  /** Units in a window, or at once where there is no window. */
  readonly limit: number;
  /** None for what is held and given back, as memory is. */
  readonly windowMs: number | undefined;
  readonly shape: "bucket" | "window" | "held";
  /** Units spent in the window, or held now; of a bucket what lacks of it where that is more: what others took of it is not there either. */
  readonly used: number;
  /** Units that are wanted and were not spent yet. */
  readonly waiting: number;
  /** Units that may be spent at this moment. */
  readonly available: number;
  /** Until all of it is there again; none for what is held. */
  readonly resetInMs: number | undefined;
  readonly source: Source;
  /** How far the limit is to be believed, from 0 to 1. */
  readonly confidence: number;
  /** Whether calls that were refused are counted, where that is known. */
  readonly chargesRefused: boolean | undefined;
}

/** What an account does not know of itself. */
export type Around = Pick<Gauge, "partition" | "waiting" | "confidence" | "chargesRefused">;

export function gaugeOf(account: Account, nowMs: number, { partition, waiting, confidence, chargesRefused }: Around): Gauge {
  const { unit, name, limit, windowMs, shape, source } = account;
  const available = Math.max(0, account.available(nowMs));
  return {
    partition,
    unit,
    name,
    limit,
    windowMs,
    shape,
    used: account.used(nowMs),
    waiting,
    available,
    // A full bucket of an endless window would take zero times forever.
    resetInMs: shape === "bucket" && available >= limit ? 0 : Math.max(0, account.resetInMs(nowMs)),
    source,
    confidence,
    chargesRefused,
  };
}
