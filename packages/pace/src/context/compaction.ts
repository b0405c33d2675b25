/**
 * Two ways to make messages shorter. *By reference*: outputs of tools that the model has read stand no more in full, the oldest first. *By summary*: the oldest groups of messages
 * become one message. What leaves is kept before it leaves, to the character.
 *
 * Invariants: nothing grows; pinned messages stay as they are; a call and its results stay or leave together, in their order; what the model has not read yet stays in full
 * unless nothing fits otherwise.
 */
import type { Calibration } from "./calibration.ts";
import { gainOf } from "./gain.ts";
import type { IsPinned, Outline } from "./groups.ts";
import type { Ledger, Weighed } from "./ledger.ts";
import { gainOfMedia, type Held, heldIn, leaveOut, mediaIn } from "./left-media.ts";
import type { Media } from "./media.ts";
import type { MessagePart, MessageStyle } from "./message-style.ts";
import { inTime, type Patience } from "./patience.ts";
import { EARLIER_WORK, type Kept, type Shelf } from "./shelf.ts";
import { pageText, sliced, standInText, summaryText } from "./shown-text.ts";
import type { LookAtText } from "./text-looks.ts";
import { guessText } from "./token-guess.ts";

export interface Measures<Message> {
  readonly style: MessageStyle<Message>;
  readonly ledger: Ledger;
  readonly calibration: Calibration;
  readonly shelf: Shelf;
  /** The name of the tool that reads what was left out. */
  readonly reader: string;
  /** By the owner. */
  readonly isPinned: IsPinned<Message> | undefined;
  partsOf(message: Message): readonly MessagePart[];
  weigh(message: Message): Weighed;
  readonly lookAt: LookAtText;
}

/** An output of a tool in the messages. */
export interface Output {
  readonly index: number;
  readonly callId: string;
  readonly tool: string;
  readonly text: string;
  readonly media: readonly Media[];
}

export interface SummaryRequest {
  /** What the messages say, one after another. */
  readonly text: string;
  /** A summary that may take more than so many tokens is not used. */
  readonly mostTokens: number;
  /** Aborts where nobody waits for it any more. */
  readonly signal: AbortSignal;
}

export type Summarise = (request: SummaryRequest) => Promise<string>;

/** Outputs that may leave: not pinned, and with a name of their own within their message, as two under one name cannot be told apart. */
export function outputsOf<Message>(messages: readonly Message[], { partsOf, isPinned }: Measures<Message>): readonly Output[] {
  const tools = new Map<string, string>();
  return messages.flatMap((message, index) => {
    const parts = partsOf(message);
    const counts = new Map<string, number>();
    const stays = isPinned?.(message, index) === true;
    for (const part of parts) {
      if (part.kind === "call") tools.set(part.callId, part.tool);
      if (part.kind === "result") counts.set(part.callId, (counts.get(part.callId) ?? 0) + 1);
    }
    return parts.flatMap((part) =>
      part.kind === "result" && !stays && counts.get(part.callId) === 1
        ? [{ index, callId: part.callId, tool: part.tool ?? tools.get(part.callId) ?? "", text: part.text, media: part.media ?? [] }]
        : [],
    );
  });
}

/** Keeps the text of each and puts in its place what `shownAs` says, where that is shorter; the same array where none is. */
export async function replaceOutputs<Message>(
  messages: readonly Message[],
  outputs: readonly Output[],
  shownAs: (kept: Kept, text: string) => string,
  { style, shelf }: Measures<Message>,
): Promise<readonly Message[]> {
  let next: Message[] | undefined;
  for (const { index, callId, tool, text } of outputs) {
    const kept = shelf.shownFor(text) ?? (await shelf.keep(tool, text));
    if (kept === undefined) continue;
    const shown = shownAs(kept, text);
    if (shown.length >= text.length) continue;
    shelf.standsFor(shown, kept);
    next ??= [...messages];
    next[index] = style.withResult(next[index] as Message, callId, shown);
  }
  return next ?? messages;
}

/** What will stand for an output, as long as it will be, before anything is kept. */
function expectedStandIn({ tool, text }: Pick<Output, "tool" | "text">, reader: string): string {
  return standInText({ reference: `ref-${"0".repeat(16)}`, tool, characters: text.length }, text, reader);
}

