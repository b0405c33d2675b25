/** What a relay keeps of one session, from the handshake to its end. */
import type { VerifiedIdentity } from "../identity/verify.ts";
import type { Standing } from "../protocol/delivery/mailbox-events.ts";
import type { Session, SessionReceiver } from "../protocol/link/session.ts";
import type { Bytes } from "../wire/bytes.ts";
import type { Goodbye, MailFrame, Role } from "../wire/control.ts";
import { DeliverFrames, DeliverRun, type DeliverRunOptions } from "../wire/deliver-run.ts";
import type { PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import type { MailReader } from "./delivery-pump.ts";

/** Whoever takes the frames of one session. */
export interface SessionTaker {
  frame(frame: Frame): void;
  mails(mails: readonly MailFrame[]): void;
  drained?(): void;
  closed?(reason: Goodbye): void;
}

export interface ProvenInstance {
  readonly idRaw: Bytes;
  readonly instanceKey: Bytes;
  readonly role: Role;
  /** When its certificate ends by {@link judgedBy}, unless something newer was published since. */
  readonly validUntilMs: number;
  /** The bundle held here when that was judged. */
  readonly judgedBy: Bytes;
}

/** Delivered to a session before its queue is looked at again: a part of what may be queued however many sessions there are. */
const NOTICED_BYTES = 16 * 1024;

/** A class because a relay has thousands of them that do nothing: each is a few fields, and no function of its own. */
export class Entry implements SessionReceiver, MailReader {
  readonly number: number;
  session: Session | undefined;
  taker: SessionTaker | undefined;
  /** Frames of the machine for a session that is not open yet. */
  early: Frame[] | undefined;
  /** Said as soon as the session is open. */
  doomed: Goodbye | undefined;
  admitted: ((standing: Standing) => void) | undefined;
  turnedAway: ((error: PerdureError) => void) | undefined;
  /** Its other end is a relay. */
  peer = false;
  /** Until it is open: who it is, by all that is known. */
  identity: VerifiedIdentity | undefined;
  /** Who dialled; absent of sessions this relay dialled itself. */
  proven: ProvenInstance | undefined;
  /** Gives back what the connection counts against where it came from. */
  readonly leave: () => void;
  readonly #heed: EntryEvents;
  /** Delivered since its queue was looked at last. */
  #unnoticedBytes = 0;

  constructor(number: number, leave: () => void, heed: EntryEvents) {
    this.number = number;
    this.leave = leave;
    this.#heed = heed;
  }

  frame(frame: Frame): void {
    this.taker?.frame(frame);
  }

  mails(mails: readonly MailFrame[]): void {
    this.taker?.mails(mails);
  }

  turnEnded(): void {
    if (this.session !== undefined) this.#heed.turnEnded(this.session);
  }

  drained(): void {
    this.#heed.drained(this.number);
    this.taker?.drained?.();
  }

  closed(reason: Goodbye): void {
    this.#heed.closed(this, reason);
    this.taker?.closed?.(reason);
  }

  get queuedBytes(): number {
    return this.session?.queuedBytes ?? 0;
  }

  deliverRun(run: Omit<DeliverRunOptions, "generation">): boolean {
    this.session?.push(new DeliverRun({ ...run, generation: this.#heed.generation }));
    return true;
  }

  deliver(position: number, storedAtMs: number, envelopes: readonly Bytes[]): boolean {
    const frames = new DeliverFrames({ generation: this.#heed.generation, position, storedAtMs, envelopes });
    this.session?.push(frames);
    this.#unnoticedBytes += frames.length;
    if (this.#unnoticedBytes < NOTICED_BYTES) return false;
    this.#unnoticedBytes = 0;
    return true;
  }
}

/** What becomes of what happens in any of them. */
export interface EntryEvents {
  readonly generation: Bytes;
  turnEnded(session: Session): void;
  drained(number: number): void;
  closed(entry: Entry, reason: Goodbye): void;
}
