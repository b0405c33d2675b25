/**
 * Which event may follow which: every rule of the agent log that needs no cryptography but a hash.
 *
 * An event of the control keys (instance-revoke, home-set, anchor) changes no key and is signed by the keys in force. A `rotate` or
 * `retire` is signed by the keys the event before committed to, all of them revealed in their order, and carries the commitments those
 * were bound to: the keys that follow were chosen with the inception. So whoever stole the keys in force can neither change them nor
 * end the agent, and whoever reveals keys again that were revealed before comes to the same next ones, which he does not have. Each rule
 * is a named defence, which only tests switch off.
 */
import type { Hash } from "../host/crypto.ts";
import { type Bytes, concat, equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { DOMAINS, EVENT_KINDS, type IdentityEvent, rotateBody } from "../wire/identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { otherVersion } from "../wire/version.ts";
import { type EventKind, isNextKeyKind, kindOf, type LogState } from "./log-state.ts";

export interface LogDefences {
  /** Agent id, sequence and hash tie each event to the one before. */
  readonly chain: boolean;
  /** As many different keys as the threshold says must have signed. */
  readonly threshold: boolean;
  /** Keys of a rotation or retirement, and what follows them, are those that were committed to. */
  readonly reveal: boolean;
  /** Events of the control keys change no key and no commitment. */
  readonly sameKeys: boolean;
  /** Nothing follows a retirement. */
  readonly terminal: boolean;
}

export const LOG_DEFENCES: LogDefences = { chain: true, threshold: true, reveal: true, sameKeys: true, terminal: true };

/** 32 zero bytes: what an inception names as the event before it. */
export const NO_PREVIOUS: Bytes = new Uint8Array(32);

/** What an event says of a key that is not used yet, and of all that come after it. */
export function nextKeyCommitment(hash: Hash, publicKey: Bytes, following: Bytes): Bytes {
  return hash.sha256(concat(DOMAINS.nextKey, publicKey, following));
}

/** The kind of `event`, whose version this program judges; throws `needs-newer-verifier`, `needs-older-version`, `malformed`. */
export function judgedKind(event: IdentityEvent): EventKind {
  if (event.version > WIRE_VERSION) throw newer(`event version ${event.version}`);
  if (event.version < WIRE_VERSION)
    throw otherVersion({
      what: "an agent log",
      found: event.version,
      older: "The agent has to be made anew with this version of perdure.",
    });
  if (event.kind === 0) throw malformed("an event is of the reserved kind");
  const kind = kindOf(event);
  if (kind === undefined) throw newer(`${EVENT_KINDS[event.kind] ?? `kind ${event.kind}`} event`);
  if (event.witnesses.length > 0 || event.witnessThreshold !== 0) throw newer("an event with witnesses");
  return kind;
}

export function checkInception(event: IdentityEvent, kind: EventKind): void {
  if (kind !== "inception") throw malformed("it does not start with an inception");
  if (event.agentId.length !== 0 || event.seq !== 0 || !equalBytes(event.previous, NO_PREVIOUS))
    throw malformed("its inception names something before it");
  if (event.body.length !== 0) throw newer("an inception with a body");
  checkThreshold(event.controlKeys, event.controlThreshold, "control keys");
  checkThreshold(event.nextCommitments, event.nextThreshold, "next commitments");
}

/** Throws `malformed`, and `bad-signature` for keys that were not committed to. */
export function checkFollows(hash: Hash, state: LogState, event: IdentityEvent, kind: EventKind, defences: LogDefences): void {
  if (kind === "inception") throw malformed("an inception follows its inception");
  if (state.retired !== undefined && defences.terminal) throw malformed(`event ${event.seq} follows its retirement`);
  const chained = equalBytes(event.agentId, state.idRaw) && event.seq === state.seq + 1 && equalBytes(event.previous, state.head);
  if (!chained && defences.chain) throw malformed(`event ${event.seq} does not follow event ${state.seq}`);
  if (isNextKeyKind(kind)) checkNextKeys(hash, state, event, kind, defences);
  else if (!keepsKeys(state, event) && defences.sameKeys) throw malformed(`event ${event.seq}, ${kind}, changes keys`);
}

function checkNextKeys(hash: Hash, state: LogState, event: IdentityEvent, kind: EventKind, defences: LogDefences): void {
  const { controlKeys, nextCommitments } = event;
  const opened =
    controlKeys.length === state.nextCommitments.length &&
    nextCommitments.length === controlKeys.length &&
    event.controlThreshold === state.nextThreshold &&
    event.nextThreshold === state.nextThreshold &&
    controlKeys.every((key, index) =>
      equalBytes(nextKeyCommitment(hash, key, nextCommitments[index] as Bytes), state.nextCommitments[index] as Bytes),
    );
  if (!opened && defences.reveal)
    throw new PerdureError(
      "bad-signature",
      `agent log: the keys of event ${event.seq}, ${kind}, and what follows them are not those that were committed to`,
    );
  checkThreshold(controlKeys, event.controlThreshold, "control keys");
  checkThreshold(nextCommitments, event.nextThreshold, "next commitments");
  if (kind === "retire") return;
  const { voidFromSeq } = rotateBody.decode(event.body);
  if (voidFromSeq < 1 || voidFromSeq > event.seq) throw malformed(`event ${event.seq} voids from ${voidFromSeq}`);
}

function keepsKeys(state: LogState, event: IdentityEvent): boolean {
  return (
    equalLists(event.controlKeys, state.controlKeys) &&
    event.controlThreshold === state.controlThreshold &&
    equalLists(event.nextCommitments, state.nextCommitments) &&
    event.nextThreshold === state.nextThreshold &&
    equalBytes(event.recoveryCommitment, state.recoveryCommitment)
  );
}

function equalLists(one: readonly Bytes[], other: readonly Bytes[]): boolean {
  return one.length === other.length && one.every((each, index) => equalBytes(each, other[index] as Bytes));
}

function checkThreshold(items: readonly Bytes[], threshold: number, what: string): void {
  if (threshold < 1 || threshold > items.length) throw malformed(`${threshold} of ${items.length} ${what} cannot be a threshold`);
  items.forEach((item, index) => {
    if (items.slice(0, index).some((other) => equalBytes(item, other))) throw malformed(`one of its ${what} is there twice`);
  });
}

export function malformed(why: string): PerdureError {
  return new PerdureError("malformed", `agent log: ${why}`);
}

function newer(what: string): PerdureError {
  return new PerdureError("needs-newer-verifier", `agent log: ${what} is from a newer version`, {
    hint: "Update perdure to judge this identity.",
  });
}
