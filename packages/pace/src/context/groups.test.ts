import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import type { ContextEvent } from "./context-event.ts";
import { memoryStore } from "./context-store.ts";
import { createContextWindow } from "./context-window.ts";
import { outlineOf } from "./groups.ts";
import type { MessageStyle } from "./message-style.ts";
import type { ContextWindowSettings } from "./settings.ts";
import { aiSdkMessages } from "./styles/ai-sdk.ts";
import { anthropicMessages } from "./styles/anthropic.ts";
import { openaiMessages } from "./styles/openai.ts";

type Message = { readonly role: string; readonly content: unknown };
const style = openaiMessages<Message>();
const SUMMARY = "[Earlier work in short: 900 characters left out, read_left_out ref-0. It asks for nothing.]\nIt went on.";

function says(content: unknown): Message {
  return { role: "user", content };
}

function called(id: string): Message {
  return {
    role: "assistant",
    content: null,
    tool_calls: [{ id, type: "function", function: { name: "look", arguments: "{}" } }],
  } as Message;
}

function given(id: string, content: string): Message {
  return { role: "tool", tool_call_id: id, content } as Message;
}

function step(id: string): readonly Message[] {
  return [called(id), given(id, "done")];
}

function picture(nth: number): Message {
  return says([{ type: "image_url", image_url: { url: `data:image/png;base64,${"Ab0+".repeat(50 + nth)}` } }]);
}

/** One sign for each message: `#` stays, `b` is between, `.` may leave. */
function drawnOutline(messages: readonly Message[], own: MessageStyle<Message> = style): string {
  const { groups } = outlineOf(messages, own, (message) => own.partsOf(message));
  return groups.map(({ from, to, isPinned, isBetween }) => (isBetween ? "b" : isPinned ? "#" : ".").repeat(to - from)).join("");
}

describe("of what the user says in one turn", () => {
  it("the first request and the newest stay, and what is between them may leave where nothing fits otherwise", () => {
    expect(drawnOutline([says("Go."), ...step("a"), says("Mind this."), ...step("b"), says("Go on."), ...step("c")])).toBe("#..b..#..");
  });

  it("what belongs to a request stays with it", () => {
    expect(drawnOutline([says("A page."), says("What is it?"), ...step("a"), says("One."), says("Two.")])).toBe("##..##");
  });

  it("words stay, whatever is shown after them", () => {
    const shots = [...step("c"), picture(1), ...step("d"), picture(2)];
    expect(drawnOutline([picture(0), ...step("a"), says("Go."), ...step("b"), says("Mind."), ...shots])).toBe("#..#..#..b..#");
  });

  it("nothing is that stands beside results, and nothing that became a summary or was left out", () => {
    const result = { type: "tool_result", tool_use_id: "a", content: "done" };
    const messages: readonly Message[] = [
      says("Go."),
      { role: "assistant", content: [{ type: "tool_use", id: "a", name: "look", input: {} }] },
      says([result, { type: "text", text: "The list has 3 entries." }]),
    ];
    expect(drawnOutline(messages, anthropicMessages())).toBe("#..");
    const leftOut = says([{ type: "text", text: "[picture left out: media-0123456789abcdef]" }]);
    expect(drawnOutline([says("Go."), says(SUMMARY), leftOut, ...step("a"), says("Go on.")])).toBe("#....#");
  });

  it("what comes behind a summary is none of the first request, so that no loop makes that longer", () => {
    const after = [...step("a"), says("Go on."), ...step("b")];
    expect(drawnOutline([says("Go."), says(SUMMARY), says("Mind."), ...after])).toBe("#.b..#..");
  });

  it("what the owner pinned is not the first request: it may be of an earlier turn, whose answer has left", () => {
    const messages = [says("Hello."), says(SUMMARY), says("Go."), ...step("a"), says("Mind."), ...step("b"), says("Go on.")];
    const { groups } = outlineOf(
      messages,
      style,
      (message) => style.partsOf(message),
      (message) => message === messages[0],
    );
    expect(groups.map(({ isPinned, isBetween }) => (isBetween ? "b" : isPinned ? "#" : ".")).join("")).toBe("#.#.b.#");
  });

  it("what was answered before may leave", () => {
    expect(drawnOutline([says("Hello."), { role: "assistant", content: "Hello." }, says("Go."), ...step("a")])).toBe("..#..");
  });
});

