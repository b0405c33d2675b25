import type { Reading } from "../quota/reading.ts";
import { refusedErrorOf } from "../wrappers/refused-error.ts";
import { fieldsOf } from "./fields.ts";
import { readingsOf } from "./readings.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/**
 * What an error of a client tells of the answer behind it: those of most have its `status`, its `headers` as `Headers` or as a record, and its text in one place or another.
 * `undefined` where there was no answer, or none of the service: what we refused ourselves says nothing of it.
 */
export function judgedError(
  error: unknown,
  dateMs: number,
): { readonly verdict: Verdict; readonly readings: readonly Reading[] } | undefined {
  if (typeof error !== "object" || error === null || refusedErrorOf(error) !== undefined) return undefined;
  const { status, statusCode, headers, responseHeaders, response } = error as Readonly<Record<string, unknown>>;
  const code = typeof status === "number" ? status : statusCode;
  if (typeof code !== "number") return undefined;
  const fields = fieldsOf(headers ?? responseHeaders ?? (response as { readonly headers?: unknown } | null | undefined)?.headers);
  return { verdict: verdictOf(code, fields, textOf(error), dateMs), readings: readingsOf(fields, dateMs) };
}

/** What the service said, as far as the client kept it: the AI SDK all of it, OpenAI's and Anthropic's what it parsed, others a message. */
function textOf(error: object): string {
  const { responseBody, error: body, message } = error as Readonly<Record<string, unknown>>;
  if (typeof responseBody === "string") return responseBody;
  if (typeof body === "object" && body !== null) {
    try {
      return JSON.stringify(body);
    } catch {
      // It goes round in a circle: the message is what is left.
    }
  }
  return typeof message === "string" ? message : "";
}
