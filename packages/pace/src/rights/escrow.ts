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

/** To a report of a holder. */
interface Answer extends Promised {
  readonly nth: number;
}

/** What one holder may believe to hold. */
export interface Held extends Answer {
  /** Earlier ones that may still be in force, the latest first. */
  readonly before?: readonly Answer[];
}

/** By holder. */
export type Escrow = ReadonlyMap<string, Held>;

/** Of so many answers on their way each counts for itself; of more the oldest two count as one. */
const MOST_ON_THEIR_WAY = 32;

/** At most so much is in his hands. */
export function countedOf(held: Held | undefined, nowMs: number): number {
  if (held === undefined) return 0;
  let most = nowMs < held.untilMs ? held.amount : 0;
  for (const one of held.before ?? []) if (nowMs < one.untilMs) most = Math.max(most, one.amount);
  return most;
}

/** What was promised by the answer that he has in force, as far as it is known apart from others. */
export function inForce(held: Held, applied: number): Promised | undefined {
  return held.nth === applied ? held : held.before?.find(({ nth }) => nth === applied);
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
  // Older ones than what he has in force he never takes up; newer ones he may, any of them.
  const { before: earlier = [], ...last } = prior;
  const before = [last, ...earlier].filter((one) => one.nth >= applied);
  const [older, oldest] = before.slice(MOST_ON_THEIR_WAY - 1);
  if (older === undefined || oldest === undefined) return { nth, ...next, before };
  const both = { nth: older.nth, amount: Math.max(older.amount, oldest.amount), untilMs: Math.max(older.untilMs, oldest.untilMs) };
  return { nth, ...next, before: [...before.slice(0, MOST_ON_THEIR_WAY - 1), both] };
}