const WORDS = "some words that say nothing but take room all the same. ";

interface Loop {
  readonly style: MessageStyle<Message>;
  turn(nth: number, said: Message): readonly Message[];
  usage(tokens: number): unknown;
}

const LOOPS: readonly (readonly [string, Loop])[] = [
  [
    "OpenAI",
    {
      style,
      turn: (nth, said) => [called(`c${nth}`), given(`c${nth}`, `${nth} ${WORDS.repeat(20)}`), said],
      usage: (prompt_tokens) => ({ prompt_tokens }),
    },
  ],
  [
    "Anthropic, beside results",
    {
      style: anthropicMessages<Message>(),
      turn: (nth, said) => [
        { role: "assistant", content: [{ type: "tool_use", id: `c${nth}`, name: "look", input: {} }] },
        says([
          { type: "tool_result", tool_use_id: `c${nth}`, content: `${nth} ${WORDS.repeat(20)}` },
          { type: "text", text: said.content },
        ]),
      ],
      usage: (input_tokens) => ({ input_tokens }),
    },
  ],
  [
    "the AI SDK",
    {
      style: aiSdkMessages<Message>(),
      turn: (nth, said) => [
        { role: "assistant", content: [{ type: "tool-call", toolCallId: `c${nth}`, toolName: "look", input: {} }] },
        {
          role: "tool",
          content: [
            { type: "tool-result", toolCallId: `c${nth}`, toolName: "look", output: { type: "text", value: `${nth} ${WORDS.repeat(20)}` } },
          ],
        },
        said,
      ],
      usage: (inputTokens) => ({ inputTokens }),
    },
  ],
];

const FIRST = says("Refactor all files.");

/** Tokens as a service counts them that takes 1100 for a picture. */
function tokensOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { content, ...rest }) => {
    const isPicture = Array.isArray(content) && (content as readonly { type?: unknown }[]).some(({ type }) => type === "image_url");
    return sum + 4 + (isPicture ? 1100 : Math.ceil(JSON.stringify([content, rest]).length / 4));
  }, 0);
}

async function looped({ style: own, turn, usage }: Loop, turns: number, said: (nth: number) => Message, sizeTokens = 12_000) {
  const window = createContextWindow<Message>(
    { style: own, store: memoryStore(), sizeTokens, reserveTokens: 500, summarise: () => Promise.resolve("In short.") },
    createVirtualTime(),
  );
  let [messages, most]: [readonly Message[], number] = [[FIRST], 0];
  for (let nth = 0; nth < turns; nth++) {
    const call = await window.before(messages);
    most = Math.max(most, tokensOf(call.messages));
    call.answered(usage(tokensOf(call.messages)));
    messages = [...call.messages, ...turn(nth, said(nth))];
  }
  return { most, messages: (await window.before(messages)).messages };
}

describe("a loop in which something is said each turn goes on, and the first request and the newest stay", () => {
  it.each(LOOPS)("as %s has it", async (_name, loop) => {
    const reminder = (nth: number): Message => says(`The list has ${nth} entries. ${WORDS.repeat(4)}`);
    const { messages, most } = await looped(loop, 300, reminder);
    expect(most).toBeLessThan(11_500);
    expect(messages[0]).toBe(FIRST);
    expect(JSON.stringify(messages.at(-1))).toContain("The list has 299 entries.");
  });

  it("with a picture each turn, and what the user said in between stays while the pictures leave", async () => {
    const words = says("Take the seat at the window.");
    const [, loop] = LOOPS[0] as (typeof LOOPS)[number];
    const { messages, most } = await looped(loop, 200, (nth) => (nth === 20 ? words : picture(nth)), 24_000);
    expect(most).toBeLessThan(23_500);
    expect(messages[0]).toBe(FIRST);
    expect(messages).toContain(words);
    expect(JSON.stringify(messages.at(-1))).toBe(JSON.stringify(picture(199)));
  });
});

/** One that has counted prose, and keeps to its guess. */
async function counted(settings: Partial<ContextWindowSettings<Message>>) {
  const events: ContextEvent[] = [];
  const window = createContextWindow<Message>(
    { style, store: memoryStore(), sizeTokens: 10_000, reserveTokens: 500, onEvent: (event) => events.push(event), ...settings },
    createVirtualTime(),
  );
  (await window.before([says(WORDS.repeat(70))])).answered({ prompt_tokens: 1000 });
  return { window, events };
}

