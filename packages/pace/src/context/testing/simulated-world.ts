/**
 * A service with a window, texts that tools give, and tokens as a tokenizer would count them, all drawn from a seed.
 *
 * The tokenizer costs by the class of each character, with costs that are up to five times those that guesses assume, or a fifth, all of them and each class a little
 * apart. It knows nothing of how guesses are made.
 */
import type { Random } from "../../host/random.ts";
import type { MessageStyle } from "../message-style.ts";
import { aiSdkMessages } from "../styles/ai-sdk.ts";
import { anthropicMessages } from "../styles/anthropic.ts";
import { openaiMessages } from "../styles/openai.ts";

/** Any of the three styles. */
export interface WorldMessage {
  readonly role: string;
  readonly content: unknown;
}

export interface ToolCall {
  readonly id: string;
  readonly tool: string;
  readonly asked: string;
}

export interface Writing {
  readonly style: MessageStyle<WorldMessage>;
  calls(said: string, calls: readonly ToolCall[]): WorldMessage;
  results(results: readonly (ToolCall & { readonly text: string })[]): readonly WorldMessage[];
  usage(inputTokens: number): unknown;
}

const WRITINGS: readonly Writing[] = [
  {
    style: openaiMessages(),
    calls: (content, calls) => ({
      role: "assistant",
      content,
      tool_calls: calls.map(({ id, tool, asked }) => ({ id, type: "function", function: { name: tool, arguments: asked } })),
    }),
    results: (results) => results.map(({ id, text }) => ({ role: "tool", tool_call_id: id, content: text })),
    usage: (tokens) => ({ prompt_tokens: tokens }),
  },
  {
    style: anthropicMessages(),
    calls: (text, calls) => ({
      role: "assistant",
      content: [
        { type: "text", text },
        ...calls.map(({ id, tool, asked }) => ({ type: "tool_use", id, name: tool, input: JSON.parse(asked) as unknown })),
      ],
    }),
    results: (results) => [
      { role: "user", content: results.map(({ id, text }) => ({ type: "tool_result", tool_use_id: id, content: text })) },
    ],
    usage: (tokens) => ({ input_tokens: tokens % 97, cache_read_input_tokens: tokens - (tokens % 97) }),
  },
  {
    style: aiSdkMessages(),
    calls: (text, calls) => ({
      role: "assistant",
      content: [
        { type: "text", text },
        ...calls.map(({ id, tool, asked }) => ({ type: "tool-call", toolCallId: id, toolName: tool, input: JSON.parse(asked) as unknown })),
      ],
    }),
    results: (results) => [
      {
        role: "tool",
        content: results.map(({ id, tool, text }) => ({
          type: "tool-result",
          toolCallId: id,
          toolName: tool,
          output: { type: "text", value: text },
        })),
      },
    ],
    usage: (tokens) => ({ inputTokens: tokens }),
  },
];

export interface World {
  readonly writing: Writing;
  readonly sizeTokens: number;
  readonly reserveTokens: number;
  /** Tokens of a text. */
  tokensOf(text: string): number;
  tokensOfAll(messages: readonly WorldMessage[]): number;
  /** About so many tokens of a text that a tool gives; the same for the same draws. */
  output(tokens: number, draws: Random): string;
  /** What the service says to what is too long; `undefined` where it lets it in. Each has its own words. */
  refusal(sentTokens: number): string | undefined;
  /** Whether all calls have their results right after them, and no result is without its call. */
  isWhole(messages: readonly WorldMessage[]): boolean;
}

const MOST_WRONG = 5;
/** Classes of characters, one from another, as a standard deviation of the logarithm. */
const APART = 0.25;
const RESERVE = 0.1;
const CORPUS_CHARACTERS = 400_000;
/** Tokens a character as guesses have it, roughly. */
const COSTS = { letter: 0.24, sign: 0.4, digit: 0.4, space: 0.12, script: 0.5, wide: 1, dense: 0.65 };
type CharacterClass = keyof typeof COSTS;

export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[Math.floor(random() * values.length)] as Value;
}

