/**
 * The SDK as a developer sees it. `openAgent` gives an `Agent`; everything else hangs on it.
 *
 *   await using agent = await openAgent("./me", { join: "ws://127.0.0.1:4410/#ag1…" });
 *   const sent = await agent.send("@desk", "hello");        // durable on this disk
 *   for await (const step of sent) console.log(step.state); // queued, stored, fetched, done
 */
import type { Surroundings } from "../host/surroundings.ts";
import type { FoundLimit } from "../protocol/link/index.ts";
import type { NegotiatedSettings, SettingRow } from "../settings/register.ts";
import type { AgentId, MessageId } from "../wire/ids.ts";
import type { IdentityView } from "./identity-view.ts";

/** What may be sent: text, bytes, a Blob, a stream of bytes, or any JSON value, up to 8 MiB. */
export type Body = string | Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | JsonValue;
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Everything that waits takes these. Without `timeoutMs` the named setting's default holds; nothing waits for ever. */
export interface Waiting {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface SendOptions extends Waiting {
  /** How long the message may wait for its reader: 1 s to 30 days; 7 days when absent. */
  readonly expiresInMs?: number;
  /** Continue this conversation (a thread id as `Mail.thread` gives it). */
  readonly thread?: string;
  /** A later message with the same key makes this one stale. */
  readonly collapseKey?: string;
  /**
   * The recipient takes one message per key, whichever of the sender's instances sent it; after a refusal the key is free
   * again. Of each opening of the sender the newest 4,096 keys are remembered, until a day after its last message expires.
   */
  readonly idempotencyKey?: string;
  /** The message this one answers, so that whoever asked gets it as the answer; give its `thread` too. */
  readonly inReplyTo?: MessageId;
  /** Media type; guessed from the kind of body when absent. */
  readonly contentType?: string;
  readonly fileName?: string;
}

export interface AskOptions extends SendOptions {
  /** Called once the question is durable, with its handle. */
  readonly onSent?: (sent: Sent) => void;
  /** Leaves the answer in its box, to be ended with `done`; without it the answer is done when `ask` resolves. */
  readonly keep?: boolean;
}

/** Where a message stands. Terminal states are the last six; a state only ever rises. */
export type DeliveryState =
  | "queued"
  | "accepted"
  | "stored"
  | "fetched"
  | "working"
  | "unconfirmed"
  | "lost"
  | "expired"
  | "failed"
  | "refused"
  | "done";

/** One thing that happened to a message: what, when, and who says so. */
export interface Step {
  readonly state: DeliveryState;
  readonly atMs: number;
  /** `self`: this agent's own disk or verdict; otherwise the id of the relay or recipient that said it. */
  readonly by: AgentId | "self";
  /** How it can be proven: not at all, by a relay's statement, by a relay's notice, or by the recipient's receipt. */
  readonly proof: "none" | "statement" | "notice" | "receipt";
  /** For people: statement number, error code, number of attempts. */
  readonly detail: string;
}

/** A message on its way. Iterating yields the steps so far and then each new one until a terminal state. */
export interface Sent extends AsyncIterable<Step> {
  readonly id: MessageId;
  readonly to: AgentId | string;
  /** The name it was sent to, without its `@`, if it was sent to a name. */
  readonly toName: string | undefined;
  /** The relay of the recipient's mailbox and its host, when it is another than this agent's. */
  readonly home: { readonly id: AgentId; readonly host: string } | undefined;
  /** What last kept it from going on, for people: nobody can be asked about the recipient, the relay has no room. As of the last step seen. */
  readonly trouble: string | undefined;
  /** Every step so far in rising order, those included that were proven after a higher one was known. */
  readonly steps: readonly Step[];
  /**
   * Resolves with the first step at or above `state`; throws the terminal code (`refused`, `failed`, `expired`, `lost`,
   * `unconfirmed`) when the message ends otherwise, `timed-out` or `aborted`.
   */
  until(state: "stored" | "fetched" | "done", waiting?: Waiting): Promise<Step>;
  /** The whole trail with every proof and identity needed to check it offline: what `perdure verify` reads. */
  export(waiting?: Waiting): Promise<Uint8Array>;
}

/** A message somebody sent to this agent. Reading it never consumes it; `done`, `retry` and `reject` do. */
export interface Mail {
  readonly id: MessageId;
  readonly from: AgentId;
  /** Name the sender's own record claims, or undefined. Not verified by anybody but the sender's relay. */
  readonly fromName: string | undefined;
  readonly thread: string;
  readonly inReplyTo: MessageId | undefined;
  /** Written by a program's handler, not by a person's will; is never answered automatically. */
  readonly auto: boolean;
  readonly depth: number;
  readonly box: Box;
  /** `@desk@relay.example`, where the sender's own record and that relay both say so. */
  readonly fromAddress: string | undefined;
  /** What the sender is to this agent at the moment this was read. */
  readonly standing: "contact" | "none";
  /** As the sender wrote it. */
  readonly contentType: string;
  /** As the sender wrote it, up to 255 bytes of any text: never open or print it unchecked. */
  readonly fileName: string | undefined;
  readonly sizeBytes: number;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
  readonly expiresAtMs: number;
  readonly collapseKey: string | undefined;
  /** 1 the first time a handler sees it; more when an earlier start did not commit. */
  readonly attempt: number;
  text(): Promise<string>;
  json(): Promise<JsonValue>;
  bytes(): Promise<Uint8Array>;
  stream(): ReadableStream<Uint8Array>;
  /** Marks it done: committed on this disk, told to the sender, released at the relay. */
  done(waiting?: Waiting): Promise<void>;
  /** Puts it back (from `failed` too) with its attempts counted from zero. */
  retry(waiting?: Waiting): Promise<void>;
  /** Refuses it; the sender sees `refused` with `why`. */
  reject(why: string, waiting?: Waiting): Promise<void>;
}

/** What a handler may say; committed together with the completion when the handler returns, not before. */
export interface Turn {
  /** Aborts when the turn can no longer commit. */
  readonly signal: AbortSignal;
  /** Answers the sender. `auto-reply-refused` for mail that is itself automatic, `loop-depth` beyond 8. */
  reply(body: Body, options?: Omit<SendOptions, keyof Waiting | "inReplyTo">): Promise<void>;
  send(to: AgentId | string, body: Body, options?: Omit<SendOptions, keyof Waiting | "inReplyTo">): Promise<void>;
  /** Ends the message as refused instead of done. */
  reject(why: string): void;
}

export type Handler = (mail: Mail, turn: Turn) => Promise<void> | void;

/**
 * Where received mail waits: `contacts` for handlers, `requests` for the owner's word on a stranger, `failed` for what handlers
 * could not bring to an end.
 */
export type Box = "contacts" | "requests" | "failed";

/** What a stranger's mail does: waits in `requests`, or goes to handlers like a contact's. */
export type StrangersPolicy = "wait" | "welcome";

/** Somebody this agent's owner has decided about. */
export interface Contact {
  readonly id: AgentId;
  readonly standing: "contact" | "blocked";
  /** What the owner calls it, or the name it came with; never verified. */
  readonly name: string | undefined;
  /** `@desk@relay.example`, where the agent's own record and that relay both say so. */
  readonly address: string | undefined;
  readonly how: "invite" | "accepted" | "written-to" | "added";
  readonly sinceMs: number;
  /** Messages of theirs that wait in `requests`. */
  readonly waitingRequests: number;
  /**
   * What is wrong with its identity as far as is known here. `frozen`: two histories of it contradict each other, and nothing goes to it
   * or comes from it until its owner decides; `retired`: its owner ended it.
   */
  readonly trouble: "frozen" | "retired" | undefined;
}

/** A stranger whose mail waits in `requests`. */
export interface ContactRequest {
  readonly id: AgentId;
  /** Name the sender's own record claims. */
  readonly name: string | undefined;
  readonly messages: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** Automatic mail that the loop guard stopped. */
export interface PausedThread {
  /** The conversation; empty when everything automatic with that peer is paused. */
  readonly thread: string;
  readonly peer: AgentId;
  readonly why: string;
  readonly atMs: number;
}

export interface InviteOptions extends Waiting {
  /** 7 days when absent, 366 days at most. */
  readonly expiresInMs?: number;
  /** How many may accept it: 1 when absent, 1,000 at most. */
  readonly uses?: number;
  /** What the owner will call who accepts it. */
  readonly label?: string;
}

/** Permission to write to this agent, to be handed over as text, link or QR code. Whoever has it can use it. */
export interface Invite {
  /** `perdure1:…` */
  readonly text: string;
  /** The same as a link, with a page for people behind it. */
  readonly link: string;
  readonly expiresAtMs: number;
  readonly uses: number;
}

/** Who may write to this agent's handlers. `who` is an agent id or a name with its `@`. */
export interface Contacts {
  list(waiting?: Waiting): Promise<readonly Contact[]>;
  /** Senders in `requests`, newest first. */
  requests(waiting?: Waiting): Promise<readonly ContactRequest[]>;
  /** Takes a stranger in: what waits of them in `requests` moves to `contacts`. `unknown-agent` when nothing of theirs waits. */
  accept(who: AgentId | string, waiting?: Waiting): Promise<Contact>;
  /** Makes somebody a contact, whether or not they have written. */
  add(who: AgentId | string, waiting?: Waiting): Promise<Contact>;
  /** Refuses everything of theirs, what waits included. */
  block(who: AgentId | string, waiting?: Waiting): Promise<Contact>;
  /** They are a stranger again. */
  remove(who: AgentId | string, waiting?: Waiting): Promise<void>;
  /**
   * A name means somebody else than the first time, or another relay answers at its host, and that is right: takes what holds
   * now. Who it means from here on. `relay-unreachable` when nobody can be asked, `name-unproven`.
   */
  acceptChange(name: string, waiting?: Waiting): Promise<AgentId>;
  /** What strangers' mail does; sets it when given. `welcome` also lets in what waits in `requests`. */
  policy(strangers?: StrangersPolicy, waiting?: Waiting): Promise<StrangersPolicy>;
  /** What the loop guard has stopped. */
  paused(waiting?: Waiting): Promise<readonly PausedThread[]>;
  /** Lets automatic mail of a thread go on, or everything with a peer when its id is given. */
  resume(threadOrPeer: string, waiting?: Waiting): Promise<void>;
}

export interface ServeOptions {
  /** Ends serving: no new mail is started, started handlers may finish. */
  readonly signal?: AbortSignal;
  /** Handlers running at once; 1 when absent. */
  readonly concurrency?: number;
}

export interface InboxOptions extends Waiting {
  readonly box?: Box;
  /** Goes on with mail that arrives later, until the signal fires or `timeoutMs` passes; without it lists what is there. */
  readonly watch?: boolean;
}

export interface AgentStatus {
  readonly id: AgentId;
  readonly name: string | undefined;
  readonly folder: string;
  /** This process holds the folder, or another one does and serves us. */
  readonly role: "holder" | "guest";
  readonly relay: {
    readonly id: AgentId;
    readonly url: string;
    readonly connected: boolean;
    readonly lastError: string | undefined;
    readonly clockOffsetMs: number | undefined;
    /** What this session agreed on; `undefined` without one. */
    readonly negotiated: NegotiatedSettings | undefined;
    /** Everything the relay held for this agent when the session began is on this disk. */
    readonly caughtUp: boolean;
  };
  readonly custody: "split" | "together";
  /** Messages in `contacts`. */
  readonly waiting: number;
  /** Messages of strangers in `requests`. */
  readonly requests: number;
  readonly failed: number;
  /** Messages that went from a full failed box (setting `failedMessages`), oldest first, since the agent was opened. */
  readonly failedDropped: number;
  readonly outgoing: number;
  readonly strangers: StrangersPolicy;
  /** Threads the loop guard has paused. */
  readonly paused: number;
  /** Pairs of statements of a relay that cannot both be true: kept, and part of every `Sent.export`. */
  readonly conflicts: number;
  /** Limits of the way to the relay that nobody told, learned from how connections ended; suspected ones as well. */
  readonly limits: readonly FoundLimit[];
  /** What its owner has to decide about this agent's identity; empty when all is well. */
  readonly alerts: readonly Alert[];
}

/** Something is wrong with this agent's identity that no program may decide. */
export interface Alert {
  readonly code: "cloned" | "identity-forked" | "identity-retired" | "instance-revoked";
  readonly what: string;
  /** The command that ends it. */
  readonly run: string;
  /** What to do instead, and when; empty when there is nothing else. */
  readonly otherwise: string;
}

export interface RotateOptions extends Waiting {
  /** The recovery file, which stays as it is; left out with custody `together`. */
  readonly recoveryFile?: string;
  /** Changes custody `together` to `split`: where the recovery file goes, outside of the agent's folder. The file must not exist. `unsupported-platform` in a browser. */
  readonly newRecoveryFile?: string;
  /** Changes custody `split` to `together`: keeps the next control keys in the folder. */
  readonly together?: boolean;
  /** The old keys were stolen: what they signed or wrote to the log from then on counts for nothing. Absent: they hold for 10 min more. */
  readonly stolenSinceMs?: number;
  /** The first event of the log, written by somebody else, that shall count for nothing. */
  readonly voidFromSeq?: number;
}

export interface RevokeOptions extends Waiting {
  /** What that instance signed and a relay stored from then on counts for nothing; now when absent. */
  readonly voidFromMs?: number;
  readonly reason?: string;
}

export interface RetireOptions extends Waiting {
  /** The recovery file, which stays as it is; left out with custody `together`. */
  readonly recoveryFile?: string;
  /** The agent to turn to instead. */
  readonly successor?: AgentId | string;
  readonly reason?: string;
}

/** What came of a change of the identity, which is durable in the folder. */
export interface IdentityChanged {
  /** Number of the event in the agent's log. */
  readonly seq: number;
  /** The agent's relay has it; else it is shown to the relay at the next session. */
  readonly relayHasIt: boolean;
  readonly identity: IdentityView;
}

/**
 * The keys behind the agent's id. What changes the log throws `identity-forked` while the agent is frozen (`rotate` ends that),
 * `instance-revoked` when its keys were replaced elsewhere, `identity-retired`, and `fenced` when it went on meanwhile.
 */
export interface Identity {
  show(waiting?: Waiting): Promise<IdentityView>;
  /** New control, instance and inbox keys, by the next control key: the answer to a theft, as often as there is one. `bad-argument`, `not-found`, `wrong-recipient`, `wrong-commitment`. */
  rotate(options?: RotateOptions): Promise<IdentityChanged>;
  /** Takes another instance out of use: its key in hexadecimal, or the beginning of it. */
  revoke(instance: string, options?: RevokeOptions): Promise<IdentityChanged>;
  /**
   * A new instance in the place of this folder's, after it was restored or copied. The old one is shut out at once; what it signed and a
   * relay stores within 10 min still counts, or, with `stolenSinceMs`, only what was stored before then.
   */
  claim(options?: Waiting & { readonly stolenSinceMs?: number }): Promise<IdentityChanged>;
  /** Allows no relay but the one of now as a home, whatever an instance may say; with `pinned: false` any again. */
  pinHome(options?: Waiting & { readonly pinned?: boolean }): Promise<IdentityChanged>;
  /** Signs a SHA-256 (32 bytes, or 64 hexadecimal digits) into the log. */
  anchor(root: Uint8Array | string, options?: Waiting & { readonly about?: string }): Promise<IdentityChanged>;
  /**
   * Ends the agent for ever. Its mailbox can still be read for 30 days, and what is in it answered; nothing else is sent any more
   * (`identity-retired`).
   */
  retire(options?: RetireOptions): Promise<IdentityChanged>;
  /** The identity as one file under a passphrase, without mail or contacts; `perdure id restore` makes a folder of it. */
  export(passphrase: string, waiting?: Waiting): Promise<Uint8Array>;
  /** Seals the folder with a passphrase, or with none. */
  setPassphrase(passphrase: string | undefined, waiting?: Waiting): Promise<void>;
}

export interface Agent extends AsyncDisposable {
  readonly id: AgentId;
  /** Resolves when the message is durable in this agent's own outbox. */
  send(to: AgentId | string, body: Body, options?: SendOptions): Promise<Sent>;
  /** A message sent earlier, also before a restart; `unknown-message` when there is none. */
  sent(id: MessageId | string): Promise<Sent>;
  /** Messages sent and not forgotten, newest first. */
  outbox(waiting?: Waiting): Promise<readonly Sent[]>;
  /** Sends and waits for the answer. */
  ask(to: AgentId | string, body: Body, options?: AskOptions): Promise<Mail>;
  /** Hands each waiting message to `handler`; a throw means retry, then the `failed` box. Resolves when the signal fires. */
  serve(handler: Handler, options?: ServeOptions): Promise<void>;
  inbox(options?: InboxOptions): AsyncIterable<Mail>;
  readonly contacts: Contacts;
  readonly identity: Identity;
  /** Permission to write to this agent, as one string. */
  invite(options?: InviteOptions): Promise<Invite>;
  /**
   * Accepts somebody's invite, text or link: they are a contact at once, and this agent one of theirs when this resolves.
   * `bad-argument`, `expired`, `invite-used`, `refused`, `timed-out` (what was begun goes on).
   */
  accept(invite: string, waiting?: Waiting): Promise<Contact>;
  status(waiting?: Waiting): Promise<AgentStatus>;
  /** Every wait and limit in force in the process that holds the folder, and who set it; those of the open session as they were agreed on. */
  settings(waiting?: Waiting): Promise<readonly SettingRow[]>;
  /** Limits of the machine and of what lies below Perdure in that process, who chose them, and settings that do not go together. */
  surroundings(waiting?: Waiting): Promise<Surroundings>;
  /** What `perdure doctor --bundle` writes, as JSON: what lately came into that process, without contents; `not-found` when it keeps none. */
  bundle(waiting?: Waiting): Promise<string>;
  /** Commits what is under way and lets go of the folder. Same as `await using`. */
  close(): Promise<void>;
}

export interface OpenOptions extends Waiting {
  /** Address of a relay: creates the agent (custody `together` unless `recoveryFile` is given) when the folder is empty, and joins that relay. */
  readonly join?: string;
  /**
   * The relay at `join` becomes the home of an agent that lives at another one, as when that one is gone for good: id, contacts and what
   * was kept stay; what waits at the old relay is not taken along. No other process may have the folder (`folder-in-use`).
   */
  readonly move?: boolean;
  /** Relay-scoped name to ask for when the agent is created, without `@`. */
  readonly name?: string;
  /** When the agent is created: put the next control keys into this file and nowhere else (custody `split`). The file must not exist. */
  readonly recoveryFile?: string;
  /** Opens a folder that is sealed with one; when the agent is created: seals it. */
  readonly passphrase?: string;
  /** What strangers' mail does; kept in the folder. Absent: as it was, `wait` in a new folder. */
  readonly strangers?: StrangersPolicy;
  /** What a relay that is not open to everybody asks for at registration; may also stand in `join`. */
  readonly ticket?: string;
  /** Settings to override, by name. */
  readonly settings?: Readonly<Record<string, number>>;
}