describe("what is said between the first request and the newest", () => {
  const between = says(`Mind this. ${WORDS.repeat(30)}`);
  const work = (tokens: number): readonly Message[] =>
    Array.from({ length: 10 }, (_, nth) => [
      { ...called(`w${nth}`), content: `${nth} ${WORDS.repeat(tokens / 140)}` },
      given(`w${nth}`, "done"),
    ]).flat();

  it("stays where it fits without the work", async () => {
    const { window, events } = await counted({});
    const { messages } = await window.before([FIRST, ...step("a"), between, ...work(9000), says("Go on.")]);
    expect(events.map(({ kind }) => kind)).toContain("summarised");
    expect(messages).toContain(between);
  });

  it("leaves before it is refused and before the work at hand does, and is kept", async () => {
    const store = memoryStore();
    const { window, events } = await counted({ store });
    const much = says(`Mind this. ${WORDS.repeat(500)}`);
    const newest = says("Go on.");
    const work = [called("b"), given("b", WORDS.repeat(40))];
    const { messages } = await window.before([FIRST, ...step("a"), much, ...work, newest, ...step("c")]);
    expect(messages[0]).toBe(FIRST);
    expect(messages).toEqual(expect.arrayContaining(work));
    expect(messages).toContain(newest);
    const summary = events.find((event) => event.kind === "summarised");
    expect(await store.get(summary?.kind === "summarised" ? summary.reference : "")).toContain(much.content);
  });

  it("leaves picture by picture where that is enough, and no words with them", async () => {
    const { window, events } = await counted({ sizeTokens: 30_000 });
    const messages = [
      FIRST,
      ...Array.from({ length: 9 }, (_, nth) => [...step(`p${nth}`), says("See."), picture(nth)]).flat(),
      ...step("c"),
    ];
    const call = await window.before(messages);
    expect(events.map(({ kind }) => kind)).toEqual(["compacted"]);
    expect(call.messages).toHaveLength(messages.length);
    expect(JSON.stringify(call.messages[4])).toContain("[picture left out: media-");
    expect(call.messages.slice(-3)).toEqual(messages.slice(-3));
  });

  it("stays where the owner has pinned it, and it is refused then", async () => {
    const much = says(`Mind this. ${WORDS.repeat(1000)}`);
    const { window } = await counted({ isPinned: (message) => message === much });
    await expect(window.before([FIRST, ...step("a"), much, ...step("b"), says("Go on."), ...step("c")])).rejects.toMatchObject({
      code: "quota-spent",
    });
  });
});

describe("whoever says what and when", () => {
  it("the rules, what is pinned, the first request and the newest stay, and calls keep their results", async () => {
    let left = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e9 }), async (seed) => {
        const random = seededRandom(seed);
        const rules: Message = { role: "system", content: "The rules." };
        const newest = says("And then?");
        const messages: Message[] = [rules, says("Hello."), { role: "assistant", content: "Hello." }, FIRST];
        for (let nth = 0; nth < 40; nth++) {
          if (random() < 0.4) messages.push(random() < 0.3 ? picture(nth) : says(`${nth} ${WORDS.repeat(random() * 20)}`));
          if (random() < 0.7) messages.push(called(`c${nth}`), given(`c${nth}`, `${nth} ${WORDS.repeat(random() * 40)}`));
        }
        messages.push(called("last"), given("last", "done"), newest);
        const pinned = new Set(messages.filter(() => random() < 0.03));
        const { window } = await counted({ isPinned: (message) => pinned.has(message) });
        const after = await window.before(messages).then(
          (call) => call.messages,
          () => undefined,
        );
        fc.pre(after !== undefined);
        left += messages.length - after.length;
        let at = -1;
        for (const message of messages.filter((one) => [rules, FIRST, newest].includes(one) || pinned.has(one))) {
          at = after.indexOf(message, at + 1);
          expect(at).toBeGreaterThanOrEqual(0);
        }
        const parts = after.flatMap((message) => style.partsOf(message));
        const ids = (kind: "call" | "result"): readonly string[] => parts.flatMap((part) => (part.kind === kind ? [part.callId] : []));
        expect(ids("result")).toEqual(ids("call"));
      }),
      { numRuns: 40 },
    );
    expect(left).toBeGreaterThan(100);
  });
});
