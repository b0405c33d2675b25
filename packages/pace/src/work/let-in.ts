import { bad, shown } from "../argument.ts";
import { PaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";
import { systemClock } from "../host/node/clock.ts";
import { beginningOf } from "../providers/beginning.ts";
import { verdictOf } from "../providers/verdict.ts";

/**
 * The same answer, where the service let the call in, whatever it said then. For handlers of work: throws `quota-spent` where the service refused it for a quota, and
 * `attempts-spent` where it has too much of everybody, each with `availableInMs` where the service told it, so that the work waits for that instead of having failed.
 */
export async function letIn(answer: Response, clock: Clock = systemClock): Promise<Response> {
  if (typeof answer?.status !== "number")
    throw bad(`what letIn is given is no answer but ${shown(answer)}`, "As in letIn(await pace.fetch(url)).");
  if (answer.ok) return answer;
  const verdict = verdictOf(answer.status, answer.headers, await beginningOf(answer, clock), clock.date());
  if (verdict.kind !== "refused" && verdict.kind !== "overloaded" && verdict.kind !== "spent") return answer;
  await answer.body?.cancel().catch(() => undefined);
  const details = verdict.kind !== "spent" && verdict.waitMs !== undefined ? { availableInMs: verdict.waitMs } : {};
  const what = `the service answered ${answer.status}${verdict.kind === "spent" ? `: ${verdict.why}` : ""}`;
  throw verdict.kind === "overloaded"
    ? new PaceError("attempts-spent", what, "Later.", details)
    : new PaceError("quota-spent", what, "Later, or by another account.", details);
}
