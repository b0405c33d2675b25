/** Whether a relay takes an envelope. A refusal says when to try again; it ends nothing by itself. */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { decodeEnvelope, type Envelope } from "../../wire/envelope.ts";
import { isPerdureError } from "../../wire/error.ts";
import { agentIdText } from "../../wire/ids.ts";
import { MAX_EXPIRY_MS } from "../../wire/limits.ts";
import type { Reason, Trouble } from "./mailbox-events.ts";
import { type AgentState, findAgent, type RelayState } from "./mailbox-state.ts";

export interface AdmissionLimits {
  readonly mailboxMessages: number;
  readonly mailboxBytes: number;
  /** Clocks may differ by this much before a latest possible expiry counts as too late. */
  readonly expiryGraceMs: number;
}

/** Time after which a full or missing mailbox is worth another try. */
const TRY_AGAIN_MS = 5000;

export type Admission = { readonly envelope: Envelope; readonly recipient: AgentState } | { readonly reason: Reason };

export function admit(
  state: RelayState,
  limits: AdmissionLimits,
  trouble: Trouble | undefined,
  sender: AgentState,
  hopLimit: number,
  bytes: Bytes,
  nowMs: number,
): Admission {
  let envelope: Envelope;
  try {
    envelope = decodeEnvelope(bytes);
  } catch (error) {
    if (!isPerdureError(error)) throw error;
    return { reason: { code: error.code, why: error.message, retry: error.retry, afterMs: error.afterMs ?? 0, hint: error.hint ?? "" } };
  }
  const wrong = misaddressed(envelope, sender, hopLimit) ?? outOfTime(envelope, limits, nowMs);
  if (wrong !== undefined) return { reason: wrong };
  const recipient = findAgent(state, envelope.to);
  if (recipient === undefined || recipient.bundle.length === 0) {
    return {
      reason: later(
        "unknown-agent",
        `${agentIdText(envelope.to)} has no mailbox at this relay`,
        "It must join this relay once before it can be written to.",
      ),
    };
  }
  const full =
    trouble === undefined
      ? overfull(recipient, limits, envelope)
      : { ...later(trouble.code, trouble.why, "The relay's owner sees why on its status page."), afterMs: trouble.afterMs };
  return full === undefined ? { envelope, recipient } : { reason: full };
}

function misaddressed(envelope: Envelope, sender: AgentState, hopLimit: number): Reason | undefined {
  if (!equalBytes(envelope.from, sender.idRaw))
    return never("malformed", `the envelope is from ${agentIdText(envelope.from)}, the session of ${sender.id}`);
  if (envelope.class === "notice") return never("malformed", "only a relay writes notices");
  return hopLimit < 1 ? never("refused", "the message has travelled as far as it may") : undefined;
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

function overfull(recipient: AgentState, limits: AdmissionLimits, envelope: Envelope): Reason | undefined {
  const { stored, storedBytes } = recipient.mailbox;
  if (stored.size < limits.mailboxMessages && storedBytes + envelope.bytes.length <= limits.mailboxBytes) return undefined;
  return later("mailbox-full", `the mailbox of ${recipient.id} is full`, "There is room again when it has read what waits.");
}

function never(code: Reason["code"], why: string): Reason {
  return { code, why, retry: "never", afterMs: 0, hint: "" };
}

function later(code: Reason["code"], why: string, hint: string): Reason {
  return { code, why, retry: "after", afterMs: TRY_AGAIN_MS, hint };
}
