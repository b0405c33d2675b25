/**
 * One step of the relay's machine written down: what comes out of it, the records it appends, and what becomes true when those
 * records are durable. Invariant: effects become true in the order of the steps that had them, each exactly once: what a step
 * without records has waits for the records of the steps before it. So a welcome tells all that was refused before it came.
 */
import type { LogFields } from "../../host/log.ts";
import type { Bytes } from "../../wire/bytes.ts";
import type { Attachment } from "./attachments.ts";
import type { Range } from "./interval-set.ts";
import type { Reason, Registration, RelayOutput } from "./mailbox-events.ts";
import type { AgentState, Link, Mailbox, Place, StoredMail } from "./mailbox-state.ts";

/** What is true once a step is durable. */
export type Effect =
  /** A link sequence number is used up: mail was stored, or refused. */
  | { readonly kind: "used"; readonly link: Link; readonly linkSeq: number; readonly attachment: Attachment; readonly bytes: number }
  | { readonly kind: "stored"; readonly agent: AgentState; readonly position: number }
  | {
      readonly kind: "let-go";
      readonly places: readonly Place[];
      readonly attachment: Attachment | undefined;
      /** What the mailbox is rid of. */
      readonly left?: { readonly mailbox: Mailbox; readonly ranges: readonly Range[] };
    }
  /** `over`: the instance of the session may act no more by what was published. */
  | { readonly kind: "published"; readonly session: number; readonly verdict: Registration["verdict"]; readonly over: boolean }
  | { readonly kind: "attached"; readonly attachment: Attachment }
  | { readonly kind: "confirmed"; readonly attachment: Attachment }
  | { readonly kind: "stated"; readonly signature: Bytes };

interface Ticket {
  readonly number: number;
  readonly effects: Effect[];
  readonly mails: readonly (StoredMail | undefined)[];
  /** Records of small state. */
  readonly small: Place[];
}

export interface Journal {
  /** The number of the append this step will make, if it makes one. */
  readonly nextTicket: number;
  emit(output: RelayOutput): void;
  /** What happened, told at once when somebody wants to know. */
  fact(event: string, fields: () => LogFields): void;
  goodbye(session: number, code: Reason["code"], why: string, details?: Partial<Reason>): void;
  /** A record of this step; with `mail` it is needed until that is let go of. */
  record(bytes: Bytes, mail?: StoredMail): void;
  /** A record of this step that nobody waits for: it may become durable with those of a later step. */
  recordLater(bytes: Bytes): void;
  whenDurable(effect: Effect): void;
  /** The outputs of the step, its append first; its effects are true at once when nothing has to become durable for them. */
  endStep(): { readonly outputs: RelayOutput[]; readonly atOnce: readonly Effect[] };
  placed(ticket: number, places: readonly Place[]): void;
  /** Everything up to that ticket is durable: its effects, and the records of small state every later snapshot covers. */
  durable(upTo: number): { readonly effects: readonly Effect[]; readonly small: Place[] };
}

/** `wants`: whether anybody takes facts of that name; without it somebody does. */
export function createJournal(wants: (event: string) => boolean = () => true): Journal {
  // bound: one per append that is not durable: APPEND_QUEUE_BYTES
  const tickets: Ticket[] = [];
  let lastTicket = 0;
  // bound: of one step
  let outputs: RelayOutput[] = [];
  // bound: of one step
  let records: Bytes[] = [];
  // bound: of one step
  let mails: (StoredMail | undefined)[] = [];
  let hurried = false;
  // bound: of one step
  let effects: Effect[] = [];

  const emit = (output: RelayOutput): void => void outputs.push(output);
  const write = (bytes: Bytes, mail: StoredMail | undefined): void => {
    records.push(bytes);
    mails.push(mail);
  };

  return {
    get nextTicket() {
      return lastTicket + 1;
    },
    emit,
    fact: (event, fields) => {
      if (wants(event)) emit({ kind: "fact", event, fields: fields() });
    },
    goodbye: (session, code, why, details = {}) =>
      emit({
        kind: "goodbye",
        session,
        reason: { code, why, retry: "never", afterMs: details.retry === "after" ? 1000 : 0, hint: "", ...details },
      }),
    record: (bytes, mail) => {
      hurried = true;
      write(bytes, mail);
    },
    recordLater: (bytes) => write(bytes, undefined),
    whenDurable: (effect) => void effects.push(effect),
    endStep: () => {
      const step = { outputs, atOnce: records.length === 0 && tickets.length === 0 ? effects : [] };
      // Nobody waits to hear that mail is gone.
      const isAwaited = hurried || effects.some(({ kind }) => kind !== "let-go");
      if (records.length > 0) {
        lastTicket++;
        tickets.push({ number: lastTicket, effects, mails, small: [] });
        outputs.unshift({ kind: "append", ticket: lastTicket, records, ...(isAwaited ? {} : { later: true }) });
      } else if (tickets.length > 0) {
        tickets.at(-1)?.effects.push(...effects);
        if (isAwaited) outputs.push({ kind: "hurry" });
      }
      hurried = false;
      outputs = [];
      records = [];
      mails = [];
      effects = [];
      return step;
    },
    placed: (number, places) => {
      const ticket = tickets.findLast((each) => each.number === number);
      places.forEach((place, index) => {
        const mail = ticket?.mails[index];
        if (mail === undefined) ticket?.small.push(place);
        else mail.place = place;
      });
    },
    durable: (upTo) => {
      const end = tickets.findIndex((each) => each.number > upTo);
      const done = tickets.splice(0, end < 0 ? tickets.length : end);
      return { effects: done.flatMap((ticket) => ticket.effects), small: done.flatMap((ticket) => ticket.small) };
    },
  };
}
