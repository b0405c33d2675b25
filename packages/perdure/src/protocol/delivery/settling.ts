/**
 * What a settle releases. It asks for ranges of positions; granted is what lies at or below `tail` and does not rest, the other waits.
 * Invariant: a position is granted once, and everything granted is in `settled` and no longer in `stored`.
 */
import { createIntervalSet, NO_RANGES, type Range, withoutRanges } from "./interval-set.ts";
import type { Mailbox, RelayState } from "./mailbox-state.ts";
import { Places } from "./places.ts";
import { dropMail } from "./stored-mail.ts";

export interface Granted {
  /** As far as they were not settled before. */
  readonly ranges: readonly Range[];
  /** Records nothing needs once this is durable. */
  readonly places: Places;
  readonly messages: number;
  /** What was asked beyond the tail, or rests. */
  readonly waiting: readonly Range[];
  /** The first of it that rests. */
  readonly resting: Range | undefined;
}

export function grantSettle(state: RelayState, mailbox: Mailbox, asked: readonly Range[], tail: number): Granted {
  const ranges: Range[] = [];
  const waiting: Range[] = [];
  const places = new Places();
  let messages = 0;
  let resting: Range | undefined;
  for (const [from, to] of inOrder(asked)) {
    if (to > tail) waiting.push([Math.max(from, tail + 1), to]);
    const first = mailbox.settled.firstMissing(from);
    const last = Math.min(to, tail);
    if (first > last) continue;
    const later = mailbox.stored.resting.within(first, last);
    resting ??= later[0];
    waiting.push(...later);
    for (const [begin, end] of withoutRanges([[first, last]], later)) {
      messages += dropWithin(state, mailbox, begin, end, places);
      mailbox.settled.add(begin, end);
      ranges.push([begin, end]);
    }
  }
  return { ranges, places, messages, waiting: waiting.length === 0 ? NO_RANGES : waiting, resting };
}

/** Nearly always it is one range: what was settled so far. */
function inOrder(asked: readonly Range[]): readonly Range[] {
  const [only] = asked;
  if (asked.length === 1 && only !== undefined && only[0] > 0 && only[0] <= only[1]) return asked;
  return createIntervalSet(asked.filter(([first]) => first > 0)).ranges;
}

/** Takes those of a range out, and says how many there were. */
function dropWithin(state: RelayState, mailbox: Mailbox, first: number, last: number, places: Places): number {
  let messages = 0;
  if (last - first < mailbox.stored.size) {
    for (let position = first; position <= last; position++) if (dropMail(state, mailbox, position, places)) messages++;
  } else for (const position of storedWithin(mailbox, first, last)) if (dropMail(state, mailbox, position, places)) messages++;
  return messages;
}

/** Positions of a range that are stored. Walks whichever is shorter, the range or what is stored. */
export function storedWithin({ stored }: Mailbox, first: number, last: number): readonly number[] {
  const positions: number[] = [];
  if (last - first < stored.size) {
    for (let position = first; position <= last; position++) if (stored.has(position)) positions.push(position);
    return positions;
  }
  for (const position of stored.keys()) if (position >= first && position <= last) positions.push(position);
  return positions;
}
