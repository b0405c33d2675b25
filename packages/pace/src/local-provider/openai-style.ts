/** Chat completions, as OpenAI answers them: https://platform.openai.com/docs/api-reference/chat and .../guides/rate-limits. */
import type { Bucket } from "./bucket.ts";
import { event, type Levels, type Question, type Style } from "./style.ts";

export const OPENAI_STYLE: Style = {
  fields: ({ nowMs, requests, tokens }: Levels) => ({ ...told("requests", requests, nowMs), ...told("tokens", tokens, nowMs) }),

  refusal: (kind, words) => {
    if (kind === "overloaded")
      return { status: 503, body: { error: { message: `The engine is currently overloaded.${words}`, type: "server_error", code: null } } };
    if (kind === "spent")
      return {
        status: 429,
        body: { error: { message: "The account has no money left.", type: "insufficient_quota", code: "insufficient_quota" } },
      };
    return {
      status: 429,
      body: { error: { message: `Rate limit reached on ${kind}.${words}`, type: kind, param: null, code: "rate_limit_exceeded" } },
    };
  },

  whole: (question, id) => ({
    ...head(question, id, "chat.completion"),
    choices: [
      { index: 0, message: { role: "assistant", content: question.words.join(" "), refusal: null }, logprobs: null, finish_reason: "stop" },
    ],
    usage: usage(question),
  }),

  stream: (question, id) => {
    const chunk = (delta: unknown, finish: string | null): string =>
      event({
        ...head(question, id, "chat.completion.chunk"),
        choices: [{ index: 0, delta, finish_reason: finish }],
        ...(question.tellsUsage ? { usage: null } : {}),
      });
    const last = event({ ...head(question, id, "chat.completion.chunk"), choices: [], usage: usage(question) });
    return {
      before: [chunk({ role: "assistant", content: "" }, null)],
      word: (word) => chunk({ content: `${word} ` }, null),
      after: [chunk({}, "stop"), ...(question.tellsUsage ? [last] : []), event("[DONE]")],
    };
  },
};

function head({ model }: Question, id: string, object: string): object {
  return { id: `chatcmpl-${id}`, object, created: 1_750_000_000, model };
}

function usage({ inputTokens, words }: Question): object {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: words.length,
    total_tokens: inputTokens + words.length,
    prompt_tokens_details: { cached_tokens: 0 },
  };
}

function told(name: string, bucket: Bucket, nowMs: number): Record<string, string> {
  const resetMs = Math.ceil(bucket.resetMs(nowMs) - nowMs);
  return {
    [`x-ratelimit-limit-${name}`]: String(bucket.limit),
    [`x-ratelimit-remaining-${name}`]: String(Math.max(0, Math.floor(bucket.level(nowMs)))),
    [`x-ratelimit-reset-${name}`]:
      resetMs < 1000
        ? `${resetMs}ms`
        : resetMs < 60_000
          ? `${resetMs / 1000}s`
          : `${Math.floor(resetMs / 60_000)}m${Math.round((resetMs % 60_000) / 1000)}s`,
  };
}
