/**
 * The agent behind the SDK: one interface with two implementations. The engine has the folder, the log and the relay;
 * the guest's proxy passes every call over a local socket to the process that has the engine.
 *
 * What must hold, so that the two cannot be told apart and a call can be made again after its holder died:
 *
 * - Arguments and results are plain data: text, numbers, booleans, lists, objects, and bytes only where a type says Bytes.
 * - Every call may be repeated with the same arguments. `submit` is recognised by its durable `requestId`; `complete`,
 *   `release` and `adopt` by the attempt, which is the fencing token of a claim: it rises durably before a handler starts,
 *   so a call that names an older attempt is refused with `fenced` and one that names the committed attempt has happened.
 * - What waits takes a signal and rejects with `aborted` when it fires. Nothing is consumed by a wait that was called off.
 * - A client is one opened agent in one process. When it goes, `leave` frees what it held: its claims may start again
 *   with a higher attempt, answers it waited for become ordinary mail.
 */

import type { Host } from "../host/host.ts";
import type { Surroundings } from "../host/surroundings.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import type { connectSession } from "../protocol/link/connect.ts";
import type { SettingRow, Settings } from "../settings/register.ts";
import type { Bytes } from "../wire/bytes.ts";
import type { AgentId, MessageId } from "../wire/ids.ts";
import type { AgentStatus, Box, Contact, ContactRequest, Invite, PausedThread, Step, StrangersPolicy } from "./api.ts";
import type { IdentityView } from "./identity-view.ts";

/** 32 hexadecimal digits drawn by each opened agent. */
export type ClientId = string;

/** A message as its author wants it. Empty text means "not given". */
export interface Draft {
  /** An agent id, or a relay-scoped name with its `@`. */
  readonly to: string;
  readonly content: Bytes;
  readonly contentType: string;
  readonly fileName: string;
  /** Absent: the setting `defaultExpiryMs`. */
  readonly expiresInMs: number | undefined;
  /** 32 hexadecimal digits; empty: a new thread, or the cause's thread when a handler sends. */
  readonly thread: string;
  readonly collapseKey: string;
  readonly idempotencyKey: string;
  /** A message id; empty in a turn, whose `reply` names the cause. */
  readonly inReplyTo: string;
}

export interface Submission {
  readonly client: ClientId;
  /** 32 hexadecimal digits drawn by the caller; kept with the message, so that a repeated call finds it instead of sending twice. */
  readonly requestId: string;
  readonly draft: Draft;
  /** The client will call `answer`: a message that replies to this one is kept for it while it has not left. */
  readonly asks: boolean;
  /** Set when code of a handler sends it: the mail that handler has. */
  readonly cause: SendCause | undefined;
}

/** The mail a handler has while its code sends. */
export interface SendCause {
  readonly from: AgentId;
  readonly thread: string;
  readonly depth: number;
}

/** What the owner wants somebody to be. `accept` is `add` for who waits in `requests`. */
export type Decision = "accept" | "add" | "block" | "remove";

export interface InviteWish {
  /** 32 hexadecimal digits drawn by the caller: a repeated call names the same invite. */
  readonly secret: string;
  readonly expiresInMs: number;
  readonly uses: number;
  readonly label: string;
}

/** What a handler wants sent, committed together with its completion: automatic, one deeper than its cause, in its thread. */
export interface TurnDraft extends Draft {
  /** Answers the cause: goes to its sender and names it in `inReplyTo`. */
  readonly reply: boolean;
}

export interface OutgoingView {
  readonly id: MessageId;
  readonly to: AgentId | string;
  /** The name it was sent to, without its `@`, if it was sent to a name. */
  readonly toName: string | undefined;
  readonly expiresAtMs: number;
  /** In the order they happened; a longer list never takes back a shorter one. */
  readonly steps: readonly Step[];
  /** Proofs of earlier steps that came after a later one was known. */
  readonly late: readonly Step[];
  readonly home: { readonly id: AgentId; readonly host: string } | undefined;
  readonly trouble: string | undefined;
  /** No step will follow. */
  readonly ended: boolean;
}

/** One received message. Unique by (from, id). */
export interface MailKey {
  readonly from: AgentId;
  readonly id: MessageId;
}

/** The right to complete a message: given by `claim` and `answer`, lost when the attempt rises. */
export interface ClaimKey extends MailKey {
  readonly attempt: number;
}

