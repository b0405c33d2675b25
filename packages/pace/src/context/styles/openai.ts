/** Messages as OpenAI's chat completions have them, and all that copy those. */
import { fileOf, inTurn, type Media, pictureOf, wordyOf } from "../media.ts";
import {
  type Fields,
  isFields,
  type MessagePart,
  type MessageRole,
  type MessageStyle,
  mediaPart,
  resultPart,
  roleIn,
  sumOf,
  textIn,
} from "../message-style.ts";
import { guessText } from "../token-guess.ts";

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
      if (tool_call_id !== undefined) {
        const { text, media } = contentOf(content, mediaOf);
        return [resultPart(textIn(tool_call_id), undefined, text, media)];
      }
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
      const left = inTurn(texts);
      const isMedia = (part: unknown): boolean => (message.tool_call_id === undefined ? mediaOf(part) !== undefined : !isText(part));
      const content = message.content as readonly unknown[];
      return { ...message, content: content.map((part) => (isMedia(part) ? left(part) : part)) };
    },
    // A message of the caller's own type, which has no more fields that a user's must have.
    userMessage: (text) => ({ role: "user", content: text }) as unknown as Message,
    inputTokensOf: (usage) => sumOf(usage, ["prompt_tokens"]) ?? sumOf(usage, ["input_tokens"]),
  };
}

/** Of a result, in any of the styles. `mediaOf` says what it is that is no text. */
export function contentOf(
  content: unknown,
  mediaOf: (part: unknown) => Media | undefined,
): { readonly text: string; readonly media: readonly Media[] } {
  if (!Array.isArray(content)) return { text: textIn(content), media: [] };
  const [words, media]: [string[], Media[]] = [[], []];
  for (const part of content as readonly unknown[]) {
    if (isText(part)) words.push(isFields(part) ? textIn(part["text"]) : textIn(part));
    else media.push(mediaOf(part) ?? wordyOf(part, "part"));
  }
  return { text: words.join("\n"), media };
}

/** Another text in what a result has; what is none stays behind it. */
export function withText(content: unknown, text: string): unknown {
  const others = Array.isArray(content) ? content.filter((part) => !isText(part)) : [];
  return others.length === 0 ? text : [{ type: "text", text }, ...others];
}

/** Within a result. */
export function isText(part: unknown): boolean {
  return !isFields(part) || typeof part["text"] === "string";
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
  if (typeof part["text"] === "string") return { kind: "text", text: part["text"] };
  const media = mediaOf(part);
  return media === undefined ? unknownPart(part) : mediaPart(media);
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
