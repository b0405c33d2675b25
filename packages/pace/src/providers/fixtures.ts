/** Answers as services gave them, with the day and the place where they were written down; what is not told there is left out. */
import type { Reading } from "../quota/reading.ts";
import type { Verdict } from "./verdict.ts";

export interface Fixture {
  readonly service: string;
  readonly on: string;
  readonly source: string;
  /** When it came, where it has no `date` of its own. */
  readonly at?: string;
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly readings: readonly Partial<Reading>[];
  readonly verdict: Verdict;
}

const ANSWERED: Verdict = { kind: "answered" };
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export const FIXTURES: readonly Fixture[] = [
  {
    service: "OpenAI, chat completions",
    on: "2025-05-26",
    source: "https://community.openai.com/t/how-to-get-rate-limit-reset-time-for-response-api/1268905",
    status: 200,
    fields: {
      "x-ratelimit-limit-requests": "5000",
      "x-ratelimit-limit-tokens": "160000",
      "x-ratelimit-remaining-requests": "4999",
      "x-ratelimit-remaining-tokens": "159976",
      "x-ratelimit-reset-requests": "12ms",
      "x-ratelimit-reset-tokens": "9ms",
    },
    readings: [
      { unit: "requests", limit: 5000, remaining: 4999, resetInMs: 12, windowMs: MINUTE_MS, shape: "bucket" },
      { unit: "tokens", limit: 160_000, remaining: 159_976, resetInMs: 9, windowMs: MINUTE_MS, shape: "bucket" },
    ],
    verdict: ANSWERED,
  },
  {
    service: "OpenAI, limits of a day and of a minute",
    on: "2026-11-23",
    source: "https://platform.openai.com/docs/guides/rate-limits",
    status: 200,
    fields: {
      "x-ratelimit-limit-requests": "200",
      "x-ratelimit-remaining-requests": "199",
      "x-ratelimit-reset-requests": "7m12s",
      "x-ratelimit-limit-tokens": "40000",
      "x-ratelimit-remaining-tokens": "10000",
      "x-ratelimit-reset-tokens": "45s",
    },
    readings: [
      { unit: "requests", limit: 200, remaining: 199, resetInMs: 432_000, windowMs: 24 * HOUR_MS },
      { unit: "tokens", limit: 40_000, remaining: 10_000, resetInMs: 45_000, windowMs: MINUTE_MS },
    ],
    verdict: ANSWERED,
  },
  {
    service: "OpenAI, refused, with the wait in its words",
    on: "2026-11-23",
    source: "https://platform.openai.com/docs/guides/error-codes",
    status: 429,
    fields: {},
    body: '{"error":{"message":"Rate limit reached for requests. Limit: 3 / min. Please try again in 6m0s.","type":"requests","code":"rate_limit_exceeded"}}',
    readings: [],
    verdict: { kind: "refused", waitMs: 360_000 },
  },
  {
    service: "OpenAI, an account without money",
    on: "2026-11-23",
    source: "https://platform.openai.com/docs/guides/error-codes",
    status: 429,
    fields: {},
    body: '{"error":{"message":"You have nothing left","type":"insufficient_quota","code":"insufficient_quota"}}',
    readings: [],
    verdict: { kind: "spent", why: "You have nothing left" },
  },
  {
    service: "Azure OpenAI, levels that are none",
    on: "2025-11-17",
    source: "https://learn.microsoft.com/en-us/answers/questions/5625878/azure-openai-responses-api-x-ratelimit-headers-val",
    status: 200,
    fields: { "x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0" },
    readings: [],
    verdict: ANSWERED,
  },
  {
    service: "Anthropic, messages",
    on: "2026-11-23",
    source: "https://docs.anthropic.com/en/api/rate-limits",
    at: "2026-11-23T12:00:00Z",
    status: 200,
    fields: {
      "anthropic-ratelimit-requests-limit": "50",
      "anthropic-ratelimit-requests-remaining": "49",
      "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:01Z",
      "anthropic-ratelimit-tokens-limit": "38000",
      "anthropic-ratelimit-tokens-remaining": "38000",
      "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:00Z",
      "anthropic-ratelimit-input-tokens-limit": "30000",
      "anthropic-ratelimit-input-tokens-remaining": "15000",
      "anthropic-ratelimit-input-tokens-reset": "2026-11-23T12:00:30Z",
      "anthropic-ratelimit-output-tokens-limit": "8000",
      "anthropic-ratelimit-output-tokens-remaining": "8000",
      "anthropic-ratelimit-output-tokens-reset": "2026-11-23T12:00:00Z",
    },
    readings: [
      { unit: "requests", limit: 50, remaining: 49, resetInMs: 1000, windowMs: MINUTE_MS, shape: "bucket" },
      { unit: "input-tokens", limit: 30_000, remaining: 15_000, resetInMs: 30_000 },
      { unit: "output-tokens", limit: 8000, remaining: 8000, resetInMs: 0 },
    ],
    verdict: ANSWERED,
  },
  {
    service: "Anthropic, overloaded",
    on: "2026-11-23",
    source: "https://docs.anthropic.com/en/api/errors",
    status: 529,
    fields: {},
    body: '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    readings: [],
    verdict: { kind: "overloaded" },
  },
  {
    service: "Google, a quota of the minute",
    on: "2026-11-23",
    source: "https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto",
    status: 429,
    fields: {},
    body: '{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17.5s"}]}}',
    readings: [],
    verdict: { kind: "refused", waitMs: 17_500 },
  },
  {
    service: "Google, a quota without a time to wait",
    on: "2026-07-23",
    source: "https://github.com/gke-labs/gemini-for-kubernetes-development/issues/1215",
    status: 429,
    fields: {},
    body: '{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}',
    readings: [],
    verdict: { kind: "spent", why: "You exceeded your current quota, please check your plan and billing details." },
  },
  {
    service: "GitHub, search",
    on: "2022-06-13",
    source: "https://github.com/KnpLabs/php-github-api/pull/1072",
    status: 403,
    fields: {
      date: "Mon, 13 Jun 2022 11:48:53 GMT",
      "x-ratelimit-limit": "30",
      "x-ratelimit-remaining": "14",
      "x-ratelimit-reset": "1655120964",
      "x-ratelimit-used": "16",
      "x-ratelimit-resource": "search",
      "retry-after": "60",
    },
    body: '{"message":"You have exceeded a secondary rate limit."}',
    readings: [{ unit: "requests", name: "search", limit: 30, remaining: 14, resetInMs: 31_000, windowMs: MINUTE_MS, shape: "window" }],
    verdict: { kind: "refused", waitMs: 60_000 },
  },
  {
    service: "GitHub, the hour is spent",
    on: "2026-11-23",
    source: "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api",
    at: "2026-11-23T12:00:00Z",
    status: 403,
    fields: {
      "x-ratelimit-limit": "5000",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": "1795437000",
      "x-ratelimit-resource": "core",
    },
    readings: [{ unit: "requests", name: "core", limit: 5000, remaining: 0, resetInMs: 1_800_000, windowMs: HOUR_MS }],
    verdict: { kind: "refused", waitMs: 1_800_000 },
  },
  {
    service: "GitHub, not allowed at all",
    on: "2026-11-23",
    source: "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api",
    status: 403,
    fields: {},
    body: '{"message":"Resource not accessible by integration"}',
    readings: [],
    verdict: ANSWERED,
  },
  {
    service: "lemlist, a date for people",
    on: "2021-02-16",
    source: "https://developer.lemlist.com/api-reference/getting-started/rate-limits",
    at: "2021-02-16T08:02:40Z",
    status: 429,
    fields: {
      "retry-after": "2",
      "x-ratelimit-limit": "20",
      "x-ratelimit-remaining": "7",
      "x-ratelimit-reset": "Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time)",
    },
    readings: [{ unit: "requests", limit: 20, remaining: 7, resetInMs: 2000, windowMs: 10_000 }],
    verdict: { kind: "refused", waitMs: 2000 },
  },
  {
    service: "Unipile, seconds",
    on: "2026-11-23",
    source: "https://developer.unipile.com/v2.0/reference/rate-limit",
    status: 200,
    fields: { "x-ratelimit-limit": "50", "x-ratelimit-remaining": "12", "x-ratelimit-reset": "24" },
    readings: [{ unit: "requests", limit: 50, remaining: 12, resetInMs: 24_000, windowMs: MINUTE_MS }],
    verdict: ANSWERED,
  },
  {
    service: "GitLab, RateLimit without X and with a moment",
    on: "2021-01-05",
    source: "https://gitlab.com/gitlab-org/gitlab/-/commit/f5968db559f36653b00b919d6b74a3b3950f164f",
    at: "2021-01-05T10:59:30Z",
    status: 429,
    fields: { "ratelimit-limit": "60", "ratelimit-remaining": "0", "ratelimit-reset": "1609844400", "retry-after": "30" },
    readings: [{ unit: "requests", limit: 60, remaining: 0, resetInMs: 30_000, windowMs: MINUTE_MS }],
    verdict: { kind: "refused", waitMs: 30_000 },
  },
  {
    service: "the fields of the IETF's draft, eleventh",
    on: "2026-05-01",
    source: "https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/",
    status: 200,
    fields: { "ratelimit-policy": '"burst";q=100;w=60,"daily";q=1000;w=86400', ratelimit: '"burst";r=50;t=30, "daily";r=999;t=80000' },
    readings: [
      { unit: "requests", name: "burst", limit: 100, remaining: 50, resetInMs: 30_000, windowMs: MINUTE_MS },
      { unit: "requests", name: "daily", limit: 1000, remaining: 999, resetInMs: 80_000_000, windowMs: 24 * HOUR_MS },
    ],
    verdict: ANSWERED,
  },
  {
    service: "the fields of the IETF's draft, seventh",
    on: "2023-01-01",
    source: "https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/07/",
    status: 200,
    fields: { "ratelimit-policy": "100;w=60", ratelimit: "limit=100, remaining=50, reset=30" },
    readings: [{ unit: "requests", limit: 100, remaining: 50, resetInMs: 30_000, windowMs: MINUTE_MS }],
    verdict: ANSWERED,
  },
  {
    service: "a wait of three days, in milliseconds",
    on: "2026-11-23",
    source: "https://github.com/kdlbs/kandev/issues/3811",
    status: 429,
    fields: { "retry-after-ms": "259200000" },
    readings: [],
    verdict: { kind: "refused", waitMs: 259_200_000 },
  },
];
