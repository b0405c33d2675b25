import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import type { ContextEvent } from "./context-event.ts";
import { memoryStore } from "./context-store.ts";
import { type ContextCall, createContextWindow } from "./context-window.ts";
import type { ContextWindowSettings } from "./settings.ts";
import { type OpenaiMessage, openaiMessages } from "./styles/openai.ts";

const SYSTEM: OpenaiMessage = { role: "system", content: "You work with tools." };
const TASK: OpenaiMessage = { role: "user", content: "Find out what is wrong." };
const PROSE = "some words that say nothing but take room all the same. ";

function called(id: string, tool = "read_file"): OpenaiMessage {
  return {
    role: "assistant",
    content: "",
    tool_calls: [{ id, type: "function", function: { name: tool, arguments: `{"path":"${id}.txt"}` } }],
  };
}

function output(id: string, content: string): OpenaiMessage {
  return { role: "tool", tool_call_id: id, content };
}

/** Steps of so many tokens of prose each, as guesses have it. */
function steps(count: number, tokens: number): readonly OpenaiMessage[] {
  return Array.from({ length: count }, (_, nth) => [called(`c${nth}`), output(`c${nth}`, `${nth} ${textOf(tokens)}`)]).flat();
}

function textOf(tokens: number): string {
  return PROSE.repeat(Math.ceil((tokens * 4) / PROSE.length));
}

function windowWith(settings: Partial<ContextWindowSettings<OpenaiMessage>> = {}, clock: Clock = createVirtualTime()) {
  const events: ContextEvent[] = [];
  const store = memoryStore();
  const window = createContextWindow<OpenaiMessage>(
    {
      style: openaiMessages(),
      store,
      sizeTokens: 10_000,
      reserveTokens: 1000,
      onEvent: (event) => events.push(event),
      ...settings,
    },
    clock,
  );
  return { window, store, events, kinds: () => events.map(({ kind }) => kind) };
}

/** One that knows what prose takes: as guessed. */
async function calibrated(settings: Partial<ContextWindowSettings<OpenaiMessage>> = {}, clock?: Clock) {
  const made = windowWith(settings, clock);
  const call = await made.window.before([SYSTEM, { role: "user", content: textOf(1000) }]);
  call.answered({ prompt_tokens: 1030 });
  return made;
}

/** Counted at what guesses say, however many there are. */
async function counted(messages: readonly OpenaiMessage[], settings: Partial<ContextWindowSettings<OpenaiMessage>> = {}) {
  const made = await calibrated(settings);
  for (let to = 3; to <= messages.length; to += 2) {
    const call = await made.window.before(messages.slice(0, to));
    call.answered({ prompt_tokens: Math.ceil(JSON.stringify(messages.slice(0, to)).length / 4) });
  }
  return made;
}

describe("a window with room", () => {
  it("gives the same messages back, and says what they take", async () => {
    const { window } = await calibrated();
    const messages = [SYSTEM, TASK, ...steps(2, 100)];
    const call = await window.before(messages);
    expect(call.messages).toBe(messages);
    expect(call.tokens).toBeGreaterThan(200);
    expect(window.gauge()).toMatchObject({ unit: "context-tokens", shape: "held", limit: 10_000, source: "policy", used: call.tokens });
  });

  it("counts five times the guess until somebody counted", async () => {
    const { window } = windowWith();
    const before = (await window.before([SYSTEM, TASK])).tokens;
    const call = await window.before([SYSTEM, { role: "user", content: textOf(1000) }]);
    expect(call.tokens - before).toBeGreaterThan(4500);
    call.answered({ prompt_tokens: 900 });
    expect((await window.before([SYSTEM, { role: "user", content: textOf(1000) }])).tokens).toBe(900);
  });

  it("writes notes once when it is crossed, and again after it was calm", async () => {
    let notes = 0;
    const settings = {
      writeNotes: () => {
        notes++;
        return notes === 1 ? Promise.reject(new Error("disk full")) : Promise.resolve();
      },
    };
    const { window, kinds } = await calibrated(settings);
    const full = [SYSTEM, TASK, ...steps(6, 650)];
    for (let nth = 0; nth < 3; nth++) await window.before(full);
    expect(notes).toBe(2);
    expect(kinds().filter((kind) => kind.startsWith("notes"))).toEqual(["notes-failed", "notes"]);
    for (let nth = 0; nth < 6; nth++) await window.before([SYSTEM, TASK, called("x"), output("x", "ok")]);
    await window.before(full);
    expect(notes).toBe(3);
  });
});

