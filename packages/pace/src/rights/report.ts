/** What those who share the quotas of one partition say to its ledger, and what it answers. All times are the ledger's, in milliseconds. */
import type { OpaqueLaw } from "../control/opaque-law.ts";

/** Of a quota that nobody but its owner watches over: money, calls a day. */
export interface UnitsReport {
  readonly limit: number;
  readonly windowMs: number;
  /** A bucket fills all the time and has no end; a window is full again at its end. */
  readonly shape: "bucket" | "window";
  /** Until the first window ends. */
  readonly resetInMs: number;
  /** Which window the rest is of; 0 where none is known yet. */
  readonly window: number;
  /** Settled and under way, since the window began. */
  readonly used: number;
  readonly underWay: number;
  /** Beyond what is used. */
  readonly wants: number;
  /** Of the next call: with less than this nothing can be done. */
  readonly least: number;
}

export interface Report {
  /** One process, from its start to its end. */
  readonly holder: string;
  /** Counts up; an older one that comes later is not heard. */
  readonly nth: number;
  /** Of the report whose answer is in force; 0 for none. */
  readonly applied: number;
  readonly weight: number;
  /** By unit: how much of the whole rate is of use to the holder, from 0 to 1. */
  readonly demands: ReadonlyMap<string, number>;
  /** By unit and window. */
  readonly units: ReadonlyMap<string, UnitsReport>;
  /** Calls a second that were let in lately. */
  readonly accepted: number;
  /** Somebody waits for nothing but the rate of requests, of which the service tells nothing. */
  readonly isAwaiting: boolean;
  /** When the last call left that was let in, since the report before. */
  readonly answeredSentMs?: number;
  /** When the last call left that was refused, since the report before. */
  readonly refusedSentMs?: number;
  /** For how long a pause is, from 0 to 1. */
  readonly draw: number;
  /** The service asked for a pause until then. */
  readonly askedUntilMs?: number;
  /** The holder's breaker is open until then, or looks from then on. */
  readonly breakerUntilMs?: number;
  /** By unit: what of the whole rate is to be spent at all, as far as levels told him since the report before. */
  readonly spendable: ReadonlyMap<string, number>;
  /** It was the last: nothing is held any more. */
  readonly leaves?: boolean;
}

/** What one may use of a rate. */
export interface PartGrant {
  /** Of the whole, now. */
  readonly part: number;
  /** Of the whole, as soon as others have given back. */
  readonly due: number;
}

export interface UnitsGrant {
  readonly window: number;
  /** The holder's own use in this window may not go beyond. */
  readonly ceiling: number;
  /** None for a bucket. */
  readonly endsMs: number | undefined;
  /** Units in nobody's hands. */
  readonly free: number;
  /** Units in the hands of others, who give them back where they are asked. */
  readonly others: number;
  /** Of others: what their calls do not take of it comes back. */
  readonly othersUnderWay: number;
  /** There is not enough for the next call of another: what is settled here is his. */
  readonly isAwaited: boolean;
}

export interface Grant {
  /** Of the report that it answers. */
  readonly nth: number;
  /** When it was made. */
  readonly madeMs: number;
  /** Parts are held for so long from when the report left. */
  readonly leaseMs: number;
  readonly parts: ReadonlyMap<string, PartGrant>;
  readonly units: ReadonlyMap<string, UnitsGrant>;
  readonly known: Known;
}

/** What all know together. */
export interface Known {
  readonly law: OpaqueLaw;
  readonly askedUntilMs: number;
  /** Another looks first whether the service lets calls in again: nobody leaves before. */
  readonly breakerUntilMs: number | undefined;
  readonly spendable: ReadonlyMap<string, number>;
}
