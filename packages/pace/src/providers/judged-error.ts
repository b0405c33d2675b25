import type { Reading } from "../quota/reading.ts";
import { type Fields, readingsOf } from "./readings.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/** What an error of a client tells of the answer behind it: those of most have its `status`, and its `headers` as `Headers` or as a record. `undefined` where there was none. */
export function judgedError(
  error: unknown,
  dateMs: number,
): { readonly verdict: Verdict; readonly readings: readonly Reading[] } | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { status, statusCode, headers, responseHeaders, message } = error as Readonly<Record<string, unknown>>;
  const code = typeof status === "number" ? status : statusCode;
  if (typeof code !== "number") return undefined;
  const fields = fieldsOf(headers ?? responseHeaders);
  return { verdict: verdictOf(code, fields, typeof message === "string" ? message : "", dateMs), readings: readingsOf(fields, dateMs) };
}

function fieldsOf(headers: unknown): Fields {
  if (headers instanceof Headers) return headers;
  const record = new Map<string, string>();
  if (typeof headers === "object" && headers !== null)
    for (const [name, value] of Object.entries(headers)) if (typeof value === "string") record.set(name.toLowerCase(), value);
  return { get: (name) => record.get(name) ?? null };
}
