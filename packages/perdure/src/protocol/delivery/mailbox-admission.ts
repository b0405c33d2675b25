/** Whether a relay takes an envelope. A refusal says when to try again; it ends nothing by itself. */
import { FIXED } from "../../settings/fixed.ts";
import { type Bytes, equalBytes, startsWith } from "../../wire/bytes.ts";
import { type Envelope, FROM_AT, peekEnvelope, STREAM_AT } from "../../wire/envelope.ts";
import { isPerdureError } from "../../wire/error.ts";
import { agentIdText } from "../../wire/ids.ts";
import { MAX_EXPIRY_MS } from "../../wire/limits.ts";
import type { RateHit } from "../limits/meter.ts";
import type { RelayRates } from "../limits/relay-rates.ts";
import { isBanned } from "./bans.ts";
import { turnsAway } from "./contact-list.ts";
import type { Reason, RelayDefences, Trouble } from "./mailbox-events.ts";
import { isFromStranger, lackOfRoom, type ShareLimits } from "./mailbox-shares.ts";
import { type AgentState, findPeer, findRecipient, type Origin, type RelayState } from "./mailbox-state.ts";
import { originOf } from "./stored-mail.ts";

export interface AdmissionLimits extends ShareLimits {
  /** Clocks may differ by this much before a latest possible expiry counts as too late. */
  readonly expiryGraceMs: number;
}

/** Time after which somebody who is turned away may ask again. */
export const BLOCKED_MS: number = FIXED.blockedPauseMs.value;

export interface Gate {
  readonly state: RelayState;
  readonly limits: AdmissionLimits;
  readonly defences: RelayDefences;
  readonly rates: Pick<RelayRates, "stranger">;
  /** Why new mail cannot be kept now. */
  readonly trouble: Trouble | undefined;
}

export interface Arrival {
  /** The agent, or the peer, whose session it came over. */
  readonly carrier: AgentState;
  readonly hopLimit: number;
  readonly home: Bytes | undefined;
  readonly bytes: Bytes;
}

export interface Accepted {
  readonly envelope: Envelope;
  readonly home: Bytes | undefined;
  /** Whose mailbox it is for: the recipient's, or that of the peer it is passed on to. */
  readonly owner: AgentState;
  readonly origin: Origin;
  /** The agent of the mailbox does not know who wrote it. */
  readonly isStrange: boolean;
}

export type Admission = Accepted | { readonly reason: Reason };

/** `before`: accepted in the same step; what follows from sender and recipient alone is not looked at again for mail of the same two. */
export function admit(gate: Gate, arrival: Arrival, before: Accepted | undefined, nowMs: number): Admission {
  const { state, limits, defences, rates, trouble } = gate;
  const { carrier, hopLimit } = arrival;
  let envelope: Envelope;
  try {
    envelope = peekEnvelope(arrival.bytes);
  } catch (error) {
    if (!isPerdureError(error)) throw error;
    return { reason: { code: error.code, why: error.message, retry: error.retry, afterMs: error.afterMs ?? 0, hint: error.hint ?? "" } };
  }
  const home = arrival.home === undefined || equalBytes(arrival.home, state.relayId) ? undefined : arrival.home;
  const precedent = before !== undefined && areBetweenTheSame(before, envelope, home) ? before : undefined;
  const wrong =
    (defences.fromCheck && precedent === undefined ? misnamed(envelope, carrier) : undefined) ??
    (hopLimit < (home === undefined ? 1 : 2) ? never("refused", "the message has travelled as far as it may") : undefined) ??
    (home !== undefined && carrier.peer !== undefined && defences.noTransit
      ? never("refused", "mail of another relay is for agents of this one, and is not passed on")
      : undefined) ??
    outOfTime(envelope, limits, nowMs);
  if (wrong !== undefined) return { reason: wrong };
  const owner = precedent?.owner ?? (home === undefined ? recipientOf(state, envelope) : routeTo(state, home));
  if ("code" in owner) return { reason: owner };
  const blocked = precedent === undefined ? turnedAway(state, owner, envelope) : undefined;
  if (blocked !== undefined) return { reason: blocked };
  if (trouble !== undefined) {
    const hint = "The relay's owner sees why on its status page.";
    return { reason: { ...later(trouble.code, trouble.why, hint), afterMs: trouble.afterMs } };
  }
  const origin = precedent?.origin ?? originOf(carrier, envelope);
  const lack = lackOfRoom(state, limits, defences.pools, owner, envelope, origin);
  if (lack !== undefined)
    return { reason: { ...later("mailbox-full", lack.why, "There is room again when some of what waits was read."), limit: lack.limit } };
  const isStrange = precedent?.isStrange ?? (defences.rates && owner.peer === undefined && isFromStranger(state, owner, envelope, origin));
  const hit = isStrange ? rates.stranger(owner.key, envelope.class !== "mail") : undefined;
  return hit === undefined ? { envelope, home, owner, origin, isStrange } : { reason: tooFast(hit) };
}

