/**
 * Messages that stay or leave together: a call of tools with all its results, any other message alone.
 *
 * *Pinned* are system messages, what the user asked since the last answer that called nothing, and what the owner pins; a group is pinned where one of it is. Of what the user
 * asked, the first request and the newest stay for good. What stands *between* them leaves where nothing fits otherwise: loops say something each turn, and would end by it.
 * What stands beside results of tools asks for nothing by itself. *Fresh* is what comes after the model's last word: it has not read it yet.
 */
import type { MessagePart, MessageStyle } from "./message-style.ts";
import { isStandIn } from "./shown-text.ts";

export interface Group {
  /** Indexes of messages, the second one not in it. */
  readonly from: number;
  readonly to: number;
  readonly isPinned: boolean;
  /** Pinned by nothing but what stands between the first request and the newest. */
  readonly isBetween: boolean;
}

export interface Outline {
  readonly groups: readonly Group[];
  /** Index of the first message that the model has not read. */
  readonly freshFrom: number;
}

export type IsPinned<Message> = (message: Message, index: number) => boolean;

export function outlineOf<Message>(
  messages: readonly Message[],
  style: MessageStyle<Message>,
  partsOf: (message: Message) => readonly MessagePart[],
  isPinned: IsPinned<Message> = () => false,
): Outline {
  const roles = messages.map((message) => style.roleOf(message));
  const askedFrom = indexAfterLastAnswer(messages, roles, partsOf);
  const starts: number[] = [];
  const startOfCall = new Map<string, number>();
  messages.forEach((message, index) => {
    let start = index;
    for (const part of partsOf(message)) if (part.kind === "result") start = Math.min(start, startOfCall.get(part.callId) ?? start);
    // Whatever stands between a call and its result belongs to them.
    while (starts.length > 0 && (starts.at(-1) as number) > start) starts.pop();
    if (starts.at(-1) !== start) starts.push(start);
    for (const part of partsOf(message)) if (part.kind === "call") startOfCall.set(part.callId, start);
  });
  const staysAnyway = messages.map((message, index) => roles[index] === "system" || isPinned(message, index));
  const asks = (index: number): boolean => roles[index] === "user" && partsOf(messages[index] as Message).some(isAsked);
  const requests = requestsFrom(askedFrom, staysAnyway, asks);
  const asked = new Set(requests.flat());
  const kept = keptOf(requests, (index) => partsOf(messages[index] as Message).some(isWords));
  const groups = starts.map((from, nth) => {
    const to = starts[nth + 1] ?? messages.length;
    const indexes = Array.from({ length: to - from }, (_, offset) => from + offset);
    const isKept = indexes.some((index) => staysAnyway[index] || kept.has(index));
    const isBetween = !isKept && indexes.some((index) => asked.has(index));
    return { from, to, isPinned: isKept || isBetween, isBetween };
  });
  return { groups, freshFrom: roles.lastIndexOf("assistant") + 1 };
}

/** From where on the user waits for an answer: at least his last words. */
function indexAfterLastAnswer<Message>(
  messages: readonly Message[],
  roles: readonly string[],
  partsOf: (message: Message) => readonly MessagePart[],
): number {
  const lastWords = messages.findLastIndex((message, index) => roles[index] === "user" && partsOf(message).some(isAsked));
  const answer = messages.findLastIndex(
    (message, index) => index < lastWords && roles[index] === "assistant" && !partsOf(message).some(({ kind }) => kind === "call"),
  );
  return answer + 1;
}

/**
 * Messages in which the user asks, those together that follow one another: a request and what belongs to it. What became a summary is a request no more, and parts others.
 * What stays anyway is none of them: pinned, it may be of an earlier turn, and the answer that says so may have left.
 */
function requestsFrom(
  askedFrom: number,
  staysAnyway: readonly boolean[],
  asks: (index: number) => boolean,
): readonly (readonly number[])[] {
  const requests: number[][] = [];
  let isOpen = false;
  for (let index = askedFrom; index < staysAnyway.length; index++) {
    if (staysAnyway[index]) continue;
    const isOne = asks(index);
    if (isOne && isOpen) requests.at(-1)?.push(index);
    else if (isOne) requests.push([index]);
    isOpen = isOne;
  }
  return requests;
}

/** The first and the newest, and of those with words too: a loop may show a picture each turn, and the user has said something in between. */
function keptOf(requests: readonly (readonly number[])[], hasWords: (index: number) => boolean): ReadonlySet<number> {
  const says = (request: readonly number[]): boolean => request.some(hasWords);
  const ends = [requests[0], requests.find(says), requests.findLast(says), requests.at(-1)];
  return new Set(ends.flatMap((request) => request ?? []));
}

function isWords(part: MessagePart): boolean {
  return part.kind === "text" && part.text.trim() !== "" && isAsked(part);
}

function isAsked(part: MessagePart): boolean {
  return part.kind === "other" || (part.kind === "text" && !isStandIn(part.text));
}
