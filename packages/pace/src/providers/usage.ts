/**
 * What an answer of a model took, read from the answer while somebody else reads it: of JSON and of streams of events, as OpenAI (chat and responses), Anthropic, Gemini
 * and gateways in their style write it. Nothing of the text is kept, and nothing is held up: what came is handed on, and looked at once.
 *
 * `used` settles when the body has come to its end, broke or was cancelled; with `undefined` where it was not told by then: what was said until then is counted. A body that
 * nobody reads comes as far as 64 KB, and is given back when nobody can read it any more.
 */
import type { Cost } from "../quota/reading.ts";
import { answerLike, bodiless } from "./answer-like.ts";
import { createJsonPicker } from "./json-picker.ts";
import { type Price, usdOfGuess, usdOfUsage } from "./prices.ts";
import { createSaidCounter } from "./said-counter.ts";

/** Tokens of one call; each is in one of the four. */
export interface Usage {
  readonly model: string | undefined;
  /** That were worked on. */
  readonly inputTokens: number;
  /** That were read from the service's cache. */
  readonly cachedTokens: number;
  /** That were worked on and written to the service's cache. */
  readonly cacheWrittenTokens: number;
  readonly outputTokens: number;
  /** Whether the service counts what came from its cache against the limit of input: Anthropic does not. */
  readonly countsCached: boolean;
  /** Where the service tells it. */
  readonly usd: number | undefined;
}

/** Of an answer that told no usage, or none to its end. */
export interface Said {
  readonly model: string | undefined;
  /** Counted by its characters: less than it took where a model keeps thoughts to itself. */
  readonly outputTokens: number;
  /** What it told of the question, where it did: Anthropic's streams begin with it. */
  readonly begun: Usage | undefined;
}

export interface Metered {
  /** The same status, fields and bytes. */
  readonly answer: Response;
  readonly used: Promise<Usage | undefined>;
  /** As far as it has come, of streams each event and of others all of it; `undefined` where that is of no known form. */
  said(): Said | undefined;
}

/** What comes while nobody reads: an answer that is not read at all tells its use nevertheless, where it is short. */
const AHEAD_BYTES = 65_536;
/** More is none: no model has a window of so many. */
const MOST_TOKENS = 1e9;

/** Of these the last is in force. Gemini's streams may be an array; OpenAI's responses end in an event with all of it; Anthropic's begin with the input. */
const PATHS = new Set([
  "usage",
  "response.usage",
  "message.usage",
  "x_groq.usage",
  "usageMetadata",
  ".usageMetadata",
  "model",
  "response.model",
  "message.model",
  "modelVersion",
  ".modelVersion",
]);
/** Says the input alone: the output comes later. */
const BEGINNING = "message.usage";

/** One for all answers of a program: it gives bodies back that were forgotten. */
export function createUsageReader(): (answer: Response) => Metered {
  const forgotten = new FinalizationRegistry<() => void>((giveBack) => giveBack());
  return (answer) => {
    const type = answer.headers.get("content-type") ?? "";
    const isEvents = /^text\/event-stream\b/i.test(type);
    if (answer.body === null || answer.body.locked || answer.bodyUsed || !(isEvents || /^application\/(?:[\w.-]+\+)?json\b/i.test(type)))
      return { answer, used: Promise.resolve(undefined), said: () => undefined };
    return metered(answer, answer.body, isEvents, forgotten);
  };
}

function metered(
  answer: Response,
  body: ReadableStream<Uint8Array>,
  isEvents: boolean,
  forgotten: FinalizationRegistry<() => void>,
): Metered {
  const { feed, usage, said } = createUsageScan(isEvents);
  const reader = body.getReader();
  let settle: (usage: Usage | undefined) => void = () => undefined;
  const used = new Promise<Usage | undefined>((resolve) => {
    settle = resolve;
  });
  const stream = new ReadableStream(
    {
      type: "bytes",
      pull: async (controller) => {
        try {
          // An empty piece would leave a reader waiting.
          for (let next = await reader.read(); ; next = await reader.read()) {
            if (next.done) {
              settle(usage());
              controller.close();
              controller.byobRequest?.respond(0);
              return;
            }
            if (next.value.byteLength === 0) continue;
            feed(next.value);
            // A stream of bytes takes what it is given away from whoever had it.
            controller.enqueue(next.value.slice());
            return;
          }
        } catch (error) {
          settle(usage());
          throw error;
        }
      },
      cancel: (reason) => {
        settle(usage());
        return reader.cancel(reason);
      },
    },
    { highWaterMark: AHEAD_BYTES },
  );
  // It may know nothing of the stream, or the stream would never be forgotten.
  forgotten.register(stream, giveBack(reader, settle));
  return { answer: answerLike(bodiless(answer), { body: stream, headers: answer.headers }), used, said };
}

function giveBack(reader: ReadableStreamDefaultReader<Uint8Array>, settle: (usage: undefined) => void): () => void {
  return () => {
    settle(undefined);
    reader.cancel().catch(() => undefined);
  };
}

export interface UsageScan {
  feed(bytes: Uint8Array): void;
  /** As far as it was told; `undefined` where the output was not. */
  usage(): Usage | undefined;
  said(): Said | undefined;
}

