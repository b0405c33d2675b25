import { describe, expect, it } from "vitest";
import type { MessageStyle } from "./message-style.ts";
import { aiSdkMessages } from "./styles/ai-sdk.ts";
import { anthropicMessages } from "./styles/anthropic.ts";
import { openaiMessages } from "./styles/openai.ts";

type Message = { readonly role: string; readonly content: unknown };
const CALL = { kind: "call", callId: "c1", tool: "read", text: '{"path":"a"}' };

const STYLES: readonly (readonly [string, MessageStyle<Message>, Message, Message, Message])[] = [
  [
    "OpenAI",
    openaiMessages(),
    {
      role: "assistant",
      content: "I read.",
      tool_calls: [{ id: "c1", type: "function", function: { name: "read", arguments: '{"path":"a"}' } }],
    } as Message,
    { role: "tool", tool_call_id: "c1", content: "text of a" } as Message,
    { role: "user", content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(400_000)}` } }] },
  ],
  [
    "Anthropic",
    anthropicMessages(),
    {
      role: "assistant",
      content: [
        { type: "text", text: "I read." },
        { type: "tool_use", id: "c1", name: "read", input: { path: "a" } },
      ],
    },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", is_error: true, content: [{ type: "text", text: "text of a" }] }] },
    { role: "user", content: [{ type: "image", source: { type: "base64", data: "A".repeat(400_000) } }] },
  ],
  [
    "the AI SDK",
    aiSdkMessages(),
    {
      role: "assistant",
      content: [
        { type: "text", text: "I read." },
        { type: "tool-call", toolCallId: "c1", toolName: "read", input: { path: "a" } },
      ],
    },
    { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "read", output: { type: "text", value: "text of a" } }] },
    { role: "user", content: [{ type: "image", image: new Uint8Array(300_000) }] },
  ],
  [
    "the AI SDK 4",
    aiSdkMessages(),
    {
      role: "assistant",
      content: [
        { type: "text", text: "I read." },
        { type: "tool-call", toolCallId: "c1", toolName: "read", args: { path: "a" } },
      ],
    },
    { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "read", result: "text of a" }] },
    { role: "user", content: [{ type: "file", mediaType: "image/png", data: "A".repeat(400_000) }] },
  ],
];

describe.each(STYLES)("messages of %s", (_name, style, calls, result, picture) => {
  it("are read, and a result is replaced and nothing else", () => {
    expect(style.roleOf(calls)).toBe("assistant");
    expect(style.partsOf(calls)).toEqual([{ kind: "text", text: "I read." }, CALL]);
    expect(style.roleOf(result)).toBe("tool");
    expect(style.partsOf(result)).toMatchObject([{ kind: "result", callId: "c1", text: "text of a" }]);
    const other = style.withResult(result, "c1", "less");
    expect(style.partsOf(other)).toMatchObject([{ kind: "result", callId: "c1", text: "less" }]);
    expect(style.withResult(other, "another", "nothing")).toEqual(
      style.roleOf(other) === "tool" && "tool_call_id" in other ? expect.anything() : other,
    );
    expect(style.partsOf(result)).toMatchObject([{ text: "text of a" }]);
    expect(style.roleOf(style.userMessage("hello"))).toBe("user");
  });

  it("count a picture as a picture and not as its base64", () => {
    const [part] = style.partsOf(picture);
    expect(part).toMatchObject({ kind: "other", guess: { media: 1600, dense: 0 } });
  });

  it("may have anything in them", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const holes: unknown[] = [];
    holes.length = 3;
    const odd = [holes, circle, [circle], () => 1, [() => 1], [{ type: "text", text: 5n }], Symbol("a")];
    for (const content of [
      undefined,
      null,
      7,
      "",
      [],
      [null],
      [[]],
      [{ type: 5 }],
      [{ type: "thinking", thinking: "hm" }],
      { a: 1 },
      ...odd,
    ]) {
      expect(style.partsOf({ role: "assistant", content }).includes(undefined as never)).toBe(false);
      for (const role of ["constructor", Object.create(null), undefined]) expect(typeof style.roleOf({ role, content })).toBe("string");
    }
  });
});

it("a part of OpenAI's that is a file and says something besides is a file, and leaves as one", () => {
  const titled = { type: "file", file: { file_data: "AAAA" }, text: "our numbers" };
  const drawing = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
  const style = openaiMessages();
  const message = { role: "user", content: [titled, drawing] };
  expect(style.partsOf(message)).toMatchObject([{ media: { source: titled } }, { media: { source: drawing } }]);
  const left = [titled, { type: "text", text: "the drawing" }];
  expect(style.withoutMedia?.(message, [undefined, "the drawing"])).toEqual({ role: "user", content: left });
});

describe("the tokens of the input", () => {
  it("are all of it, those of the cache too", () => {
    expect(openaiMessages().inputTokensOf({ prompt_tokens: 100, completion_tokens: 5 })).toBe(100);
    expect(anthropicMessages().inputTokensOf({ input_tokens: 4, cache_creation_input_tokens: 10, cache_read_input_tokens: 90 })).toBe(104);
    expect(anthropicMessages().inputTokensOf({ input_tokens: 4, cache_read_input_tokens: null })).toBe(4);
    expect(aiSdkMessages().inputTokensOf({ inputTokens: 100, cachedInputTokens: 60 })).toBe(100);
    expect(aiSdkMessages().inputTokensOf({ inputTokens: 4, cachedInputTokens: 60 })).toBe(64);
    for (const style of [openaiMessages(), anthropicMessages(), aiSdkMessages()])
      for (const usage of [undefined, null, "many", {}, []]) expect(style.inputTokensOf(usage)).toBeUndefined();
  });
});
