/** Messages as OpenAI's chat completions have them, and all that copy those. */
import { fileOf, type Media, pictureOf } from "../media.ts";
import { isFields, type MessagePart, type MessageRole, type MessageStyle, roleIn, sumOf, textIn } from "../message-style.ts";
import { inTurn, otherPart, resultPart, unknownPart, withoutOthers, withText } from "./content.ts";

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
      if (tool_call_id !== undefined) return [resultPart(textIn(tool_call_id), undefined, content, mediaOf)];
      const parts: MessagePart[] = [];
      if (Array.isArray(content)) parts.push(...Array.from(content, partOf));
      else if (textIn(content) !== "") parts.push({ kind: "text", text: textIn(content) });
      if (Array.isArray(tool_calls)) parts.push(...Array.from(tool_calls, callOf));
      // Thoughts, refusals and what else there is: sent, so counted.
      if (Object.keys(rest).length > 0) parts.push(unknownPart(rest));
      return parts;
    },
    withResult: (message, _callId, text) => ({ ...message, content: withText(message.content, text) }),
    // Some that copy them take pictures in what a tool gave.
    withoutMedia: (message, texts) => {
      const [content, left] = [message.content as readonly unknown[], inTurn(texts)];
      if (message.tool_call_id !== undefined) return { ...message, content: withoutOthers(content, left) };
      return { ...message, content: content.map((part) => (mediaOf(part) === undefined ? part : left(part))) };
    },
    // A message of the caller's own type, which has no more fields that a user's must have.
    userMessage: (text) => ({ role: "user", content: text }) as unknown as Message,
    inputTokensOf: (usage) => sumOf(usage, ["prompt_tokens"]) ?? sumOf(usage, ["input_tokens"]),
  };
}

function mediaOf(part: unknown): Media | undefined {
  if (!isFields(part) || typeof part["type"] !== "string") return undefined;
  const data = part[part["type"]];
  switch (part["type"]) {
    case "image_url":
      return pictureOf(part, isFields(data) ? data["url"] : data);
    case "input_audio":
      return fileOf(part, isFields(data) ? data["data"] : data);
    case "file":
      return fileOf(part, isFields(data) ? (data["file_data"] ?? data["file_id"]) : data);
    default:
      return undefined;
  }
}

function partOf(part: unknown): MessagePart {
  if (!isFields(part)) return { kind: "text", text: textIn(part) };
  if (typeof part["text"] === "string" && mediaOf(part) === undefined) return { kind: "text", text: part["text"] };
  return otherPart(part, mediaOf);
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
