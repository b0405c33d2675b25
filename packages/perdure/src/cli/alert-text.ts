/** What only the owner can put right, as the command says it. */
import type { Agent, Alert } from "../agent/api.ts";
import { sleep } from "../host/deadline.ts";
import { isPerdureError } from "../wire/error.ts";
import type { Invocation } from "./invocation.ts";

const LOOK_EVERY_MS = 5000;

/** "cloned: this folder was … Run: perdure id claim. If …" */
export function alertText({ code, what, run, otherwise }: Alert): string {
  return `${code}: ${what}. Run: ${run}${otherwise === "" ? "" : `. ${otherwise}`}`;
}

/**
 * Says each alert once for a process that another one serves: its log has them, and nobody reads it here. Until `signal` fires or the agent is
 * closed; that the other process does not answer for a while ends nothing.
 */
export async function tellAlertsToGuest(
  { host, terminal, signal }: Pick<Invocation, "host" | "terminal" | "signal">,
  agent: Pick<Agent, "status">,
): Promise<void> {
  // bound: codes of an Alert
  let told = new Set<string>();
  while (!signal.aborted) {
    const status = await agent.status({ signal }).catch((error: unknown) => {
      if (isPerdureError(error) && error.code === "aborted") throw error;
      return undefined;
    });
    if (status?.role === "guest") for (const alert of status.alerts) if (!told.has(alert.code)) terminal.trouble(alertText(alert));
    if (status !== undefined) told = new Set(status.alerts.map(({ code }) => code));
    await sleep(host.clock, LOOK_EVERY_MS, signal);
  }
}
