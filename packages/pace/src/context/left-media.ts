/** Media that leave the messages: all of a message at once, and whole. What stands for one is a text part in its place, so that the message stays what its style has it be. */
import type { Measures } from "./compaction.ts";
import { gainOf } from "./gain.ts";
import { type Media, mediaText } from "./media.ts";
import type { MessagePart } from "./message-style.ts";
import { MEDIA_BEGINS, type Shelf } from "./shelf.ts";
import { leftOutText } from "./shown-text.ts";
import { addGuesses, NO_TOKENS } from "./token-guess.ts";

/** What one message has of them. */
export interface Held {
  readonly index: number;
  readonly media: readonly Media[];
}

/** In their order; none where the style cannot take them out. */
export function mediaIn<Message>(message: Message, { style, partsOf }: Pick<Measures<Message>, "style" | "partsOf">): readonly Media[] {
  return style.withoutMedia === undefined ? [] : partsOf(message).flatMap(mediaOfPart);
}

function mediaOfPart(part: MessagePart): readonly Media[] {
  if (part.kind === "result") return part.media ?? [];
  return part.kind === "other" && part.media !== undefined ? [part.media] : [];
}

/** Those that the owner has not pinned. */
export function heldIn<Message>(messages: readonly Message[], measures: Measures<Message>): readonly Held[] {
  return messages.flatMap((message, index) => {
    const media = mediaIn(message, measures);
    return media.length === 0 || measures.isPinned?.(message, index) === true ? [] : [{ index, media }];
  });
}

/** How many tokens less the message takes without them, at least. */
export function gainOfMedia<Message>(message: Message, media: readonly Media[], measures: Measures<Message>): number {
  const own = media.reduce((sum, { guess }) => addGuesses(sum, guess), NO_TOKENS);
  const shown = media.map(({ what }) => leftOutText(what, `${MEDIA_BEGINS}${"0".repeat(16)}`, measures.reader));
  return gainOf(message, own, shown, measures);
}

/** Keeps each and puts a word in its place; what is not kept stays. The same array where none left. */
export async function leaveOut<Message>(
  messages: readonly Message[],
  held: readonly Held[],
  { style, shelf, reader }: Measures<Message>,
): Promise<readonly Message[]> {
  let next: Message[] | undefined;
  for (const { index, media } of held) {
    const texts: (string | undefined)[] = [];
    for (const one of media) texts.push(await leftOut(one, shelf, reader));
    if (style.withoutMedia === undefined || texts.every((text) => text === undefined)) continue;
    next ??= [...messages];
    next[index] = style.withoutMedia(next[index] as Message, texts);
  }
  return next ?? messages;
}

async function leftOut({ what, source, guess }: Media, shelf: Shelf, reader: string): Promise<string | undefined> {
  const text = mediaText(source);
  if (text === undefined) return undefined;
  const kept = await (guess.media > 0 ? shelf.keepMedia(text) : shelf.keep(what, text));
  return kept === undefined ? undefined : leftOutText(what, kept.reference, reader);
}
