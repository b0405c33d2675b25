/** An account of which several gates take, as one of them has it: large calls of one have their turn among small ones of others. */
import type { Account, Reservation } from "./account.ts";
import { createTurns } from "./turns.ts";

/** Gates ask again a few times a second for as long as somebody waits: who did not ask for so long waits for something else, or not at all. */
const ASKED_MS = 1000;

/** Those before it may take theirs at any moment. */
const ASK_AGAIN_MS = 100;

/** What is returned gives a door to each gate. */
export function createAccountDoors(account: Account): () => Account {
  const turns = createTurns(true);
  let latestMs = Number.NEGATIVE_INFINITY;
  /** What this window has not any more is left to nobody in it: it would lie idle until the next, of which it is put aside. */
  const isWithin = (now: number, units: number): boolean =>
    account.shape === "bucket" || units <= account.available(now) + account.outstanding;
  return () => {
    let needs = 0;
    let askedMs = Number.NEGATIVE_INFINITY;
    const isFresh = (): boolean => latestMs - askedMs < ASKED_MS;
    const seat = turns.seat(() => (isFresh() ? 0 : undefined));
    const readyMs = (now: number, units: number): number => {
      latestMs = Math.max(latestMs, now);
      const ready = account.readyMs(now, units);
      // Of those who wait there the one that needs most is meant, which may not be the first.
      const isMost = units >= needs || !isFresh();
      if (ready === Number.POSITIVE_INFINITY) return ready;
      if (isMost) askedMs = now;
      if (ready > now) {
        if (!isMost) return ready;
        needs = units;
        seat.short(units);
        return ready;
      }
      const aside = units === 0 ? 0 : seat.leaves((others) => isWithin(now, others));
      if (units + aside <= account.limit) {
        const later = account.readyMs(now, units + aside);
        if (isMost && later <= now) seat.there();
        return later;
      }
      // More than is ever there at once: those before it go first, and those who come later than it after it.
      if (isMost) {
        needs = units;
        seat.short(units);
      }
      return Math.max(now + ASK_AGAIN_MS, account.readyMs(now, account.limit));
    };
    const reserve = (now: number, units: number): Reservation => {
      // What is asked for has more in it than is taken: what others need.
      const isIt = units * 2 >= needs;
      seat.took(units, isIt);
      if (isIt) needs = 0;
      return account.reserve(now, units);
    };
    return Object.defineProperties({} as Account, {
      ...Object.getOwnPropertyDescriptors(account),
      readyMs: { value: readyMs, enumerable: true },
      reserve: { value: reserve, enumerable: true },
    });
  };
}
