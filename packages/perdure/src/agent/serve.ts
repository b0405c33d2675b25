/**
 * Handing mail to a handler: claim, run, commit, and again.
 *
 * What must hold: a handler that returned is committed or fenced, never half of it; one that threw, or that took longer
 * than its claim allows, gives the message back as a failed attempt and commits nothing. Errors of the handler stay here. An
 * error of the agent that may pass (a full disk) pauses serving and is said in the log; one that cannot (a lost folder) ends it.
 */
import { sleep, withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { clipWords } from "../protocol/link/goodbyes.ts";
import type { Settings } from "../settings/register.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { Handler } from "./api.ts";
import type { ClaimedMail, ClaimKey, ClientId } from "./core.ts";
import { createMail } from "./mail.ts";
import type { RunningTurns } from "./running-turns.ts";
import type { SharedCore } from "./shared-core.ts";
import { openTurn } from "./turn.ts";

export interface ServeContext {
  readonly core: SharedCore;
  readonly host: Pick<Host, "clock" | "log">;
  readonly settings: Settings;
  readonly client: ClientId;
  readonly turns: RunningTurns;
  /** No new mail is started after this fires. */
  readonly stop: AbortSignal;
  /** Handlers still running are given up after this fires. */
  readonly closing: AbortSignal;
}

/** Serves with one handler at a time until `stop` fires. */
export async function serveMail(context: ServeContext, handler: Handler): Promise<void> {
  const { core, client, stop } = context;
  while (!stop.aborted) {
    try {
      const claimed = await core.claim(client, stop);
      if (stop.aborted) await giveBack(context, claimed.mail, false, "this process stopped serving");
      else await handleOne(context, claimed, handler);
    } catch (error) {
      if (stop.aborted) return;
      // The message came to its end between being found and being started: there may be another.
      if (isPerdureError(error) && error.code === "fenced") continue;
      if (!isPerdureError(error) || error.retry === "never") throw error;
      await pause(context, error);
    }
  }
}

async function pause({ host, settings, stop }: ServeContext, error: PerdureError): Promise<void> {
  host.log.write("warn", "agent.serving-paused", { code: error.code, why: error.message });
  await sleep(host.clock, settings.diskRetryMs, stop).catch(() => {});
}

async function handleOne(context: ServeContext, { mail, handlerTimeoutMs }: ClaimedMail, handler: Handler): Promise<void> {
  const { core, host, settings, turns, closing } = context;
  const claim: ClaimKey = { from: mail.from, id: mail.id, attempt: mail.attempt };
  const outer = AbortSignal.any([core.fence(claim), closing]);
  const deadline = { timeoutMs: handlerTimeoutMs, what: `the handler of message ${mail.id}`, signal: outer };
  let end: Awaited<ReturnType<ReturnType<typeof openTurn>["end"]>>;
  try {
    end = await withDeadline(host.clock, deadline, async (signal) => {
      const { turn, end: endTurn } = openTurn(mail, signal, { clock: host.clock, timeoutMs: settings.callTimeoutMs });
      const received = createMail({ core, clock: host.clock, settings, closing, view: mail, inTurn: true });
      await turns.during(core, mail, async () => await handler(received, turn));
      return await endTurn();
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    host.log.write("warn", "agent.handler-failed", {
      from: mail.from,
      id: mail.id,
      attempt: mail.attempt,
      why,
      code: isPerdureError(error) ? error.code : undefined,
    });
    return await giveBack(context, claim, !closing.aborted, why);
  }
  try {
    await core.complete({ ...claim, outcome: end.outcome, why: end.why, drafts: end.drafts });
  } catch (error) {
    if (!isPerdureError(error)) throw error;
    host.log.write("warn", "agent.turn-not-committed", {
      from: mail.from,
      id: mail.id,
      attempt: mail.attempt,
      code: error.code,
      why: error.message,
    });
    if (error.code === "fenced") return;
    const ends = ENDS_SERVING.has(error.code);
    await giveBack(context, claim, !ends, error.message);
    if (ends) throw error;
  }
}

/** What no handler is to blame for, and what keeps any message from being committed. Everything else failed with this one message. */
const ENDS_SERVING: ReadonlySet<string> = new Set([
  "aborted",
  "connection-closed",
  "disk-failed",
  "disk-full",
  "folder-in-use",
  "internal",
  "log-damaged",
  "read-only",
]);

async function giveBack({ core, host, settings }: ServeContext, claim: ClaimKey, failed: boolean, why: string): Promise<void> {
  const key: ClaimKey = { from: claim.from, id: claim.id, attempt: claim.attempt };
  const deadline = { timeoutMs: settings.callTimeoutMs, what: `giving back message ${claim.id}` };
  try {
    await withDeadline(host.clock, deadline, () => core.release(key, failed, clipWords(why)));
  } catch (error) {
    if (error instanceof PerdureError && (error.code === "fenced" || error.code === "aborted" || error.code === "unknown-message")) return;
    throw error;
  }
}
