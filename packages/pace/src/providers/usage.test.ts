import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { settled } from "../host/node/settled.ts";
import { costOfUsage, createUsageReader, createUsageScan, type Usage } from "./usage.ts";

const usageOf = createUsageReader();
const JSON_TYPE = { "content-type": "application/json" };
const EVENTS_TYPE = { "content-type": "text/event-stream; charset=utf-8" };

const OPENAI = {
  model: "gpt-4o-2024-08-06",
  choices: [{ message: { content: 'He said: "usage": {"prompt_tokens": 9} \\', tool_calls: [] } }],
  usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, prompt_tokens_details: { cached_tokens: 40 } },
};
const OPENAI_USED: Usage = {
  model: "gpt-4o-2024-08-06",
  inputTokens: 60,
  cachedTokens: 40,
  cacheWrittenTokens: 0,
  outputTokens: 20,
  countsCached: true,
  usd: undefined,
};

function events(...data: readonly unknown[]): string {
  return data.map((one) => `event: x\ndata: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join("");
}

const ANTHROPIC_EVENTS = events(
  {
    type: "message_start",
    message: {
      model: "claude-x",
      usage: { input_tokens: 10, cache_creation_input_tokens: 5, cache_read_input_tokens: 700, output_tokens: 1 },
    },
  },
  { type: "content_block_delta", delta: { type: "text_delta", text: '{"usage":{"output_tokens":9999}}' } },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 42 } },
  { type: "message_stop" },
);

function inPieces(text: string, sizes: readonly number[]): Response {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  let nth = 0;
  const body = new ReadableStream({
    pull: (controller) => {
      if (at >= bytes.length) return controller.close();
      const size = sizes[nth++ % sizes.length] as number;
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
  return new Response(body, { headers: text.startsWith("event:") || text.startsWith("data:") ? EVENTS_TYPE : JSON_TYPE });
}

describe("what an answer took", () => {
  it.each([
    ["OpenAI, chat", JSON.stringify(OPENAI), { inputTokens: 60, cachedTokens: 40, outputTokens: 20, model: "gpt-4o-2024-08-06" }],
    [
      "OpenAI, responses",
      JSON.stringify({
        model: "gpt-5",
        output: [],
        usage: { input_tokens: 7, input_tokens_details: { cached_tokens: 2 }, output_tokens: 3 },
      }),
      { inputTokens: 5, cachedTokens: 2, outputTokens: 3, model: "gpt-5" },
    ],
    [
      "OpenAI, chat in events",
      events({ model: "m", choices: [{}], usage: null }, { choices: [], usage: { prompt_tokens: 8, completion_tokens: 9 } }, "[DONE]"),
      { inputTokens: 8, outputTokens: 9, model: "m" },
    ],
    [
      "OpenAI, responses in events",
      events(
        { type: "response.created", response: { model: "gpt-5", usage: null } },
        { type: "response.output_text.delta", delta: "hello" },
        {
          type: "response.completed",
          response: { model: "gpt-5", output: [{ x: "y".repeat(1e5) }], usage: { input_tokens: 7, output_tokens: 3 } },
        },
      ),
      { inputTokens: 7, outputTokens: 3, model: "gpt-5" },
    ],
    [
      "Anthropic, in events",
      ANTHROPIC_EVENTS,
      { inputTokens: 10, cacheWrittenTokens: 5, cachedTokens: 700, outputTokens: 42, countsCached: false },
    ],
    [
      "Anthropic, in events whose end tells nothing anew of the question",
      events(
        { type: "message_start", message: { usage: { input_tokens: 10, cache_read_input_tokens: 700, output_tokens: 1 } } },
        {
          type: "message_delta",
          usage: { input_tokens: null, cache_creation_input_tokens: null, cache_read_input_tokens: null, output_tokens: 42 },
        },
      ),
      { inputTokens: 10, cachedTokens: 700, outputTokens: 42, countsCached: false },
    ],
    [
      "a gateway, with Anthropic's numbers beside those of OpenAI",
      JSON.stringify({
        usage: {
          prompt_tokens: 2506,
          completion_tokens: 300,
          prompt_tokens_details: { cached_tokens: 1920 },
          cache_creation_input_tokens: 500,
          cache_read_input_tokens: 1920,
        },
      }),
      { inputTokens: 86, cachedTokens: 1920, cacheWrittenTokens: 500, outputTokens: 300, countsCached: true },
    ],
    [
      "a gateway, with what was read told by Anthropic's word alone",
      JSON.stringify({ usage: { prompt_tokens: 2006, completion_tokens: 3, cache_read_input_tokens: 1920 } }),
      { inputTokens: 86, cachedTokens: 1920, cacheWrittenTokens: 0, countsCached: true },
    ],
    [
      "Anthropic, with a tool's input that looks like it",
      JSON.stringify({
        model: "claude-x",
        content: [{ type: "tool_use", input: { usage: { input_tokens: 1 }, message: { usage: { input_tokens: 2 } } } }],
        usage: { input_tokens: 11, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, output_tokens: 12 },
      }),
      { inputTokens: 11, outputTokens: 12 },
    ],
    [
      "OpenAI, with another's in what was sent along",
      JSON.stringify({
        usage: { prompt_tokens: 5, completion_tokens: 6 },
        metadata: { usage: { prompt_tokens: 7000, completion_tokens: 8000 } },
      }),
      { inputTokens: 5, outputTokens: 6 },
    ],
    [
      "Gemini",
      JSON.stringify({
        candidates: [],
        usageMetadata: {
          promptTokenCount: 30,
          cachedContentTokenCount: 10,
          candidatesTokenCount: 4,
          thoughtsTokenCount: 6,
          totalTokenCount: 40,
        },
        modelVersion: "gemini-2.5-flash",
      }),
      { inputTokens: 20, cachedTokens: 10, outputTokens: 10, model: "gemini-2.5-flash" },
    ],
    [
      "Gemini, an array of pieces",
      JSON.stringify([
        { usageMetadata: { promptTokenCount: 30, candidatesTokenCount: 1 } },
        { usageMetadata: { promptTokenCount: 30, candidatesTokenCount: 4 } },
      ]),
      { inputTokens: 30, outputTokens: 4 },
    ],
    [
      "Groq, in events",
      events({ x_groq: { id: "r", usage: { prompt_tokens: 3, completion_tokens: 2 } } }),
      { inputTokens: 3, outputTokens: 2 },
    ],
    [
      "OpenRouter, with its price",
      JSON.stringify({ model: "a/b", usage: { prompt_tokens: 3, completion_tokens: 2, cost: 0.00042 } }),
      { inputTokens: 3, usd: 0.00042 },
    ],
  ])("%s", async (_name, text, expected) => {
    const { answer, used } = usageOf(inPieces(text, [4096]));
    expect(await answer.text()).toBe(text);
    expect(await used).toMatchObject(expected);
  });

  it("is the same in whatever pieces it comes, and the bytes are the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          JSON.stringify(OPENAI),
          JSON.stringify(OPENAI, null, 2),
          ANTHROPIC_EVENTS,
          ANTHROPIC_EVENTS.replaceAll("\n", "\r\n"),
        ),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 }),
        async (text, sizes) => {
          const { answer, used } = usageOf(inPieces(text, sizes));
          expect(await answer.text()).toBe(text);
          expect((await used)?.outputTokens).toBe(text.startsWith("event") ? 42 : 20);
        },
      ),
      { numRuns: 60, seed: 5 },
    );
  });

  it("is read from bodies that any text may be in", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (content, text) => {
        const scan = createUsageScan(false);
        scan.feed(new TextEncoder().encode(JSON.stringify({ content: [content], text, usage: OPENAI.usage, model: OPENAI.model })));
        expect(scan.usage()).toEqual(OPENAI_USED);
      }),
      { numRuns: 300, seed: 6 },
    );
  });

  it("is never a throw, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isEvents) => {
        const scan = createUsageScan(isEvents);
        scan.feed(bytes);
        scan.feed(new TextEncoder().encode('"usage":{"prompt_tokens":-1,"cost":"x"},'));
        scan.usage();
      }),
      { numRuns: 500, seed: 7 },
    );
  });

  it("is nothing where numbers make no sense", () => {
    for (const usage of [
      '{"prompt_tokens":-5}',
      '{"prompt_tokens":"9"}',
      '{"prompt_tokens":1e300}',
      "[]",
      "7",
      '"x"',
      `{"a":"${"b".repeat(9000)}","prompt_tokens":1}`,
    ]) {
      const scan = createUsageScan(false);
      scan.feed(new TextEncoder().encode(`{"usage":${usage}}`));
      expect(scan.usage(), usage).toBe(undefined);
    }
  });
});

describe("who reads the answer", () => {
  const streamed = (): { answer: Response; give: (text: string) => void; end: () => void; canceled: () => unknown } => {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    let reason: unknown;
    const body = new ReadableStream<Uint8Array>({
      start: (given) => {
        controller = given;
      },
      cancel: (why) => {
        reason = why;
      },
    });
    return {
      answer: new Response(body, { headers: EVENTS_TYPE, status: 201 }),
      give: (text) => controller?.enqueue(new TextEncoder().encode(text)),
      end: () => controller?.close(),
      canceled: () => reason,
    };
  };

  it("has each piece when it comes, and not when the next one does", async () => {
    const source = streamed();
    const { answer } = usageOf(source.answer);
    const reader = answer.body?.getReader();
    source.give("data: 1\n\n");
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("data: 1\n\n");
  });

  it("may cancel: the service hears it, and what was not told is not known", async () => {
    const source = streamed();
    const { answer, used } = usageOf(source.answer);
    source.give(ANTHROPIC_EVENTS.slice(0, ANTHROPIC_EVENTS.indexOf("content_block_delta")));
    const reader = answer.body?.getReader();
    await reader?.read();
    await reader?.cancel("enough");
    expect(await used).toBe(undefined);
    expect(source.canceled()).toBe("enough");
  });

  it("may stop at the end of the events before the connection ends", async () => {
    const source = streamed();
    const { answer, used } = usageOf(source.answer);
    const reader = answer.body?.getReader();
    source.give(ANTHROPIC_EVENTS);
    await reader?.read();
    await reader?.cancel();
    expect((await used)?.outputTokens).toBe(42);
  });

  it("sees that the connection broke, as it would have", async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("terminated")) });
    const { answer, used } = usageOf(new Response(body, { headers: JSON_TYPE }));
    await expect(answer.text()).rejects.toThrow("terminated");
    expect(await used).toBe(undefined);
  });

  it("need not read a short one for its use to be known", async () => {
    const { used } = usageOf(inPieces(JSON.stringify(OPENAI), [50]));
    expect((await used)?.outputTokens).toBe(20);
  });

  it("is not run ahead of by more than 64 KB", async () => {
    let given = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        given += 1000;
        controller.enqueue(new Uint8Array(1000).fill(0x20));
      },
    });
    const { answer } = usageOf(new Response(body, { headers: JSON_TYPE }));
    for (let turn = 0; turn < 500; turn++) await settled();
    expect(given).toBeLessThan(70_000);
    await answer.body?.cancel();
  });

  it("may forget a long one: the service hears it, and its use is not known", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const source = streamed();
    source.give("data: x\n\n".repeat(20_000));
    let isSettled = false;
    // The answer is in no variable of this function.
    void usageOf(source.answer).used.then(() => {
      isSettled = true;
    });
    for (let turn = 0; turn < 100 && !isSettled; turn++) {
      await settled();
      collect();
    }
    expect(isSettled).toBe(true);
    expect(source.answer.body?.locked).toBe(true);
  });

  it("may read into memory of its own, and may read twice by a clone", async () => {
    const { answer } = usageOf(inPieces(JSON.stringify(OPENAI), [7]));
    const twin = answer.clone();
    const reader = answer.body?.getReader({ mode: "byob" });
    let text = "";
    for (let next = await reader?.read(new Uint8Array(16)); next !== undefined && !next.done; next = await reader?.read(new Uint8Array(16)))
      text += new TextDecoder().decode(next.value);
    expect(text).toBe(JSON.stringify(OPENAI));
    expect(await twin.json()).toEqual(OPENAI);
  });

  it("sees the same status and fields", () => {
    const { answer } = usageOf(new Response("{}", { status: 418, statusText: "teapot", headers: { ...JSON_TYPE, "x-request-id": "7" } }));
    expect([answer.status, answer.statusText, answer.headers.get("x-request-id")]).toEqual([418, "teapot", "7"]);
  });

  it("does not see pieces that are empty", async () => {
    const pieces = ['{"usage":', "", '{"prompt_tokens":1,"completion_tokens":2}}', ""].map((piece) => new TextEncoder().encode(piece));
    const body = new ReadableStream({
      pull: (controller) => {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    });
    const { answer, used } = usageOf(new Response(body, { headers: JSON_TYPE }));
    expect(await answer.json()).toEqual({ usage: { prompt_tokens: 1, completion_tokens: 2 } });
    expect((await used)?.outputTokens).toBe(2);
  });

  it("takes no bytes away from who gave them", async () => {
    const piece = new TextEncoder().encode(JSON.stringify(OPENAI));
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(piece);
        controller.close();
      },
    });
    await usageOf(new Response(body, { headers: JSON_TYPE })).answer.text();
    expect(piece.byteLength).toBeGreaterThan(0);
  });

  it("gets other kinds of answers as they were", () => {
    const png = new Response("x", { headers: { "content-type": "image/png" } });
    expect(usageOf(png).answer).toBe(png);
    const empty = new Response(null, { status: 204 });
    expect(usageOf(empty).answer).toBe(empty);
  });
});

it("compressed bodies are read as they are decoded", async () => {
  const { createServer } = await import("node:http");
  const server = createServer((_request, response) => {
    response.writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip" }).end(gzipSync(JSON.stringify(OPENAI)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const { answer, used } = usageOf(await fetch(`http://127.0.0.1:${port}/v1/chat`));
  expect(answer.url).toBe(`http://127.0.0.1:${port}/v1/chat`);
  expect(await answer.json()).toEqual(OPENAI);
  expect(await used).toEqual(OPENAI_USED);
  server.closeAllConnections();
  server.close();
});

describe("what it takes of quotas", () => {
  const usage: Usage = { ...OPENAI_USED, cacheWrittenTokens: 5 };
  it("has what came from the cache in it where the service counts that", () => {
    expect(costOfUsage(usage)).toEqual({ requests: 1, "input-tokens": 105, "output-tokens": 20, tokens: 125 });
    expect(costOfUsage({ ...usage, countsCached: false })["input-tokens"]).toBe(65);
  });
});
