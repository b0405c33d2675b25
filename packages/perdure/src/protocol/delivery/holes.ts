/**
 * What a relay makes of a log of which a part could not be read.
 *
 * Positions of which the log says neither that something waits there nor that it was settled: the records of their messages could not be
 * read. Nobody knows who sent them, so nobody can be told; they are over, and what lies behind them is handed out.
 *
 * Only for a log in which damage was found: without damage there are none, and one that turned up all the same must not be taken for loss.
 *
 * Statements that are gone were signed and shown: their numbers are left out, or the relay would say two things under one.
 */
import { createIntervalSet, type Range } from "./interval-set.ts";
import { type AgentState, type Mailbox, mailboxOwners, type RelayState } from "./mailbox-state.ts";

/** What of one mailbox is lost. */
export interface Hole {
  readonly owner: AgentState;
  readonly ranges: readonly Range[];
  readonly messages: number;
}

/** Shorter than any record of a statement. */
const STATEMENT_RECORD_BYTES = 128;

/**
 * After the replay: ends what is missing in every mailbox and says what that was. `unknownBytes`: so much was lost that may have been
 * statements, and is restated nowhere.
 */
export function closeHoles(state: RelayState, unknownBytes: number): readonly Hole[] {
  if (unknownBytes > 0) state.statements.number += Math.ceil(unknownBytes / STATEMENT_RECORD_BYTES);
  const holes: Hole[] = [];
  for (const owner of mailboxOwners(state)) {
    const { mailbox } = owner;
    // What was settled had been given, though nothing says so any more: nobody would get what is put there next.
    mailbox.nextPosition = Math.max(mailbox.nextPosition, (mailbox.settled.ranges.at(-1)?.[1] ?? 0) + 1);
    mailbox.syncedTail = mailbox.nextPosition - 1;
    const ranges = missingIn(mailbox);
    if (ranges.length === 0) continue;
    for (const [first, last] of ranges) mailbox.settled.add(first, last);
    holes.push({ owner, ranges, messages: ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0) });
  }
  return holes;
}

/** Positions below the next one that are neither stored nor settled. */
export function missingIn({ nextPosition, settled, stored }: Mailbox): readonly Range[] {
  if (settled.count(1, nextPosition - 1) + stored.size === nextPosition - 1) return [];
  const known = createIntervalSet(settled.ranges);
  for (const position of Float64Array.from(stored.keys()).sort()) known.add(position);
  for (const [first, last] of stored.resting.within(1, nextPosition - 1)) known.add(first, last);
  const missing: Range[] = [];
  for (let at = known.firstMissing(1); at < nextPosition; at = known.firstMissing(at)) {
    let last = at;
    while (last + 1 < nextPosition && !known.has(last + 1)) last++;
    missing.push([at, last]);
    at = last + 1;
  }
  return missing;
}
