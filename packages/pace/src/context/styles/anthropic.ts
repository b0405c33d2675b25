/** Messages as Anthropic's have them: results of tools are blocks in what the user says. The system prompt stands beside them: hand it over as `beside`. */
import { isFields, type MessagePart, type MessageStyle, sumOf, textIn } from "../message-style.ts";
import { guessMedia } from "../token-guess.ts";
import { unknownPart } from "./openai.ts";

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
        isResult(block) && textIn(block["tool_use_id"]) === callId ? { ...block, content: text } : block,
      ),
    }),
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
      return { kind: "result", callId: textIn(block["tool_use_id"]), tool: undefined, text: resultText(block["content"]) };
    case "image":
    case "document": {
      const text = textIn(block["source"]);
      return { kind: "other", key: text, guess: guessMedia(block["type"] === "image", text.length) };
    }
    default:
      return unknownPart(block);
  }
}

function resultText(content: unknown): string {
  if (!Array.isArray(content)) return textIn(content);
  return content.map((part: unknown) => (isFields(part) && typeof part["text"] === "string" ? part["text"] : textIn(part))).join("\n");
}