/** What may stand by reference: an output, or what a message has of pictures and files. */
export type Leave = { readonly index: number; readonly gain: number } & ({ readonly output: Output } | { readonly held: Held });

/**
 * The oldest first, without the newest within `keepTokens` and without what brings nothing. `mayLeave`: of messages with pictures and files, as what a tool showed may be seen
 * again, and what the user shows may not.
 */
export function leavesOf<Message>(
  messages: readonly Message[],
  { keepTokens, freshFrom, mayLeave }: { readonly keepTokens: number; readonly freshFrom: number; mayLeave(index: number): boolean },
  measures: Measures<Message>,
): readonly Leave[] {
  const messageAt = (index: number): Message => messages[index] as Message;
  const all: readonly Leave[] = [
    ...outputsOf(messages, measures).map((output) => {
      const shown = expectedStandIn(output, measures.reader);
      const gain = gainOf(messageAt(output.index), measures.lookAt(output.text).guess, [shown], measures);
      return { index: output.index, gain, output };
    }),
    ...heldIn(messages, measures)
      .filter(({ index }) => mayLeave(index))
      .map((held) => ({ index: held.index, gain: gainOfMedia(messageAt(held.index), held.media, measures), held })),
  ];
  let newest = 0;
  const leaves: Leave[] = [];
  for (const leave of all.toSorted((one, other) => one.index - other.index).toReversed()) {
    if (leave.index >= freshFrom) continue;
    newest += Math.max(0, leave.gain);
    if (leave.gain > 0 && newest > keepTokens) leaves.unshift(leave);
  }
  return leaves;
}

/** Keeps each and puts what stands for it in its place. */
export async function leaveByReference<Message>(
  messages: readonly Message[],
  leaves: readonly Leave[],
  measures: Measures<Message>,
): Promise<readonly Message[]> {
  const outputs = leaves.flatMap((leave) => ("output" in leave ? [leave.output] : []));
  const held = leaves.flatMap((leave) => ("held" in leave ? [leave.held] : []));
  const next = await replaceOutputs(messages, outputs, (kept, text) => standInText(kept, text, measures.reader), measures);
  return leaveOut(next, held, measures);
}

/** The longest of beginnings and ends that takes at most so many tokens, and is at least so long that it says something. */
export function pageWithin(kept: Kept, text: string, reader: string, mostTokens: number, calibration: Calibration): string {
  for (let characters = MOST_PAGE_CHARACTERS; characters > LEAST_PAGE_CHARACTERS; characters = characters >> 1) {
    const shown = pageText(kept, text, reader, characters);
    if (shown.length < text.length && calibration.most(guessText(shown)) <= mostTokens) return shown;
  }
  return standInText(kept, text, reader);
}

const MOST_PAGE_CHARACTERS = 16_384;
const LEAST_PAGE_CHARACTERS = 128;
/** Of a call or a word, in the summary that no model wrote. */
const LINE_CHARACTERS = 160;

/** Indexes of messages that leave for a summary: all but what is pinned, not read, or of the last groups within `keepTokens`. `isTight`: what is between leaves too. */
export function leaving<Message>(
  messages: readonly Message[],
  { groups, freshFrom }: Outline,
  { keepTokens, isTight }: { readonly keepTokens: number; readonly isTight: boolean },
  { ledger, weigh }: Measures<Message>,
): readonly number[] {
  const left: number[] = [];
  let kept = 0;
  for (const group of groups.toReversed()) {
    const indexes = Array.from({ length: group.to - group.from }, (_, offset) => group.from + offset);
    const stays = group.isPinned && !(isTight && group.isBetween);
    for (const index of indexes) kept += stays ? 0 : ledger.tokensOf(weigh(messages[index] as Message));
    if (!stays && group.to < freshFrom && kept > keepTokens) left.push(...indexes);
  }
  return left.sort((one, other) => one - other);
}

export interface Summarised<Message> {
  readonly messages: readonly Message[];
  readonly kept: Kept;
  /** By whom; a summariser that failed, took too long, or wrote too much, is told with the reason. */
  readonly by: "summariser" | "rule";
  readonly failure: unknown;
}

