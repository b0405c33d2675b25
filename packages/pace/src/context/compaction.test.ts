import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import type { ContextEvent } from "./context-event.ts";
import { memoryStore } from "./context-store.ts";
import { createContextWindow } from "./context-window.ts";
import type { MessagePart } from "./message-style.ts";
import { drawCorpora, pick, simulatedWorld, type WorldMessage } from "./testing/simulated-world.ts";

const RUNS = 60;
const corpora = drawCorpora(seededRandom(5));

/** A conversation of any shape, in any style, some of it pinned, in a window that is too small for it. */
function drawn(seed: number) {
  const random = seededRandom(seed);
  const world = simulatedWorld(random, corpora, 4000);
  const { writing } = world;
  const { style } = writing;
  let messages: readonly WorldMessage[] = [{ role: "system", content: "The rules." }];
  let calls = 0;
  const turns = 1 + Math.floor(random() * 4);
  for (let turn = 0; turn < turns; turn++) {
    messages = [...messages, style.userMessage(`Question ${turn} ${world.output(random() * 60, random)}`)];
    const steps = Math.floor(random() * 8);
    for (let step = 0; step < steps; step++) {
      // Some servers call every first call of an answer the same.
      const made = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, nth) => ({
        id: random() < 0.3 ? `call_${nth}` : `call-${++calls}`,
        tool: pick(random, ["read", "search"]),
        asked: JSON.stringify({ nth: calls }),
        text: world.output(random() < 0.1 ? 8000 : random() * 700, random),
      }));
      const named = made.filter((call, nth) => made.findIndex(({ id }) => id === call.id) === nth);
      messages = [...messages, writing.calls("", named), ...writing.results(named)];
    }
    if (turn < turns - 1) messages = [...messages, { role: "assistant", content: world.output(random() * 300, random) }];
  }
  const pins = new Set(messages.map((_, index) => index).filter(() => random() < 0.1));
  return { world, messages, pins };
}

async function fitted(seed: number, options: { readonly withSummary: boolean }) {
  const { world, messages, pins } = drawn(seed);
  const { style } = world.writing;
  const store = memoryStore();
  const events: ContextEvent[] = [];
  const pinned = new Set([...pins].map((index) => messages[index]));
  const window = createContextWindow<WorldMessage>({
    style,
    store,
    sizeTokens: 4000,
    reserveTokens: 200,
    isPinned: (message) => pinned.has(message),
    onEvent: (event) => events.push(event),
    ...(options.withSummary ? { summarise: () => Promise.resolve("In short.") } : {}),
  });
  const call = await window.before(messages).catch(() => undefined);
  const partsOf = (message: WorldMessage): readonly MessagePart[] => style.partsOf(message);
  const charactersOf = (all: readonly WorldMessage[]): number =>
    all.flatMap(partsOf).reduce((sum, part) => sum + (part.kind === "other" ? 0 : part.text.length), 0);
  return { world, style, messages, pinned, store, events, after: call?.messages, partsOf, charactersOf };
}

const seeds = fc.tuple(fc.integer({ min: 0, max: 1e9 }), fc.boolean());

describe("whatever leaves a window", () => {
  it("never makes the messages longer, and never cuts calls from their results", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async ([seed, withSummary]) => {
        const { world, messages, after, charactersOf } = await fitted(seed, { withSummary });
        fc.pre(after !== undefined);
        expect(charactersOf(after)).toBeLessThanOrEqual(charactersOf(messages));
        expect(world.isWhole(messages)).toBe(true);
        expect(world.isWhole(after)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it("is never the system prompt, what is pinned, or what the user asked last, and their order stays", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async ([seed, withSummary]) => {
        const { style, messages, pinned, after } = await fitted(seed, { withSummary });
        fc.pre(after !== undefined);
        const asked = messages.findLast((message) => style.roleOf(message) === "user");
        const stay = messages.filter((message) => message === messages[0] || message === asked || pinned.has(message));
        let at = -1;
        for (const message of stay) {
          at = after.indexOf(message, at + 1);
          expect(at).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("is kept, so that each text is found again to the character, by what stands in the window", async () => {
    let left = 0;
    await fc.assert(
      fc.asyncProperty(seeds, async ([seed, withSummary]) => {
        const { messages, after, store, partsOf } = await fitted(seed, { withSummary });
        fc.pre(after !== undefined);
        const textsOf = (all: readonly WorldMessage[]): readonly string[] =>
          all.flatMap(partsOf).flatMap((part) => (part.kind === "other" ? [] : [part.text]));
        const reached = new Set(textsOf(after));
        // Sets are walked to what is added on the way.
        for (const text of reached)
          for (const [reference] of text.matchAll(/ref-[0-9a-f]{16}/g)) {
            const kept = await store.get(reference);
            if (text.startsWith("[") && text.includes("characters left out")) expect(kept).toBeDefined();
            if (kept !== undefined) reached.add(kept);
          }
        const all = [...reached];
        for (const text of textsOf(messages)) expect(all.some((one) => one === text || one.includes(text))).toBe(true);
        const shown = new Set(textsOf(after));
        left += textsOf(messages).filter((text) => !shown.has(text)).length;
      }),
      { numRuns: RUNS },
    );
    expect(left).toBeGreaterThan(RUNS);
  });
});
