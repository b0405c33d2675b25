import { describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import type { ContextEvent } from "./context-event.ts";
import { type ContextStore, memoryStore } from "./context-store.ts";
import { createContextWindow } from "./context-window.ts";
import type { MessageStyle } from "./message-style.ts";
import type { ContextWindowSettings } from "./settings.ts";
import { aiSdkMessages } from "./styles/ai-sdk.ts";
import { anthropicMessages } from "./styles/anthropic.ts";
import { openaiMessages } from "./styles/openai.ts";

type Message = { readonly role: string; readonly content: unknown };
type Writing = {
  readonly style: MessageStyle<Message>;
  readonly picture: (data: string) => object;
  readonly file: (data: string) => object;
  readonly calls: (ids: readonly string[]) => Message;
  readonly results: (results: readonly { readonly id: string; readonly parts: readonly object[] }[]) => readonly Message[];
  readonly usage: (tokens: number) => unknown;
};

const text = (words: string): object => ({ type: "text", text: words });
const anthropicSource = (media_type: string, data: string): object => ({ type: "base64", media_type, data });
const aiCalls = (ids: readonly string[]): Message => ({
  role: "assistant",
  content: ids.map((id) => ({ type: "tool-call", toolCallId: id, toolName: "look", input: {} })),
});
/** `given`: where the parts stand. */
const aiResults =
  (given: (parts: readonly object[]) => object): Writing["results"] =>
  (results) => [
    { role: "tool", content: results.map(({ id, parts }) => ({ type: "tool-result", toolCallId: id, toolName: "look", ...given(parts) })) },
  ];
const aiUsage = (inputTokens: number): unknown => ({ inputTokens });

const WRITINGS: readonly (readonly [string, Writing])[] = [
  [
    "OpenAI",
    {
      style: openaiMessages<Message>(),
      picture: (data) => ({ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } }),
      file: (data) => ({ type: "file", file: { file_data: data, filename: "a.pdf" } }),
      calls: (ids) =>
        ({
          role: "assistant",
          content: null,
          tool_calls: ids.map((id) => ({ id, type: "function", function: { name: "look", arguments: "{}" } })),
        }) as Message,
      results: (results) => results.map(({ id, parts }) => ({ role: "tool", tool_call_id: id, content: parts }) as Message),
      usage: (prompt_tokens) => ({ prompt_tokens }),
    },
  ],
  [
    "Anthropic",
    {
      style: anthropicMessages<Message>(),
      picture: (data) => ({ type: "image", source: anthropicSource("image/png", data) }),
      file: (data) => ({ type: "document", source: anthropicSource("application/pdf", data) }),
      calls: (ids) => ({ role: "assistant", content: ids.map((id) => ({ type: "tool_use", id, name: "look", input: {} })) }),
      results: (results) => [
        { role: "user", content: results.map(({ id, parts }) => ({ type: "tool_result", tool_use_id: id, content: parts })) },
      ],
      usage: (input_tokens) => ({ input_tokens }),
    },
  ],
  [
    "the AI SDK",
    {
      style: aiSdkMessages<Message>(),
      picture: (data) => ({ type: "image-data", data, mediaType: "image/png" }),
      file: (data) => ({ type: "file-data", data, mediaType: "application/pdf" }),
      calls: aiCalls,
      results: aiResults((parts) => ({ output: { type: "content", value: parts } })),
      usage: aiUsage,
    },
  ],
  [
    "the AI SDK 7",
    {
      style: aiSdkMessages<Message>(),
      picture: (data) => ({ type: "file", data: { type: "data", data }, mediaType: "image/png" }),
      file: (data) => ({ type: "file", data: { type: "data", data }, mediaType: "application/pdf" }),
      calls: aiCalls,
      results: aiResults((parts) => ({ output: { type: "content", value: parts } })),
      usage: aiUsage,
    },
  ],
  [
    "the AI SDK 4",
    {
      style: aiSdkMessages<Message>(),
      picture: (data) => ({ type: "image", data, mimeType: "image/png" }),
      file: (data) => ({ type: "file", data, mimeType: "application/pdf" }),
      calls: aiCalls,
      results: aiResults((parts) => ({ result: "shown", experimental_content: parts })),
      usage: aiUsage,
    },
  ],
];

const TASK: Message = { role: "user", content: "What is on the screen?" };
const random = seededRandom(3);
const SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** No two are alike, and none looks like words. */
function base64(characters: number): string {
  const some = Array.from({ length: 600 }, () => SIGNS[Math.floor(random() * SIGNS.length)]).join("");
  return some.repeat(Math.ceil(characters / some.length)).slice(0, characters);
}
const WORDS = "some words that say nothing but take room all the same. ";

function windowFor({ style }: Writing, settings: Partial<ContextWindowSettings<Message>> = {}) {
  const events: ContextEvent[] = [];
  const store = memoryStore();
  const window = createContextWindow<Message>(
    { style, store, sizeTokens: 100_000, onEvent: (event) => events.push(event), ...settings },
    createVirtualTime(),
  );
  return { window, store, events };
}

