/** What an examination found, and how it is told: one line for each thing looked at, and what to do about what is not right. */
import { isPerdureError } from "../wire/error.ts";
import { describeFailure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

export interface Check {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly says: string;
  readonly hint?: string;
}

/** Throws again what called the examination off. */
export function failedCheck(name: string, error: unknown): Check {
  if (isPerdureError(error) && error.code === "aborted") throw error;
  const failure = describeFailure(error, "");
  return { name, state: "fail", says: `${failure.why} (${failure.code})`, ...(failure.hint === undefined ? {} : { hint: failure.hint }) };
}

/** Prints the checks behind `head`, and gives the exit code: 0 when nothing failed, else 1. */
export function reportChecks(
  terminal: Terminal,
  head: { readonly type: string } & Readonly<Record<string, unknown>>,
  checks: readonly Check[],
): number {
  const { type, ...more } = head;
  const ok = checks.every((check) => check.state !== "fail");
  terminal.object({ type, ok, ...more, checks });
  const { paint } = terminal.stdout;
  const mark = { ok: paint.good("ok  "), warn: paint.warning("warn"), fail: paint.bad("fail") };
  for (const check of checks) {
    terminal.line(`${mark[check.state]}  ${check.name.padEnd(9)} ${check.says}`);
    if (check.hint !== undefined && check.state !== "ok") terminal.line(`      ${" ".repeat(9)} ${paint.faint(check.hint)}`);
  }
  return ok ? 0 : 1;
}
