/** What only the owner can put right, as the command says it. */
import type { Agent, Alert } from "../agent/api.ts";
import { sleep } from "../host/deadline.ts";
import type { Invocation } from "./invocation.ts";

const LOOK_EVERY_MS = 5000;

/** "cloned: this folder was … Run: perdure id claim. If …" */
export function alertText({ code, what, run, otherwise }: Alert): string {
  return `${code}: ${what}. Run: ${run}${otherwise === "" ? "" : `. ${otherwise}`}`;
}

/** Says each alert once for a process that another one serves: its log has them, and nobody reads it here. Until `signal` fires. */
export async function tellAlertsToGuest({ host, terminal, signal }: Invocation, agent: Agent): Promise<void> {
  // bound: codes of an Alert
  let told = new Set<string>();
  while (!signal.aborted) {
    const { role, alerts } = await agent.status({ signal });
    if (role === "guest") for (const alert of alerts) if (!told.has(alert.code)) terminal.trouble(alertText(alert));
    told = new Set(alerts.map(({ code }) => code));
    await sleep(host.clock, LOOK_EVERY_MS, signal);
  }
}