function areBetweenTheSame(before: Accepted, { bytes, class: kind }: Envelope, home: Bytes | undefined): boolean {
  const other = before.envelope.bytes;
  if (kind !== before.envelope.class) return false;
  for (let at = FROM_AT; at < STREAM_AT; at++) if (bytes[at] !== other[at]) return false;
  return home === before.home || (home !== undefined && before.home !== undefined && equalBytes(home, before.home));
}

/** An agent writes as itself. A peer answers for what its agents wrote, and speaks for itself only in notices. */
function misnamed(envelope: Envelope, carrier: AgentState): Reason | undefined {
  const isOwn = startsWith(envelope.bytes, carrier.idRaw, FROM_AT);
  if (carrier.peer === undefined) {
    if (!isOwn) return never("malformed", `the envelope is from ${agentIdText(envelope.from)}, the session of ${carrier.id}`);
    return envelope.class === "notice" ? never("malformed", "only a relay writes notices") : undefined;
  }
  return envelope.class !== "notice" || isOwn
    ? undefined
    : never("malformed", `the notice is from ${agentIdText(envelope.from)}, the session of the relay ${carrier.id}`);
}

function recipientOf(state: RelayState, envelope: Envelope): AgentState | Reason {
  const recipient = findRecipient(state, envelope.bytes);
  if (recipient?.standing === "retired")
    return {
      ...never("identity-retired", `${recipient.id} was retired by its owner`),
      hint: "Look it up again: its log says who to turn to.",
    };
  if (recipient !== undefined && recipient.bundle.length > 0) return recipient;
  return later(
    "unknown-agent",
    `${agentIdText(envelope.to)} has no mailbox at this relay`,
    "It must join this relay once before it can be written to.",
  );
}

function routeTo(state: RelayState, home: Bytes): AgentState | Reason {
  const peer = findPeer(state, home);
  if (peer === undefined)
    return later("unknown-relay", `nobody has said where the relay ${agentIdText(home)} is`, "Say a route to it first.");
  return peer;
}

function turnedAway(state: RelayState, owner: AgentState, envelope: Envelope): Reason | undefined {
  const why =
    owner.peer !== undefined && isBanned(state, owner.idRaw)
      ? `this relay's owner turns the relay ${owner.id} away`
      : state.bans.size > 0 && isBanned(state, envelope.from)
        ? `this relay's owner turns ${agentIdText(envelope.from)} away`
        : owner.peer === undefined && turnsAway(owner.contacts, envelope.bytes, FROM_AT)
          ? `${owner.id} takes no mail of this sender`
          : undefined;
  return why === undefined ? undefined : { code: "blocked", why, retry: "after", afterMs: BLOCKED_MS, hint: "" };
}

function outOfTime(envelope: Envelope, limits: AdmissionLimits, nowMs: number): Reason | undefined {
  if (envelope.expiresAtMs <= nowMs)
    return later("expired", `it expired at ${envelope.expiresAtMs}, the relay's clock says ${nowMs}`, "Check both clocks.");
  if (envelope.expiresAtMs > nowMs + MAX_EXPIRY_MS + limits.expiryGraceMs) {
    return later(
      "expiry-out-of-range",
      `it wants to wait until ${envelope.expiresAtMs}, the relay's clock says ${nowMs}`,
      "Nothing may wait longer than 30 days; check both clocks.",
    );
  }
  return undefined;
}

/** Somebody was too fast. */
export function tooFast({ why, afterMs, limit, hint }: RateHit): Reason {
  return { code: "rate-limited", why, retry: "after", afterMs, limit, hint };
}

function never(code: Reason["code"], why: string): Reason {
  return { code, why, retry: "never", afterMs: 0, hint: "" };
}

function later(code: Reason["code"], why: string, hint: string): Reason {
  return { code, why, retry: "after", afterMs: FIXED.fullPauseMs.value, hint };
}
