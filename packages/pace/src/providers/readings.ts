/**
 * What the header fields of an answer tell of quotas. Read are those of OpenAI and whoever took over its names (`x-ratelimit-limit-requests`), of Anthropic
 * (`anthropic-ratelimit-input-tokens-limit`, `anthropic-fast-…`), of GitHub and its many likes (`x-ratelimit-limit` and a moment), and of the IETF's drafts (`RateLimit`).
 *
 * Fields of strangers are not trusted: what is no number, below zero, or more than its limit tells nothing.
 */
import type { Reading, Unit } from "../quota/reading.ts";
import { waitMs } from "./duration.ts";
import type { Fields } from "./fields.ts";
import { oldRateItem, type RateItem, rateItems } from "./rate-fields.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Windows that services have; between them is rounding and delay. */
const WINDOWS_MS = [1000, 10_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS];

/** `dateMs`: now, since 1970; held against the service's own `Date`, if it sends one. */
export function readingsOf(fields: Fields, dateMs: number): readonly Reading[] {
  const theirs = Date.parse(fields.get("date") ?? "");
  // Moments are by the clock that wrote them.
  const now = Number.isNaN(theirs) ? dateMs : theirs;
  return [
    ...openAiReadings(fields, now),
    ...minuteReadings(fields),
    ...anthropicReadings(fields, now),
    ...singleReadings(fields, now),
    ...draftReadings(fields, now),
  ];
}

/** The names of the fields that tell one quota. */
interface Named {
  readonly unit: Unit;
  readonly name: string;
  readonly limit: string;
  readonly remaining: string;
  readonly reset: string;
}

const MODEL_UNITS: readonly Unit[] = ["requests", "tokens", "input-tokens", "output-tokens"];

/** OpenAI's, and those of whoever took over its names. */
const OPEN_AI = MODEL_UNITS.map((unit) => named(unit, unit, (what) => `x-ratelimit-${what}-${unit}`));
/** Mistral's, that name the window and no moment: `x-ratelimit-limit-req-minute`. */
const OF_A_MINUTE = [
  named("requests", "req-minute", (what) => `x-ratelimit-${what}-req-minute`),
  named("tokens", "tokens-minute", (what) => `x-ratelimit-${what}-tokens-minute`),
];
const ANTHROPIC = MODEL_UNITS.map((unit) => named(unit, unit, (what) => `anthropic-ratelimit-${unit}-${what}`));
/** Where both are told apart, "tokens" is the scarcer of them. */
const ANTHROPIC_APART = ANTHROPIC.filter(({ unit }) => unit !== "tokens");
/** What is asked to be fast takes tokens of limits of its own, and none of the others. */
const ANTHROPIC_FAST = [
  ...ANTHROPIC.filter(({ unit }) => unit === "requests"),
  ...(["input-tokens", "output-tokens"] as const).map((unit) => named(unit, `fast ${unit}`, (what) => `anthropic-fast-${unit}-${what}`)),
];

function named(unit: Unit, name: string, field: (what: string) => string): Named {
  return { unit, name, limit: field("limit"), remaining: field("remaining"), reset: field("reset") };
}

function bucketReadings(
  fields: Fields,
  all: readonly Named[],
  resetOf: (field: string) => number | undefined,
  windowOf: (limit: number, remaining: number, resetInMs: number | undefined) => number,
): readonly Reading[] {
  const found: Reading[] = [];
  for (const { unit, name, limit: ofLimit, remaining: ofRemaining, reset } of all) {
    const limit = amount(fields.get(ofLimit));
    // Of most services none of them is there.
    if (limit === undefined) continue;
    const remaining = amount(fields.get(ofRemaining));
    if (remaining === undefined) continue;
    const resetInMs = resetOf(reset);
    found.push(...reading({ unit, name, limit, remaining, resetInMs, windowMs: windowOf(limit, remaining, resetInMs), shape: "bucket" }));
  }
  return found;
}

function openAiReadings(fields: Fields, now: number): readonly Reading[] {
  return bucketReadings(fields, OPEN_AI, (field) => waitMs(fields.get(field) ?? "", now), filledIn);
}

function minuteReadings(fields: Fields): readonly Reading[] {
  return bucketReadings(fields, OF_A_MINUTE, () => undefined, aMinute);
}

function anthropicReadings(fields: Fields, now: number): readonly Reading[] {
  const isFast = fields.get("anthropic-fast-input-tokens-limit") !== null || fields.get("anthropic-fast-output-tokens-limit") !== null;
  const isApart = fields.get("anthropic-ratelimit-input-tokens-limit") !== null;
  return bucketReadings(
    fields,
    isFast ? ANTHROPIC_FAST : isApart ? ANTHROPIC_APART : ANTHROPIC,
    (field) => waitMs(fields.get(field) ?? "", now),
    aMinute,
  );
}

function aMinute(): number {
  return MINUTE_MS;
}

/** With and without the X, Twitter's, and Cohere's for keys on trial. */
const SINGLE = ["x-ratelimit", "x-rate-limit", "ratelimit", "x-trial-endpoint-call"].map((prefix) => ({
  prefix,
  remainingOf: `${prefix}-remaining`,
}));

