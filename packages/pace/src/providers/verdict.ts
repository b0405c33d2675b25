/**
 * What an answer means for whoever wants to ask again: 429 says that we ask too much, 503 and 529 that everybody does, and some that say 429 mean that no waiting
 * helps. Bodies are read where the status is one of a refusal: they tell the wait where the fields do not, and what is spent.
 */
import { durationMs, untilMidnightMs, waitMs } from "./duration.ts";
import type { Fields } from "./fields.ts";

export type Verdict =
  | { readonly kind: "answered" }
  | { readonly kind: "refused"; readonly waitMs?: number }
  | { readonly kind: "overloaded"; readonly waitMs?: number }
  /** An account without money, or a quota of days: not by waiting. */
  | { readonly kind: "spent"; readonly why: string }
  /** The service failed at it; another attempt may not. */
  | { readonly kind: "failed" };

const TOO_MANY = 429;
const FORBIDDEN = 403;
const TIMEOUT = 408;
const UNAVAILABLE = 503;
/** Anthropic's. */
const OVERLOADED = 529;
const SERVER_ERROR = 500;

/** What is asked again whatever was sent: it was not worked on. */
export const ASKED_AGAIN: ReadonlySet<unknown> = new Set([TOO_MANY, UNAVAILABLE, OVERLOADED]);

/** Codes of accounts that have nothing left (OpenAI), and what others say of it (Anthropic, Google, xAI). */
const SPENT =
  /insufficient_quota|billing_hard_limit|credit balance is too low|exceeded your current quota, please check your plan|used all available credits/i;
/** GitHub's, that say nothing by their fields, or only how long: at least a minute, where they do not. */
const SECONDARY = /secondary rate limit|abuse detection/i;
const SECONDARY_MS = 60_000;
/** Google names the quota, and tells a wait of seconds for those of a day too. They begin anew at midnight where it is at home. */
const OF_A_DAY = /"quotaId"\s*:\s*"[^"]{0,80}PerDay/;
const GOOGLES_ZONE = "America/Los_Angeles";
const OF_A_LIMIT = /rate.?limit|too many|quota|abuse detection/i;
/** No unit is the beginning of a word: of "2 months" nothing is known. Who does not count writes "minute(s)". */
const UNITS = ["days?", "h(?:(?:ou)?rs?)?", "m(?:in(?:ute)?s?)?", "s(?:ec(?:ond)?s?)?", "ms|milliseconds?"].map(
  (unit) => `(?:${unit})(?:\\(s\\))?(?![a-z])`,
);
const NUMBER = String.raw`\d+(?:\.\d+)?\s?(?:more )?`;
/** Of several the larger come first: in "10 seconds, 3 days of quota remain" no days are to be waited. */
const IN_WORDS = new RegExp(
  `(?:try again|retry|wait)[^.\\d]{0,40}?(?=${NUMBER}(?:${UNITS.join("|")}))(${UNITS.map((unit) => `(?:${NUMBER}${unit},?\\s?(?:and )?)?`).join("")})`,
  "i",
);
/** Bodies of refusals are short; of longer ones this much is read. */
const MOST_BODY = 20_000;

/** `body`: of a refusal, as text, or empty. `dateMs`: now, since 1970. */
export function verdictOf(status: number, fields: Fields, body: string, dateMs: number): Verdict {
  const text = body.slice(0, MOST_BODY);
  if (
    status === TOO_MANY ||
    (status === FORBIDDEN &&
      (fields.get("x-ratelimit-remaining") === "0" ||
        SECONDARY.test(text) ||
        (fields.get("retry-after") !== null && (OF_A_LIMIT.test(text) || fields.get("x-github-request-id") !== null))))
  ) {
    if (OF_A_DAY.test(text)) return { kind: "refused", waitMs: untilMidnightMs(GOOGLES_ZONE, theirDateMs(fields, dateMs)) };
    // Google says the same words with a time to wait, and then it is the minute's.
    const wait = waitOf(fields, text, dateMs);
    if (wait === undefined && SPENT.test(text)) return { kind: "spent", why: shortly(text) };
    if (wait === undefined && SECONDARY.test(text)) return { kind: "refused", waitMs: SECONDARY_MS };
    return { kind: "refused", ...(wait === undefined ? {} : { waitMs: wait }) };
  }
  if (status === UNAVAILABLE || status === OVERLOADED) {
    const wait = waitOf(fields, text, dateMs);
    return { kind: "overloaded", ...(wait === undefined ? {} : { waitMs: wait }) };
  }
  if (status === TIMEOUT || status >= SERVER_ERROR) return { kind: "failed" };
  return { kind: "answered" };
}

/** Whether the body is needed to judge such an answer. */
export function needsBody(status: number): boolean {
  return status === TOO_MANY || status === FORBIDDEN || status === UNAVAILABLE || status === OVERLOADED;
}

/** Moments are by the clock that wrote them. */
function theirDateMs(fields: Fields, dateMs: number): number {
  const theirs = Date.parse(fields.get("date") ?? "");
  return Number.isNaN(theirs) ? dateMs : theirs;
}

function waitOf(fields: Fields, body: string, dateMs: number): number | undefined {
  const now = theirDateMs(fields, dateMs);
  const inMs = fields.get("retry-after-ms") ?? fields.get("x-ms-retry-after-ms");
  if (inMs !== null && /^\s*\d{1,15}(?:\.\d+)?\s*$/.test(inMs)) return waitMs(String(Number(inMs) / 1000), now);
  const after = longestMs(fields.get("retry-after") ?? "", now);
  if (after !== undefined) return after;
  // Google: google.rpc.RetryInfo.
  const info = /"retryDelay"\s*:\s*"(\d+(?:\.\d+)?s)"/.exec(body)?.[1];
  if (info !== undefined) return durationMs(info);
  // Discord: seconds, more exactly than its fields.
  const exact = /"retry_after"\s*:\s*(\d{1,9}(?:\.\d{1,9})?)/.exec(body)?.[1];
  if (exact !== undefined) return waitMs(exact, now);
  const words = IN_WORDS.exec(body)?.[1];
  if (words !== undefined) return durationMs(words.replace(/,|\(s\)/gi, "").replace(/[a-z]+/gi, unitOf));
  // Azure, where it tells no more.
  const azure = waitMs(fields.get("x-rate-limit-reset-tokens") ?? "", now) ?? waitMs(fields.get("x-rate-limit-reset-requests") ?? "", now);
  if (azure !== undefined) return azure;
  if (fields.get("x-ratelimit-remaining") !== "0") return undefined;
  return waitMs(fields.get("x-ratelimit-reset-after") ?? "", now) ?? waitMs(fields.get("x-ratelimit-reset") ?? "", now);
}

/** Of a service and of what stands before it each may have written one, and `Headers` joins them. Dates have a comma of their own. */
function longestMs(written: string, dateMs: number): number | undefined {
  if (!/^[\d\s.,]+$/.test(written)) return waitMs(written, dateMs);
  const waits = written.split(",").flatMap((one) => waitMs(one, dateMs) ?? []);
  return waits.length === 0 ? undefined : Math.max(...waits);
}

/** Of a word of `IN_WORDS`, as durations have it: "more" and "and" are none. */
function unitOf(word: string): string {
  const written = word.toLowerCase();
  if (written === "more" || written === "and") return "";
  return written === "ms" || written.startsWith("milli") ? "ms" : written.charAt(0);
}

function shortly(text: string): string {
  const message = /"message"\s*:\s*"([^"\\]{1,200})/.exec(text)?.[1] ?? text.slice(0, 200);
  return message.replace(/\p{Cc}/gu, " ");
}
