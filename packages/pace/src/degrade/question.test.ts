import { expect, it } from "vitest";
import { isQuestion } from "./question.ts";

const MESSAGES = [{ role: "user", content: "why?" }];
const CHAT = { model: "large", messages: MESSAGES };
const RESPONSE = { model: "large", input: "why?", store: false };
const CONTENTS = { contents: [{ parts: [{ text: "why?" }] }] };

const OPENAI = "https://api.openai.com/v1";
const CHATS = `${OPENAI}/chat/completions`;
const RESPONSES = `${OPENAI}/responses`;
const ANTHROPIC = "https://api.anthropic.com/v1/messages";
const GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/large:generateContent";

it.each<[string, string, object]>([
  ["OpenAI's chat", CHATS, CHAT],
  ["a chat of a server of one's own", "http://127.0.0.1:8000/v1/chat/completions", CHAT],
  ["Azure's", "https://one.openai.azure.com/openai/deployments/a/chat/completions?api-version=1", { messages: MESSAGES }],
  ["Anthropic's messages", ANTHROPIC, { ...CHAT, max_tokens: 10, metadata: { user_id: "7" } }],
  ["a response that is not kept", RESPONSES, { ...RESPONSE, previous_response_id: "resp_1", background: false, conversation: null }],
  ["Gemini's", `${GEMINI}?key=k`, CONTENTS],
  ["Vertex's", "https://eu.googleapis.com/v1/projects/p/publishers/anthropic/models/large:rawPredict", { messages: MESSAGES }],
  ["Ollama's", "http://127.0.0.1:11434/api/chat", CHAT],
  ["Cohere's", "https://api.cohere.com/v2/chat", CHAT],
  [
    "Bedrock's",
    "https://bedrock-runtime.eu.amazonaws.com/model/large/converse",
    { messages: MESSAGES, toolConfig: { tools: [{ toolSpec: {} }] } },
  ],
  ["one with tools of the caller's", CHATS, { ...CHAT, tools: [{ type: "function", function: { name: "find" } }] }],
  ["one with tools of the caller's, as Anthropic has them", ANTHROPIC, { ...CHAT, tools: [{ name: "find", input_schema: {} }] }],
  ["one with tools of the caller's, as Gemini has them", GEMINI, { ...CONTENTS, tools: [{ functionDeclarations: [] }] }],
])("%s only asks", (_name, url, body) => {
  expect(isQuestion({ url, method: "POST", body: { ...body } })).toBe(true);
});

it.each<[string, string, object]>([
  ["a push of a chat program", "https://api.line.me/v2/bot/message/push", { to: "U1", messages: [{ type: "text", text: "door open" }] }],
  ["a push beside a model's address", "https://sms.example/v1/messages", { model: "m", messages: [{ to: "1", text: "door open" }] }],
  ["a thread of an assistant", `${OPENAI}/threads`, { messages: MESSAGES }],
  ["a batch", `${ANTHROPIC}/batches`, CHAT],
  ["a chat that names no model", "https://shop.example/api/chat", { messages: MESSAGES }],
  ["a chat that its server remembers", "https://shop.example/api/chat", { ...CHAT, id: "chat-1" }],
  ["a chat of a thread, however that is written", "https://shop.example/api/chat", { ...CHAT, threadId: "t1" }],
  ["a chat of a session", "https://shop.example/api/chat", { ...CHAT, chatID: "c1", sessionId: "s1" }],
  ["what goes to somebody", "https://sms.example/v1/messages", { ...CHAT, to: "1" }],
  ["a chat that is kept", CHATS, { ...CHAT, store: true }],
  ["a chat that is fetched later, once", CHATS, { ...CHAT, deferred: true }],
  ["a response, which is kept unless it says otherwise", RESPONSES, { model: "large", input: "why?" }],
  ["a turn of a conversation", RESPONSES, { ...RESPONSE, conversation: "conv_1" }],
  ["work in the background", RESPONSES, { ...RESPONSE, background: true }],
  ["a prompt that is kept there, with its tools", RESPONSES, { ...RESPONSE, prompt: { id: "p" } }],
  ["one that runs code there", RESPONSES, { ...RESPONSE, tools: [{ type: "code_interpreter", container: { type: "auto" } }] }],
  ["one that calls somebody else's tools", RESPONSES, { ...RESPONSE, tools: [{ type: "function", name: "find" }, { type: "mcp" }] }],
  ["one with a machine of Anthropic's", ANTHROPIC, { ...CHAT, container: "c1" }],
  ["one with servers of tools", ANTHROPIC, { ...CHAT, mcp_servers: [{ type: "url" }] }],
  ["one that runs code at Anthropic", ANTHROPIC, { ...CHAT, tools: [{ type: "code_execution_20250825", name: "code_execution" }] }],
  ["one that runs code at Google", GEMINI, { ...CONTENTS, tools: [{ functionDeclarations: [], codeExecution: {} }] }],
  ["tools that are no list", CHATS, { ...CHAT, tools: "all" }],
  ["an order", "https://shop.example/orders", { item: 1 }],
])("%s does something", (_name, url, body) => {
  expect(isQuestion({ url, method: "POST", body: { ...body } })).toBe(false);
});

it("what fetches only asks, and what puts or deletes never does", () => {
  const asks = (method: string): boolean => isQuestion({ url: CHATS, method, body: CHAT });
  expect(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].filter(asks)).toEqual(["GET", "HEAD", "POST"]);
});
