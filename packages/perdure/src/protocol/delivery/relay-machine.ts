/** The parts the steps of the relay's machine work on. */
import { SETTINGS } from "../../settings/register.ts";
import type { Bytes } from "../../wire/bytes.ts";
import type { RateLimits } from "../limits/meter.ts";
import type { RelayRates } from "../limits/relay-rates.ts";
import type { Attachments } from "./attachments.ts";
import type { EnrolmentLimits } from "./enrolment.ts";
import type { Journal } from "./journal.ts";
import type { AdmissionLimits } from "./mailbox-admission.ts";
import type { RelayDefences, Trouble } from "./mailbox-events.ts";
import type { Mailbox, RelayState } from "./mailbox-state.ts";

export interface MailboxLimits extends AdmissionLimits, EnrolmentLimits, RateLimits {
  readonly windowFrames: number;
  readonly windowBytes: number;
  /** The same of a link from another relay, which carries the mail of all its agents. */
  readonly peerWindowFrames: number;
  readonly peerWindowBytes: number;
  readonly noticeExpiryMs: number;
}

export interface Counters {
  accepted: number;
  duplicates: number;
  delivered: number;
  settled: number;
  /** Settled by a peer's forwarder: the peer has them. */
  passedOn: number;
  /** Of `accepted`, those that came from peers. */
  relayed: number;
  expired: number;
  lost: number;
  statements: number;
  readonly refused: Map<string, number>;
  /** Times somebody came up against a limit, by its name. */
  readonly limited: Map<string, number>;
}

export interface RelayMachine {
  readonly relayId: Bytes;
  readonly generation: Bytes;
  /** 16 hexadecimal digits. */
  readonly generationText: string;
  readonly sha256: (bytes: Bytes) => Bytes;
  readonly limits: MailboxLimits;
  readonly defences: RelayDefences;
  readonly state: RelayState;
  readonly attachments: Attachments;
  readonly counters: Counters;
  readonly journal: Journal;
  readonly rates: RelayRates;
  /** Why new mail cannot be kept now. */
  trouble: Trouble | undefined;
  /** A sync has failed: nothing is handed out before it is durable. */
  distrustDisk: boolean;
}

/** How far a mailbox may be handed out. */
export function openTail({ distrustDisk }: RelayMachine, mailbox: Mailbox): number {
  return distrustDisk ? mailbox.syncedTail : mailbox.nextPosition - 1;
}

/** Somebody came up against a limit; the other side's words may name any, so only settings count. */
export function noteLimited({ limited }: Counters, name: string): void {
  if (Object.hasOwn(SETTINGS, name)) limited.set(name, (limited.get(name) ?? 0) + 1);
}