/** Tokens as a service counts them that takes 1500 for a picture. */
function tokensOf(messages: readonly Message[]): number {
  const told = JSON.stringify(messages).replaceAll(/[A-Za-z0-9+/]{500,}/g, "#".repeat(6000));
  return Math.ceil(told.length / 4);
}

/** What stands in the place of pictures, by reference. */
function referencesIn(messages: readonly Message[]): readonly string[] {
  return [...JSON.stringify(messages).matchAll(/\[(?:picture|file) left out: (media-[0-9a-f]+)\]/g)].map(
    ([, reference]) => reference ?? "",
  );
}

/** A loop of two tools at once, one of which shows the screen. */
async function looked(writing: Writing, turns: number, settings: Partial<ContextWindowSettings<Message>> = {}) {
  const made = windowFor(writing, { sizeTokens: 50_000, ...settings });
  const shown: object[] = [];
  let messages: readonly Message[] = [TASK];
  for (let turn = 0; turn < turns; turn++) {
    const call = await made.window.before(messages);
    call.answered(writing.usage(tokensOf(call.messages)));
    const picture = writing.picture(base64(3000));
    shown.push(picture);
    const [shot, cursor] = [`shot-${turn}`, `cursor-${turn}`];
    messages = [
      ...call.messages,
      writing.calls([shot, cursor]),
      ...writing.results([
        { id: shot, parts: [picture] },
        { id: cursor, parts: [text(`at ${turn}`)] },
      ]),
    ];
  }
  return { ...made, shown, messages: (await made.window.before(messages)).messages };
}

describe.each(WRITINGS)("a picture in a result of %s", (_name, writing) => {
  const { style, picture, file, calls, results } = writing;

  it("is no text that is too long: it comes in as it is, and takes what a picture takes", async () => {
    const { window, events } = windowFor(writing);
    const messages = [
      TASK,
      calls(["a", "b"]),
      ...results([
        { id: "a", parts: [picture(base64(800_000))] },
        { id: "b", parts: [text("12,40")] },
      ]),
    ];
    const call = await window.before(messages);
    expect(call.messages).toBe(messages);
    expect(call.tokens).toBeGreaterThan(1600);
    expect(call.tokens).toBeLessThan(9000);
    expect(events).toEqual([]);
  });

  it("stays whole beside a text that is cut", async () => {
    const { window, events } = windowFor(writing);
    const seen = picture(base64(9000));
    const call = await window.before([
      TASK,
      calls(["a"]),
      ...results([{ id: "a", parts: [text(`first. ${WORDS.repeat(20_000)}`), seen] }]),
    ]);
    const [result] = style.partsOf(call.messages.at(-1) as Message);
    expect(events).toMatchObject([{ kind: "paged", tool: "look" }]);
    expect(result).toMatchObject({ kind: "result", callId: "a", text: expect.stringMatching(/^first\. .*characters left out here/s) });
    expect(result?.kind === "result" ? result.media?.map(({ source }) => source) : []).toEqual([seen]);
  });

  it("leaves whole when it is old, is kept to the byte, and its call keeps its result", async () => {
    const { messages, shown, store, events } = await looked(writing, 80);
    expect(new Set(events.map(({ kind }) => kind))).not.toContain("paged");
    const references = referencesIn(messages);
    const stay = shown.filter((one) => JSON.stringify(messages).includes(JSON.stringify(one)));
    expect(references.length).toBeGreaterThan(0);
    expect(references.length + stay.length).toBeLessThanOrEqual(shown.length);
    expect(stay.at(-1)).toBe(shown.at(-1));
    for (const reference of references) expect(shown).toContainEqual(JSON.parse((await store.get(reference)) ?? "{}"));
    const parts = messages.flatMap((message) => style.partsOf(message));
    const ids = (kind: "call" | "result"): readonly string[] => parts.flatMap((part) => (part.kind === kind ? [part.callId] : []));
    expect(ids("result")).toEqual(ids("call"));
    // Every one that was shown is in the window or in the store.
    const kept = [...references];
    for (const [reference] of JSON.stringify(messages).matchAll(/ref-[0-9a-f]{16}/g))
      kept.push(...Array.from(((await store.get(reference)) ?? "").matchAll(/media-[0-9a-f]{16}/g), ([one]) => one));
    expect(new Set(kept).size + stay.length).toBe(shown.length);
  });

  it("is not shown to a summariser in base64", async () => {
    const told: string[] = [];
    const words = (nth: number): Message => ({ role: "assistant", content: `${nth} ${WORDS.repeat(60)}` });
    const { window, events } = windowFor(writing, {
      sizeTokens: 12_000,
      reserveTokens: 500,
      summarise: (request) => {
        told.push(request.text);
        return Promise.resolve("In short.");
      },
    });
    const asked: Message = { role: "user", content: "And what now?" };
    const shots = Array.from({ length: 3 }, (_, nth) => [
      calls([`c${nth}`]),
      ...results([{ id: `c${nth}`, parts: [picture(base64(900)), text("seen")] }]),
    ]).flat();
    await window.before([TASK, ...shots, ...Array.from({ length: 20 }, (_, nth) => words(nth)), asked]);
    expect(events.some(({ kind }) => kind === "summarised")).toBe(true);
    expect(told.join("")).toContain("[picture left out: media-");
    expect(told.join("")).not.toMatch(/[A-Za-z0-9+/]{200}/);
  });

  it("stays where the store does not keep it", async () => {
    const store: ContextStore = { put: () => Promise.reject(new Error("disk full")), get: () => Promise.resolve(undefined) };
    const { messages, shown, events } = await looked(writing, 26, { store });
    expect(events.map(({ kind }) => kind)).toContain("store-failed");
    expect(shown.every((one) => JSON.stringify(messages).includes(JSON.stringify(one)))).toBe(true);
  });

  it("that no window holds is left out, though it was not read; what the user shows is not", async () => {
    const { window, events } = windowFor(writing, { sizeTokens: 20_000 });
    const huge = file(base64(2_000_000));
    const call = await window.before([TASK, calls(["a"]), ...results([{ id: "a", parts: [huge, text("the file")] }])]);
    expect(events).toMatchObject([{ kind: "compacted" }]);
    expect(call.tokens).toBeLessThan(2000);
    expect(style.partsOf(call.messages.at(-1) as Message)).toMatchObject([
      { kind: "result", callId: "a", text: expect.stringContaining("file left out: media-") },
    ]);
    await expect(window.before([{ role: "user", content: [huge, text("What is in it?")] }])).rejects.toMatchObject({ code: "quota-spent" });
  });
});