const NEWLINE = 0x0a;
/** "data:", which begins each line of an event that is of the text. */
const DATA = [0x64, 0x61, 0x74, 0x61, 0x3a];

export function createUsageScan(isEvents: boolean): UsageScan {
  const told: Record<string, unknown> = {};
  let model: string | undefined;
  let isTold = false;
  const picker = createJsonPicker(PATHS, (path, json) => {
    const value = parsed(json);
    if (typeof value === "string") model = value.slice(0, 100);
    if (typeof value !== "object" || value === null) return;
    // What a later one does not say, or says to be nothing, is as it was: Anthropic's end tells the output.
    for (const [name, one] of Object.entries(value)) if (one !== null) told[name] = one;
    if (path !== BEGINNING) isTold = true;
  });
  const counter = createSaidCounter();
  const feed = (bytes: Uint8Array): void => {
    picker.feed(bytes);
    counter.feed(bytes);
  };
  let inLine = 0;
  let isData = true;

  const feedEvents = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline < 0 ? bytes.length : newline;
      // The beginning of a line may come in pieces too.
      for (; at < end && inLine < DATA.length; at++, inLine++) {
        if (inLine === 0) isData = true;
        if (bytes[at] !== DATA[inLine]) isData = false;
      }
      if (inLine === DATA.length && isData && at < end) feed(bytes.subarray(at, end));
      at = end;
      if (newline < 0) return;
      at++;
      // Each text is on one line, with all services that are read here.
      picker.reset();
      counter.reset();
      inLine = 0;
    }
  };

  return {
    feed: isEvents ? feedEvents : feed,
    usage: () => (isTold ? usageFrom(told, model) : undefined),
    said: () => {
      const outputTokens = counter.tokens();
      return outputTokens === undefined ? undefined : { model, outputTokens, begun: usageFrom(told, model) };
    },
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function usageFrom(told: Readonly<Record<string, unknown>>, model: string | undefined): Usage | undefined {
  const cost = Number(told["cost"]);
  const usd = typeof told["cost"] === "number" && cost >= 0 && cost < MOST_TOKENS ? cost : undefined;
  const written = tokens(told["cache_creation_input_tokens"]);
  const read = tokens(told["cache_read_input_tokens"]);
  const gemini = tokens(told["promptTokenCount"]);
  if (gemini !== undefined) {
    const cached = Math.min(gemini, tokens(told["cachedContentTokenCount"]) ?? 0);
    const outputTokens = (tokens(told["candidatesTokenCount"]) ?? 0) + (tokens(told["thoughtsTokenCount"]) ?? 0);
    const inputTokens = gemini - cached + (tokens(told["toolUsePromptTokenCount"]) ?? 0);
    return { model, inputTokens, cachedTokens: cached, cacheWrittenTokens: 0, outputTokens, countsCached: true, usd };
  }
  const prompt = tokens(told["prompt_tokens"]);
  const input = prompt ?? tokens(told["input_tokens"]);
  const outputTokens = tokens(told["completion_tokens"]) ?? tokens(told["output_tokens"]) ?? 0;
  if (input === undefined) return undefined;
  // Anthropic's input is without what its cache had; everybody else's is with it, as with gateways (LiteLLM) that tell Anthropic's numbers beside those of OpenAI.
  if (prompt === undefined && (written !== undefined || read !== undefined))
    return { model, inputTokens: input, cachedTokens: read ?? 0, cacheWrittenTokens: written ?? 0, outputTokens, countsCached: false, usd };
  const details = told["prompt_tokens_details"] ?? told["input_tokens_details"];
  const cachedTokens = Math.min(input, tokens((details as Record<string, unknown> | null | undefined)?.["cached_tokens"]) ?? read ?? 0);
  const cacheWrittenTokens = Math.min(input - cachedTokens, written ?? 0);
  const inputTokens = input - cachedTokens - cacheWrittenTokens;
  return { model, inputTokens, cachedTokens, cacheWrittenTokens, outputTokens, countsCached: true, usd };
}

function tokens(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 && value <= MOST_TOKENS ? Math.floor(value) : undefined;
}

/** What it takes of the service's quotas. */
export function costOfUsage(usage: Usage, usd: number | undefined = usage.usd): Cost {
  const input = usage.inputTokens + usage.cacheWrittenTokens + (usage.countsCached ? usage.cachedTokens : 0);
  const cost: Cost = { requests: 1, "input-tokens": input, "output-tokens": usage.outputTokens, tokens: input + usage.outputTokens };
  return usd === undefined ? cost : { ...cost, usd };
}

/** As far as it is known: of the question what was told, or what the guess says. */
export function costOfSaid({ outputTokens, begun }: Said, guess: Cost, price: Price | undefined): Cost {
  if (begun !== undefined) {
    const usage = { ...begun, outputTokens: Math.max(begun.outputTokens, outputTokens) };
    return costOfUsage(usage, usdOfUsage(usage, price));
  }
  const input = guess["input-tokens"] ?? 0;
  const cost: Cost = { requests: 1, "input-tokens": input, "output-tokens": outputTokens, tokens: input + outputTokens };
  return price === undefined ? cost : { ...cost, usd: usdOfGuess(cost, price) };
}
