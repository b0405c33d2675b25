/** Messages as OpenAI's chat completions have them, and all that copy those. */
import { type Fields, isFields, type MessagePart, type MessageRole, type MessageStyle, roleIn, sumOf, textIn } from "../message-style.ts";
import { guessMedia, guessText } from "../token-guess.ts";

export interface OpenaiMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_calls?: unknown;
  readonly tool_call_id?: unknown;
}

const ROLES: Readonly<Record<string, MessageRole>> = {
  system: "system",
  developer: "system",
  user: "user",
  tool: "tool",
  function: "tool",
};

/** Throws nothing: fields of other shapes count as text. */
export function openaiMessages<Message extends OpenaiMessage = OpenaiMessage>(): MessageStyle<Message> {
  return {
    roleOf: ({ role }) => roleIn(ROLES, role),
    partsOf: ({ role, content, tool_calls, tool_call_id, ...rest }) => {
      if (tool_call_id !== undefined)
        return [{ kind: "result", callId: textIn(tool_call_id), tool: undefined, text: contentText(content) }];
      const parts: MessagePart[] = [];
      if (Array.isArray(content)) parts.push(...Array.from(content, partOf));
      else if (textIn(content) !== "") parts.push({ kind: "text", text: textIn(content) });
      if (Array.isArray(tool_calls)) parts.push(...Array.from(tool_calls, callOf));
      // Thoughts, refusals and what else there is: sent, so counted.
      if (Object.keys(rest).length > 0) parts.push(unknownPart(rest));
      return parts;
    },
    withResult: (message, _callId, text) => ({ ...message, content: text }),
    // A message of the caller's own type, which has no more fields that a user's must have.
    userMessage: (text) => ({ role: "user", content: text }) as unknown as Message,
    inputTokensOf: (usage) => sumOf(usage, ["prompt_tokens"]) ?? sumOf(usage, ["input_tokens"]),
  };
}

function contentText(content: unknown): string {
  if (!Array.isArray(content)) return textIn(content);
  return content.map((part: unknown) => (isFields(part) && typeof part["text"] === "string" ? part["text"] : textIn(part))).join("\n");
}

function partOf(part: unknown): MessagePart {
  if (!isFields(part)) return { kind: "text", text: textIn(part) };
  if (typeof part["text"] === "string") return { kind: "text", text: part["text"] };
  const text = textIn(part);
  if (part["type"] === "image_url") return { kind: "other", key: text, guess: guessMedia(true, text.length) };
  if (part["type"] === "input_audio" || part["type"] === "file") return { kind: "other", key: text, guess: guessMedia(false, text.length) };
  return unknownPart(part);
}

function callOf(call: unknown): MessagePart {
  const asked = isFields(call) && isFields(call["function"]) ? call["function"] : {};
  return {
    kind: "call",
    callId: textIn(isFields(call) ? call["id"] : undefined),
    tool: textIn(asked["name"]),
    text: textIn(asked["arguments"] ?? call),
  };
}

export function unknownPart(part: Fields): MessagePart {
  const text = textIn(part);
  return { kind: "other", key: text, guess: guessText(text) };
}
