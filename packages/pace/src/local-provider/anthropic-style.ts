/** Messages, as Anthropic answers them: https://docs.anthropic.com/en/api/messages, .../messages-streaming and .../rate-limits. */
import type { Bucket } from "./bucket.ts";
import { event, type Levels, type Question, type Style } from "./style.ts";

export const ANTHROPIC_STYLE: Style = {
  fields: ({ nowMs, dateMs, requests, tokens }: Levels) => ({
    ...told("requests", requests, nowMs, dateMs),
    ...told("tokens", tokens, nowMs, dateMs),
  }),

  refusal: (kind, words) => {
    if (kind === "overloaded") return { status: 529, body: error("overloaded_error", `Overloaded.${words}`) };
    if (kind === "spent") return { status: 400, body: error("invalid_request_error", "Your credit balance is too low to access the API.") };
    return { status: 429, body: error("rate_limit_error", `The limit of ${kind} by the minute is reached.${words}`) };
  },

  whole: (question, id) => ({
    ...head(question, id),
    content: [{ type: "text", text: question.words.join(" ") }],
    stop_reason: "end_turn",
    usage: { ...input(question), output_tokens: question.words.length },
  }),

  stream: (question, id) => {
    const named = (data: { readonly type: string }): string => event(data, data.type);
    const start = { ...head(question, id), content: [], stop_reason: null, usage: { ...input(question), output_tokens: 1 } };
    return {
      before: [
        named({ type: "message_start", message: start } as { type: string }),
        named({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as { type: string }),
        named({ type: "ping" }),
      ],
      word: (word) => named({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: `${word} ` } } as { type: string }),
      after: [
        named({ type: "content_block_stop", index: 0 } as { type: string }),
        named({
          type: "message_delta",
          delta: { stop_reason: "end_turn", stop_sequence: null },
          usage: { output_tokens: question.words.length },
        } as { type: string }),
        named({ type: "message_stop" }),
      ],
    };
  },
};

function head({ model }: Question, id: string): object {
  return { id: `msg_${id}`, type: "message", role: "assistant", model, stop_sequence: null };
}

function input({ inputTokens }: Question): object {
  return { input_tokens: inputTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
}

function error(type: string, message: string): object {
  return { type: "error", error: { type, message } };
}

function told(name: string, bucket: Bucket, nowMs: number, dateMs: number): Record<string, string> {
  const reset = new Date(dateMs + bucket.resetMs(nowMs) - nowMs).toISOString();
  return {
    [`anthropic-ratelimit-${name}-limit`]: String(bucket.limit),
    [`anthropic-ratelimit-${name}-remaining`]: String(Math.max(0, Math.floor(bucket.level(nowMs)))),
    [`anthropic-ratelimit-${name}-reset`]: reset.replace(/\.\d+Z$/, "Z"),
  };
}
