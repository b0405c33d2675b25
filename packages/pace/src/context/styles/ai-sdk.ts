/** Model messages as the AI SDK has them, from version 4 (`args`, `result`) on (`input`, `output`). Messages of its user interface are converted by it before. */
import { isFields, type MessagePart, type MessageRole, type MessageStyle, roleIn, sumOf, textIn } from "../message-style.ts";
import { guessMedia } from "../token-guess.ts";
import { unknownPart } from "./openai.ts";

export interface AiSdkMessage {
  readonly role: string;
  readonly content: unknown;
}

const ROLES: Readonly<Record<string, MessageRole>> = { system: "system", user: "user", tool: "tool" };

export function aiSdkMessages<Message extends AiSdkMessage = AiSdkMessage>(): MessageStyle<Message> {
  return {
    roleOf: ({ role }) => roleIn(ROLES, role),
    partsOf: ({ content }) => (Array.isArray(content) ? Array.from(content, partOf) : [{ kind: "text", text: textIn(content) }]),
    withResult: (message, callId, text) => ({
      ...message,
      content: (message.content as readonly unknown[]).map((part) => {
        if (!isFields(part) || part["type"] !== "tool-result" || textIn(part["toolCallId"]) !== callId) return part;
        return "output" in part ? { ...part, output: { type: "text", value: text } } : { ...part, result: text };
      }),
    }),
    userMessage: (text) => ({ role: "user", content: text }) as unknown as Message,
    inputTokensOf: (usage) => {
      const [told, cached] = [sumOf(usage, ["inputTokens"]) ?? sumOf(usage, ["promptTokens"]), sumOf(usage, ["cachedInputTokens"])];
      // In version 5 some services' input is told without what came from the cache: more from the cache than all is that.
      return told !== undefined && cached !== undefined && cached > told ? told + cached : told;
    },
  };
}

function partOf(part: unknown): MessagePart {
  if (!isFields(part)) return { kind: "text", text: textIn(part) };
  switch (part["type"]) {
    case "text":
    case "reasoning":
      return { kind: "text", text: textIn(part["text"]) };
    case "tool-call":
      return {
        kind: "call",
        callId: textIn(part["toolCallId"]),
        tool: textIn(part["toolName"]),
        text: textIn(part["input"] ?? part["args"]),
      };
    case "tool-result":
      return { kind: "result", callId: textIn(part["toolCallId"]), tool: textIn(part["toolName"]), text: outputText(part) };
    case "image":
    case "file": {
      const data = part["image"] ?? part["data"];
      const text = data instanceof Uint8Array ? `${data.length} bytes ${data.slice(0, 64).join()}` : textIn(data);
      const isPicture = part["type"] === "image" || textIn(part["mediaType"]).startsWith("image/");
      return { kind: "other", key: text, guess: guessMedia(isPicture, data instanceof Uint8Array ? data.length : text.length) };
    }
    default:
      return unknownPart(part);
  }
}

function outputText(part: Readonly<Record<string, unknown>>): string {
  const { output, result } = part;
  return isFields(output) && "value" in output ? textIn(output["value"]) : textIn(output ?? result);
}
