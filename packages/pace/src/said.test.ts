import { describe, expect, it } from "vitest";
import type { PaceEvent } from "./event.ts";
import { createPace } from "./pace.ts";
import type { CallTraits } from "./policy.ts";
import { guessedTokens } from "./providers/cost.ts";
import { seededRandom } from "./testing/draws.ts";
import { createVirtualTime } from "./testing/virtual-time.ts";

const ADDRESS = "https://api.example.com/v1/chat/completions";
const PRICE = { inputUsdPerMillion: 3, outputUsdPerMillion: 15 };
const WORDS = "It is on average 384,400 km away.";
const QUESTION = { model: "large", stream: true, messages: [{ role: "user", content: "How far is the moon?" }] };
const INPUT = guessedTokens(JSON.stringify(QUESTION));
const SAID = guessedTokens(WORDS);
const SAID_USD = (INPUT * 3 + SAID * 15) / 1e6;
/** What a call is guessed to take where its answer tells nothing. */
const GUESSED_USD = (INPUT * 3 + 1000 * 15) / 1e6;

const chunk = (delta: object, more: object = {}): string =>
  `data: ${JSON.stringify({ object: "chat.completion.chunk", model: "large", choices: [{ delta }], ...more })}\n\n`;
const STREAM = [chunk({ role: "assistant" }), ...(WORDS.match(/.{1,8}/g) ?? []).map((content) => chunk({ content })), "data: [DONE]\n\n"];

interface Town {
  readonly used: () => number;
  /** With what the last call reserved. */
  readonly usedWhenLeft: () => number;
  /** Of the last call, as it is told to who looks on. */
  readonly seen: () => PaceEvent | undefined;
  ask(traits?: CallTraits): Promise<Response>;
}

/** Asks a model whose answers are these pieces; `endless` ones do not end. */
function town(pieces: readonly string[], { type = "text/event-stream", isEndless = false, status = 200 } = {}): Town {
  let seen: PaceEvent | undefined;
  let usedWhenLeft = Number.NaN;
  const send = async (): Promise<Response> => {
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const piece = pieces[at++];
        if (piece !== undefined) controller.enqueue(new TextEncoder().encode(piece));
        else if (!isEndless) controller.close();
      },
    });
    return new Response(body, { status, headers: { "content-type": type } });
  };
  const used = (): number => pace.gauges().find(({ unit }) => unit === "usd")?.used ?? Number.NaN;
  const watch = (event: PaceEvent): void => {
    if (event.kind === "used") seen = event;
    if (event.kind === "left") usedWhenLeft = used();
  };
  const pace = createPace(
    { quotas: { "*": [{ unit: "usd", limit: 10, windowMs: 86_400_000, shape: "window" }] }, prices: { large: PRICE } },
    { clock: createVirtualTime(), random: seededRandom(1), fetch: send, watch },
  );
  return {
    used,
    usedWhenLeft: () => usedWhenLeft,
    seen: () => seen,
    ask: (traits = {}) => pace.with(traits).fetch(ADDRESS, { method: "POST", body: JSON.stringify(QUESTION) }),
  };
}

describe("a stream that tells no usage", () => {
  it("costs what it says, and not what was guessed", async () => {
    const { ask, used, seen } = town(STREAM);
    const answer = await ask();
    expect(await answer.text()).toBe(STREAM.join(""));
    expect(used()).toBeCloseTo(SAID_USD, 9);
    expect(seen()).toMatchObject({ used: { "input-tokens": INPUT, "output-tokens": SAID } });
    for (let nth = 0; nth < 4; nth++) await (await ask()).text();
    expect(used()).toBeCloseTo(5 * SAID_USD, 9);
  });

  it("teaches nothing of what the next one takes: it may keep thoughts to itself", async () => {
    const { ask, used, usedWhenLeft } = town(STREAM);
    // After four a correction would be in force.
    for (let nth = 0; nth < 5; nth++) {
      const before = used();
      await (await ask()).text();
      expect(usedWhenLeft() - before).toBeCloseTo(GUESSED_USD, 9);
    }
  });

  it("costs what had come where it is broken off, and what the question takes", async () => {
    const { ask, used } = town(STREAM.slice(0, 3), { isEndless: true });
    const reader = (await ask()).body?.getReader();
    for (let nth = 0; nth < 3; nth++) await reader?.read();
    await reader?.cancel();
    await Promise.resolve();
    expect(used()).toBeCloseTo((INPUT * 3 + guessedTokens(WORDS.slice(0, 16)) * 15) / 1e6, 9);
  });

  it("costs what was said to be known of it, where its caller said that", async () => {
    const { ask, used } = town(STREAM);
    await (await ask({ cost: { usd: 0.5 } })).text();
    expect(used()).toBeCloseTo(0.5, 9);
  });
});

describe("what is told stands", () => {
  it("where it is more than what was said, as of hidden thoughts, and where it is less", async () => {
    for (const completion_tokens of [5000, 1]) {
      const { ask, used } = town([...STREAM.slice(0, -1), chunk({}, { usage: { prompt_tokens: 20, completion_tokens } })]);
      await (await ask()).text();
      expect(used()).toBeCloseTo((20 * 3 + completion_tokens * 15) / 1e6, 9);
    }
  });

  it("of a question, at the beginning of a stream that was broken off", async () => {
    const start = { type: "message_start", message: { model: "large", usage: { input_tokens: 700, output_tokens: 1 } } };
    const delta = { type: "content_block_delta", delta: { type: "text_delta", text: WORDS } };
    const { ask, used } = town(
      [start, delta].map((one) => `data: ${JSON.stringify(one)}\n\n`),
      { isEndless: true },
    );
    const reader = (await ask()).body?.getReader();
    for (let nth = 0; nth < 2; nth++) await reader?.read();
    await reader?.cancel();
    await Promise.resolve();
    expect(used()).toBeCloseTo((700 * 3 + SAID * 15) / 1e6, 9);
  });
});

describe("an answer that is no stream and tells no usage", () => {
  const answer = JSON.stringify({ object: "chat.completion", model: "large", choices: [{ message: { content: WORDS } }] });

  it("costs what it says", async () => {
    const { ask, used } = town([answer], { type: "application/json" });
    await (await ask()).text();
    expect(used()).toBeCloseTo(SAID_USD, 9);
  });

  it("costs what was guessed where it is of no known form, or was broken off: all of it was made", async () => {
    for (const [pieces, isEndless] of [
      [[JSON.stringify({ text: WORDS })], false],
      [[answer.slice(0, -1)], true],
    ] as const) {
      const { ask, used } = town(pieces, { type: "application/json", isEndless });
      const reader = (await ask()).body?.getReader();
      await reader?.read();
      await reader?.cancel();
      await Promise.resolve();
      expect(used()).toBeCloseTo(GUESSED_USD, 9);
    }
  });

  it("costs nothing where it is an error", async () => {
    const { ask, used } = town([JSON.stringify({ type: "error", error: { message: WORDS } })], { type: "application/json", status: 400 });
    await (await ask()).text();
    expect(used()).toBe(0);
  });
});
