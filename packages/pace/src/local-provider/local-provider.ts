/**
 * A service with limits on one's own machine, that answers, counts and refuses as real ones do: chat completions of OpenAI (`/v1/chat/completions`), messages of
 * Anthropic (`/v1/messages`), both also in streams, and anything else that is read as GitHub's REST (`/repos/...`, `/search/...`); what is sent to other paths is 404.
 * For trying out, for examples and for tests.
 *
 * Each key has its own limits for each model. A call is let in when both of its quotas have room, and takes of them what it uses; a refused one may be charged too.
 * It is a function from a request to an answer: `fetch` of a client, or behind a socket (`host/node/serve.ts`).
 */
import { checkAbove, checkNames, checkNumber, checkOneOf, checkWhole, type Given, saidOf } from "../argument.ts";
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import { ANTHROPIC_STYLE } from "./anthropic-style.ts";
import { type Bucket, createBucket } from "./bucket.ts";
import { githubAnswer } from "./github-style.ts";
import { OPENAI_STYLE } from "./openai-style.ts";
import type { Levels, Question, RefusalKind, Style } from "./style.ts";
import { WAIT_FORMS, type WaitForm, waitIn } from "./wait-forms.ts";

export interface LocalProviderSettings {
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  /** Of both limits, that is there at the beginning: 1 is a minute's worth at once. They fill up to the whole, whatever was there first. */
  readonly full: number;
  /** Whether fields tell the levels. */
  readonly tells: "levels" | "nothing";
  /** How refusals tell the wait. */
  readonly wait: WaitForm;
  /** Units that a refused call is charged. */
  readonly charge: number;
  /** Of calls, that are refused because everybody asks too much, from 0 to 1. */
  readonly overloaded: number;
  /** Calls that the account can pay for. */
  readonly paidCalls: number;
  /** Until an answer begins. */
  readonly latencyMs: number;
  /** Between two words of a stream. */
  readonly wordMs: number;
  /** Words of an answer, where `max_tokens` does not say less. */
  readonly words: number;
  /** Of GitHub's limits: an hour there. */
  readonly windowMs: number;
}

export interface LocalProvider {
  readonly answer: (request: Request) => Promise<Response>;
  /** By what was asked for, as "gpt-4o" or "core". */
  counts(): ReadonlyMap<string, Readonly<Counts>>;
}

export interface Counts {
  accepted: number;
  refused: number;
  overloaded: number;
}

export const LOCAL_PROVIDER_SETTINGS: LocalProviderSettings = {
  requestsPerMinute: 300,
  tokensPerMinute: 60_000,
  full: 0.05,
  tells: "levels",
  wait: "seconds",
  charge: 0,
  overloaded: 0,
  paidCalls: Number.POSITIVE_INFINITY,
  latencyMs: 200,
  wordMs: 20,
  words: 20,
  windowMs: 3_600_000,
};

/** Characters of a token: about what English has. */
const CHARACTERS_IN_TOKEN = 4;
/** Keys and models whose limits are remembered: it is for one machine. */
const MOST_ACCOUNTS = 1000;
const STYLES: Readonly<Record<string, Style>> = { "/v1/chat/completions": OPENAI_STYLE, "/v1/messages": ANTHROPIC_STYLE };

const READS = new Set(["GET", "HEAD"]);

interface Account {
  readonly requests: Bucket;
  readonly tokens: Bucket;
  calls: number;
}

function checkedSettings(given: Given<LocalProviderSettings>): LocalProviderSettings {
  checkNames("a local provider", given, Object.keys(LOCAL_PROVIDER_SETTINGS));
  const settings: LocalProviderSettings = { ...LOCAL_PROVIDER_SETTINGS, ...saidOf(given) };
  for (const name of ["requestsPerMinute", "tokensPerMinute", "windowMs"] as const) {
    checkAbove(name, settings[name]);
    checkNumber(name, settings[name], 0);
  }
  for (const name of ["full", "overloaded"] as const) checkNumber(name, settings[name], 0, 1);
  for (const name of ["charge", "latencyMs", "wordMs"] as const) checkNumber(name, settings[name], 0);
  checkWhole("words", settings.words, 0);
  checkNumber("paidCalls", settings.paidCalls, 0, Number.POSITIVE_INFINITY);
  checkOneOf("way of telling", settings.tells, ["levels", "nothing"]);
  checkOneOf("form of a wait", settings.wait, WAIT_FORMS);
  return settings;
}

