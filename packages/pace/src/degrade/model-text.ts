/**
 * The texts in a call of a model that may be shortened, where they stand: what people and tools said. What the model itself said, what it is told to be, what it thought,
 * and what stands before a marker of a prompt cache stays, to the letter: changing it loses the cache, or makes the call fail.
 */
import { isRecord, type Json } from "./json.ts";

/** Gives the text that is to stand there. */
export type Rewrite = (text: string) => string;

export function rewritten(style: "messages" | "responses" | "gemini", body: Json, rewrite: Rewrite): Json {
  const name = style === "gemini" ? "contents" : style === "messages" ? "messages" : "input";
  const turns = body[name];
  if (typeof turns === "string") return { ...body, [name]: rewrite(turns) };
  if (!Array.isArray(turns)) return body;
  const first = 1 + turns.findLastIndex(hasMarker);
  // A marker in the middle of a turn keeps all of that turn.
  return { ...body, [name]: turns.map((turn: unknown, nth) => (nth < first || !isRecord(turn) ? turn : rewrittenTurn(turn, rewrite))) };
}

/** Roles of people and tools; Gemini's are `user` where none is said. */
const SPEAKERS = new Set<unknown>(["user", "tool", "function", undefined]);
const OUTPUTS = new Set<unknown>(["function_call_output", "custom_tool_call_output"]);

function rewrittenTurn(turn: Json, rewrite: Rewrite): Json {
  if (OUTPUTS.has(turn["type"])) return typeof turn["output"] === "string" ? { ...turn, output: rewrite(turn["output"]) } : turn;
  if (!SPEAKERS.has(turn["role"]) || (turn["role"] === undefined && !("parts" in turn))) return turn;
  const field = "parts" in turn ? "parts" : "content";
  return { ...turn, [field]: rewrittenContent(turn[field], rewrite) };
}

const TEXTS = new Set<unknown>(["text", "input_text", undefined]);

function rewrittenContent(content: unknown, rewrite: Rewrite): unknown {
  if (typeof content === "string") return rewrite(content);
  if (!Array.isArray(content)) return content;
  return content.map((part: unknown) => {
    if (!isRecord(part)) return part;
    if (part["type"] === "tool_result") return { ...part, content: rewrittenContent(part["content"], rewrite) };
    return typeof part["text"] === "string" && TEXTS.has(part["type"]) && part["thought"] !== true
      ? { ...part, text: rewrite(part["text"]) }
      : part;
  });
}

function hasMarker(turn: unknown): boolean {
  if (!isRecord(turn)) return false;
  const parts = turn["content"];
  return (
    "cache_control" in turn ||
    (Array.isArray(parts) && parts.some((part) => isRecord(part) && ("cache_control" in part || hasMarker(part))))
  );
}
