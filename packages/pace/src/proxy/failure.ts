/** What a proxy answers where a service did not: why, and what to do about it, in a shape that clients of OpenAI and of Anthropic both read. */
import type { PaceError, PaceErrorCode } from "../error.ts";
import { PROXY_ERROR } from "../wrappers/refused-error.ts";
import type { Answer, Field } from "./exchange.ts";

export type FailureCode =
  | PaceErrorCode
  /** The service could not be reached, or the connection to it broke. */
  | "unreachable"
  /** The service did not answer in time. */
  | "no-answer"
  | "body-too-large"
  | "not-found"
  | "bad-request"
  | "wrong-host"
  | "no-upgrade"
  | "loop"
  | "fault";

export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string;
  readonly availableInMs?: number | undefined;
}

/** What no client need try again as it is has a status that says so. Other errors of pace are of what a proxy does not do, as kept work. */
const STATUS: Readonly<Partial<Record<FailureCode, number>>> = {
  "bad-argument": 400,
  "too-late": 429,
  deadline: 429,
  "quota-spent": 429,
  "queue-full": 503,
  "attempts-spent": 503,
  shed: 503,
  closed: 503,
  unreachable: 502,
  "no-answer": 504,
  "body-too-large": 413,
  "not-found": 404,
  "bad-request": 400,
  "wrong-host": 421,
  "no-upgrade": 501,
  loop: 508,
  fault: 500,
};

const STATUS_OF_OTHERS = 503;

/** Of what is refused because there is too much of it, and nobody knows for how long. */
const USUAL_RETRY_S = 1;
const AGAIN_LATER = new Set([429, 503]);
/** No other time cures these. */
const NEVER: ReadonlySet<FailureCode> = new Set([
  "bad-argument",
  "body-too-large",
  "not-found",
  "bad-request",
  "wrong-host",
  "no-upgrade",
  "loop",
]);
/** Clients made by Stainless (OpenAI, Anthropic and others) ask again after 429, 409, 408 and all from 500 on, unless this says that they need not. */
const NOT_AGAIN: Field = ["x-should-retry", "false"];

/** `pace-error` tells it from an answer of the service. */
export function failureAnswer({ code, message, hint, availableInMs }: Failure, more: readonly Field[] = []): Answer {
  const status = STATUS[code] ?? STATUS_OF_OTHERS;
  const body = JSON.stringify({ type: "error", error: { type: `pace_${code.replaceAll("-", "_")}`, code, message, hint } });
  return {
    status,
    fields: [
      ["content-type", "application/json"],
      ["cache-control", "no-store"],
      [PROXY_ERROR, code],
      ...retryFields(status, code, availableInMs),
      ...more,
    ],
    body: `${body}\n`,
  };
}

export function failureOf({ code, message, hint, availableInMs }: PaceError): Failure {
  if (code === "closed") return { code, message: "the proxy is closing", hint: "Ask again when it runs again." };
  return { code, message, hint, availableInMs };
}

function retryFields(status: number, code: FailureCode, availableInMs: number | undefined): readonly Field[] {
  // What is more than a whole quota has tells no time.
  const isNever = NEVER.has(code) || availableInMs === Number.POSITIVE_INFINITY || (code === "quota-spent" && availableInMs === undefined);
  if (isNever) return [NOT_AGAIN];
  if (!AGAIN_LATER.has(status)) return [];
  if (availableInMs === undefined) return [["retry-after", String(USUAL_RETRY_S)]];
  const ms = Math.max(1, Math.ceil(availableInMs));
  return [
    ["retry-after", String(Math.ceil(ms / 1000))],
    ["retry-after-ms", String(ms)],
  ];
}
