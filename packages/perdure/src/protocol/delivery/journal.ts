/**
 * What the relay's machine does in one turn, written down: what comes out of its steps, the records they append, and what becomes true
 * when those records are durable. Invariant: effects become true in the order of the steps that had them, each exactly once: what a turn
 * without records has waits for the records of the turns before it. So a welcome tells all that was refused before it came. Mail of one
 * link, and mail of one mailbox, is one effect a turn, in the place of the first.
 */
import type { LogFields } from "../../host/log.ts";
import type { Bytes, Piece } from "../../wire/bytes.ts";
import type { Attachment } from "./attachments.ts";
import type { Range } from "./interval-set.ts";
import type { Reason, Registration, RelayOutput } from "./mailbox-events.ts";
import type { AgentState, Mailbox } from "./mailbox-state.ts";
import { Places } from "./places.ts";

/** What is true once a turn is durable. */
export type Effect =
  /** A link sequence number is used up: mail was stored, or refused. */
  | Used
  | Stored
  | {
      readonly kind: "let-go";
      readonly places: Places;
      readonly attachment: Attachment | undefined;
      /** What the mailbox is rid of. */
      readonly left?: { readonly mailbox: Mailbox; readonly ranges: readonly Range[] };
    }
  /** `over`: the instance of the session may act no more by what was published. */
  | { readonly kind: "published"; readonly session: number; readonly verdict: Registration["verdict"]; readonly over: boolean }
  | { readonly kind: "attached"; readonly attachment: Attachment }
  | { readonly kind: "confirmed"; readonly attachment: Attachment }
  | { readonly kind: "stated"; readonly signature: Bytes };

/** Up to `linkSeq`, with so many bytes of envelopes since the turn before. */
interface Used {
  readonly kind: "used";
  readonly attachment: Attachment;
  linkSeq: number;
  bytes: number;
}

/** Up to `position`. */
interface Stored {
  readonly kind: "stored";
  readonly agent: AgentState;
  position: number;
}

type Delivery = Extract<RelayOutput, { readonly kind: "deliver" }> & { readonly envelopes: Bytes[]; bytes: number };

/** Mail that leaves together is well below what fits a message of the connection; one alone may be as large as it is. */
const DELIVERED_TOGETHER_BYTES = 64 * 1024;

function followsOn(last: Delivery, session: number, position: number, storedAtMs: number, { length }: Bytes): boolean {
  return (
    last.session === session &&
    last.position + last.envelopes.length === position &&
    last.storedAtMs === storedAtMs &&
    last.bytes + length <= DELIVERED_TOGETHER_BYTES
  );
}

interface Ticket {
  readonly number: number;
  readonly effects: Effect[];
  /** For each record the mailbox that has its mail, and the position there; nothing for a record of small state. */
  readonly mailboxes: readonly (Mailbox | undefined)[];
  readonly positions: readonly number[];
  /** Bytes of each. */
  readonly lengths: readonly number[];
  /** Records of small state. */
  readonly small: Places;
}

export interface Journal {
  /** The number of the append this turn will make, if it makes one. */
  readonly nextTicket: number;
  emit(output: RelayOutput): void;
  /** Mail for the consumer of that session; what comes right behind other mail for it leaves with that. */
  deliver(session: number, position: number, storedAtMs: number, envelope: Bytes): void;
  /** Whether anybody takes that fact now; asking says that it happened. */
  wants(event: string): boolean;
  /** What happened; `fields` where nobody was asked yet whether somebody takes it. */
  fact(event: string, fields: LogFields | (() => LogFields)): void;
  goodbye(session: number, code: Reason["code"], why: string, details?: Partial<Reason>): void;
  /** A record of this turn. */
  record(bytes: Piece): void;
  /** The same with mail, which is stored at that position once it is durable; the record is needed until that is let go of. */
  recordMail(bytes: Piece, owner: AgentState, position: number): void;
  /** A record of this turn that nobody waits for: it may become durable with those of a later one. */
  recordLater(bytes: Bytes): void;
  whenDurable(effect: Exclude<Effect, Used | Stored>): void;
  /** The link of that session is used up to `linkSeq`, by mail of so many bytes that was stored or refused. */
  usedWhenDurable(attachment: Attachment, linkSeq: number, bytes: number): void;
  /** The outputs of the turn, its append first; its effects are true at once when nothing has to become durable for them. */
  endTurn(): { readonly outputs: RelayOutput[]; readonly atOnce: readonly Effect[] };
  /** Where its records lie, all in one segment. */
  placed(ticket: number, segment: number, offsets: readonly number[]): void;
  /** Everything up to that ticket is durable: its effects, and the records of small state every later snapshot covers. */
  durable(upTo: number): { readonly effects: readonly Effect[]; readonly small: Places };
}

