/** What an owner may say of a window, and what is meant where he says nothing. */
import { bad, checkAbove, checkFunction, checkMethods, checkNames, checkText, saidOf, shown } from "../argument.ts";
import type { Summarise } from "./compaction.ts";
import type { ContextEvent } from "./context-event.ts";
import type { ContextStore } from "./context-store.ts";
import type { IsPinned } from "./groups.ts";
import type { MessageStyle } from "./message-style.ts";

export interface ContextWindowSettings<Message> {
  /** How messages are written: `openaiMessages()`, `anthropicMessages()`, `aiSdkMessages()`. */
  readonly style: MessageStyle<Message>;
  /** Where full texts stay. */
  readonly store: ContextStore;
  /** Tokens of the model's window, with what it answers. Where it is not said, it is assumed and shown so, until a service tells it. */
  readonly sizeTokens?: number | undefined;
  /** Kept free for the answer: the `max_tokens` of the calls. 4096 unless said. */
  readonly reserveTokens?: number | undefined;
  /** What is sent with each call beside the messages: definitions of tools, as JSON, and the system prompt where it is no message. */
  readonly beside?: string | undefined;
  /** Shares of what is free for messages, of which something is done; 0.6, 0.75 and 0.85 unless said. */
  readonly notesAt?: number | undefined;
  readonly compactAt?: number | undefined;
  readonly summariseAt?: number | undefined;
  /** Where a compaction leads to: far below, so that it is seldom; each costs what the service kept of the messages in its cache. 0.45 unless said. */
  readonly compactTo?: number | undefined;
  /** Messages that always stay, besides system messages, and the first request and the newest of what the user asks now. */
  readonly isPinned?: IsPinned<Message> | undefined;
  /** Writes down what must survive, elsewhere. What it throws is told as an event, and it is asked again at the next call. */
  readonly writeNotes?: ((messages: readonly Message[], signal: AbortSignal) => Promise<void>) | undefined;
  /** Makes few words of many; without it, and where it fails, a rule does. */
  readonly summarise?: Summarise | undefined;
  /**
   * `summarise`, `writeNotes`, and the store for each text have so long; 120,000 unless said, which a large model needs for a window full of words, and not much longer. What
   * takes longer is told as what failed, by the same events, and it goes on without: a rule makes the summary, notes are asked for again, a text stays in the window.
   */
  readonly patienceMs?: number | undefined;
  /** Name of the tool that reads what was left out: "read_left_out" unless said. */
  readonly reader?: string | undefined;
  /** Whose window it is, in its gauge: "here" unless said. */
  readonly partition?: string | undefined;
  readonly onEvent?: ((event: ContextEvent) => void) | undefined;
}

type Usual =
  | "reserveTokens"
  | "beside"
  | "notesAt"
  | "compactAt"
  | "summariseAt"
  | "compactTo"
  | "patienceMs"
  | "reader"
  | "partition"
  | "onEvent";

export type FullSettings<Message> = ContextWindowSettings<Message> & {
  readonly [Name in Usual]-?: Exclude<ContextWindowSettings<Message>[Name], undefined>;
};

const RESERVE_TOKENS = 4096;
const PATIENCE_MS = 120_000;
const READER = "read_left_out";
const NAMES: Readonly<Record<keyof ContextWindowSettings<unknown>, true>> = {
  style: true,
  store: true,
  sizeTokens: true,
  reserveTokens: true,
  beside: true,
  notesAt: true,
  compactAt: true,
  summariseAt: true,
  compactTo: true,
  isPinned: true,
  writeNotes: true,
  summarise: true,
  patienceMs: true,
  reader: true,
  partition: true,
  onEvent: true,
};
const FUNCTIONS = ["isPinned", "writeNotes", "summarise", "onEvent"] as const;
const STYLE = ["roleOf", "partsOf", "withResult", "userMessage", "inputTokensOf"];

/** Throws `bad-argument`. */
export function checkedSettings<Message>(given: ContextWindowSettings<Message>): FullSettings<Message> {
  checkNames("a window", given, Object.keys(NAMES));
  const settings: FullSettings<Message> = {
    reserveTokens: RESERVE_TOKENS,
    beside: "",
    notesAt: 0.6,
    compactAt: 0.75,
    summariseAt: 0.85,
    compactTo: 0.45,
    patienceMs: PATIENCE_MS,
    reader: READER,
    partition: "here",
    onEvent: () => {},
    ...saidOf(given),
  };
  if (settings.style === undefined)
    throw bad("a window needs a style of messages", "One of openaiMessages(), anthropicMessages(), aiSdkMessages().");
  checkMethods("the style of messages", settings.style, STYLE);
  if (settings.store === undefined) throw bad("a window needs a store", "memoryStore(), or put and get of your own.");
  checkMethods("the store", settings.store, ["put", "get"]);
  if (settings.sizeTokens !== undefined) checkTokens("sizeTokens", settings.sizeTokens, 1);
  checkTokens("reserveTokens", settings.reserveTokens, 0);
  checkAbove("patienceMs", settings.patienceMs);
  checkThresholds(settings);
  if (typeof settings.beside !== "string")
    throw bad(`what stands beside the messages is no text but ${shown(settings.beside)}`, "Hand over JSON.stringify(tools).");
  checkText("partition", settings.partition);
  if (typeof settings.reader !== "string" || !/^[\w-]{1,64}$/.test(settings.reader))
    throw bad(`${shown(settings.reader)} is no name of a tool`, "Letters, digits, _ and -, at most 64.");
  for (const name of FUNCTIONS) if (settings[name] !== undefined) checkFunction(name, settings[name]);
  if (settings.sizeTokens !== undefined && settings.reserveTokens >= settings.sizeTokens)
    throw bad(
      `${settings.reserveTokens} of ${settings.sizeTokens} tokens are kept for the answer`,
      "Leave room for the messages: a smaller reserveTokens.",
    );
  return settings;
}

function checkThresholds({
  compactTo,
  notesAt,
  compactAt,
  summariseAt,
}: Pick<FullSettings<unknown>, "compactTo" | "notesAt" | "compactAt" | "summariseAt">): void {
  const shares = [compactTo, notesAt, compactAt, summariseAt].every((share) => typeof share === "number" && share > 0 && share <= 1);
  if (!shares || !(compactTo < compactAt && notesAt <= compactAt && compactAt <= summariseAt))
    throw bad(
      `thresholds are ${shown(notesAt)}, ${shown(compactAt)} and ${shown(summariseAt)}, down to ${shown(compactTo)}`,
      "They are shares: 0 < notesAt <= compactAt <= summariseAt <= 1, and compactTo below compactAt.",
    );
}

export function checkTokens(name: string, value: unknown, least: number): void {
  if (typeof value !== "number" || !Number.isFinite(value) || value < least)
    throw bad(`${name} is ${shown(value)}`, `A number of tokens, ${least} or more.`);
}
