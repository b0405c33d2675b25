/** One try of a call, as its service answered it: what its quotas learn of that, and whether it is asked again. */
import type { Attempt } from "./call.ts";
import { fieldsOf } from "./providers/fields.ts";
import { readingsOf } from "./providers/readings.ts";
import { type Verdict, verdictOf } from "./providers/verdict.ts";
import type { Reading } from "./quota/reading.ts";

/** `text`: the beginning of its body, where that is needed. `mayFail`: whether it may be done twice. */
export function judgedAnswer(answer: Response, text: string, dateMs: number, mayFail: boolean): Attempt<Response> {
  const fields = fieldsOf(answer.headers);
  const verdict = verdictOf(answer.status, fields, text, dateMs);
  return { result: answer, ...meaningOf(verdict, readingsOf(fields, dateMs), mayFail) };
}

export function meaningOf(verdict: Verdict, readings: readonly Reading[], mayFail: boolean): Omit<Attempt<Response>, "result"> {
  switch (verdict.kind) {
    case "answered":
      return { outcome: { kind: "answered", readings }, again: "never" };
    case "failed":
      return { outcome: { kind: "answered", readings }, again: mayFail ? "in-budget" : "never" };
    case "spent":
      return { outcome: { kind: "refused", readings }, again: "never" };
    case "refused":
      return { outcome: { ...verdict, readings }, again: "in-turn" };
    case "overloaded":
      return { outcome: { ...verdict, readings }, again: "in-budget" };
  }
}
