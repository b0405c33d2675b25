/** A relay's refusal in one line, for whoever waits for the message. */
import { clipWords } from "../protocol/link/goodbyes.ts";
import type { Refuse } from "../wire/control.ts";

/** Code, the limit that was hit and its value, when there is room again (UTC), and what helps; what a relay did not say is left out. */
export function refusalText(
  { code, retry, afterMs, limit, hint }: Pick<Refuse, "code" | "retry" | "afterMs" | "limit" | "hint">,
  nowMs: number,
): string {
  const hit = limit === undefined ? "" : ` (${limit.name} is ${limit.value}, ${limit.remaining} left)`;
  const again = code === "rate-limited" && retry === "after" ? `, room again at ${clockText(nowMs + afterMs)}` : "";
  return clipWords(`${code}${hit}${again}${hint === "" ? "" : `: ${hint}`}`);
}

function clockText(atMs: number): string {
  return `${new Date(Math.min(Math.max(atMs, 0), 8.64e15)).toISOString().slice(0, 19)}Z`;
}