describe("a picture that the user showed, when old messages become one", () => {
  const [, writing] = WRITINGS[0] as (typeof WRITINGS)[number];
  const shown = writing.picture(base64(5000));

  async function summed(store: ContextStore) {
    const told: string[] = [];
    const { window, events } = windowFor(writing, {
      ...{ store, sizeTokens: 40_000, reserveTokens: 500, notesAt: 0.3, compactAt: 0.4, summariseAt: 0.5, compactTo: 0.2 },
      summarise: (request) => {
        told.push(request.text);
        return Promise.resolve("In short.");
      },
    });
    const words = Array.from({ length: 16 }, (_, nth): Message => ({ role: "assistant", content: `${nth} ${WORDS.repeat(60)}` }));
    (await window.before([TASK, ...words.slice(0, 2)])).answered({ prompt_tokens: 1700 });
    const messages = [{ role: "user", content: [shown, text("This is our logo.")] }, ...words, TASK];
    const { messages: after } = await window.before(messages);
    return { told: told.join(""), kinds: events.map(({ kind }) => kind), after, messages };
  }

  it("is kept by itself, and the summariser reads its reference", async () => {
    const store = memoryStore();
    const { told, kinds } = await summed(store);
    expect(kinds).toEqual(["summarised"]);
    const [, reference = ""] = /\[picture left out: (media-[0-9a-f]+)\]/.exec(told) ?? [];
    expect(told).not.toMatch(/[A-Za-z0-9+/]{30}/);
    expect(JSON.parse((await store.get(reference)) ?? "{}")).toEqual(shown);
  });

  it("is not lost where the store does not take it: nothing leaves then", async () => {
    const store = memoryStore();
    const put = (reference: string, words: string): Promise<void> =>
      reference.startsWith("media-") ? Promise.reject(new Error("too large")) : store.put(reference, words);
    const { told, kinds, after, messages } = await summed({ put, get: store.get });
    expect({ told, kinds }).toEqual({ told: "", kinds: ["store-failed"] });
    expect(after).toBe(messages);
  });
});

describe("what is kept of a picture", () => {
  it("is read by nobody in pages", async () => {
    const [, writing] = WRITINGS[1] as (typeof WRITINGS)[number];
    const { window, messages } = await looked(writing, 60);
    const [reference = ""] = referencesIn(messages);
    expect(await window.readingTool.run({ reference })).toContain("no text to read");
    expect(await window.readingTool.run({ find: "image/png" })).toBe("It stands nowhere, as it is written here.");
  });

  it("is its bytes, where the client has bytes", async () => {
    const [, writing] = WRITINGS[2] as (typeof WRITINGS)[number];
    const bytes = [new Uint8Array([1, 2, 3, 250]), Buffer.from([1, 2, 3, 250])];
    for (const data of bytes) {
      const { window, store } = windowFor(writing, { sizeTokens: 6000, reserveTokens: 500, isPinned: ({ role }) => role === "assistant" });
      const messages: readonly Message[] = [
        TASK,
        { role: "assistant", content: "It is a dog." },
        { role: "user", content: [{ type: "file", data, mediaType: "image/png" }] },
        { role: "assistant", content: "It is a cat." },
        { role: "user", content: WORDS.repeat(60) },
      ];
      const call = await window.before(messages);
      const [reference = ""] = referencesIn(call.messages);
      expect(JSON.parse((await store.get(reference)) ?? "{}")).toEqual({ type: "file", data: "AQID+g==", mediaType: "image/png" });
    }
  });
});
