/**
 * Whether a request only asks, so that an answer of before may stand for it.
 *
 * What fetches does. What posts does only where its address and its body are both those of a service that generates, and nothing in the body is kept, begun or done at the
 * service: pushes of chat programs and threads of assistants have a list of `messages` as well. In doubt it is an order, which loses an answer of before at most.
 */
import { isRecord, type Json } from "./json.ts";
import { type ModelCall, modelCallOf } from "./model-call.ts";

interface Asked {
  readonly url: string;
  readonly method: string;
  readonly body: Json | undefined;
}

/** OpenAI and who speaks like it, Anthropic, Cohere, Ollama, Bedrock, Vertex; Gemini. */
const GENERATING: Readonly<Record<ModelCall["style"], RegExp>> = {
  messages:
    /\/(?:chat\/completions|v1\/messages|v2\/chat|api\/chat|model\/[^/]+\/(?:invoke|converse)|models\/[^/]+:(?:rawP|streamRawP)redict)\/?$/,
  responses: /\/responses\/?$/,
  gemini: /\/models\/[^/]+:(?:g|streamG)enerateContent$/,
};
const MODEL_IN_PATH = /\/(?:deployments|models?)\/[^/]+/;
/**
 * What lives at the service, and is another after the call: conversations, work in the background, a machine, prompts and servers that bring tools of their own; and to whom
 * something is sent. However it is written: `chat_id`, `chatId`, `chatID`.
 */
const KEPT_THERE = new Set([
  ...["id", "conversation", "conversationid", "chat", "chatid", "session", "sessionid", "thread", "threadid", "assistantid", "agentid"],
  ...["background", "deferred", "container", "mcpservers", "prompt", "to", "channel", "channelid", "recipient", "recipients"],
]);
/** Of tools that the caller runs himself. All others act where the model is: they run code, or call somebody else. */
const OWN_TOOLS = new Set<unknown>(["function", "custom"]);
const OWN_TOOL_FIELDS = new Set(["functionDeclarations", "function_declarations", "toolSpec", "cachePoint"]);

export function isQuestion(asked: Asked): boolean {
  const { url, method, body } = asked;
  if (method === "GET" || method === "HEAD") return true;
  const call = modelCallOf(asked);
  if (method !== "POST" || call === undefined || body === undefined) return false;
  const path = url.split(/[?#]/, 1)[0] ?? "";
  if (!GENERATING[call.style].test(path) || (call.model === undefined && !MODEL_IN_PATH.test(path))) return false;
  return isSpoken(call.style, body) && !isKept(call.style, body) && toolsOf(body).every(isOwn);
}

function isSpoken(style: ModelCall["style"], body: Json): boolean {
  const messages = body["messages"];
  return style !== "messages" || (Array.isArray(messages) && messages.every((one) => isRecord(one) && typeof one["role"] === "string"));
}

/** Responses are kept unless they say otherwise: each has an id that is continued from, read and deleted, and two callers would be given one. */
function isKept(style: ModelCall["style"], body: Json): boolean {
  const isStored = style === "responses" ? body["store"] !== false : body["store"] === true;
  const isSaid = (value: unknown): boolean => value !== undefined && value !== null && value !== false;
  return isStored || Object.entries(body).some(([name, value]) => isSaid(value) && KEPT_THERE.has(name.toLowerCase().replaceAll("_", "")));
}

function toolsOf(body: Json): readonly unknown[] {
  const config = body["toolConfig"];
  const tools = body["tools"] ?? (isRecord(config) ? config["tools"] : undefined) ?? [];
  return Array.isArray(tools) ? tools : [tools];
}

function isOwn(tool: unknown): boolean {
  if (!isRecord(tool)) return false;
  if (tool["type"] !== undefined) return OWN_TOOLS.has(tool["type"]);
  // Anthropic's have a name and no type.
  return typeof tool["name"] === "string" || Object.keys(tool).every((field) => OWN_TOOL_FIELDS.has(field));
}
