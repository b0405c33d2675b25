/**
 * Mail of which no row is kept. It comes to rest when the index of its segment names it and nobody is about to read it, or at a start; it
 * gets its row back before it is handed out, settled or ended.
 *
 * What always holds: loads count mail that rests like any other; of one mailbox one fetch is under way at most, and whoever fetches answers
 * however long it takes; what rests is durable.
 */
import { hex } from "../../wire/bytes.ts";
import type { IndexedSender } from "../../wire/kept-index.ts";
import { applySettle, wake } from "./consuming.ts";
import type { RelayInput } from "./mailbox-events.ts";
import { findPeer, type Mailbox, mailboxOwners, ownerOf, type RelayState } from "./mailbox-state.ts";
import type { RelayMachine } from "./relay-machine.ts";
import { fetchRows, HANDED_SOON } from "./row-fetching.ts";
import { OWN_ORIGIN, putRow } from "./stored-mail.ts";

/** Mailboxes of which expired mail is fetched at once: more would bring more rows into memory than may be at hand. */
const SWEPT_AT_ONCE = 16;

type Input<Kind extends RelayInput["kind"]> = Extract<RelayInput, { readonly kind: Kind }>;

/** Rows come back. */
export function takeRows(machine: RelayMachine, { agent, first, rows }: Input<"rows">): void {
  const owner = ownerOf(machine.state, agent);
  if (owner === undefined) return;
  const { mailbox } = owner;
  mailbox.fetching = false;
  for (const [nth, row] of rows.entries()) {
    const position = first + nth;
    const run = mailbox.stored.resting.from(position);
    if (run === undefined || run.first > position || run.segment !== row.place.segment) continue;
    const sender = mailbox.senders.get(keyIn(machine.state, row.sender));
    if (sender === undefined) continue;
    mailbox.stored.resting.take(position, position);
    putRow(owner, position, row, sender);
    machine.state.fetchedRows++;
  }
  const attachment = mailbox.consumer === undefined ? undefined : machine.attachments.get(mailbox.consumer.session);
  if (attachment !== undefined && mailbox.deferred.length > 0) applySettle(machine, attachment);
  wake(machine, mailbox);
}

/**
 * An index names mail of a segment. What a consumer has or gets soon keeps its row, for it is settled soon. Where it keeps none, a consumer
 * that is being served finds nothing more: what comes next is fetched again.
 */
export function restMail(machine: RelayMachine, { segment, runs, all }: Input<"rest">): void {
  const touched = new Set<Mailbox>();
  for (const { agent, first, count, row } of runs) {
    const owner = ownerOf(machine.state, agent);
    // Mail for other relays is passed on in an order of its own, which looks at all of it.
    if (owner === undefined || owner.peer !== undefined) continue;
    const { consumer, stored, syncedTail } = owner.mailbox;
    const soon = consumer === undefined || all ? 0 : consumer.cursor + HANDED_SOON;
    stored.rest({ first, last: first + count - 1, segment, row }, (position) => position > soon && position <= syncedTail);
    touched.add(owner.mailbox);
  }
  for (const mailbox of touched) wake(machine, mailbox);
}

/** Fetches mail that may have expired, of a few mailboxes: whoever sweeps asks again when that is there. */
export function fetchExpiring(machine: RelayMachine, { beforeMs }: Input<"sweep">): void {
  let asked = 0;
  for (const owner of mailboxOwners(machine.state)) {
    if (asked === SWEPT_AT_ONCE) return;
    const { mailbox } = owner;
    if (mailbox.earliestExpiryMs > beforeMs || mailbox.fetching) continue;
    const run = mailbox.stored.resting.expiring(beforeMs);
    if (run === undefined) continue;
    asked++;
    fetchRows(machine, owner, run.first, run.last);
  }
}

/** Under which key the load of that sender is counted, which it is. */
function keyIn(state: RelayState, { kind, from, via }: IndexedSender): string {
  if (kind === "relay") return OWN_ORIGIN.key;
  return kind === "agent" ? hex(from) : `${findPeer(state, via)?.key ?? ""}${hex(from)}`;
}