/** One message in the place of those; `undefined` where it would not be shorter, or could not be kept. Throws the signal's reason. */
export async function summarised<Message>(
  messages: readonly Message[],
  indexes: readonly number[],
  mostTokens: number,
  {
    summarise,
    signal,
    patience,
  }: { readonly summarise: Summarise | undefined; readonly signal: AbortSignal | undefined; readonly patience: Patience },
  measures: Measures<Message>,
): Promise<Summarised<Message> | undefined> {
  const { style, shelf, calibration, ledger, reader, weigh } = measures;
  const leaves = new Set(indexes);
  const bare = await leaveOut(
    messages,
    heldIn(messages, measures).filter(({ index }) => leaves.has(index)),
    measures,
  );
  const leaving = indexes.map((index) => bare[index] as Message);
  // A picture that the store did not keep would be lost: a summary has no room for it.
  if (leaving.some((message) => mediaIn(message, measures).length > 0)) return undefined;
  const told = transcriptOf(leaving, measures);
  const before = indexes.reduce((sum, index) => sum + ledger.tokensOf(weigh(messages[index] as Message)), 0);
  const most = Math.min(mostTokens, before / 2);
  const kept = await shelf.keep(EARLIER_WORK, told);
  if (kept === undefined) return undefined;
  const fits = (text: string): boolean => text.length < told.length && calibration.most(guessText(text)) <= most;

  let [failure, text]: [unknown, string | undefined] = [undefined, undefined];
  if (summarise !== undefined) {
    try {
      const summary: unknown = await inTime(patience, signal, (ends) =>
        summarise({ text: told, mostTokens: Math.floor(most), signal: ends }),
      );
      if (typeof summary !== "string" || summary.trim() === "") failure = "it gave no text";
      else if (!fits(summaryText(kept, summary, reader)))
        failure = `it gave ${summary.length} characters, which may take more than ${Math.floor(most)} tokens`;
      else text = summaryText(kept, summary, reader);
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  const by = text === undefined ? "rule" : "summariser";
  for (let lines = byRule(messages, indexes, measures); text === undefined; lines = lines.slice((lines.length >> 1) + 1)) {
    const tried = summaryText(kept, lines.join("\n"), reader);
    if (fits(tried)) text = tried;
    else if (lines.length === 0) return undefined;
  }
  const [first = 0] = indexes;
  const summary = style.userMessage(text);
  return {
    messages: messages.flatMap((message, index) => (index === first ? [summary] : leaves.has(index) ? [] : [message])),
    kept,
    by,
    failure,
  };
}

/** What nobody's words are needed for: who called what, and where its output is kept. Outputs themselves are not in it, as they would speak with the user's voice. */
function byRule<Message>(
  messages: readonly Message[],
  indexes: readonly number[],
  { partsOf, shelf }: Measures<Message>,
): readonly string[] {
  return indexes.flatMap((index) => partsOf(messages[index] as Message).flatMap((part) => ruleLines(part, shelf)));
}

function ruleLines(part: MessagePart, shelf: Shelf): readonly string[] {
  switch (part.kind) {
    case "text":
      return [`- ${oneLine(part.text)}`];
    case "call":
      return [`- ${part.tool.slice(0, 64)} ${oneLine(part.text)}`];
    case "result": {
      const kept = shelf.shownFor(part.text);
      return kept === undefined ? [] : [`  its output: ${kept.reference}, ${kept.characters} characters`];
    }
    case "other":
      return [];
  }
}

/** What was read again is a copy, and would be found before what it is a copy of. */
function transcriptOf<Message>(messages: readonly Message[], { style, partsOf, reader }: Measures<Message>): string {
  const copies = new Set<string>();
  const lines = messages.map((message) => {
    const parts = partsOf(message).filter((part) => {
      if (part.kind === "call" && part.tool === reader) copies.add(part.callId);
      else if (part.kind === "call") copies.delete(part.callId);
      return (part.kind !== "call" && part.kind !== "result") || !copies.has(part.callId);
    });
    return parts.length === 0 ? "" : `${style.roleOf(message)}: ${parts.map(inWords).join("\n")}`;
  });
  return lines.filter((line) => line !== "").join("\n\n");
}

function inWords(part: MessagePart): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "call":
      return `calls ${part.tool} (${part.callId}): ${part.text}`;
    case "result":
      return `result of ${part.callId}: ${part.text}`;
    case "other":
      return part.key;
  }
}

function oneLine(text: string): string {
  const line = sliced(text, 0, LINE_CHARACTERS).replaceAll(/\s+/g, " ");
  return line.length < text.length ? `${line} …` : line;
}
