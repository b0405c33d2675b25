/**
 * What was promised of one thing to those who share it, so that together they never hold more than there is (K1).
 *
 * A promise counts from the moment it is made, whether or not it arrives. It ceases to count when its holder says that a later one is in force, or when its time
 * is over: a holder who heard nothing more stops by his own clock, which began earlier. What is lost, late, doubled or out of order can only make
 * more be counted than is held.
 */

export interface Promised {
  readonly amount: number;
  /** In the time of whoever keeps the ledger. */
  readonly untilMs: number;
}

/** What one holder may believe to hold. */
export interface Held extends Promised {
  /** Of the report that it answered. */
  readonly nth: number;
  /** The most of all earlier ones that may still be in force, and the longest. */
  readonly before?: Promised;
}

/** By holder. */
export type Escrow = ReadonlyMap<string, Held>;

/** At most so much is in his hands. */
export function countedOf(held: Held | undefined, nowMs: number): number {
  if (held === undefined) return 0;
  const { before } = held;
  return Math.max(nowMs < held.untilMs ? held.amount : 0, before !== undefined && nowMs < before.untilMs ? before.amount : 0);
}

/** At most so much is in the hands of all but one. */
export function countedBut(escrow: Escrow, holder: string | undefined, nowMs: number): number {
  let sum = 0;
  for (const [other, held] of escrow) if (other !== holder) sum += countedOf(held, nowMs);
  return sum;
}

/**
 * What is counted for a holder after a promise to him. `applied`: of the report whose answer he has in force. `isAtomic`: he takes up the answer before he does anything
 * else, so that it alone counts.
 */
export function promised(prior: Held | undefined, next: Promised, nth: number, applied: number, isAtomic: boolean): Held {
  if (prior === undefined || isAtomic) return { nth, ...next };
  // An answer that he has in force is the last that counts; where he has another, any of them may be.
  const { before } = prior;
  if (applied === prior.nth || before === undefined) return { nth, ...next, before: { amount: prior.amount, untilMs: prior.untilMs } };
  return {
    nth,
    ...next,
    before: { amount: Math.max(prior.amount, before.amount), untilMs: Math.max(prior.untilMs, before.untilMs) },
  };
}
