/**
 * Makes the attach pass of a session durable, as often as it takes, and says so to the relay: nothing of the mailbox comes before that.
 *
 * What must hold: a pass is confirmed only in the session that brought it, and only once it is durable here; no session begins while one
 * is being made durable, so that the newest pass is the one that is shown.
 */
import type { Clock } from "../host/clock.ts";
import { sleep, withDeadline } from "../host/deadline.ts";
import type { Log } from "../host/log.ts";
import type { Settings } from "../settings/register.ts";
import type { Bytes } from "../wire/bytes.ts";

export interface AttachPassStore {
  /** The newest one of that instance on this disk; empty when there is none. */
  newest(instanceKey: Bytes): Bytes;
  /** Makes one durable; false when that cannot be done now. */
  keep(instanceKey: Bytes, pass: Bytes): Promise<boolean>;
}

export interface PassKeepingOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: Settings;
  readonly passes: AttachPassStore;
  /** Ends every wait. */
  readonly closing: AbortSignal;
}

export interface SessionPass {
  readonly instanceKey: Bytes;
  readonly pass: Bytes;
  /** Whether the session that brought it goes on. */
  readonly isOpen: () => boolean;
  readonly confirmed: () => void;
}

export interface PassKeeping {
  /** What each instance shows next; throws `timed-out` when the pass before is not on the disk yet, and the reason of `closing`. */
  shown(): Promise<(instanceKey: Bytes) => Bytes>;
  begin(session: SessionPass): void;
}

export function createPassKeeping({ clock, log, settings, passes, closing }: PassKeepingOptions): PassKeeping {
  let keeping: Promise<unknown> = Promise.resolve();

  const keep = async ({ instanceKey, pass, isOpen, confirmed }: SessionPass): Promise<void> => {
    while (!closing.aborted && isOpen()) {
      const writing = passes.keep(instanceKey, pass);
      keeping = writing.catch(() => undefined);
      if (!(await writing)) await sleep(clock, settings.diskRetryMs, closing);
      else if (isOpen()) return confirmed();
    }
  };

  return {
    async shown() {
      const limit = { timeoutMs: settings.handshakeTimeoutMs, what: "the disk to keep an attach pass", signal: closing };
      await withDeadline(clock, limit, () => keeping);
      return (instanceKey) => passes.newest(instanceKey);
    },
    begin(session) {
      if (session.pass.length === 0) return session.confirmed();
      keep(session).catch((error: unknown) => {
        if (!closing.aborted) log.write("warn", "agent.pass-not-kept", { why: String(error) });
      });
    },
  };
}
