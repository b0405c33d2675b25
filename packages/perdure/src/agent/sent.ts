/** A message on its way, as the sender's handle shows it. */

import type { Clock } from "../host/clock.ts";
import { withDeadline } from "../host/deadline.ts";
import { isTerminal, rank } from "../protocol/delivery/delivery-lattice.ts";
import { FIXED } from "../settings/fixed.ts";
import type { Settings } from "../settings/register.ts";
import { type ErrorCode, PerdureError } from "../wire/error.ts";
import type { DeliveryState, Sent, Step, Waiting } from "./api.ts";
import type { AgentCore, OutgoingView } from "./core.ts";
import type { SharedSignal } from "./shared-signal.ts";

const unsuccessful = (state: DeliveryState): boolean => isTerminal(state) && state !== "done";

export interface SentOptions {
  readonly core: Pick<AgentCore, "outgoingAfter" | "evidence">;
  readonly clock: Clock;
  readonly settings: Settings;
  /** Fires when the agent is closed. */
  readonly closing: SharedSignal;
  readonly view: OutgoingView;
}

export function createSent({ core, clock, settings, closing, view }: SentOptions): Sent {
  let known = view;

  /** By then the message has ended, if only by this agent's own verdict. */
  const restMs = (): number => Math.max(0, view.expiresAtMs - clock.wallMs()) + settings.unconfirmedAfterMs + FIXED.verdictGraceMs.value;
  const more = async (have: number, signal: AbortSignal): Promise<OutgoingView> => {
    if (known.steps.length > have || known.ended) return known;
    const next = await core.outgoingAfter(view.id, have, signal);
    if (next.steps.length >= known.steps.length) known = next;
    return known;
  };

  return {
    id: view.id,
    get to() {
      return known.to;
    },
    toName: view.toName,
    get trouble() {
      return known.trouble;
    },
    get home() {
      return known.home;
    },
    get steps() {
      return [...known.steps, ...known.late].sort((a, b) => rank(a.state) - rank(b.state));
    },
    async *[Symbol.asyncIterator]() {
      for (let at = 0; ; ) {
        const what = `the next step of message ${view.id}`;
        const now = await closing.during(undefined, (signal) =>
          withDeadline(clock, { timeoutMs: restMs(), what, signal }, (within) => more(at, within)),
        );
        for (; at < now.steps.length; at++) yield now.steps[at] as Step;
        if (now.ended && at >= known.steps.length) return;
      }
    },
    async until(state: "stored" | "fetched" | "done", waiting: Waiting = {}): Promise<Step> {
      const what = `message ${view.id} to be ${state}`;
      const hint = "The message stays queued; `trace` shows where it stands.";
      const reach = async (within: AbortSignal): Promise<Step> => {
        for (let have = 0; ; ) {
          const now = await more(have, within);
          const reached = now.steps.find((step) => rank(step.state) >= rank(state) && !unsuccessful(step.state));
          if (reached !== undefined) return reached;
          if (now.ended) throw endError(now);
          have = now.steps.length;
        }
      };
      return await closing.during(waiting.signal, (signal) =>
        withDeadline(clock, { timeoutMs: waiting.timeoutMs ?? restMs(), what, hint, signal }, reach),
      );
    },
    export: (waiting = {}) =>
      closing.during(waiting.signal, (signal) =>
        withDeadline(clock, { timeoutMs: waiting.timeoutMs ?? settings.callTimeoutMs, what: `the evidence of ${view.id}`, signal }, () =>
          core.evidence(view.id),
        ),
      ),
  };
}

function endError(view: OutgoingView): PerdureError {
  const last = view.steps.findLast((step) => unsuccessful(step.state));
  const code = (last?.state ?? "internal") as ErrorCode;
  const detail = last === undefined || last.detail === "" ? "" : `: ${last.detail}`;
  return new PerdureError(code, `message ${view.id} to ${view.to} ended as ${code}${detail}`);
}