export interface MailView extends ClaimKey {
  readonly box: Box;
  /** Of the sender, at the moment of the call. */
  readonly standing: "contact" | "none";
  readonly fromAddress: string | undefined;
  /** Rises with each message that enters a box, across restarts. */
  readonly arrival: number;
  readonly fromName: string | undefined;
  readonly thread: string;
  readonly inReplyTo: MessageId | undefined;
  readonly auto: boolean;
  readonly depth: number;
  readonly contentType: string;
  readonly fileName: string | undefined;
  readonly sizeBytes: number;
  readonly parts: number;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
  readonly expiresAtMs: number;
  readonly collapseKey: string | undefined;
}

export interface ClaimedMail {
  readonly mail: MailView;
  /** Milliseconds the handler has from now on; then the engine takes the claim back as a failed attempt. */
  readonly handlerTimeoutMs: number;
}

export interface Completion extends ClaimKey {
  readonly outcome: "done" | "refused";
  /** For `refused`: what the sender reads. */
  readonly why: string;
  readonly drafts: readonly TurnDraft[];
}

/** A change of the agent's own log, which was at event `afterSeq` when it was decided. Empty text means "not given"; files are whole paths. */
export type IdentityChange = { readonly afterSeq: number } & (
  | {
      readonly kind: "rotate";
      readonly recoveryFile: string;
      readonly newRecoveryFile: string;
      /** The next keys stay in the folder from here on. */
      readonly together: boolean;
      /** What the old keys signed or wrote from then on counts for nothing. */
      readonly stolenSinceMs: number | undefined;
      readonly voidFromSeq: number | undefined;
    }
  | { readonly kind: "revoke"; readonly instance: string; readonly voidFromMs: number | undefined; readonly reason: string }
  /** What the old instance signed and a relay stores from `stolenSinceMs` on counts for nothing. */
  | { readonly kind: "claim"; readonly stolenSinceMs: number | undefined }
  /** The home of now is the only one there may be, or any may be. */
  | { readonly kind: "pin-home"; readonly pinned: boolean }
  | { readonly kind: "anchor"; readonly root: string; readonly about: string }
  | { readonly kind: "retire"; readonly recoveryFile: string; readonly successor: string; readonly reason: string }
);

export interface IdentityOutcome {
  /** Number of the newest event. */
  readonly seq: number;
  /** The relay was shown it and took it; else it is shown at the next session. */
  readonly relayHasIt: boolean;
  readonly view: IdentityView;
}

export interface AgentCore {
  /** Queues a message durably. `unknown-agent` when a connected relay says there is none, `disk-full`, `mailbox-full` at an outbox limit, `too-large`, `expiry-out-of-range`. */
  submit(submission: Submission): Promise<OutgoingView>;
  /** `unknown-message` when it was never sent or is forgotten. */
  outgoing(id: MessageId): Promise<OutgoingView>;
  /** Resolves at once when the message has more than `have` steps or ended, else with the next step. */
  outgoingAfter(id: MessageId, have: number, signal: AbortSignal): Promise<OutgoingView>;
  /** The evidence file of a message; `unknown-message`. */
  evidence(id: MessageId): Promise<Bytes>;
  /** Newest first. */
  outgoings(limit: number): Promise<readonly OutgoingView[]>;

  /** Mail in a box with a higher arrival number, in order of arrival, also while a handler has it. */
  mails(box: Box, afterArrival: number, limit: number): Promise<readonly MailView[]>;
  /** As `mails`, and waits until there is at least one. */
  mailsAfter(box: Box, afterArrival: number, limit: number, signal: AbortSignal): Promise<readonly MailView[]>;
  /** `unknown-message` when it is in no box. */
  mail(key: MailKey): Promise<MailView>;
  /** Content of one part, from 0; all parts in order are the whole. */
  readPart(key: MailKey, part: number): Promise<Bytes>;