/** One quota of requests, that ends at a moment: `X-RateLimit-Limit`, `-Remaining`, `-Reset`. Docker Hub writes the window behind both numbers, Reddit what was used and no limit. */
function singleReadings(fields: Fields, now: number): readonly Reading[] {
  for (const { prefix, remainingOf } of SINGLE) {
    const remaining = amount(withoutParameters(fields.get(remainingOf)));
    if (remaining === undefined) continue;
    const used = amount(fields.get(`${prefix}-used`));
    const limit = amount(withoutParameters(fields.get(`${prefix}-limit`))) ?? (used === undefined ? undefined : used + remaining);
    if (limit === undefined) continue;
    const resetInMs = waitMs(fields.get(`${prefix}-reset-after`) ?? fields.get(`${prefix}-reset`) ?? "", now);
    const policyS = Number(
      /;\s*w=(\d{1,9})/.exec(fields.get(`${prefix}-policy`) ?? fields.get(`${prefix}-limit`) ?? "")?.[1] ?? Number.NaN,
    );
    const windowMs = Number.isNaN(policyS) ? endingIn(resetInMs) : policyS * 1000;
    const name = fields.get(`${prefix}-resource`) ?? "requests";
    return reading({ unit: "requests", name: name.slice(0, 40), limit, remaining, resetInMs, windowMs, shape: "window" });
  }
  return [];
}

/** The number of `100;w=21600`, or of `100, 100;w=60` as older drafts wrote it. */
function withoutParameters(text: string | null): string | null {
  return text === null ? null : (/^\s*\d{1,15}(?:\.\d{1,20})?(?=\s*(?:[;,]|$))/.exec(text)?.[0] ?? null);
}

const DRAFT_UNITS: Readonly<Record<string, Unit>> = { requests: "requests", request: "requests", tokens: "tokens", token: "tokens" };

function draftReadings(fields: Fields, now: number): readonly Reading[] {
  const written = fields.get("ratelimit");
  if (written === null) return [];
  const policies = rateItems(fields.get("ratelimit-policy") ?? "");
  const old = oldRateItem(written);
  if (old["limit"] !== undefined && old["remaining"] !== undefined) {
    const resetInMs = old["reset"] === undefined ? undefined : waitMs(String(old["reset"]), now);
    const windowS = number(policies[0], "w");
    const windowMs = windowS === undefined ? endingIn(resetInMs) : windowS * 1000;
    return reading({
      unit: "requests",
      name: "requests",
      limit: old["limit"],
      remaining: old["remaining"],
      resetInMs,
      windowMs,
      shape: "window",
    });
  }
  return rateItems(written).flatMap((item) => {
    const { pk } = item.parameters;
    const named = policies.filter(({ name }) => name === item.name);
    const policy = named.find(({ parameters }) => parameters["pk"] === pk) ?? named[0] ?? item;
    const unit = DRAFT_UNITS[String(policy.parameters["qu"] ?? "requests").replace(/^"|"$/g, "")];
    const remaining = number(item, "r");
    const limit = number(policy, "q") ?? remaining;
    if (unit === undefined || remaining === undefined || limit === undefined) return [];
    const seconds = number(item, "t");
    const windowS = number(policy, "w");
    const resetInMs = seconds === undefined ? undefined : seconds * 1000;
    const windowMs = windowS === undefined ? endingIn(resetInMs) : windowS * 1000;
    // One policy may count several partitions, each by itself.
    const name = (pk === undefined ? item.name : `${item.name} ${pk}`).slice(0, 40);
    return reading({ unit, name, limit, remaining, resetInMs, windowMs, shape: "window" });
  });
}

function number(item: RateItem | undefined, key: string): number | undefined {
  const value = item?.parameters[key];
  return typeof value === "number" && value >= 0 ? value : undefined;
}

interface Told extends Omit<Reading, "resetInMs"> {
  readonly resetInMs: number | undefined;
}

/** None where it makes no sense. */
function reading({ unit, name, limit, windowMs, remaining: told, resetInMs, shape }: Told): readonly Reading[] {
  if (!(limit > 0 && told >= 0 && windowMs > 0)) return [];
  const remaining = Math.min(limit, told);
  const whole = shape === "bucket" ? ((limit - remaining) * windowMs) / limit : windowMs;
  return [{ unit, name, limit, windowMs, remaining, resetInMs: Math.min(resetInMs ?? whole, windowMs), shape }];
}

/** Digits, as many as a number holds exactly. */
function amount(text: string | null): number | undefined {
  return text !== null && /^\s*\d{1,15}(?:\.\d{1,20})?\s*$/.test(text) ? Number(text) : undefined;
}

/** The window of a bucket: what is missing comes back in `resetInMs`, so all of it does in so much more. */
function filledIn(limit: number, remaining: number, resetInMs: number | undefined): number {
  if (resetInMs === undefined || remaining >= limit || resetInMs === 0) return MINUTE_MS;
  const wholeMs = (resetInMs * limit) / (limit - remaining);
  const distance = (window: number): number => Math.max(window / wholeMs, wholeMs / window);
  return WINDOWS_MS.reduce((best, window) => (distance(window) < distance(best) ? window : best));
}

/** What is left of a window is told in whole seconds, by a clock of its own. */
const ROUNDED = 0.005;
const ROUNDED_MS = 1500;

/** The window of which so much is left at most. */
function endingIn(resetInMs: number | undefined): number {
  if (resetInMs === undefined) return MINUTE_MS;
  return WINDOWS_MS.find((window) => window * (1 + ROUNDED) + (window < MINUTE_MS ? 0 : ROUNDED_MS) >= resetInMs) ?? resetInMs;
}