/** `random`: of one loop. `corpora`: made once, they are large. */
export function simulatedWorld(random: Random, corpora: readonly string[], sizeTokens: number): World {
  const writing = pick(random, WRITINGS);
  const all = MOST_WRONG ** (2 * random() - 1);
  const costs = Object.fromEntries(
    Object.entries(COSTS).map(([name, cost]) => {
      const factor = Math.min(MOST_WRONG, Math.max(1 / MOST_WRONG, all * Math.exp(APART * normal(random))));
      return [name, cost * factor];
    }),
  ) as Record<CharacterClass, number>;
  const frame = Math.floor(random() * 8);
  const reserveTokens = Math.floor(sizeTokens * RESERVE);
  const known = new Map<string, number>();
  const refusalKind = Math.floor(random() * 4);

  const count = (text: string): number => {
    let [sum, word] = [0, 0];
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code >= 0x2e80) sum += costs.wide;
      else if (code >= 0x80) sum += costs.script;
      else if (code <= 0x20) sum += costs.space;
      else {
        word++;
        if (word > 24) sum += costs.dense;
        else if (code >= 0x30 && code <= 0x39) sum += costs.digit;
        else if ((code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)) sum += costs.letter;
        else sum += costs.sign;
        continue;
      }
      word = 0;
    }
    return sum;
  };
  const tokensOf = (text: string): number => {
    const tokens = known.get(text) ?? count(text);
    known.set(text, tokens);
    return tokens;
  };
  const { style } = writing;
  return {
    writing,
    sizeTokens,
    reserveTokens,
    tokensOf,
    tokensOfAll: (messages) => {
      let sum = 0;
      for (const message of messages) {
        sum += frame;
        for (const part of style.partsOf(message)) {
          if (part.kind !== "other") sum += tokensOf(part.text) + frame;
          if (part.kind === "call") sum += tokensOf(part.tool);
        }
      }
      return Math.ceil(sum);
    },
    output: (tokens, draws) => {
      const corpus = pick(draws, corpora);
      const sample = corpus.slice(0, 2000);
      const characters = Math.max(40, Math.floor((tokens * sample.length) / tokensOf(sample)));
      const from = Math.floor(draws() * (corpus.length >> 1));
      if (characters <= corpus.length - from) return corpus.slice(from, from + characters);
      return corpus.repeat(Math.ceil(characters / corpus.length)).slice(0, characters);
    },
    refusal: (sent) => {
      if (sent + reserveTokens <= sizeTokens) return undefined;
      return [
        `This model's maximum context length is ${sizeTokens} tokens. However, your messages resulted in ${sent} tokens.`,
        `input length and \`max_tokens\` exceed context limit: ${sent} + ${reserveTokens} > ${sizeTokens}, decrease input length or \`max_tokens\` and try again`,
        `the request exceeds the available context size (${sizeTokens} tokens), try increasing it`,
        "Input is too long for requested model.",
      ][refusalKind];
    },
    isWhole: (messages) => {
      let open = new Set<string>();
      for (const message of messages) {
        const parts = style.partsOf(message);
        for (const part of parts) if (part.kind === "result" && !open.delete(part.callId)) return false;
        if (open.size > 0 && style.roleOf(message) !== "tool") return false;
        if (style.roleOf(message) === "assistant") open = new Set(parts.flatMap((part) => (part.kind === "call" ? [part.callId] : [])));
      }
      return open.size === 0;
    },
  };
}

const LETTERS = "etaoinshrdlucmfwypvbgkjqxz";
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Prose, code, records, another script, Chinese, base64, and pages with all of it. */
export function drawCorpora(random: Random): readonly string[] {
  const word = (alphabet: string, least: number, most: number): string =>
    Array.from({ length: least + Math.floor(random() * (most - least)) }, () => alphabet[Math.floor(random() ** 2 * alphabet.length)]).join(
      "",
    );
  const fill = (piece: () => string): string => {
    const pieces: string[] = [];
    for (let length = 0; length < CORPUS_CHARACTERS; ) {
      const next = piece();
      pieces.push(next);
      length += next.length;
    }
    return pieces.join("");
  };
  const signs = Array.from({ length: 3000 }, (_, at) => String.fromCharCode(0x4e00 + at)).join("");
  const prose = fill(() => `${word(LETTERS, 2, 9)}${random() < 0.08 ? ". " : " "}`);
  const code = fill(() => `  ${word(LETTERS, 3, 9)}.${word(LETTERS, 3, 9)}(${word(LETTERS, 1, 6)}, ${Math.floor(random() * 1e4)});\n`);
  const records = fill(() => `{"${word(LETTERS, 2, 8)}":"${word(LETTERS, 3, 14)}","id":${Math.floor(random() * 1e9)},"ok":true}\n`);
  const script = fill(() => `${word("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэф", 2, 10)} `);
  const wide = fill(() => `${word(signs, 5, 20)}。`);
  const dense = fill(() => `${word(BASE64, 76, 77)}\n`);
  const mixed = fill(() => {
    const from = Math.floor(random() * 300_000);
    return pick(random, [prose, prose, code, records, dense]).slice(from, from + 100 + Math.floor(random() * 1500));
  });
  return [prose, prose, code, records, mixed, mixed, script, wide, dense];
}
