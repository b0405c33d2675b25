import { describe, expect, it } from "vitest";
import { overflowOf } from "./overflow.ts";

describe("what a service says of too long a context", () => {
  it.each([
    ["This model's maximum context length is 4097 tokens. However, your messages resulted in 192871 tokens. Please reduce", 4097, 192_871],
    [
      "This model's maximum context length is 4096 tokens. However, you requested 4222 tokens (1222 in the messages, 3000 in the completion).",
      4096,
      1222,
    ],
    [
      "However, you requested 128000 output tokens and your prompt contains at least 134145 input tokens. This model's maximum context length is 262144 tokens.",
      262_144,
      134_145,
    ],
    ["prompt is too long: 208310 tokens > 200000 maximum", 200_000, 208_310],
    [
      "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease input length or `max_tokens` and try again",
      200_000,
      199_759,
    ],
    ["The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).", 1_048_575, 1_196_265],
    ["The input token count exceeds the maximum number of tokens allowed 1048576.", 1_048_576, undefined],
    ["the request exceeds the available context size (4096 tokens), try increasing it", 4096, undefined],
    ["Input length (265330) exceeds model's maximum context length (262144).", 262_144, 265_330],
    ["This model's maximum prompt length is 131072 but the request contains 537812 tokens", 131_072, 537_812],
    ["Prompt contains 40000 tokens, too large for model with 32768 maximum context length", 32_768, 40_000],
    ["prompt token count of 130000 exceeds the limit of 128000", 128_000, 130_000],
    ["Your request exceeded model token limit: 131,072", 131_072, undefined],
    ["Input is too long for requested model.", undefined, undefined],
    ["Your input exceeds the context window of this model", undefined, undefined],
  ])("%s", (text, sizeTokens, sentTokens) => {
    expect(overflowOf(text)).toEqual({ sizeTokens, sentTokens });
    expect(overflowOf({ status: 400, error: { message: text } })).toEqual({ sizeTokens, sentTokens });
    expect(overflowOf(new Error("400", { cause: { responseBody: JSON.stringify({ error: { message: text } }) } }))).toEqual({
      sizeTokens,
      sentTokens,
    });
  });

  it.each([
    "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 4000.",
    "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000. Prompt is too long.",
    "This request would exceed your organization's rate limit of 40,000 input tokens per minute",
    "Internal server error",
    "",
  ])("is not: %s", (text) => {
    expect(overflowOf(text)).toBeUndefined();
  });

  it("is no number of what was sent where nothing was", () => {
    expect(overflowOf("prompt is too long: 0 tokens > 0 maximum")).toEqual({ sizeTokens: undefined, sentTokens: undefined });
  });

  it("is no size where the number cannot be one, and no answer to errors of any shape", () => {
    expect(overflowOf("maximum context length is 3 tokens")?.sizeTokens).toBeUndefined();
    const loop: Record<string, unknown> = {};
    loop["error"] = loop;
    for (const error of [undefined, null, 7, [], loop, new Error("x")]) expect(overflowOf(error)).toBeUndefined();
  });
});
