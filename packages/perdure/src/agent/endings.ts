/** The records that end a received message, or put it aside, and what its sender is told with the same batch. */
import type { Host } from "../host/host.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import { digestOf, headOf, type Incoming, incomingFrom, incomingId } from "../protocol/delivery/incoming.ts";
import { clipWords } from "../protocol/link/goodbyes.ts";
import type { Settings } from "../settings/register.ts";
import { hex } from "../wire/bytes.ts";
import { agentIdText, messageIdText } from "../wire/ids.ts";
import type { Outcome } from "../wire/sealed.ts";
import type { Planned } from "./planned.ts";
import type { Receipts } from "./receipts.ts";

/** How a message ends, and what the sender reads about it. */
export interface Verdict {
  readonly outcome: "done" | "refused";
  /** Empty for done. */
  readonly code: string;
  readonly why: string;
}

export const DONE: Verdict = { outcome: "done", code: "", why: "" };

export function refusal(why: string, code = "refused"): Verdict {
  return { outcome: "refused", code, why };
}

export interface Endings {
  /** Completes a message and its twins. */
  ended(incoming: Incoming, attempt: number, verdict: Verdict): readonly Planned[];
  /** Puts a message into the failed box and tells its sender; those that failed first go from a full box for good. */
  parked(incoming: Incoming, code: string, why: string): readonly Planned[];
  /** Tells the sender of the twin of a failed message what became of that; with the next batch. */
  tellFailed(twin: Incoming): void;
  /** Messages that went from a full failed box since the agent was opened. */
  readonly failedDropped: number;
  /** Into the log, once it is durable; `attemptOf`: which attempt ended each. */
  say(incomings: readonly Incoming[], outcome: Outcome, attemptOf: (incoming: Incoming) => number): void;
}

export function createEndings({
  host,
  limits,
  inbox,
  receipts,
}: {
  readonly host: Pick<Host, "clock" | "log">;
  readonly limits: Pick<Settings, "failedMessages">;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
}): Endings {
  const tell = (incoming: Incoming, outcome: Outcome, code: string, why: string): void => {
    const { stream, seq, attempt } = incoming;
    receipts.add(
      incoming.from,
      { stream, seq, outcome, digest: digestOf(incoming), code, why: clipWords(why), attempts: attempt, atMs: host.clock.wallMs() },
      headOf(incoming).expiresAtMs,
    );
  };
  let failedDropped = 0;

  /** Their senders were told when they failed. What a handler works on again stays. */
  const madeRoom = (): readonly Planned[] => {
    const surplus = inbox.failed + 1 - limits.failedMessages;
    if (surplus <= 0) return [];
    const oldest = inbox.listed("failed", 0, surplus).filter((each) => each.claim === undefined && !each.committing);
    failedDropped += oldest.length;
    return oldest.map(({ from, stream, seq, parts, attempt }): Planned => {
      host.log.write("warn", "agent.failed-box-full", {
        from: agentIdText(from),
        id: messageIdText(stream, seq),
        limit: "failedMessages",
        value: limits.failedMessages,
      });
      return { kept: { kind: "completed", head: { from, stream, seq, parts, attempt, outcome: "failed", atMs: host.clock.wallMs() } } };
    });
  };

  return {
    get failedDropped() {
      return failedDropped;
    },
    ended: (incoming, attempt, { outcome, code, why }) =>
      [incoming, ...inbox.twins(incoming)].map((each): Planned => {
        const { from, stream, seq, parts } = each;
        tell(each, outcome, code, why);
        return { kept: { kind: "completed", head: { from, stream, seq, parts, attempt, outcome, atMs: host.clock.wallMs() } } };
      }),
    parked(incoming, code, why) {
      const { from, stream, seq, failures, crashes } = incoming;
      tell(incoming, "failed", code, why);
      const arrival = inbox.nextArrival();
      const put: Planned = {
        kept: { kind: "put", head: { from, stream, seq, box: "failed", arrival, failures, crashes, notBeforeMs: 0 } },
      };
      return [...madeRoom(), put];
    },
    tellFailed: (twin) => tell(twin, "failed", "failed", "another message with the same idempotency key failed, and waits for its owner"),
    say(incomings, outcome, attemptOf) {
      for (const each of incomings) {
        host.log.write("debug", "agent.completed", {
          from: incomingFrom(each),
          id: incomingId(each),
          outcome,
          attempt: attemptOf(each),
          parts: each.parts,
          digest: hex(digestOf(each)),
          twin: each.twinOf !== undefined,
        });
      }
    },
  };
}
