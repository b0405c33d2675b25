/**
 * Calls of language models, as plain JSON, seen alike whoever they are for.
 *
 * Known by their shape: OpenAI's chat and responses, Anthropic's messages, Gemini's generateContent, and whoever speaks like one of them. A request is the body alone,
 * or `{ url, body }` where the address says more (Gemini's model is in it). What is made of one is of the same form, and the old one stays as it was.
 */
import { isRecord, type Json } from "./json.ts";
import { type Rewrite, rewritten } from "./model-text.ts";

export interface ModelChange {
  readonly model?: string;
  /** Tokens of output, at most. */
  readonly mostOutput?: number;
  /** Of each text that may be shortened, in order. */
  readonly texts?: readonly string[];
}

export interface ModelCall {
  readonly style: "messages" | "responses" | "gemini";
  readonly model: string | undefined;
  /** Tokens of output, at most, where it says so. */
  readonly mostOutput: number | undefined;
  /** Of these, tokens that it may think with; fewer than that makes it fail. */
  readonly thinking: number;
  /** What people and tools said, in order: not what the model said itself, what it is told to be, or what a prompt cache holds by a marker. */
  readonly texts: readonly string[];
  /** All of the prompt. */
  readonly characters: number;
  /** Of these, from its beginning, what a prompt cache is likely to hold. */
  readonly cachedCharacters: number;
  with(change: ModelChange): unknown;
}

interface Addressed {
  readonly url: string | undefined;
  readonly body: Json;
}

const GEMINI_MODEL = /(\/models\/)([^/:?]+)/;

/** `undefined` for what is no call of a model. */
export function modelCallOf(request: unknown): ModelCall | undefined {
  const { url, body } = addressed(request) ?? {};
  if (body === undefined) return undefined;
  const style = styleOf(url, body);
  if (style === undefined) return undefined;
  const settings = style === "gemini" && isRecord(body["generationConfig"]) ? body["generationConfig"] : body;
  const outputName = outputNameOf(style, url, settings);
  const told = settings[outputName];
  const thinking = isRecord(body["thinking"]) ? body["thinking"]["budget_tokens"] : undefined;
  const inUrl = style === "gemini" ? GEMINI_MODEL.exec(url ?? "")?.[2] : undefined;
  const texts: string[] = [];
  rewritten(style, body, (text) => {
    texts.push(text);
    return text;
  });
  const prompt = promptOf(style, body);

  const changed = ({ model, mostOutput, texts: shorter }: ModelChange): unknown => {
    let next = body;
    let address = url;
    if (shorter !== undefined) {
      let nth = 0;
      const rewrite: Rewrite = (text) => shorter[nth++] ?? text;
      next = rewritten(style, next, rewrite);
    }
    if (mostOutput !== undefined)
      next =
        style === "gemini"
          ? { ...next, generationConfig: { ...(settings === body ? {} : settings), [outputName]: mostOutput } }
          : { ...next, [outputName]: mostOutput };
    if (model !== undefined && inUrl !== undefined) address = url?.replace(GEMINI_MODEL, (_, before: string) => before + model);
    else if (model !== undefined) next = { ...next, model };
    return addressed(request)?.url === undefined ? next : { ...(request as Json), url: address, body: next };
  };

  return {
    style,
    model: inUrl ?? (typeof body["model"] === "string" ? body["model"] : undefined),
    mostOutput: typeof told === "number" ? told : undefined,
    thinking: typeof thinking === "number" ? thinking : 0,
    texts,
    characters: prompt.all,
    cachedCharacters: prompt.cached,
    with: changed,
  };
}

function addressed(request: unknown): Addressed | undefined {
  if (!isRecord(request)) return undefined;
  const { url, body } = request;
  if (typeof url === "string" && isRecord(body)) return { url, body };
  return typeof url === "string" && body !== undefined ? undefined : { url: undefined, body: request };
}

function styleOf(url: string | undefined, body: Json): ModelCall["style"] | undefined {
  if (Array.isArray(body["contents"])) return "gemini";
  if (Array.isArray(body["messages"])) return "messages";
  // Embeddings have an input and a model too, and no text of theirs may change.
  const isTold = url !== undefined && /\/responses\/?(?:\?|$)/.test(url);
  const isLike = "instructions" in body || "max_output_tokens" in body || "previous_response_id" in body || isItems(body["input"]);
  return body["input"] !== undefined && typeof body["model"] === "string" && (isTold || (url === undefined && isLike))
    ? "responses"
    : undefined;
}

function isItems(input: unknown): boolean {
  return Array.isArray(input) && input.some((item) => isRecord(item) && ("role" in item || "type" in item));
}

/** These know `max_tokens` no more for their newer models. */
const NEWER = /^https:\/\/[^/]*(?:\.openai\.com|\.azure\.com)\//;

function outputNameOf(style: ModelCall["style"], url: string | undefined, settings: Json): string {
  if (style === "gemini") return "maxOutputTokens";
  if (style === "responses") return "max_output_tokens";
  if ("max_completion_tokens" in settings) return "max_completion_tokens";
  return "max_tokens" in settings || !NEWER.test(url ?? "") ? "max_tokens" : "max_completion_tokens";
}

/** What was sent with the call before is likely to be held: all up to the model's last words, or up to a marker. */
function promptOf(style: ModelCall["style"], body: Json): { readonly all: number; readonly cached: number } {
  const name = style === "gemini" ? "contents" : style === "messages" ? "messages" : "input";
  const turns = Array.isArray(body[name]) ? (body[name] as readonly unknown[]) : [body[name] ?? ""];
  const before = sizeOf(
    [body["system"], body["instructions"], body["systemInstruction"], body["tools"]].filter((part) => part !== undefined),
  );
  const sizes = turns.map(sizeOf);
  const sum = (until: number): number => before + sizes.slice(0, until).reduce((total, size) => total + size, 0);
  const isOwn = (turn: unknown): boolean =>
    isRecord(turn) && (turn["role"] === "assistant" || turn["role"] === "model" || turn["type"] === "function_call");
  const marked = turns.findLastIndex((turn) => JSON.stringify(turn)?.includes('"cache_control"'));
  const own = turns.findLastIndex(isOwn);
  return { all: sum(turns.length), cached: own < 0 ? 0 : sum(marked >= 0 ? Math.min(marked + 1, own + 1) : own) };
}

function sizeOf(value: unknown): number {
  return typeof value === "string" ? value.length : (JSON.stringify(value)?.length ?? 0);
}
