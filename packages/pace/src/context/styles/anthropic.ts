/** Messages as Anthropic's have them: results of tools are blocks in what the user says. The system prompt stands beside them: hand it over as `beside`. */
import { fileOf, type Media, pictureOf, wordyOf } from "../media.ts";
import { isFields, type MessagePart, type MessageStyle, sumOf, textIn } from "../message-style.ts";
import { inTurn, otherPart, resultPart, withoutOthers, withText } from "./content.ts";

export interface AnthropicMessage {
  readonly role: string;
  readonly content: unknown;
}

export function anthropicMessages<Message extends AnthropicMessage = AnthropicMessage>(): MessageStyle<Message> {
  return {
    roleOf: ({ role, content }) => {
      if (role === "system" || role === "assistant") return role;
      return Array.isArray(content) && content.some(isResult) ? "tool" : "user";
    },
    partsOf: ({ content }) => (Array.isArray(content) ? Array.from(content, partOf) : [{ kind: "text", text: textIn(content) }]),
    withResult: (message, callId, text) => ({
      ...message,
      content: (message.content as readonly unknown[]).map((block) =>
        isResult(block) && textIn(block["tool_use_id"]) === callId ? { ...block, content: withText(block["content"], text) } : block,
      ),
    }),
    withoutMedia: (message, texts) => {
      const left = inTurn(texts);
      const content = (message.content as readonly unknown[]).map((block) => {
        if (!isResult(block)) return mediaOf(block) === undefined ? block : left(block);
        const { content: own } = block;
        return Array.isArray(own) ? { ...block, content: withoutOthers(own, left) } : block;
      });
      return { ...message, content };
    },
    userMessage: (text) => ({ role: "user", content: text }) as unknown as Message,
    inputTokensOf: (usage) => sumOf(usage, ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]),
  };
}

function isResult(block: unknown): block is Readonly<Record<string, unknown>> {
  return isFields(block) && block["type"] === "tool_result";
}

function partOf(block: unknown): MessagePart {
  if (!isFields(block)) return { kind: "text", text: textIn(block) };
  switch (block["type"]) {
    case "text":
      return { kind: "text", text: textIn(block["text"]) };
    case "tool_use":
      return { kind: "call", callId: textIn(block["id"]), tool: textIn(block["name"]), text: textIn(block["input"]) };
    case "tool_result":
      return resultPart(textIn(block["tool_use_id"]), undefined, block["content"], mediaOf);
    default:
      return otherPart(block, mediaOf);
  }
}

function mediaOf(block: unknown): Media | undefined {
  if (!isFields(block) || (block["type"] !== "image" && block["type"] !== "document")) return undefined;
  const source = isFields(block["source"]) ? block["source"] : {};
  const data = source["data"] ?? source["url"] ?? source["file_id"] ?? block["source"];
  if (block["type"] === "image") return pictureOf(block, data);
  return source["type"] === "text" || source["type"] === "content" ? wordyOf(block, "document") : fileOf(block, data);
}
