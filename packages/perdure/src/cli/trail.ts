/** The way of a message as people read it: who says what, and how it can be proven. */
import type { DeliveryState, Sent, Step } from "../agent/api.ts";
import { withDeadline } from "../host/deadline.ts";
import { isTerminal, rank } from "../protocol/delivery/delivery-lattice.ts";
import { type ErrorCode, PerdureError } from "../wire/error.ts";
import { safeLine } from "./foreign-text.ts";
import type { Invocation } from "./invocation.ts";
import type { Paint } from "./paint.ts";

const MEANS: Readonly<Record<DeliveryState, string>> = {
  queued: "safe on this disk, waits to go out",
  accepted: "the relay took all of it",
  stored: "on the relay's disk",
  fetched: "the recipient has it",
  working: "the recipient works on it",
  unconfirmed: "past its time, and nobody said what became of it",
  lost: "the relay says its disk lost it",
  expired: "nobody read it in time",
  failed: "the recipient gave up on it",
  refused: "the recipient refused it",
  done: "handled",
};

const PROOFS: Readonly<Record<Step["proof"], string>> = {
  none: "",
  statement: "signed statement",
  notice: "signed notice",
  receipt: "signed receipt",
};

export interface Parties {
  readonly relay: string;
  /** As the person calls the recipient. */
  readonly to: string;
  /** The recipient's relay when it is another. */
  readonly home?: Sent["home"];
}

/** "self", "relay", the host of the other relay, or the recipient, with an unknown party's id shortened. */
export function whoText(step: Step, parties: Parties, self = "self"): string {
  if (step.by === "self") return self;
  if (step.by === parties.relay) return "relay";
  if (step.by === parties.home?.id) return safeLine(parties.home.host, 34);
  return parties.to.startsWith("ag1") ? shortId(parties.to) : safeLine(parties.to, 34);
}

/** "on the relay's disk; signed statement 3". */
export function stepText(step: Step): string {
  const proof = PROOFS[step.proof];
  const detail = safeLine(step.detail.startsWith(`${step.state}: `) ? step.detail.slice(step.state.length + 2) : step.detail);
  const means = step.state === "accepted" && step.proof === "statement" ? "on its disk, to be passed on" : MEANS[step.state];
  // A statement's own detail is its number: "statement 3".
  const proven = proof !== "" && detail.startsWith(step.proof) ? [`signed ${detail}`] : [proof, detail];
  return [means, ...proven].filter((part) => part !== "").join("; ");
}

export function stateText(state: DeliveryState, paint: Paint): string {
  if (state === "done") return paint.good(state);
  return isTerminal(state) ? paint.bad(state) : paint.accent(state);
}

export function shortId(id: string): string {
  return id.length > 14 ? `${id.slice(0, 11)}…` : id;
}

export function stepObject(id: string, to: string, step: Step): object {
  return { type: "step", id, to, state: step.state, atMs: step.atMs, by: step.by, proof: step.proof, detail: step.detail };
}

export interface Following {
  readonly until: "queued" | "stored" | "done";
  readonly timeoutMs: number;
  readonly onStep: (step: Step) => void;
}

/**
 * Shows each step until one at or above `until`. Throws the code of a terminal state below success (`refused`, `failed`,
 * `expired`, `lost`, `unconfirmed`), `timed-out`, `aborted`.
 */
export async function followSent(invocation: Invocation, sent: Sent, following: Following): Promise<Step> {
  const steps = sent[Symbol.asyncIterator]();
  const waiting = {
    timeoutMs: following.timeoutMs,
    what: following.until === "done" ? `${safeLine(String(sent.to), 40)} to handle it` : "the relay to store it",
    hint: `It is safe in the outbox and goes on whenever a perdure process has this folder open: perdure trace ${sent.id}`,
    signal: invocation.signal,
  };
  try {
    return await withDeadline(invocation.host.clock, waiting, async (signal) => {
      for (;;) {
        const next = await steps.next();
        signal.throwIfAborted();
        if (next.done === true) throw new PerdureError("connection-closed", "the agent was closed before the message came to its end");
        following.onStep(next.value);
        const { state } = next.value;
        if (isTerminal(state) && state !== "done") throw endedBadly(next.value);
        if (rank(state) >= rank(following.until)) return next.value;
      }
    });
  } finally {
    // A generator that waits for its next step only ends with it; nobody may have to wait for that here.
    steps.return?.()?.catch(() => {});
  }
}

function endedBadly(step: Step): PerdureError {
  return new PerdureError(step.state as ErrorCode, stepText(step));
}