describe("a window that fills", () => {
  const messages = [SYSTEM, TASK, ...steps(12, 700)];

  it("has outputs by reference in big steps, the oldest first, and what was not read in full", async () => {
    const { window, events, store } = await counted(messages.slice(0, 14));
    const call = await window.before(messages.slice(0, 22));
    const compacted = events.filter((event) => event.kind === "compacted");
    expect(compacted.length).toBeGreaterThan(0);
    expect(call.messages[3]?.content).toMatch(/^\[\d+ characters left out, read_left_out ref-/);
    expect(call.messages.at(-1)).toBe(messages[21]);
    const reference = /ref-[0-9a-f]+/.exec(String(call.messages[3]?.content))?.[0] ?? "";
    expect(await store.get(reference)).toBe(messages[3]?.content);
    expect(JSON.parse(JSON.stringify(call.messages[2]))).toEqual(messages[2]);
  });

  it("leaves messages as they are where a compaction would bring little, so that the service keeps its cache", async () => {
    const { window } = await counted(messages.slice(0, 12));
    const first = await window.before(messages.slice(0, 20));
    let [now, rewrites] = [first.messages, 0];
    for (let nth = 0; nth < 8; nth++) {
      const call = await window.before([...now, called(`n${nth}`), output(`n${nth}`, textOf(100))]);
      if (call.messages.some((message, at) => at < now.length && message !== now[at])) rewrites++;
      now = call.messages;
    }
    expect(rewrites).toBeLessThanOrEqual(1);
  });

  it("is not made shorter with every call where most of it stays, but when that brings a tenth of the room", async () => {
    const { window } = await calibrated();
    let now: readonly OpenaiMessage[] = [SYSTEM, { role: "user", content: textOf(5400) }];
    let rewrites = 0;
    for (let nth = 0; nth < 40; nth++) {
      const more = [...now, called(`n${nth}`), output(`n${nth}`, `${nth} ${textOf(200)}`)];
      const call = await window.before(more);
      call.answered({ prompt_tokens: Math.ceil(JSON.stringify(call.messages).length / 4) });
      if (call.messages !== more) rewrites++;
      now = call.messages;
    }
    // One for every four outputs, once it is full; with each that comes there would be thirty.
    expect(rewrites).toBeGreaterThan(0);
    expect(rewrites).toBeLessThanOrEqual(10);
  });

  it("makes one message of old ones where words take the room, by the summariser if it keeps to its tokens", async () => {
    const words = Array.from(
      { length: 12 },
      (_, nth): OpenaiMessage => ({ role: nth % 2 === 0 ? "assistant" : "user", content: `${nth} ${textOf(650)}` }),
    );
    const { window, events } = await calibrated({ summarise: () => Promise.resolve("It was about words.") });
    const call = await window.before([SYSTEM, ...words, TASK]);
    expect(events.at(-1)).toMatchObject({ kind: "summarised", by: "summariser", failure: undefined });
    expect(call.messages[0]).toBe(SYSTEM);
    expect(call.messages.at(-1)).toBe(TASK);
    expect(call.messages[1]?.content).toContain("It was about words.");
  });

  it.each([
    ["throws", () => Promise.reject(new Error("overloaded"))],
    ["writes more than it read", ({ text }: { readonly text: string }) => Promise.resolve(text + text)],
    ["writes nothing", () => Promise.resolve("")],
    ["gives no text", () => Promise.resolve(7 as unknown as string)],
  ])("falls back to a rule where the summariser %s", async (_name, summarise) => {
    const words = Array.from(
      { length: 12 },
      (_, nth): OpenaiMessage => ({ role: nth % 2 === 0 ? "assistant" : "user", content: `${nth} ${textOf(650)}` }),
    );
    const { window, events } = await calibrated({ summarise });
    const call = await window.before([SYSTEM, ...words, TASK]);
    expect(events.at(-1)).toMatchObject({ kind: "summarised", by: "rule" });
    expect(events.at(-1)).toHaveProperty("failure");
    expect(call.tokens).toBeLessThan(9000);
  });

  it("goes on without whoever does not end, in time, and says so: summariser, notes and store", async () => {
    const words = Array.from(
      { length: 12 },
      (_, nth): OpenaiMessage => ({ role: nth % 2 === 0 ? "assistant" : "user", content: `${nth} ${textOf(650)}` }),
    );
    const never = (): Promise<never> => new Promise(() => {});
    const ends: AbortSignal[] = [];
    let isStuck = false;
    const time = createVirtualTime();
    const { window, events } = await calibrated(
      {
        patienceMs: 30_000,
        writeNotes: (_messages, signal) => {
          if (!isStuck) return Promise.reject(new Error("not yet"));
          ends.push(signal);
          return never();
        },
        summarise: ({ signal }) => {
          ends.push(signal);
          return never();
        },
      },
      time,
    );
    isStuck = true;
    events.length = 0;
    let call: ContextCall<OpenaiMessage> | undefined;
    void window.before([SYSTEM, ...words, TASK]).then((made) => {
      call = made;
    });
    await time.runSettled(59_999);
    expect(call).toBeUndefined();
    await time.runSettled(60_000);
    expect(call?.tokens).toBeLessThan(9000);
    expect(events.filter(({ kind }) => kind === "notes-failed" || kind === "summarised")).toMatchObject([
      { kind: "notes-failed", cause: { code: "deadline" } },
      { kind: "summarised", by: "rule", failure: { code: "deadline" } },
    ]);
    expect(ends.map(({ aborted }) => aborted)).toEqual([true, true]);
    const stuck = windowWith({ store: { put: never, get: never }, patienceMs: 1000 }, time);
    let shown = "";
    void stuck.window.admit("read_file", textOf(9000)).then((text) => {
      shown = text;
    });
    await time.runSettled(61_000);
    expect(shown).toBe(textOf(9000));
    expect(stuck.events).toMatchObject([{ kind: "store-failed", cause: { code: "deadline" } }]);
  });

  it("ends with the summariser's signal, though the summariser does not", async () => {
    const abort = new AbortController();
    const words = Array.from(
      { length: 12 },
      (_, nth): OpenaiMessage => ({ role: nth % 2 === 0 ? "assistant" : "user", content: `${nth} ${textOf(650)}` }),
    );
    const { window } = await calibrated({
      summarise: () => {
        abort.abort(new Error("no more time"));
        return new Promise(() => {});
      },
    });
    await expect(window.before([SYSTEM, ...words, TASK], { signal: abort.signal })).rejects.toThrow("no more time");
  });

  it("says so itself, and names the longest, where nothing more can leave", async () => {
    const { window } = await calibrated();
    await expect(window.before([SYSTEM, { role: "user", content: textOf(12_000) }])).rejects.toMatchObject({
      code: "quota-spent",
      availableInMs: Number.POSITIVE_INFINITY,
      hint: expect.stringContaining("user message at 1"),
    });
  });

  it("keeps outputs where the store does not", async () => {
    const store = { put: () => Promise.reject(new Error("disk full")), get: () => Promise.resolve(undefined) };
    const { window, kinds } = await counted(messages.slice(0, 14), { store });
    const call = await window.before(messages.slice(0, 18));
    expect(kinds()).toContain("store-failed");
    expect(call.messages).toEqual(messages.slice(0, 18));
  });
});

describe("an output of a tool", () => {
  it("of two megabytes comes in by its beginning and end, and is read on by its reference", async () => {
    const { window, store } = await calibrated({ sizeTokens: 100_000 });
    const text = Array.from({ length: 40_000 }, (_, nth) => `line ${nth} of a log that has no end at all.\n`).join("");
    const shown = await window.admit("read_file", text);
    expect(shown.length).toBeLessThan(10_000);
    expect(shown.startsWith("line 0 of")).toBe(true);
    expect(shown.endsWith("at all.\n")).toBe(true);
    const reference = /ref-[0-9a-f]+/.exec(shown)?.[0] ?? "";
    expect(await store.get(reference)).toBe(text);
    expect(await window.readingTool.run({ find: "line 31415 of" })).toContain("line 31415 of a log");
    expect(await window.readingTool.run({ reference, from: 100, length: 500 })).toContain(text.slice(100, 300));
  });

  it("put in by the caller himself does not overflow either", async () => {
    const { window, kinds } = await calibrated();
    const call = await window.before([SYSTEM, TASK, called("big"), output("big", textOf(500_000))]);
    expect(kinds()).toContain("paged");
    expect(call.tokens).toBeLessThan(9000);
  });

  it("of a turn that brings half of the window at once comes in as far as there is room for it", async () => {
    const { window } = await counted([SYSTEM, TASK, ...steps(6, 700)]);
    const before = [SYSTEM, TASK, ...steps(6, 700)];
    const ids = Array.from({ length: 12 }, (_, nth) => `p${nth}`);
    const shown = await Promise.all(ids.map((id) => window.admit("search", `${id} ${textOf(600)}`)));
    const calls: OpenaiMessage = {
      role: "assistant",
      content: "",
      tool_calls: ids.map((id) => ({ id, function: { name: "search", arguments: "{}" } })),
    };
    const call = await window.before([...before, calls, ...ids.map((id, nth) => output(id, shown[nth] ?? ""))]);
    expect(call.tokens).toBeLessThan(9000);
    expect(shown.filter((text) => text.length > 2000).length).toBeGreaterThan(2);
    expect(shown.filter((text) => text.length < 2000).length).toBeGreaterThan(2);
  });

  it("is whole again for the model, character by character, whatever is in it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "binary", minLength: 300, maxLength: 3000 }),
        fc.integer({ min: 1, max: 400 }),
        async (text, length) => {
          const { window } = windowWith({ sizeTokens: 2000, reserveTokens: 100 });
          const shown = await window.admit("query", text);
          const reference = /ref-[0-9a-f]+/.exec(shown)?.[0];
          fc.pre(reference !== undefined && shown !== text);
          let read = "";
          for (let at = 0; at < text.length; ) {
            const page = await window.readingTool.run({ reference, from: at, length });
            const [, from, to] = /characters (\d+) to (\d+) of/.exec(page) ?? [];
            expect(Number(from)).toBe(at);
            expect(Number(to)).toBeGreaterThan(at);
            read += page.slice(page.indexOf("\n") + 1);
            at = Number(to);
          }
          expect(read).toBe(text);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("the size of a window", () => {
  it("is assumed where nobody says it, and never without a word", () => {
    const events: ContextEvent[] = [];
    const window = createContextWindow<OpenaiMessage>({
      style: openaiMessages(),
      store: memoryStore(),
      onEvent: (event) => events.push(event),
    });
    expect(events).toEqual([{ kind: "assumed", sizeTokens: 32_768 }]);
    expect(window.gauge()).toMatchObject({ source: "assumed", limit: 32_768, confidence: 0.3 });
    window.told(200_000);
    expect(window.gauge()).toMatchObject({ source: "header", limit: 200_000, confidence: 1 });
  });

  it("is what a refusal says, and the same messages then fit", async () => {
    const { window, events } = await counted([SYSTEM, TASK, ...steps(8, 700)]);
    const call = await window.before([SYSTEM, TASK, ...steps(8, 700)]);
    expect(
      call.refused(new Error("This model's maximum context length is 4096 tokens. However, your messages resulted in 5800 tokens.")),
    ).toBe(true);
    expect(events.at(-1)).toEqual({ kind: "size", sizeTokens: 4096, beforeTokens: 10_000, source: "learned" });
    expect((await window.before(call.messages)).tokens).toBeLessThan(3096);
    expect(call.refused(new Error("Rate limit reached on tokens per min (TPM): Limit 30000"))).toBe(false);
  });

  it.each([
    "prompt is too long: 0 tokens > 0 maximum",
    "prompt is too long: 12 tokens > 5 maximum",
    "Input is too long for requested model.",
  ])("stays where a refusal of next to nothing cannot be right, and asking again ends: %s", async (text) => {
    const { window, events } = await calibrated();
    const messages = [SYSTEM, { role: "user", content: "hello" }];
    const call = await window.before(messages);
    for (let nth = 0; nth < 3; nth++) expect(call.refused({ status: 400, error: { message: text } })).toBe(false);
    expect(window.gauge().limit).toBe(10_000);
    expect(events.at(-1)?.kind).toBe("disbelieved");
    expect((await window.before(messages)).messages).toBe(messages);
  });

  it("becomes less at each refusal that says no number, so that asking again ends", async () => {
    const { window } = await calibrated();
    const messages = [SYSTEM, { role: "user", content: textOf(3000) }];
    let refusals = 0;
    const ask = async (): Promise<void> => {
      for (;;) {
        const call = await window.before(messages);
        call.refused("Input is too long for requested model.");
        refusals++;
      }
    };
    await expect(ask()).rejects.toMatchObject({ code: "quota-spent" });
    expect(refusals).toBeLessThan(20);
  });
});

describe("what answers tell", () => {
  it.each([0, -5, Number.NaN, Number.POSITIVE_INFINITY, 3, 1e12])("is not believed where it cannot be: %d", async (lie) => {
    const { window } = await counted([SYSTEM, TASK, ...steps(4, 700)]);
    const messages = [SYSTEM, TASK, ...steps(4, 700)];
    const before = (await window.before(messages)).tokens;
    const call = await window.before(messages);
    call.answered({ prompt_tokens: lie });
    expect((await window.before(messages)).tokens).toBe(before);
  });

  it.each([4, 190])("first is not believed where it leaves out what the service put into its cache: %d of 1000", async (told) => {
    const { window, kinds } = windowWith();
    const messages = [SYSTEM, { role: "user", content: textOf(1000) }];
    const call = await window.before(messages);
    call.answered({ prompt_tokens: told });
    expect(kinds()).toEqual(["disbelieved"]);
    expect((await window.before(messages)).tokens).toBe(call.tokens);
  });

  it("first is believed where it may be so: 230 of 1000", async () => {
    const { window, kinds } = windowWith();
    const messages = [SYSTEM, { role: "user", content: textOf(1000) }];
    const call = await window.before(messages);
    call.answered({ prompt_tokens: 230 });
    expect(kinds()).toEqual([]);
    expect((await window.before(messages)).tokens).toBeLessThan(300);
  });

  it("late does not take the place of what was told since", async () => {
    const { window } = await calibrated();
    const messages = [SYSTEM, TASK, ...steps(2, 500)];
    const early = await window.before(messages.slice(0, 4));
    const late = await window.before(messages);
    late.answered({ prompt_tokens: 1200 });
    early.answered({ prompt_tokens: 900 });
    expect((await window.before(messages)).tokens).toBe(1200);
  });
});

describe("settings", () => {
  it.each([
    [{ sizeToken: 5 }, "sizeToken"],
    [{ sizeTokens: Number.NaN }, "sizeTokens"],
    [{ sizeTokens: 1000, reserveTokens: 1000 }, "1000"],
    [{ compactAt: 0.4 }, "thresholds"],
    [{ compactAt: Number.NaN }, "thresholds"],
    [{ summarise: "yes" }, "summarise"],
    [{ patienceMs: 0 }, "patienceMs"],
    [{ patienceMs: Number.NaN }, "patienceMs"],
    [{ reader: "a tool" }, "a tool"],
    [{ style: undefined }, "style"],
    [{ style: "openai" }, 'has no function "roleOf"'],
    [{ style: { partsOf: () => [] } }, 'has no function "roleOf"'],
    [{ store: new Map() }, 'has no function "put"'],
    [{ notesAt: "0.5" }, "thresholds"],
    [{ summariseAt: 85 }, "thresholds"],
    [{ sizeTokens: "10000" }, 'sizeTokens is "10000"'],
    [{ reserveTokens: null }, "reserveTokens is null"],
    [{ reader: 3 }, "3 is no name"],
    [{ beside: [] }, "no text but a list"],
    [{ partition: "" }, 'partition is ""'],
    [{ onEvent: {} }, "onEvent is no function"],
  ])("that make no sense are refused with a hint: %j", (wrong, word) => {
    const settings = { style: openaiMessages(), store: memoryStore(), ...wrong } as unknown as ContextWindowSettings<OpenaiMessage>;
    expect(() => createContextWindow(settings)).toThrow(
      expect.objectContaining({ code: "bad-argument", message: expect.stringContaining(word) }),
    );
  });

  it("that are none are refused", () => {
    for (const given of [undefined, null, 3, []])
      expect(() => createContextWindow(given as never)).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });
});

describe("what a window is handed", () => {
  const { window } = windowWith();
  it.each<[string, () => unknown]>([
    ["messages that are one", () => window.before(TASK as never)],
    ["a message that is missing", () => window.before([SYSTEM, undefined as never])],
    ["an option that nobody reads", () => window.before([TASK], { singal: AbortSignal.abort() } as never)],
    ["a signal that is none", () => window.before([TASK], { signal: {} as never })],
    ["options of null", () => window.before([TASK], null as never)],
    ["an output that is no text", () => window.admit("read_file", { content: "x" } as never)],
    ["an output of nobody", () => window.admit("", "x")],
    ["tokens in words", async () => window.look("many" as never)],
    ["a size of none", async () => window.told(Number.NaN)],
  ])("is refused where it is %s", async (_what, act) => {
    await expect(act()).rejects.toSatisfy((error) => isPaceError(error) && error.code === "bad-argument");
  });
});
