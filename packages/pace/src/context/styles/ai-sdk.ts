/** Model messages as the AI SDK has them, from version 4 (`args`, `result`) on (`input`, `output`). Messages of its user interface are converted by it before. */
import { fileOf, type Media, pictureOf, wordyOf } from "../media.ts";
import { type Fields, isFields, type MessagePart, type MessageRole, type MessageStyle, roleIn, sumOf, textIn } from "../message-style.ts";
import { inTurn, otherPart, resultPart, withoutOthers, withText } from "./content.ts";

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
        const content = withText(listOf(part), text);
        if ("output" in part) return { ...part, output: { type: Array.isArray(content) ? "content" : "text", value: content } };
        return Array.isArray(listOf(part)) ? { ...part, result: text, experimental_content: content } : { ...part, result: text };
      }),
    }),
    withoutMedia: (message, texts) => {
      const left = inTurn(texts);
      const content = (message.content as readonly unknown[]).map((part) => {
        if (!isFields(part) || part["type"] !== "tool-result") return mediaOf(part) === undefined ? part : left(part);
        const own = listOf(part);
        if (own === undefined) return part;
        const list = withoutOthers(own, left);
        return isFields(part["output"]) ? { ...part, output: { ...part["output"], value: list } } : { ...part, experimental_content: list };
      });
      return { ...message, content };
    },
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
      return resultPart(textIn(part["toolCallId"]), textIn(part["toolName"]), listOf(part) ?? outputText(part), mediaOf);
    default:
      return otherPart(part, mediaOf);
  }
}

/** Of a result of several parts; in version 4 it stands beside the result, and is what is sent. */
function listOf({ output, experimental_content: beside }: Fields): readonly unknown[] | undefined {
  if (isFields(output)) return output["type"] === "content" && Array.isArray(output["value"]) ? output["value"] : undefined;
  return Array.isArray(beside) ? beside : undefined;
}

function outputText({ output, result }: Fields): string {
  return isFields(output) && "value" in output ? textIn(output["value"]) : textIn(output ?? result);
}

/** What a message or a result has of them: from version 4 to 7 there are a dozen names. */
const MEDIA = /^(?:image|file|media)(?:-(?:data|url|id|file-id|file-reference|reference))?$/;

function mediaOf(part: unknown): Media | undefined {
  if (!isFields(part) || typeof part["type"] !== "string" || !MEDIA.test(part["type"])) return undefined;
  const own = part["image"] ?? part["data"] ?? part["url"] ?? part["fileId"] ?? part["reference"];
  const isPicture = part["type"].startsWith("image") || textIn(part["mediaType"] ?? part["mimeType"]).startsWith("image/");
  if (isFields(own) && own["type"] === "text") return wordyOf(part, "document");
  const data = isFields(own) ? (own["data"] ?? own["url"] ?? own) : own;
  return isPicture ? pictureOf(part, data) : fileOf(part, data);
}
