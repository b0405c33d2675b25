/** When a relay states what it stored, and who signs it. */
import type { Host } from "../host/host.ts";
import { rarely } from "../host/points.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { Settings } from "../settings/register.ts";
import type { Bytes } from "../wire/bytes.ts";
import { toBeSigned } from "../wire/identity.ts";
import { STATEMENT_LEAVES } from "../wire/kept-relay.ts";
import type { Incidents } from "./incidents.ts";

export interface StatementRounds {
  /** Begins a round when something is pending and none has begun. */
  arm(): void;
  sign(statement: Bytes): void;
  stop(): void;
}

/** A leaf, its proof and the way to whom it is for take some 50 microseconds of a processor: all of them together a twentieth of one. */
const LEAF_PAUSE_MS = 1;
/** However many senders there are, none waits longer than so many intervals. */
const LONGEST_STATEMENT_PAUSES = 10;

export function startStatements(
  host: Host,
  settings: Settings,
  own: OwnIdentity,
  mailboxes: Mailboxes,
  feed: (input: Parameters<Mailboxes["step"]>[0]) => void,
  incidents: Incidents,
): StatementRounds {
  let cancel: (() => void) | undefined;
  let stopped = false;
  /** Leaves of the statement before. */
  let leaves = 0;
  const pauseMs = (): number =>
    Math.min(Math.max(settings.statementEveryMs, leaves * LEAF_PAUSE_MS), LONGEST_STATEMENT_PAUSES * settings.statementEveryMs);
  const arm = (): void => {
    const { pending, underWay } = mailboxes.state.statements;
    if (stopped || cancel !== undefined || underWay !== undefined || pending.length === 0) return;
    // What one statement could not hold does not wait for the next interval.
    const delayMs = pending.length > STATEMENT_LEAVES || rarely(host.points, "statement-at-once") ? 0 : pauseMs();
    cancel = host.clock.after(delayMs, () => {
      cancel = undefined;
      leaves = mailboxes.state.statements.pending.length;
      feed({ kind: "statement-due" });
    });
  };
  arm();
  return {
    arm,
    sign: (statement) => {
      host.crypto.signatures
        .sign(own.instanceKey, toBeSigned("statement", statement))
        .then((signature) => feed({ kind: "signed", signature }))
        .catch((error: unknown) => {
          feed({ kind: "not-signed" });
          incidents.add("internal", `a statement could not be signed: ${String(error)}`);
          arm();
        });
    },
    stop: () => {
      stopped = true;
      cancel?.();
    },
  };
}
