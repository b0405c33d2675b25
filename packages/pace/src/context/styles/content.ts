/** What all styles have alike: parts of which a message or a result is made, some of them text. */
import { type Media, wordyOf } from "../media.ts";
import { type Fields, isFields, type MessagePart, textIn } from "../message-style.ts";
import { guessText } from "../token-guess.ts";

/** As a style knows them; `undefined` for what it knows as none. */
export type MediaOf = (part: unknown) => Media | undefined;

/** `content`: a list of parts, or a text. Without media it has none. */
export function resultPart(callId: string, tool: string | undefined, content: unknown, mediaOf: MediaOf): MessagePart {
  if (!Array.isArray(content)) return { kind: "result", callId, tool, text: textIn(content) };
  const [words, media]: [string[], Media[]] = [[], []];
  for (const part of content as readonly unknown[]) {
    if (isText(part)) words.push(isFields(part) ? textIn(part["text"]) : textIn(part));
    else media.push(mediaOf(part) ?? wordyOf(part, "part"));
  }
  return { kind: "result", callId, tool, text: words.join("\n"), ...(media.length === 0 ? {} : { media }) };
}

/** What is no text, no call and no result. */
export function otherPart(part: Fields, mediaOf: MediaOf): MessagePart {
  const media = mediaOf(part);
  return media === undefined ? unknownPart(part) : { kind: "other", key: media.key, guess: media.guess, media };
}

export function unknownPart(part: Fields): MessagePart {
  const text = textIn(part);
  return { kind: "other", key: text, guess: guessText(text) };
}

/** Another text in what a result has; what is none stays behind it. */
export function withText(content: unknown, text: string): unknown {
  const others = Array.isArray(content) ? content.filter((part) => !isText(part)) : [];
  return others.length === 0 ? text : [{ type: "text", text }, ...others];
}

/** What a result has, with `left` in the place of all that is no text. */
export function withoutOthers(content: readonly unknown[], left: (part: unknown) => unknown): readonly unknown[] {
  return content.map((part) => (isText(part) ? part : left(part)));
}

/** Puts a text part in the place of one after another; where there is no text for it, it stays. */
export function inTurn(texts: readonly (string | undefined)[]): (part: unknown) => unknown {
  let nth = 0;
  return (part) => {
    const text = texts[nth++];
    return text === undefined ? part : { type: "text", text };
  };
}

/** Within a result. */
function isText(part: unknown): boolean {
  return !isFields(part) || typeof part["text"] === "string";
}
