import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guessedTokens } from "./cost.ts";
import { createSaidCounter } from "./said-counter.ts";
import { createUsageScan } from "./usage.ts";

const WORDS = "The moon is, on average, 384,400 km away from us.";
const MORE = " Das ist weit; 月は遠い。 Так далеко 🌕";
const TOKENS = guessedTokens(WORDS);

function ofText(...bodies: readonly unknown[]): number | undefined {
  const counter = createSaidCounter();
  for (const body of bodies) {
    counter.feed(new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)));
    counter.reset();
  }
  return counter.tokens();
}

const chunk = (delta: unknown): unknown => ({ id: "c", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta }] });
const block = (delta: unknown): unknown => ({ type: "content_block_delta", index: 0, delta });
const event = (type: string, more: object): unknown => ({ type, sequence_number: 1, item_id: "i", ...more });
const gemini = (part: unknown): unknown => ({ candidates: [{ content: { role: "model", parts: [part] }, index: 0 }] });
const whole = (message: unknown): unknown => ({ object: "chat.completion", choices: [{ message }] });
const response = (item: unknown): unknown => ({ object: "response", instructions: MORE, output: [item] });
const message = (part: unknown): unknown => ({ id: "m", type: "message", role: "assistant", content: [part] });

describe("what is said is counted", () => {
  it.each<[string, unknown]>([
    ["OpenAI, a stream", chunk({ content: WORDS })],
    ["OpenAI, the arguments of a tool", chunk({ tool_calls: [{ index: 0, id: "call_1", function: { arguments: WORDS } }] })],
    ["OpenAI, a refusal", chunk({ refusal: WORDS })],
    ["thoughts in DeepSeek's style", chunk({ reasoning_content: WORDS, content: null })],
    ["thoughts in OpenRouter's style, which come twice", chunk({ reasoning: WORDS, reasoning_details: [{ text: WORDS }] })],
    ["thoughts under both names", chunk({ reasoning: WORDS, reasoning_content: WORDS })],
    ["Mistral's thoughts", chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: WORDS }] }] })],
    ["of who does not say what it is", { choices: [{ delta: { content: WORDS } }] }],
    ["old completions", { object: "text_completion", choices: [{ text: WORDS, index: 0 }] }],
    ["OpenAI, an answer", whole({ role: "assistant", content: WORDS })],
    ["OpenAI's responses", event("response.output_text.delta", { delta: WORDS })],
    ["OpenAI's responses, arguments", event("response.function_call_arguments.delta", { delta: WORDS })],
    ["OpenAI's responses, thoughts that are shown", event("response.reasoning_summary_text.delta", { delta: WORDS })],
    ["OpenAI's responses, whose type comes last", { delta: WORDS, type: "response.output_text.delta" }],
    ["OpenAI's responses, whole", response({ type: "message", content: [{ type: "output_text", text: WORDS }] })],
    ["OpenAI's responses, a call", response({ type: "function_call", arguments: WORDS })],
    ["Anthropic", block({ type: "text_delta", text: WORDS })],
    ["Anthropic's thoughts", block({ type: "thinking_delta", thinking: WORDS })],
    ["Anthropic, the input of a tool", block({ type: "input_json_delta", partial_json: WORDS })],
    ["Anthropic, whole", message({ type: "text", text: WORDS })],
    ["Gemini", gemini({ text: WORDS })],
    ["Gemini, in an array", [gemini({ text: WORDS })]],
  ])("%s", (_name, body) => {
    expect(ofText(body)).toBe(TOKENS);
  });

  it("of an object that is a tool's input with its names and marks, however it is laid out", () => {
    const input = { city: "Paris", days: [1, 2], 'a " b': { deep: true } };
    const tokens = guessedTokens(JSON.stringify(input));
    for (const body of [gemini({ functionCall: { args: input } }), message({ type: "tool_use", input })])
      for (const text of [JSON.stringify(body), JSON.stringify(body, null, 2)])
        expect(Math.abs((ofText(text) ?? 0) - tokens)).toBeLessThan(2);
  });

  it("of several texts together, without rounding each up", () => {
    expect(ofText(...Array.from({ length: 100 }, () => chunk({ content: "abcde" })))).toBe(125);
  });

  it("as it is guessed of what is sent, whatever is said, escaped or not", () => {
    const escaped = (text: string): string =>
      text.replace(/[^\u0020-\u007e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
    fc.assert(
      fc.property(fc.constantFrom(WORDS, MORE, '{"a": 1}\n', "ключ", "漢字", "ünï"), fc.integer({ min: 1, max: 9 }), (words, times) => {
        const text = words.repeat(times);
        const body = JSON.stringify(chunk({ content: text }));
        const marks = (text.match(/["\n]/g) ?? []).length;
        for (const one of [body, escaped(body)])
          expect(Math.abs((ofText(one) ?? 0) - guessedTokens(text))).toBeLessThanOrEqual(1 + marks / 2);
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});

describe("what is not said by the model is not counted", () => {
  it.each<[string, unknown]>([
    ["the beginning of a stream", chunk({ role: "assistant", content: "" })],
    ["what a signature says", block({ type: "signature_delta", signature: WORDS })],
    ["sound", event("response.audio.delta", { delta: "A".repeat(9000) })],
    ["what was said before, at the end of a part", event("response.output_text.done", { text: WORDS })],
    ["what was said before, at the end of it all", event("response.completed", { response: response({ content: [{ text: WORDS }] }) })],
    ["a picture", gemini({ inlineData: { mimeType: "image/png", data: "A".repeat(9000) } })],
    ["what a tool of the service found", message({ type: "web_search_tool_result", content: [{ text: WORDS }] })],
  ])("%s", (_name, body) => {
    expect(ofText(body) ?? 0).toBe(0);
  });

  it.each<[string, unknown]>([
    ["a page with content", { content: [{ text: WORDS }], output: [{ content: [{ text: WORDS }] }], delta: WORDS }],
    ["a poll with choices", { choices: [{ text: WORDS }] }],
    ["an error", { type: "error", error: { message: WORDS } }],
    ["the end of a stream", "[DONE]"],
    ["half an answer", JSON.stringify(whole({ content: WORDS })).slice(0, -1)],
    ["names that all objects have", '{"choices":{"constructor":{"content":"a"},"__proto__":{"delta":{"content":"a"}}}}'],
  ])("and nothing is known of other forms: %s", (_name, body) => {
    expect(ofText(body)).toBe(undefined);
  });
});

describe("who counts", () => {
  it("counts the same in whatever pieces it comes", () => {
    const text = [chunk({ content: `${MORE}"\\\n\u0001` }), block({ text: WORDS }), gemini({ functionCall: { args: { a: [MORE] } } })]
      .map((one) => JSON.stringify(one))
      .join("\n");
    const bytes = new TextEncoder().encode(text);
    const expected = ofText(text);
    expect(expected).toBeGreaterThan(40);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }), (sizes) => {
        const counter = createSaidCounter();
        for (let at = 0, nth = 0; at < bytes.length; nth++) {
          const size = sizes[nth % sizes.length] as number;
          counter.feed(bytes.subarray(at, at + size));
          at += size;
        }
        expect(counter.tokens()).toBe(expected);
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  it("finds its way through any JSON beside it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        expect(
          ofText({
            x: value,
            system_fingerprint: text,
            object: "chat.completion.chunk",
            choices: [{ y: value, delta: { z: [value], content: WORDS } }],
          }),
        ).toBe(TOKENS);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  it("never throws, and is never told less than nothing", () => {
    const bits = ['{"choices":[', '{"delta":', '{"content":"', "[[", "]}", '"', "\\u", "\\", ",", ":", "é"];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...bits), fc.string()), { maxLength: 40 }), (pieces) => {
        expect(ofText(pieces.join("")) ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  it("keeps nothing of what is deep, or long", () => {
    const counter = createSaidCounter();
    const before = process.memoryUsage().heapUsed;
    const deep = new TextEncoder().encode("[".repeat(1 << 20));
    for (let nth = 0; nth < 16; nth++) counter.feed(deep);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64e6);
  });
});

describe("of a stream", () => {
  const lines = [chunk({ role: "assistant", content: "" }), chunk({ content: WORDS }), chunk({ content: WORDS })].map(
    (one) => `data: ${JSON.stringify(one)}\n\n`,
  );
  const fed = (...texts: readonly string[]) => {
    const scan = createUsageScan(true);
    for (const text of texts) scan.feed(new TextEncoder().encode(text));
    return scan;
  };

  it("each event counts once it is whole, also where the end never comes", () => {
    expect(fed(...lines, "data: [DONE]\n\n").said()).toMatchObject({ model: "m", outputTokens: 2 * TOKENS, begun: undefined });
    expect(fed(...lines.slice(0, 2), (lines[2] ?? "").slice(0, -9)).said()?.outputTokens).toBe(TOKENS);
  });

  it("what was told of the question at its beginning stands", () => {
    const start = { type: "message_start", message: { model: "claude-x", usage: { input_tokens: 10, output_tokens: 1 } } };
    const text = `event: message_start\ndata: ${JSON.stringify(start)}\n\n event: x\ndata: ${JSON.stringify(block({ text: WORDS }))}\n\n`;
    expect(fed(text).said()).toMatchObject({ model: "claude-x", outputTokens: TOKENS, begun: { inputTokens: 10 } });
    expect(fed(text).usage()).toBe(undefined);
  });
});
