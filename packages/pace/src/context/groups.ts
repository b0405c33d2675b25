/**
 * Messages that stay or leave together: a call of tools with all its results, any other message alone.
 *
 * *Pinned* are system messages, what the user asked since the last answer that called nothing, and what the owner pins; a group is pinned where one of it is. *Fresh* is what
 * comes after the model's last word: it has not read it yet.
 */
import type { MessagePart, MessageStyle } from "./message-style.ts";
import { isStandIn } from "./shown-text.ts";

export interface Group {
  /** Indexes of messages, the second one not in it. */
  readonly from: number;
  readonly to: number;
  readonly isPinned: boolean;
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
  const asks = (index: number): boolean =>
    index >= askedFrom && (roles[index] === "user" || roles[index] === "tool") && partsOf(messages[index] as Message).some(isAsked);
  const stays = (index: number): boolean => roles[index] === "system" || asks(index) || isPinned(messages[index] as Message, index);
  const groups = starts.map((from, nth) => {
    const to = starts[nth + 1] ?? messages.length;
    return { from, to, isPinned: messages.slice(from, to).some((_, offset) => stays(from + offset)) };
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

function isAsked(part: MessagePart): boolean {
  return part.kind === "other" || (part.kind === "text" && !isStandIn(part.text));
}