/** `wants`: whether anybody takes facts of that name; without it somebody does. */
export function createJournal(wants: (event: string) => boolean = () => true): Journal {
  // bound: one per append that is not durable: APPEND_QUEUE_BYTES
  const tickets: Ticket[] = [];
  let lastTicket = 0;
  // bound: of one turn
  let outputs: RelayOutput[] = [];
  // bound: of one turn
  let records: Piece[] = [];
  // bound: of one turn
  let mailboxes: (Mailbox | undefined)[] = [];
  // bound: of one turn
  let positions: number[] = [];
  // bound: of one turn
  let lengths: number[] = [];
  let hurried = false;
  // bound: of one turn
  let effects: Effect[] = [];
  // bound: one per session
  const used = new Map<Attachment, Used>();
  // bound: one per mailbox
  const stored = new Map<AgentState, Stored>();
  /** What comes in one message of a connection is of one link, and mostly for one mailbox. */
  let lastUsed: Used | undefined;
  let lastStored: Stored | undefined;

  /** Nothing but facts came after it. */
  let lastDelivery: Delivery | undefined;

  const emit = (output: RelayOutput): void => {
    if (output.kind !== "fact") lastDelivery = undefined;
    outputs.push(output);
  };
  const write = (bytes: Piece, mailbox: Mailbox | undefined, position: number): void => {
    records.push(bytes);
    mailboxes.push(mailbox);
    positions.push(position);
    lengths.push(bytes.length);
  };

  return {
    get nextTicket() {
      return lastTicket + 1;
    },
    emit,
    deliver: (session, position, storedAtMs, envelope) => {
      const last = lastDelivery;
      if (last !== undefined && followsOn(last, session, position, storedAtMs, envelope)) {
        last.envelopes.push(envelope);
        last.bytes += envelope.length;
        return;
      }
      lastDelivery = { kind: "deliver", session, position, storedAtMs, envelopes: [envelope], bytes: envelope.length };
      outputs.push(lastDelivery);
    },
    wants,
    fact: (event, fields) => {
      if (typeof fields !== "function") emit({ kind: "fact", event, fields });
      else if (wants(event)) emit({ kind: "fact", event, fields: fields() });
    },
    goodbye: (session, code, why, details = {}) =>
      emit({
        kind: "goodbye",
        session,
        reason: { code, why, retry: "never", afterMs: details.retry === "after" ? 1000 : 0, hint: "", ...details },
      }),
    record: (bytes) => {
      hurried = true;
      write(bytes, undefined, 0);
    },
    recordMail: (bytes, agent, position) => {
      hurried = true;
      write(bytes, agent.mailbox, position);
      const known = lastStored?.agent === agent ? lastStored : stored.get(agent);
      if (known !== undefined) {
        known.position = position;
        return;
      }
      const effect: Stored = { kind: "stored", agent, position };
      stored.set(agent, effect);
      lastStored = effect;
      effects.push(effect);
    },
    recordLater: (bytes) => write(bytes, undefined, 0),
    whenDurable: (effect) => void effects.push(effect),
    usedWhenDurable: (attachment, linkSeq, bytes) => {
      const known = lastUsed?.attachment === attachment ? lastUsed : used.get(attachment);
      if (known !== undefined) {
        known.linkSeq = linkSeq;
        known.bytes += bytes;
        return;
      }
      const effect: Used = { kind: "used", attachment, linkSeq, bytes };
      used.set(attachment, effect);
      lastUsed = effect;
      effects.push(effect);
    },
    endTurn: () => {
      const turn = { outputs, atOnce: records.length === 0 && tickets.length === 0 ? effects : [] };
      // Nobody waits to hear that mail is gone.
      const isAwaited = hurried || effects.some(({ kind }) => kind !== "let-go");
      if (records.length > 0) {
        lastTicket++;
        tickets.push({ number: lastTicket, effects, mailboxes, positions, lengths, small: new Places() });
        outputs.unshift({ kind: "append", ticket: lastTicket, records, ...(isAwaited ? {} : { later: true }) });
      } else if (tickets.length > 0) {
        tickets.at(-1)?.effects.push(...effects);
        if (isAwaited) outputs.push({ kind: "hurry" });
      }
      hurried = false;
      outputs = [];
      records = [];
      mailboxes = [];
      positions = [];
      lengths = [];
      effects = [];
      lastUsed = undefined;
      lastStored = undefined;
      lastDelivery = undefined;
      if (used.size > 0) used.clear();
      if (stored.size > 0) stored.clear();
      return turn;
    },
    placed: (number, segment, offsets) => {
      const ticket = tickets.findLast((each) => each.number === number);
      if (ticket === undefined) return;
      for (let index = 0; index < offsets.length; index++) {
        const mailbox = ticket.mailboxes[index];
        const [offset, length] = [offsets[index] as number, ticket.lengths[index] as number];
        if (mailbox === undefined) ticket.small.add(segment, offset, length);
        else mailbox.stored.setPlace(ticket.positions[index] as number, segment, offset, length);
      }
    },
    durable: (upTo) => {
      const end = tickets.findIndex((each) => each.number > upTo);
      const done = tickets.splice(0, end < 0 ? tickets.length : end);
      const small = new Places();
      for (const ticket of done) small.addAll(ticket.small);
      return { effects: done.flatMap((ticket) => ticket.effects), small };
    },
  };
}
