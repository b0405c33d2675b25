import { describe, expect, it } from "vitest";
import { modelCallOf } from "./model-call.ts";

const CHAT = {
  model: "large",
  max_tokens: 1000,
  messages: [
    { role: "system", content: "be brief" },
    { role: "user", content: "first" },
    { role: "assistant", content: "answer" },
    { role: "tool", tool_call_id: "1", content: "found" },
    {
      role: "user",
      content: [
        { type: "text", text: "second" },
        { type: "image_url", image_url: { url: "data:" } },
      ],
    },
  ],
};

const RESPONSES = {
  model: "large",
  max_output_tokens: 1000,
  instructions: "be brief",
  input: [
    { role: "user", content: [{ type: "input_text", text: "first" }] },
    { type: "function_call", call_id: "1", name: "find", arguments: "{}" },
    { type: "function_call_output", call_id: "1", output: "found" },
    { role: "user", content: "second" },
  ],
};

const ANTHROPIC = {
  model: "large",
  max_tokens: 1000,
  system: "be brief",
  messages: [
    { role: "user", content: "first" },
    { role: "assistant", content: [{ type: "tool_use", id: "1", name: "find", input: { text: "words" } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: [{ type: "text", text: "found" }] }] },
    { role: "user", content: "second" },
  ],
};

const GEMINI = {
  url: "https://generativelanguage.googleapis.com/v1beta/models/large:generateContent?alt=json",
  body: {
    systemInstruction: { parts: [{ text: "be brief" }] },
    generationConfig: { maxOutputTokens: 1000, temperature: 0 },
    contents: [
      { role: "user", parts: [{ text: "first" }] },
      { role: "model", parts: [{ text: "answer" }] },
      { parts: [{ text: "second" }, { inlineData: { mimeType: "image/png", data: "" } }] },
    ],
  },
};

const ALL = [
  ["OpenAI's chat", CHAT, ["first", "found", "second"]],
  ["OpenAI's responses", RESPONSES, ["first", "found", "second"]],
  ["Anthropic's messages", ANTHROPIC, ["first", "found", "second"]],
  ["Gemini's generateContent", GEMINI, ["first", "second"]],
] as const;

describe("a call of a model", () => {
  it.each(ALL)("of %s tells its model, its most of output, and what people and tools said", (_name, request, texts) => {
    expect(modelCallOf(request)).toMatchObject({ model: "large", mostOutput: 1000, texts });
  });

  it.each(ALL)("of %s is changed in nothing but what is to be changed", (_name, request, texts) => {
    const before = structuredClone(request);
    const call = modelCallOf(request);
    const changed = call?.with({ model: "small", mostOutput: 10, texts: texts.map((text) => text.toUpperCase()) });
    expect(request).toEqual(before);
    let text = JSON.stringify(before).replaceAll("1000", "10").replace('"large"', '"small"').replace("models/large:", "models/small:");
    for (const one of texts) text = text.replace(`"${one}"`, `"${one.toUpperCase()}"`);
    expect(changed).toEqual(JSON.parse(text));
    expect(call?.with({})).toEqual(before);
  });

  it("keeps what stands before a marker of a prompt cache, to the letter", () => {
    const marked = { type: "text", text: "first", cache_control: { type: "ephemeral" } };
    const messages = [{ role: "user", content: [marked] }, ...ANTHROPIC.messages.slice(1)];
    const call = modelCallOf({ ...ANTHROPIC, messages });
    expect(call?.texts).toEqual(["found", "second"]);
  });

  it("keeps what the model thought, and tells how much it may think", () => {
    const thought = { role: "model", parts: [{ text: "hm", thought: true }] };
    expect(modelCallOf({ contents: [thought, { role: "user", parts: [{ text: "hm", thought: true }, { text: "so" }] }] })?.texts).toEqual([
      "so",
    ]);
    expect(modelCallOf({ ...ANTHROPIC, thinking: { type: "enabled", budget_tokens: 2000 } })?.thinking).toBe(2000);
  });

  it("holds the beginning of a conversation for cached, up to the model's last words", () => {
    expect(modelCallOf({ messages: [{ role: "user", content: "first" }] })?.cachedCharacters).toBe(0);
    const call = modelCallOf(CHAT);
    expect(call?.cachedCharacters).toBeGreaterThan(0);
    expect(call?.cachedCharacters).toBeLessThan(call?.characters ?? 0);
  });

  it.each([
    ["https://api.openai.com/v1/chat/completions", "max_completion_tokens"],
    ["https://one.openai.azure.com/openai/deployments/a/chat/completions", "max_completion_tokens"],
    ["https://api.mistral.ai/v1/chat/completions", "max_tokens"],
  ])("that caps nothing is capped at %s by %s", (url, name) => {
    const call = modelCallOf({ url, body: { model: "large", messages: [] } });
    expect(call?.with({ mostOutput: 5 })).toEqual({ url, body: { model: "large", messages: [], [name]: 5 } });
  });

  it.each([
    ["embeddings", { url: "https://api.openai.com/v1/embeddings", body: { model: "e", input: ["a text", "another"] } }],
    ["embeddings without an address", { model: "e", input: "a text" }],
    ["an order", { url: "https://shop.example/orders", body: { item: 1 } }],
    ["text", "hello"],
    ["nothing", null],
    ["a list", [1]],
  ])("is not %s", (_name, request) => {
    expect(modelCallOf(request)).toBeUndefined();
  });

  it.each([
    [{ messages: [null, 1, "x", { role: "user" }, { role: "user", content: [null, { type: "text" }, { type: "tool_result" }] }] }],
    [{ contents: [{ parts: "no list" }, { role: "user", parts: [7] }], generationConfig: 5 }],
    [{ model: 5, messages: [], max_tokens: "many" }],
  ])("of strange parts goes through unharmed", (request) => {
    expect(modelCallOf(request)?.with({ texts: [] })).toEqual(request);
  });
});