  /** Waits for the next message that may start; its attempt is durable before this resolves. */
  claim(client: ClientId, signal: AbortSignal): Promise<ClaimedMail>;
  /** Waits for a message that replies to `to` and claims it. Asking again after a restart is fine. */
  answer(client: ClientId, to: MessageId, signal: AbortSignal): Promise<ClaimedMail>;
  /** Goes on with a claim that an earlier holder gave; false when it is no longer this client's to complete. */
  adopt(client: ClientId, claim: ClaimKey): Promise<boolean>;
  /** Commits completion, receipt and drafts together. `fenced` when the claim is lost. Repeating a committed one is fine. */
  complete(completion: Completion): Promise<void>;
  /** Gives a claim back. `failed`: counts towards `handlerAttempts` and pauses before the next; else it may start again at once. */
  release(claim: ClaimKey, failed: boolean, why: string): Promise<void>;

  /** Ends a message in any box without a handler; fences one that runs. `unknown-message`. */
  finish(key: MailKey, outcome: "done" | "refused", why: string): Promise<void>;
  /** Puts a message back into the inbox with its failures counted from zero. `unknown-message`. */
  retry(key: MailKey): Promise<void>;

  /** Contacts and blocked ones. */
  contacts(): Promise<readonly Contact[]>;
  /** Senders in `requests`, newest first. */
  contactRequests(): Promise<readonly ContactRequest[]>;
  /** `undefined` after `remove`. `unknown-agent`, `mailbox-full` when the book is full. */
  decide(who: string, decision: Decision): Promise<Contact | undefined>;
  /** Takes whom a name with its `@` means now; `relay-unreachable`, `name-unproven`. */
  acceptChange(name: string): Promise<AgentId>;
  /** Sets the policy unless it is empty; says what holds. */
  strangers(policy: StrangersPolicy | ""): Promise<StrangersPolicy>;
  paused(): Promise<readonly PausedThread[]>;
  /** `bad-argument` unless it is a thread or an agent id; nothing paused under it is no error. */
  resume(threadOrPeer: string): Promise<void>;
  invite(wish: InviteWish): Promise<Invite>;
  /** Makes the inviter a contact and queues the greeting, together; the contact is whole once the greeting is done. */
  acceptInvite(requestId: string, written: string): Promise<{ readonly contact: Contact; readonly greeting: OutgoingView }>;

  identity(): Promise<IdentityView>;
  /** One change of the log, durable, and told to the relay if it answers in time. `fenced` when the log went on since the caller looked. */
  changeIdentity(change: IdentityChange): Promise<IdentityOutcome>;
  /** The bytes of an export file; `bad-argument` without a passphrase. */
  exportIdentity(passphrase: string): Promise<Bytes>;
  /** Seals the folder; an empty one: with none. */
  setPassphrase(passphrase: string): Promise<void>;

  /** The client is gone. */
  leave(client: ClientId): Promise<void>;
  status(): Promise<CoreStatus>;
  settings(): Promise<readonly SettingRow[]>;
  surroundings(): Promise<Surroundings>;
  /** What lately came into the process that holds the folder, as `InputBundle` in JSON; `not-found` when it keeps none. */
  bundle(): Promise<string>;
}

export type CoreStatus = Omit<AgentStatus, "role">;

/** Safety mechanisms a test switches off to see the suite turn red; all true otherwise. */
export interface AgentDefences {
  readonly dedupe: boolean;
  readonly floor: boolean;
  /** Strangers' mail waits for its owner. */
  readonly contacts: boolean;
  /** Automatic mail has its budgets. */
  readonly loopGuard: boolean;
  /** What the machine draws is mixed with the time, so that a restored snapshot draws something else. */
  readonly hedge?: boolean;
  /** What no relay has taken yet is sealed anew when the keys it was signed with are replaced. */
  readonly reseal?: boolean;
}

export interface EngineOptions {
  readonly host: Host;
  /** Already locked by the caller. */
  readonly folder: string;
  readonly own: OwnIdentity;
  readonly settings: Settings;
  readonly surroundings: () => Surroundings;
  /** `ws://…/#ag1…` of the agent's only relay, id always present. */
  readonly relayAddress: string;
  readonly defences?: AgentDefences;
  /** How the relay is dialled: by itself, unless other agents of this process are there too. */
  readonly connect?: typeof connectSession;
}

/** Disposing commits what is under way, says goodbye to the relay and closes the log; waiting calls reject with `aborted`. */
export interface Engine extends AgentCore, AsyncDisposable {}

/** `log-damaged`, `disk-full`, `read-only`. Resolves when the log is replayed; the relay need not be reachable. */
export type CreateEngine = (options: EngineOptions) => Promise<Omit<Engine, "bundle">>;
