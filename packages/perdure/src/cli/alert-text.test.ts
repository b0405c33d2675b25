import { expect, test } from "vitest";
import type { Agent, AgentStatus, Alert } from "../agent/api.ts";
import { createNodeHost } from "../host/node/index.ts";
import { PerdureError } from "../wire/error.ts";
import { tellAlertsToGuest } from "./alert-text.ts";
import type { Terminal } from "./terminal.ts";

const CLONED: Alert = { code: "cloned", what: "this folder lives twice", run: "perdure id claim", otherwise: "" };
const guest = (...alerts: readonly Alert[]): AgentStatus => ({ role: "guest", alerts }) as unknown as AgentStatus;

/** What is said while the process that serves gives these answers, one a look, and then this one is closed. */
async function said(...answers: readonly (AgentStatus | PerdureError)[]): Promise<readonly string[]> {
  const lines: string[] = [];
  const left = [...answers, new PerdureError("aborted", "this agent was closed here")];
  const status: Agent["status"] = async () => {
    const next = left.shift();
    if (next === undefined || next instanceof PerdureError) throw next;
    return next;
  };
  const host = createNodeHost();
  const after = (_delayMs: number, then: () => void): (() => void) => host.clock.after(0, then);
  const terminal = { trouble: (line: string) => void lines.push(line) } as Terminal;
  const told = tellAlertsToGuest(
    { host: { ...host, clock: { ...host.clock, after } }, terminal, signal: new AbortController().signal },
    { status },
  );
  await expect(told).rejects.toMatchObject({ code: "aborted" });
  expect(left).toEqual([]);
  return lines;
}

test("an alert is said once while it lasts, and again when it comes back", async () => {
  const line = "cloned: this folder lives twice. Run: perdure id claim";
  expect(await said(guest(CLONED), guest(CLONED))).toEqual([line]);
  expect(await said(guest(CLONED), guest(), guest(CLONED))).toEqual([line, line]);
});

test("a process that does not answer for a while ends nothing", async () => {
  expect(await said(guest(), new PerdureError("timed-out", "no answer"), guest(CLONED))).toHaveLength(1);
});

test("whoever holds the folder has them in its own log", async () => {
  expect(await said({ ...guest(CLONED), role: "holder" })).toEqual([]);
});
