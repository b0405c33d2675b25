/** What a consumer gets next. `tail` is how far may be handed out: everything taken, or only what is durable. */

import { MailRun } from "./mail-run.ts";
import type { Consumer, Mailbox } from "./mailbox-state.ts";
import type { Due } from "./stored-mails.ts";

/** Whether the message just taken at `position` may go straight on: everything before it did. */
export function isLive(consumer: Consumer, position: number, tail: number): boolean {
  return consumer.ready && !consumer.blocked && position <= tail && consumer.cursor === position - 1;
}

export function isBehind({ consumer }: Mailbox, tail: number): boolean {
  return consumer?.ready === true && !consumer.blocked && consumer.cursor < tail;
}

function firstBehind({ settled }: Mailbox, { cursor }: Consumer, after: number): number {
  return settled.firstMissing(Math.max(cursor, after) + 1);
}

/** The next messages in order of position, behind `after`, up to about `maxBytes`; moves the cursor over what is settled at the end. */
export function nextDue(mailbox: Mailbox, tail: number, maxBytes: number, after: number): readonly Due[] {
  const { consumer, settled, stored } = mailbox;
  if (consumer === undefined || !isBehind(mailbox, tail)) return [];
  const due: Due[] = [];
  let room = maxBytes;
  let position = firstBehind(mailbox, consumer, after);
  for (; position <= tail && room > 0; position = settled.firstMissing(position + 1)) {
    const mail = stored.dueAt(position);
    if (mail === undefined) break;
    due.push(mail);
    room -= mail.sizeBytes;
  }
  if (due.length === 0 && position > tail && after <= consumer.cursor) consumer.cursor = Math.max(consumer.cursor, tail);
  return due;
}

/** The same as far as their records lie one behind the other; `rest` says whether more is due behind them. */
export function nextRun(mailbox: Mailbox, tail: number, after: number): { readonly run: MailRun; readonly rest: boolean } {
  const { consumer, settled, stored } = mailbox;
  const run = new MailRun();
  if (consumer === undefined || !isBehind(mailbox, tail)) return { run, rest: false };
  let position = firstBehind(mailbox, consumer, after);
  while (position <= tail && stored.addTo(run, position)) position = settled.firstMissing(position + 1);
  return { run, rest: position <= tail };
}

/** How many of a run are still what comes next. */
export function stillDue(mailbox: Mailbox, tail: number, { positions }: MailRun): number {
  const { consumer, settled } = mailbox;
  if (consumer === undefined || !isBehind(mailbox, tail)) return 0;
  let due = consumer.cursor;
  let index = 0;
  for (; index < positions.length; index++) {
    due = settled.firstMissing(due + 1);
    if (due !== positions[index] || due > tail) break;
    // As far as nothing in between was let go of meanwhile the rest is as it was.
    const last = positions.at(-1) as number;
    if (last <= tail && settled.count(due, last) === last - due + 1 - (positions.length - index)) return positions.length;
  }
  return index;
}