/** Throws `bad-argument`. */
export function createLocalProvider(
  given: Given<LocalProviderSettings>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): LocalProvider {
  const settings = checkedSettings(given);
  const accounts = new Map<string, Account>();
  const counts = new Map<string, Counts>();
  let nth = 0;

  const accountOf = (key: string, shape: "bucket" | "window"): Account => {
    const known = accounts.get(key);
    if (known !== undefined) return known;
    for (const oldest of accounts.keys()) {
      if (accounts.size < MOST_ACCOUNTS) break;
      accounts.delete(oldest);
    }
    const of = (limit: number): Bucket =>
      createBucket(clock.now(), {
        limit,
        shape,
        windowMs: shape === "bucket" ? 60_000 : settings.windowMs,
        level: shape === "bucket" ? Math.max(1, limit * settings.full) : limit,
      });
    const account = { requests: of(settings.requestsPerMinute), tokens: of(settings.tokensPerMinute), calls: 0 };
    accounts.set(key, account);
    return account;
  };

  const counted = (name: string, kind: keyof Counts): void => {
    const of = counts.get(name) ?? { accepted: 0, refused: 0, overloaded: 0 };
    of[kind]++;
    counts.set(name, of);
  };

  const levelsOf = ({ requests, tokens }: Account): Levels => ({ nowMs: clock.now(), dateMs: clock.date(), requests, tokens });

  const modelAnswer = async (style: Style, key: string, request: Request): Promise<Response> => {
    const text = await request.text();
    const question = questionOf(text, settings.words);
    if (question === undefined)
      return json(400, { error: { type: "invalid_request_error", message: "The body is no JSON with a model." } }, {});
    await past(clock, settings.latencyMs);
    const now = clock.now();
    const account = accountOf(`${key} ${question.model}`, "bucket");
    const { requests, tokens } = account;
    const units = question.inputTokens + question.words.length;
    const refused = (kind: RefusalKind, waitMs: number): Response => {
      counted(question.model, kind === "overloaded" ? "overloaded" : "refused");
      const { fields, words } = kind === "spent" ? { fields: {}, words: "" } : waitIn(settings.wait, waitMs, clock.date());
      const { status, body } = style.refusal(kind, words);
      return json(status, body, { ...told(), ...fields });
    };
    const told = (): Readonly<Record<string, string>> => (settings.tells === "levels" ? style.fields(levelsOf(account)) : {});
    if (account.calls >= settings.paidCalls) return refused("spent", 0);
    if (random() < settings.overloaded) return refused("overloaded", 1000);
    const short = requests.level(now) < 1 ? "requests" : tokens.level(now) < units ? "tokens" : undefined;
    if (short !== undefined) {
      requests.take(now, settings.charge);
      return refused(short, Math.max(requests.readyMs(now, 1), tokens.readyMs(now, units)) - now);
    }
    requests.take(now, 1);
    tokens.take(now, units);
    account.calls++;
    counted(question.model, "accepted");
    const id = String(++nth);
    if (!question.isStream) return json(200, style.whole(question, id), told());
    const headers = { ...told(), "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
    return new Response(streamOf(style, question, id, clock, settings.wordMs), { headers });
  };

  return {
    counts: () => counts,
    answer: async (request) => {
      const { pathname } = new URL(request.url);
      const key = request.headers.get("authorization") ?? request.headers.get("x-api-key") ?? "";
      const style = STYLES[pathname];
      if (style !== undefined && request.method === "POST") return await modelAnswer(style, `${pathname} ${key}`, request);
      await past(clock, settings.latencyMs);
      if (!READS.has(request.method))
        return json(404, { error: { type: "invalid_request_error", message: `Invalid URL (${request.method} ${pathname})` } }, {});
      const resource = pathname.startsWith("/search/") ? "search" : "core";
      const account = accountOf(`github ${resource} ${key}`, "window");
      const answer = githubAnswer(resource, levelsOf(account), settings.tells === "levels");
      counted(resource, answer.status === 200 ? "accepted" : "refused");
      return answer;
    },
  };
}

function questionOf(text: string, most: number): Question | undefined {
  let asked: unknown;
  try {
    asked = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof asked !== "object" || asked === null) return undefined;
  const { model, max_tokens, max_completion_tokens, stream, stream_options } = asked as Readonly<Record<string, unknown>>;
  if (typeof model !== "string") return undefined;
  const length = Math.min(most, ...[max_tokens, max_completion_tokens].filter((one) => typeof one === "number" && one >= 1).map(Number));
  return {
    model,
    inputTokens: Math.ceil(text.length / CHARACTERS_IN_TOKEN),
    words: Array.from({ length }, (_, at) => `word${at + 1}`),
    isStream: stream === true,
    tellsUsage: (stream_options as { readonly include_usage?: unknown } | null | undefined)?.include_usage === true,
  };
}

function streamOf(style: Style, question: Question, id: string, clock: Clock, wordMs: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const { before, word, after } = style.stream(question, id);
  const parts = [before.join(""), ...question.words.map(word), after.join("")];
  let at = 0;
  return new ReadableStream({
    pull: async (controller) => {
      if (at > 0) await past(clock, wordMs);
      controller.enqueue(encoder.encode(parts[at++]));
      if (at === parts.length) controller.close();
    },
  });
}

function json(status: number, body: unknown, headers: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...headers, "content-type": "application/json" } });
}

function past(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.wake(clock.now() + ms, resolve);
  });
}
