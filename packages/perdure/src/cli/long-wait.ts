/** A wait that lasts says, once, what it waits for and what holds it up: a command that is silent looks like one that hangs. */
import type { Agent } from "../agent/api.ts";
import { sleep } from "../host/deadline.ts";
import { PerdureError } from "../wire/error.ts";
import { safeLine } from "./foreign-text.ts";
import type { Invocation } from "./invocation.ts";
import { durationText } from "./quantity.ts";

const SILENT_MS = 2000;
const LOOK_EVERY_MS = 500;
/** A wait that short explains itself by its own end. */
const SHORT_WAIT_MS = 3000;

export interface LongWait {
  /** "the relay to store it" */
  readonly waitsFor: string;
  readonly timeoutMs: number;
  /** What is known to hold it up; a terminal is told also while nothing is. */
  readonly trouble: () => Promise<string | undefined>;
  /** What is not lost when the person stops waiting. */
  readonly safe: string;
  /** What is done already, said at once and to everybody. */
  readonly done?: () => Promise<string | undefined>;
}

/** Begins to watch; call what it gives when the wait is over. */
export function tellLongWait({ host, terminal }: Invocation, { waitsFor, timeoutMs, trouble, safe, done }: LongWait): () => void {
  const over = new AbortController();
  if (timeoutMs <= SHORT_WAIT_MS) return () => {};
  const tell = (before: string, why: string | undefined): void =>
    terminal.note(
      `${before}waiting up to ${durationText(timeoutMs)} for ${waitsFor}${why === undefined ? "" : `: ${safeLine(why, 200)}`}; Ctrl-C stops waiting, ${safe}`,
    );
  /** True once it is said what is done; false when nothing of it is seen for as long as any wait may be silent. */
  const tellDone = async (look: NonNullable<LongWait["done"]>): Promise<boolean> => {
    for (let silentMs = 0; silentMs < SILENT_MS; silentMs += LOOK_EVERY_MS) {
      await sleep(host.clock, LOOK_EVERY_MS, over.signal);
      const what = await look();
      if (over.signal.aborted) return true;
      if (what === undefined) continue;
      tell(`${what}; `, undefined);
      return true;
    }
    return false;
  };
  const watch = async (): Promise<void> => {
    const isTold = done !== undefined && (await tellDone(done));
    await sleep(host.clock, SILENT_MS, over.signal);
    for (;;) {
      const why = await trouble();
      if (over.signal.aborted) return;
      if (isTold && why !== undefined) return terminal.note(`still waiting: ${safeLine(why, 200)}`);
      if (!isTold && (why !== undefined || done !== undefined || terminal.stderr.isTerminal)) return tell("", why);
      await sleep(host.clock, LOOK_EVERY_MS, over.signal);
    }
  };
  // The wait itself fails where watching it fails, and says so.
  watch().catch(() => {});
  return () => over.abort();
}

/** Why the own relay does not answer, while it does not. */
export async function relayTrouble(agent: Agent): Promise<string | undefined> {
  const { connected, lastError } = (await agent.status()).relay;
  return connected ? undefined : lastError;
}

/** "Waited 30 s" helps nobody when the reason is known: a relay does not answer, or has no room. */
export async function withTrouble(error: unknown, find: () => Promise<string | undefined>): Promise<unknown> {
  if (!(error instanceof PerdureError) || error.code !== "timed-out") return error;
  const trouble = await find().catch(() => undefined);
  if (trouble === undefined) return error;
  return new PerdureError("timed-out", `${error.message}; ${safeLine(trouble, 200)}`, {
    retry: error.retry,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
