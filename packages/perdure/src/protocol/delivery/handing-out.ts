/** What a consumer gets next. `tail` is how far may be handed out: everything taken, or only what is durable. */
import type { Consumer, Mailbox } from "./mailbox-state.ts";
import type { Due } from "./stored-mails.ts";

/** Whether the message just taken at `position` may go straight on: everything before it did. */
export function isLive(consumer: Consumer, position: number, tail: number): boolean {
  return consumer.ready && !consumer.blocked && position <= tail && consumer.cursor === position - 1;
}

export function isBehind({ consumer }: Mailbox, tail: number): boolean {
  return consumer?.ready === true && !consumer.blocked && consumer.cursor < tail;
}

/** The next messages in order of position, behind `after`, up to about `maxBytes`; moves the cursor over what is settled at the end. */
export function nextDue(mailbox: Mailbox, tail: number, maxBytes: number, after: number): readonly Due[] {
  const { consumer, settled, stored } = mailbox;
  if (consumer === undefined || !isBehind(mailbox, tail)) return [];
  const due: Due[] = [];
  let room = maxBytes;
  let position = settled.firstMissing(Math.max(consumer.cursor, after) + 1);
  for (; position <= tail && room > 0; position = settled.firstMissing(position + 1)) {
    const mail = stored.dueAt(position);
    if (mail === undefined) break;
    due.push(mail);
    room -= mail.sizeBytes;
  }
  if (due.length === 0 && position > tail && after <= consumer.cursor) consumer.cursor = Math.max(consumer.cursor, tail);
  return due;
}
