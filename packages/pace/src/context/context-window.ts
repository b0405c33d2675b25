/**
 * The window of a model as a quota: looked at before every model call inside a turn, and before an output of a tool comes in.
 *
 *   const window = createContextWindow({ style: openaiMessages(), store: memoryStore(), sizeTokens: 128_000 });
 *   for (;;) {
 *     const call = await window.before(messages);
 *     messages = [...call.messages];
 *     const answer = await ask(messages);
 *     call.answered(answer.usage);
 *     …
 *     messages.push({ role: "tool", tool_call_id, content: await window.admit("read_file", output) });
 *   }
 *
 * Input: messages, outputs, what answers and refusals tell. Counted is what answers told, and guessed high what nobody told; to that comes what the tools in use are likely to add.
 * Of this *level*: from `notesAt` on notes are written once, from `compactAt` on outputs that were read stand by reference, from `summariseAt` on old messages become one; each
 * leads down to `compactTo`, or is not done where it brings little, so that it is seldom. What does not fit then makes everything leave that may; what does not fit still is
 * refused here and not by the service. Invariants: no call leaves that takes more than the window, as far as counted; what leaves the window is kept first.
 */
import { bad, checkList, checkNames, checkSignal, checkText, shown } from "../argument.ts";
import { PaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";
import { systemClock } from "../host/node/clock.ts";
import type { Gauge } from "../quota/gauge.ts";
import { createCalibration, MOST_WRONG } from "./calibration.ts";
import { leaveByReference, leavesOf, leaving, type Measures, outputsOf, pageWithin, replaceOutputs, summarised } from "./compaction.ts";
import type { ContextStore } from "./context-store.ts";
import { outlineOf } from "./groups.ts";
import { createLedger, type Weighed } from "./ledger.ts";
import { heldIn, leaveOut } from "./left-media.ts";
import type { MessagePart } from "./message-style.ts";
import { overflowOf } from "./overflow.ts";
import { inTime, type Patience } from "./patience.ts";
import { createReadingTool, type ReadingTool } from "./reading-tool.ts";
import { type ContextWindowSettings, checkedSettings, checkTokens } from "./settings.ts";
import { createShelf } from "./shelf.ts";
import { createTextLooks } from "./text-looks.ts";
import { addGuesses } from "./token-guess.ts";
import { createToolGrowth } from "./tool-growth.ts";
import { weighParts } from "./weigh.ts";
import { createWindowSize } from "./window-size.ts";

/** One model call that fits. */
export interface ContextCall<Message> {
  /** What to send. The same array where nothing had to be done. */
  readonly messages: readonly Message[];
  /** Tokens that they take at most, as far as is known. */
  readonly tokens: number;
  /** `usage`: as the answer has it. */
  answered(usage: unknown): void;
  /** Whether the service refused it as too long: then ask `before` again, with the same messages. False also where its numbers are those of no window. */
  refused(error: unknown): boolean;
}

export type Admission = "fits" | "compact-first" | "page";

export interface ContextLook {
  /** What would be done with an output of so many tokens at most; with none, with the next call. */
  readonly admission: Admission;
  /** Share of what is free for messages, with what the next outputs are likely to add. */
  readonly level: number;
  readonly usedTokens: number;
  readonly growthTokens: number;
  /** For messages. */
  readonly roomTokens: number;
}

export interface ContextWindow<Message> {
  /** Gives messages of the type that they have: a client's own, for one. Throws `quota-spent` where all left that may and it does not fit still; the reason of the signal. */
  before<Own extends Message>(messages: readonly Own[], options?: { readonly signal?: AbortSignal | undefined }): Promise<ContextCall<Own>>;
  /** What to put into the messages as the output of a tool: all of it, or its beginning and end with a reference. */
  admit(tool: string, text: string): Promise<string>;
  look(outputTokens?: number): ContextLook;
  /** The service says how large the window is: in a list of models, in a header. */
  told(sizeTokens: number): void;
  /** Hand it to the model with the other tools: what was left out is read with it. */
  readonly readingTool: ReadingTool;
  /** For the ladder, the forecast and monitors. */
  gauge(): Gauge;
}

/** Of the window: beyond what guesses are wrong, services put words of their own around messages. */
const SPARE = 0.01;
/** Of the room: an output that takes more comes in by its beginning and end. Eight such fill the window. */
const LARGEST = 0.125;
/** Of the room: what an output by its beginning and end takes, at most. */
const PAGE = 0.02;
/** Of the room: outputs of the last groups that stay in full, and messages that no summary takes. */
const KEPT = 0.2;
/** Of the room: a summary. */
const SUMMARY = 0.08;
/** Of the room: a compaction that brings less is not worth the service's cache. */
const LEAST_GAIN = 0.1;
/** Notes are written again when the level was so much below their threshold. */
const CALM = 0.15;
/** What likely fits by a quarter is sent where nothing more can be left out: a refusal tells what it takes, and work that ends for a guess has ended for nothing. */
const SURE = 1.25;
/** Of the room: what of the reserve is taken off a window too small for it. */
const MOST_RESERVE = 0.5;

/** Throws `bad-argument`. */
export function createContextWindow<Message>(given: ContextWindowSettings<Message>, clock: Clock = systemClock): ContextWindow<Message> {
  const settings = checkedSettings(given);
  const { style, reader, onEvent } = settings;
  const size = createWindowSize(settings.sizeTokens);
  const calibration = createCalibration();
  const ledger = createLedger(calibration);
  const growth = createToolGrowth();
  const patience: Patience = { clock, patienceMs: settings.patienceMs };
  const store: ContextStore = {
    put: (reference, text) => inTime(patience, undefined, () => settings.store.put(reference, text)),
    get: (reference) => inTime(patience, undefined, () => settings.store.get(reference)),
  };
  const shelf = createShelf(store, (cause) => onEvent({ kind: "store-failed", cause }));
  const lookAt = createTextLooks();
  const besideWeight: readonly Weighed[] =
    settings.beside === "" ? [] : [weighParts("system", [{ kind: "text", text: settings.beside }], lookAt)];
  let usedTokens = 0;
  /** Of outputs that came in since the last call. */
  let pendingTokens = 0;
  let isNoted = false;
  let calls = 0;
  let toldOf = 0;
  if (size.source === "assumed") onEvent({ kind: "assumed", sizeTokens: size.tokens });

  const reserve = (): number => Math.min(settings.reserveTokens, size.tokens * MOST_RESERVE);
  const room = (): number => Math.max(1, size.tokens - reserve() - size.tokens * SPARE);
  const largest = (): number => room() * LARGEST;
  const levelOf = (tokens: number): number => (tokens + growth.next(largest())) / room();

  const resized = (change: () => void): void => {
    const beforeTokens = size.tokens;
    change();
    if (size.tokens !== beforeTokens) onEvent({ kind: "size", sizeTokens: size.tokens, beforeTokens, source: size.source });
  };

  /** For one call: what is in a message is looked at once. */
  const measuring = (): Measures<Message> & {
    most(messages: readonly Message[]): number;
    likely(messages: readonly Message[]): number;
  } => {
    const parts = new Map<Message, readonly MessagePart[]>();
    const weights = new Map<Message, Weighed>();
    const partsOf = (message: Message): readonly MessagePart[] => {
      const known = parts.get(message) ?? style.partsOf(message);
      parts.set(message, known);
      return known;
    };
    const weigh = (message: Message): Weighed => {
      const known = weights.get(message) ?? weighParts(style.roleOf(message), partsOf(message), lookAt);
      weights.set(message, known);
      return known;
    };
    const all = (messages: readonly Message[]): readonly Weighed[] => [...besideWeight, ...messages.map(weigh)];
    return {
      style,
      ledger,
      calibration,
      shelf,
      reader,
      isPinned: settings.isPinned,
      partsOf,
      weigh,
      lookAt,
      most: (messages) => ledger.most(all(messages)),
      likely: (messages) => ledger.likely(all(messages)),
    };
  };
  type Measuring = ReturnType<typeof measuring>;

  /** Fresh outputs that nobody admitted: an owner may have put two megabytes in by himself. */
  const pageLarge = async (
    messages: readonly Message[],
    freshFrom: number,
    measures: Measuring,
    mostTokens: number,
  ): Promise<readonly Message[]> => {
    const large = outputsOf(messages, measures).filter(
      ({ index, text }) => index >= freshFrom && calibration.most(lookAt(text).guess) > mostTokens && shelf.shownFor(text) === undefined,
    );
    return replaceOutputs(
      messages,
      large,
      (kept, text) => {
        onEvent({ kind: "paged", tool: kept.tool, reference: kept.reference, characters: kept.characters });
        return pageWithin(kept, text, reader, room() * PAGE, calibration);
      },
      measures,
    );
  };

  /**
   * Outputs, and pictures and files that tools showed, by reference, the oldest first, until it is at `goal`. `keepTokens`: of the newest that stay. `isTight`: what the user
   * showed leaves too, where he does not ask of it now.
   */
  const compact = async (
    messages: readonly Message[],
    measures: Measuring,
    { goal, keepTokens, leastGain, isTight }: { goal: number; keepTokens: number; leastGain: number; isTight: boolean },
  ): Promise<readonly Message[]> => {
    const fromTokens = measures.most(messages);
    const { groups, freshFrom } = outlineOf(messages, style, measures.partsOf, settings.isPinned);
    const isAsked = (index: number): boolean =>
      groups.some(({ from, to, isPinned, isBetween }) => isPinned && !isBetween && from <= index && index < to);
    const mayLeave = (index: number): boolean => style.roleOf(messages[index] as Message) === "tool" || (isTight && !isAsked(index));
    const candidates = leavesOf(messages, { keepTokens, freshFrom, mayLeave }, measures);
    const sum = candidates.reduce((all, { gain }) => all + gain, 0);
    if (sum <= leastGain) return messages;
    let [next, at, isOver] = [messages, 0, true];
    while (at < candidates.length && isOver) {
      const missing = measures.most(next) - goal;
      const from = at;
      for (let won = 0; at < candidates.length && won < missing; at++) won += candidates[at]?.gain ?? 0;
      next = await leaveByReference(next, candidates.slice(from, at), measures);
      isOver = measures.most(next) > goal;
    }
    const toTokens = measures.most(next);
    if (toTokens >= fromTokens) return messages;
    onEvent({ kind: "compacted", outputs: at, fromTokens, toTokens });
    return next;
  };

  const summarise = async (
    messages: readonly Message[],
    measures: Measuring,
    { keepTokens, leastGain, mostTokens, isTight }: { keepTokens: number; leastGain: number; mostTokens: number; isTight: boolean },
    signal: AbortSignal | undefined,
  ): Promise<readonly Message[]> => {
    const outline = outlineOf(messages, style, measures.partsOf, settings.isPinned);
    const indexes = leaving(messages, outline, { keepTokens, isTight }, measures);
    const gain = indexes.reduce((sum, index) => sum + ledger.tokensOf(measures.weigh(messages[index] as Message)), 0);
    if (indexes.length === 0 || gain <= leastGain) return messages;
    const fromTokens = measures.most(messages);
    const done = await summarised(messages, indexes, mostTokens, { summarise: settings.summarise, signal, patience }, measures);
    if (done === undefined) return messages;
    const { by, failure, kept } = done;
    onEvent({
      kind: "summarised",
      by,
      failure,
      messages: indexes.length,
      reference: kept.reference,
      fromTokens,
      toTokens: measures.most(done.messages),
    });
    return done.messages;
  };

  const note = async (messages: readonly Message[], level: number, signal: AbortSignal | undefined): Promise<void> => {
    if (level < settings.notesAt - CALM) isNoted = false;
    const { writeNotes } = settings;
    if (writeNotes === undefined || isNoted || level < settings.notesAt) return;
    try {
      await inTime(patience, signal, (ends) => writeNotes(messages, ends));
      isNoted = true;
      onEvent({ kind: "notes" });
    } catch (cause) {
      signal?.throwIfAborted();
      onEvent({ kind: "notes-failed", cause });
    }
  };

  const fitted = async (given: readonly Message[], measures: Measuring, signal: AbortSignal | undefined): Promise<readonly Message[]> => {
    const freshOf = (messages: readonly Message[]): number => outlineOf(messages, style, measures.partsOf, settings.isPinned).freshFrom;
    const freshFrom = freshOf(given);
    let messages = await pageLarge(given, freshFrom, measures, largest());
    growth.turned();
    for (const { index, tool, text, media } of outputsOf(messages, measures))
      if (index >= freshFrom)
        growth.saw(tool, calibration.likely(media.reduce((sum, one) => addGuesses(sum, one.guess), lookAt(text).guess)));

    await note(messages, levelOf(measures.most(messages)), signal);
    const goal = room() * settings.compactTo;
    const leastGain = (): number => (measures.most(messages) > room() ? 0 : room() * LEAST_GAIN);
    if (levelOf(measures.most(messages)) >= settings.compactAt)
      messages = await compact(messages, measures, { goal, keepTokens: room() * KEPT, leastGain: leastGain(), isTight: false });
    const usual = { keepTokens: room() * KEPT, mostTokens: room() * SUMMARY };
    if (levelOf(measures.most(messages)) >= settings.summariseAt)
      messages = await summarise(messages, measures, { ...usual, leastGain: room() * LEAST_GAIN, isTight: false }, signal);
    if (measures.most(messages) <= room()) return messages;
    // It does not fit: what the user showed and said between his first request and his newest leaves before the work at hand does.
    messages = await compact(messages, measures, { goal, keepTokens: room() * KEPT, leastGain: 0, isTight: true });
    if (measures.most(messages) > room()) messages = await summarise(messages, measures, { ...usual, leastGain: 0, isTight: true }, signal);
    if (measures.most(messages) <= room()) return messages;
    // Nothing less helps: all that was read, then what was not.
    messages = await compact(messages, measures, { goal, keepTokens: 0, leastGain: 0, isTight: true });
    if (measures.most(messages) > room())
      messages = await summarise(
        messages,
        measures,
        { keepTokens: 0, leastGain: 0, mostTokens: Number.POSITIVE_INFINITY, isTight: true },
        signal,
      );
    const unreadFrom = freshOf(messages);
    for (let most = largest() / 2; measures.most(messages) > room() && most > LEAST_OUTPUT_TOKENS; most /= 4)
      messages = await pageLarge(messages, unreadFrom, measures, most);
    // What a tool shows that no window holds: better to be told so than to end.
    for (const held of heldIn(messages, measures)) {
      if (held.index < unreadFrom || style.roleOf(messages[held.index] as Message) !== "tool") continue;
      const fromTokens = measures.most(messages);
      if (fromTokens <= room() || measures.likely(messages) * SURE <= room()) break;
      const next = await leaveOut(messages, [held], measures);
      if (next !== messages) onEvent({ kind: "compacted", outputs: 1, fromTokens, toTokens: measures.most(next) });
      messages = next;
    }
    return messages;
  };

  const tooLong = (messages: readonly Message[], measures: Measuring): PaceError => {
    const weights = messages.map((message) => ledger.tokensOf(measures.weigh(message)));
    const index = weights.indexOf(Math.max(...weights));
    const role = index < 0 ? "none" : style.roleOf(messages[index] as Message);
    return new PaceError(
      "quota-spent",
      `messages of ${measures.most(messages)} tokens do not fit in ${Math.floor(room())}, and nothing more can be left out`,
      `The longest is the ${role} message at ${index}, of some ${Math.ceil(weights[index] ?? 0)} tokens: shorten it, unpin it, or take a model with a larger window than ${size.tokens} (${size.source}).`,
      { availableInMs: Number.POSITIVE_INFINITY },
    );
  };

  const look = (outputTokens = 0): ContextLook => {
    checkTokens("outputTokens", outputTokens, 0);
    const tokens = usedTokens + pendingTokens + outputTokens;
    // The model's own words come between the last call and its outputs.
    const next = tokens + (pendingTokens > 0 || outputTokens > 0 ? reserve() : 0);
    const admission =
      outputTokens > largest() || (outputTokens > 0 && next > room())
        ? "page"
        : levelOf(tokens) >= settings.compactAt
          ? "compact-first"
          : "fits";
    return { admission, level: levelOf(tokens), usedTokens: tokens, growthTokens: growth.next(largest()), roomTokens: room() };
  };

  return {
    before: async <Own extends Message>(given: readonly Own[], options: { readonly signal?: AbortSignal | undefined } = {}) => {
      checkMessages(given);
      checkNames("before", options, ["signal"]);
      const { signal } = options;
      if (signal !== undefined) checkSignal("signal", signal);
      signal?.throwIfAborted();
      const measures = measuring();
      const messages = await fitted(given, measures, signal);
      const tokens = measures.most(messages);
      if (tokens > room()) {
        const likelyTokens = measures.likely(messages);
        if (likelyTokens * SURE > room()) throw tooLong(messages, measures);
        onEvent({ kind: "unsure", mostTokens: tokens, likelyTokens });
      }
      [usedTokens, pendingTokens] = [tokens, 0];
      const nth = ++calls;
      const sent = [...besideWeight, ...messages.map(measures.weigh)];
      const learn = (told: number): void => {
        // An answer that comes late, or again, tells of messages that are no more.
        if (nth <= toldOf) return;
        if (told > Math.max(size.tokens, tokens * MOST_WRONG) || !ledger.told(sent, told)) {
          onEvent({ kind: "disbelieved", tokens: told });
          return;
        }
        toldOf = nth;
        if (nth === calls) usedTokens = ledger.most(sent);
      };
      return {
        // What is put in their place a style writes as the caller's own.
        messages: messages as readonly Own[],
        tokens,
        answered: (usage) => {
          const told = style.inputTokensOf(usage);
          if (told === undefined || !Number.isFinite(told) || told <= 0) return;
          learn(told);
          if (toldOf === nth) resized(() => size.took(told));
        },
        refused: (error) => {
          const overflow = overflowOf(error);
          if (overflow === undefined) return false;
          const { sentTokens, sizeTokens } = overflow;
          if (!size.mayRefuse(sentTokens ?? tokens, sizeTokens)) {
            onEvent({ kind: "disbelieved", tokens: sentTokens ?? tokens });
            return false;
          }
          if (sentTokens !== undefined) learn(sentTokens);
          onEvent({ kind: "overflow", mostTokens: tokens, sentTokens });
          resized(() => size.refused(sentTokens ?? tokens, sizeTokens));
          return true;
        },
      };
    },
    admit: async (tool, text) => {
      checkOutput(tool, text);
      const tokens = calibration.most(lookAt(text).guess);
      const kept = look(tokens).admission === "page" ? await shelf.keep(tool, text) : undefined;
      const most = Math.min(room() * PAGE, Math.max(0, room() - reserve() - usedTokens - pendingTokens));
      const page = kept === undefined ? text : pageWithin(kept, text, reader, most, calibration);
      const shown = page.length < text.length ? page : text;
      if (kept !== undefined && shown !== text) {
        shelf.standsFor(shown, kept);
        onEvent({ kind: "paged", tool, reference: kept.reference, characters: text.length });
      }
      pendingTokens += calibration.most(lookAt(shown).guess);
      return shown;
    },
    look,
    told: (sizeTokens) => {
      checkTokens("sizeTokens", sizeTokens, 1);
      resized(() => size.told(sizeTokens));
    },
    readingTool: createReadingTool(reader, shelf, (text) => look(calibration.most(lookAt(text).guess)).admission !== "page"),
    gauge: () => {
      const [used, next] = [usedTokens + pendingTokens, growth.next(largest())];
      return {
        partition: settings.partition,
        unit: "context-tokens",
        name: "window",
        limit: size.tokens,
        windowMs: undefined,
        shape: "held",
        used,
        waiting: next + reserve(),
        available: Math.max(0, Math.floor(room() - used)),
        resetInMs: undefined,
        source: size.source,
        confidence: size.confidence,
        chargesRefused: undefined,
      };
    },
  };
}

function checkMessages(messages: readonly unknown[]): void {
  checkList("messages", messages);
  const missing = messages.findIndex((message) => message === undefined || message === null);
  if (missing >= 0)
    throw bad(`messages[${missing}] is ${shown(messages[missing])}`, "Hand over the messages of the conversation, each whole.");
}

function checkOutput(tool: unknown, text: unknown): void {
  checkText("the tool of an output", tool);
  if (typeof text !== "string") throw bad(`the output of "${tool}" is no text but ${shown(text)}`, "Hand over JSON.stringify(output).");
}

/** Outputs are not made smaller than this, as nothing would be left that says what they were. */
const LEAST_OUTPUT_TOKENS = 100;
