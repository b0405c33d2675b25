/**
 * A `fetch` for clients of services, such as those of OpenAI and Anthropic: `new OpenAI({ fetch: clientFetch(pace) })`.
 *
 * Besides what `pace.fetch` does:
 *
 * - Fields of one request say what `pace.with` says of many, and are not sent: `pace-class`, `pace-deadline-ms`, `pace-requester`. Others whose name
 *   begins like these are refused.
 * - What cannot leave in time is an answer of 429 that the client knows how to throw, in the words of both, with `retry-after-ms`; no error of the connection, which
 *   clients try again at once. `pace-refused` in its fields says that it never left.
 * - What was asked again here until nothing helped is marked `x-should-retry: false`: clients made by Stainless (OpenAI, Anthropic and others) then do not begin again, and tries do
 *   not multiply. Others are told so by `maxRetries: 0`.
 * - `pace-refused` and what stands beside it are ours: where a service says such a thing it is left out.
 * - The client's own timeout, where it tells it, is a deadline too: what would leave after it is refused at once.
 */
import { checkMethods } from "../argument.ts";
import { isPaceError, PaceError } from "../error.ts";
import type { Fetch, Pace } from "../pace.ts";
import type { CallTraits } from "../policy.ts";
import { answerLike, bodiless } from "../providers/answer-like.ts";
import { ASKED_AGAIN } from "../providers/verdict.ts";
import { CALL_FIELDS, CLASS, checkCallFields, DEADLINE, REQUESTER } from "./call-fields.ts";
import { ASKED_BEFORE, REFUSED } from "./refused-error.ts";

/** Seconds until the client gives up. */
const CLIENT_TIMEOUT = "x-stainless-timeout";
/** Of clients made by Stainless: 0 the first time. */
const CLIENT_TRIES = "x-stainless-retry-count";

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);
/** These `pace.fetch` asks again where it does no harm. */
const TIMEOUT = 408;
const SERVER_ERROR = 500;

/** Throws `bad-argument`. */
export function clientFetch(pace: Pick<Pace, "fetch" | "with">): Fetch {
  // A client that was given it without a pace calls it as a `fetch`, and shows answers; of what it throws it shows an error of the connection.
  if (isRequested(pace)) return forgotten() as never;
  checkMethods("a pace", pace, ["fetch", "with"]);
  return async (input, given) => {
    // As of the platform's, null is nothing.
    const init = given ?? {};
    const request = input instanceof Request ? input : undefined;
    const headers = new Headers(init.headers ?? request?.headers);
    try {
      const traits = traitsOf(headers);
      for (const name of CALL_FIELDS) headers.delete(name);
      const answer = await pace.with(traits).fetch(input, { ...init, headers });
      const method = (init.method ?? request?.method ?? "GET").toUpperCase();
      const isOurs = IDEMPOTENT.has(method) || headers.has("idempotency-key");
      return ASKED_AGAIN.has(answer.status) || (isOurs && (answer.status === TIMEOUT || answer.status >= SERVER_ERROR))
        ? final(answer)
        : asOfService(answer);
    } catch (error) {
      if (!isPaceError(error)) throw error;
      return refusal(error, Number(headers.get(CLIENT_TRIES)) > 0);
    }
  };
}

function isRequested(pace: unknown): boolean {
  return pace instanceof Request || pace instanceof URL || (typeof pace === "string" && URL.canParse(pace));
}

async function forgotten(): Promise<Response> {
  const what = "clientFetch is called with an address, and needs a pace";
  return refusal(new PaceError("bad-argument", what, "Write fetch: clientFetch(pace)."), false);
}

function traitsOf(headers: Headers): CallTraits {
  checkCallFields(headers.keys());
  const name = headers.get(CLASS);
  const requester = headers.get(REQUESTER);
  const written = headers.get(DEADLINE);
  const timeoutS = Number(headers.get(CLIENT_TIMEOUT) ?? Number.NaN);
  const deadlineMs = written === null ? timeoutS * 1000 : Number(written);
  if (written !== null && !(deadlineMs > 0))
    throw new PaceError("bad-argument", `"${written.slice(0, 40)}" is no ${DEADLINE}`, "It is a number of milliseconds above zero.");
  return {
    ...(name === null ? {} : { class: name }),
    ...(requester === null ? {} : { requester }),
    ...(deadlineMs > 0 ? { deadlineMs } : {}),
  };
}

function final(answer: Response): Response {
  // Fields of an answer that came cannot be changed.
  const headers = new Headers(answer.headers);
  headers.set("x-should-retry", "false");
  headers.delete(REFUSED);
  return answerLike(bodiless(answer), { body: answer.body, headers });
}

function asOfService(answer: Response): Response {
  if (!answer.headers.has(REFUSED)) return answer;
  const headers = new Headers(answer.headers);
  headers.delete(REFUSED);
  return answerLike(bodiless(answer), { body: answer.body, headers });
}

function refusal({ code, message, hint, availableInMs }: PaceError, isAskedBefore: boolean): Response {
  const status = code === "bad-argument" ? 400 : 429;
  const type = status === 400 ? "invalid_request_error" : "rate_limit_error";
  const headers = new Headers({ "content-type": "application/json", "x-should-retry": "false", [REFUSED]: code });
  if (isAskedBefore) headers.set(ASKED_BEFORE, "true");
  if (availableInMs !== undefined && Number.isFinite(availableInMs)) {
    headers.set("retry-after-ms", String(Math.ceil(availableInMs)));
    headers.set("retry-after", String(Math.ceil(availableInMs / 1000)));
  }
  const body = { type: "error", error: { type, code, message: `${message}. ${hint}`, param: null } };
  return new Response(JSON.stringify(body), { status, headers });
}
