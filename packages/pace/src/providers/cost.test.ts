import { describe, expect, it } from "vitest";
import { guessedCost, guessedTokens } from "./cost.ts";

const URL_OF_IT = "https://api.example.com/v1/chat/completions";
const headers = new Headers();

/** Texts, with the tokens that OpenAI's o200k makes of them. */
const TEXTS: readonly (readonly [string, string, number])[] = [
  ["prose", "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.", 29],
  ["code", "export function sum(numbers: readonly number[]): number {\n  return numbers.reduce((total, one) => total + one, 0);\n}\n", 28],
  ["Chinese", "人工智能是计算机科学的一个分支，它企图了解智能的实质。", 19],
  ["Russian", "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.", 25],
];

describe("tokens are guessed", () => {
  it.each(TEXTS)("of %s at nine tenths to one and a half times of what there are", (_kind, text, tokens) => {
    const guess = guessedTokens(JSON.stringify(text));
    expect(guess / tokens).toBeGreaterThan(0.9);
    expect(guess / tokens).toBeLessThan(1.6);
  });

  it("of a picture by the piece, whatever its size", () => {
    const picture = (bytes: number): string => `data:image/png;base64,${Buffer.alloc(bytes, "pixels!").toString("base64")}`;
    const body = (url: string): string =>
      JSON.stringify({ model: "m", messages: [{ content: [{ type: "image_url", image_url: { url } }] }] });
    expect(guessedTokens(body(picture(3_000_000)))).toBe(guessedTokens(body(picture(3000))));
    expect(guessedTokens(body(picture(3000)))).toBeLessThan(1700);
  });

  it("of a long text from parts of all of it", () => {
    const [prose, chinese] = [TEXTS[0]?.[1] ?? "", TEXTS[2]?.[1] ?? ""];
    const mixed = prose.repeat(3000) + chinese.repeat(12_000);
    const whole = 3000 * guessedTokens(prose) + 12_000 * guessedTokens(chinese);
    expect(guessedTokens(mixed) / whole).toBeCloseTo(1, 1);
  });

  it("without end for nothing", () => {
    expect(guessedTokens("")).toBe(0);
    expect(guessedTokens('"'.repeat(100_000))).toBeGreaterThan(0);
  });
});

describe("a call costs", () => {
  it("requests alone where no model is asked", () => {
    expect(guessedCost({ url: URL_OF_IT, headers, body: '{"query":"all"}' })).toEqual({ requests: 1 });
    expect(guessedCost({ url: URL_OF_IT, headers, body: undefined })).toEqual({ requests: 1 });
  });

  it.each(["max_tokens", "max_completion_tokens", "max_output_tokens"])("as much output as %s lets it", (name) => {
    expect(guessedCost({ url: URL_OF_IT, headers, body: JSON.stringify({ model: "m", [name]: 77 }) })["output-tokens"]).toBe(77);
  });

  it("no more output than the longest answers, of who asks for no limit", () => {
    for (const most of ["999999999", "100000000000000000000"])
      expect(guessedCost({ url: URL_OF_IT, headers, body: `{"model":"m","max_tokens":${most}}` })["output-tokens"]).toBe(128_000);
  });

  it("no output for embeddings", () => {
    expect(guessedCost({ url: "https://api.example.com/v1/embeddings", headers, body: '{"model":"m","input":"x"}' })["output-tokens"]).toBe(
      0,
    );
  });

  it.each([
    ["several answers", { n: 3 }, 3],
    ["several of Gemini", { generationConfig: { candidateCount: 4 } }, 4],
    ["one", { n: 1 }, 1],
    ["more than a service writes", { n: 1e9 }, 128],
    ["a tool's number of that name", { messages: [{ content: [{ type: "tool_use", input: { n: 50 } }] }] }, 1],
    ["a number in what was said", { messages: [{ content: 'ask it with {"n": 5}' }] }, 1],
  ])("the output of each where a question asks for %s", (_what, more, times) => {
    const body = JSON.stringify({ model: "large", max_tokens: 100, ...more });
    expect(guessedCost({ url: "https://api.example.com/v1/chat", headers, body })["output-tokens"]).toBe(100 * times);
  });

  it("tokens where the model is in the address, as of Gemini", () => {
    const url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent";
    expect(guessedCost({ url, headers, body: '{"contents":[]}' }).tokens).toBeGreaterThan(1000);
  });
});
