/** Who keeps messages within the window: the one that is tested, and what is done elsewhere. All see the same loop. */
import type { Random } from "../../host/random.ts";
import type { Summarise } from "../compaction.ts";
import type { ContextEvent } from "../context-event.ts";
import { memoryStore } from "../context-store.ts";
import { createContextWindow } from "../context-window.ts";
import { outlineOf } from "../groups.ts";
import type { World, WorldMessage } from "./simulated-world.ts";

export interface Keeper {
  /** Before a model call; `undefined` where it says that nothing fits. `isNewTurn`: the user spoke since the last. */
  before(messages: readonly WorldMessage[], isNewTurn: boolean): Promise<readonly WorldMessage[] | undefined>;
  admit(tool: string, text: string): Promise<string>;
  answered(usage: unknown, inputTokens: number): void;
  /** Whether it is worth asking again. */
  refused(error: string): boolean;
  /** The size, told by the service in passing. */
  told(sizeTokens: number): void;
  readonly reader: { readonly name: string; run(asked: string): Promise<string> } | undefined;
}

export interface KeeperOptions {
  readonly world: World;
  /** What the owner says; `undefined` where he says nothing. */
  readonly sizeTokens: number | undefined;
  readonly beside: string;
  readonly summarise: Summarise | undefined;
  readonly onEvent: (event: ContextEvent) => void;
}

export type KeeperName = "window" | "no check" | "between turns" | "drop oldest" | "unlimited";

export function keeperNamed(name: KeeperName, options: KeeperOptions): Keeper {
  switch (name) {
    case "window":
      return windowKeeper(options);
    case "no check":
    case "unlimited":
      return plainKeeper(() => undefined, false);
    case "between turns":
      return betweenTurns(options);
    case "drop oldest":
      return dropOldest(options);
  }
}

function windowKeeper({ world, sizeTokens, beside, summarise, onEvent }: KeeperOptions): Keeper {
  const window = createContextWindow<WorldMessage>({
    style: world.writing.style,
    store: memoryStore(),
    ...(sizeTokens === undefined ? {} : { sizeTokens }),
    ...(summarise === undefined ? {} : { summarise }),
    reserveTokens: world.reserveTokens,
    beside,
    onEvent,
  });
  let call: Awaited<ReturnType<typeof window.before>> | undefined;
  return {
    before: async (messages) => {
      try {
        call = await window.before(messages);
        return call.messages;
      } catch {
        return undefined;
      }
    },
    admit: (tool, text) => window.admit(tool, text),
    answered: (usage) => call?.answered(usage),
    refused: (error) => call?.refused({ error: { message: error } }) ?? false,
    told: (size) => window.told(size),
    reader: window.readingTool,
  };
}

function plainKeeper(
  change: (messages: readonly WorldMessage[], isNewTurn: boolean) => readonly WorldMessage[] | undefined,
  asksAgain: boolean,
  heard: { answered(inputTokens: number): void; refused(): void } = { answered: () => {}, refused: () => {} },
): Keeper {
  return {
    before: (messages, isNewTurn) => Promise.resolve(change(messages, isNewTurn) ?? messages),
    admit: (_tool, text) => Promise.resolve(text),
    answered: (_usage, tokens) => heard.answered(tokens),
    refused: () => {
      heard.refused();
      return asksAgain;
    },
    told: () => {},
    reader: undefined,
  };
}

const COMPACT_AT = 0.75;
const KEEP = 0.2;
const CHARACTERS_PER_TOKEN = 4;

/** Three quarters of the window by what the last answer told, looked at when the user speaks, and after an overflow: then all but the last fifth becomes a summary. */
function betweenTurns({ world, sizeTokens = world.sizeTokens, summarise }: KeeperOptions): Keeper {
  let [told, isRefused] = [0, false];
  const { style } = world.writing;
  const keeper = plainKeeper(() => undefined, true, {
    answered: (tokens) => {
      told = tokens;
    },
    refused: () => {
      isRefused = true;
    },
  });
  let tries = 0;
  return {
    ...keeper,
    before: async (messages, isNewTurn) => {
      if (!isRefused && !(isNewTurn && told > sizeTokens * COMPACT_AT)) {
        tries = 0;
        return messages;
      }
      tries = isRefused ? tries + 1 : 0;
      // As most do: once, then it fails.
      if (tries > 1) return undefined;
      isRefused = false;
      const { groups } = outlineOf(messages, style, (message) => style.partsOf(message));
      let kept = 0;
      const left = new Set<number>();
      for (const { from, to, isPinned } of groups.toReversed()) {
        if (isPinned) continue;
        for (let at = from; at < to; at++) kept += JSON.stringify(messages[at]).length / CHARACTERS_PER_TOKEN;
        if (kept > sizeTokens * KEEP && to < messages.length) for (let at = from; at < to; at++) left.add(at);
      }
      if (left.size === 0) return messages;
      const text = [...left].map((at) => JSON.stringify(messages[at])).join("\n");
      const summary =
        (await summarise?.({ text, mostTokens: sizeTokens * 0.08, signal: new AbortController().signal }).catch(() => "")) ?? "";
      const first = Math.min(...left);
      return messages.flatMap((message, at) =>
        at === first ? [style.userMessage(`[Summary] ${summary}`)] : left.has(at) ? [] : [message],
      );
    },
  };
}

/** By four characters a token, before every call: the oldest groups go until it fits, and half of what is left after an overflow. */
function dropOldest({ world, sizeTokens = world.sizeTokens, beside }: KeeperOptions): Keeper {
  const { style } = world.writing;
  let scale = 1;
  return plainKeeper(
    (messages) => {
      const most = (sizeTokens - world.reserveTokens) * scale - beside.length / CHARACTERS_PER_TOKEN;
      const sizes = messages.map((message) => JSON.stringify(message).length / CHARACTERS_PER_TOKEN);
      let sum = sizes.reduce((all, size) => all + size, 0);
      const { groups } = outlineOf(messages, style, (message) => style.partsOf(message));
      const left = new Set<number>();
      for (const { from, to, isPinned } of groups) {
        if (sum <= most) break;
        if (isPinned) continue;
        for (let at = from; at < to; at++) {
          left.add(at);
          sum -= sizes[at] ?? 0;
        }
      }
      return messages.filter((_, at) => !left.has(at));
    },
    true,
    {
      answered: () => {},
      refused: () => {
        scale /= 2;
      },
    },
  );
}

/** One that leaves half of what matters out, one that fails, and none. */
export function drawSummariser(random: Random): Summarise | undefined {
  const kind = Math.floor(random() * 6);
  if (kind === 0) return undefined;
  if (kind === 1) return () => Promise.reject(new Error("the model that writes summaries is overloaded"));
  if (kind === 2) return ({ text }) => Promise.resolve(text);
  return ({ text, mostTokens }) => {
    const facts = (text.match(/the value of key-\d+ is v\d+/g) ?? []).filter(() => random() < 0.5);
    return Promise.resolve(`Work went on. ${facts.join("; ")}`.slice(0, Math.max(20, mostTokens / 2)));
  };
}
