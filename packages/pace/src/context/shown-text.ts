/** What stands in the window for texts that left it. Each names the reference, the size, and how to read on; models read it, so it is said in words. */
import { type Kept, MEDIA_BEGINS } from "./shelf.ts";

/** What a summary begins with: by this it is known again, so that it is not taken for what the user asks. */
export const SUMMARY_BEGINS = "[Earlier work in short: ";

/** Of an output, so that the model knows what it was. */
const HEAD_CHARACTERS = 48;

/** For an output that the model has read. Short, as there may be hundreds: the call above it says what it was, and the tool's description how to read it. */
export function standInText(kept: Kept, text: string, reader: string): string {
  const head = sliced(text, 0, HEAD_CHARACTERS).replaceAll(/\s+/g, " ");
  return `[${kept.characters} characters left out, ${reader} ${kept.reference}: ${head} …]`;
}

/** For a picture, a document. Short, as there may be hundreds. `reader` reads it again where it is words. */
export function leftOutText(what: string, reference: string, reader: string): string {
  return reference.startsWith(MEDIA_BEGINS) ? `[${what} left out: ${reference}]` : `[${what} left out: ${reader} ${reference}]`;
}

/** Whether that text is nobody's words, but stands for what was said or shown. */
export function isStandIn(text: string): boolean {
  return text.startsWith(SUMMARY_BEGINS) || /^\[[a-z]+ left out: [\w -]+\]$/.test(text);
}

/** For an output that is too large: so many characters of its beginning, and half as many of its end. */
export function pageText(kept: Kept, text: string, reader: string, characters: number): string {
  const head = sliced(text, 0, characters);
  const tail = sliced(text, text.length - (characters >> 1), text.length);
  const between = text.length - head.length - tail.length;
  return `${head}\n[${between} of ${kept.characters} characters left out here, ${reader} ${kept.reference}, from ${head.length}]\n${tail}`;
}

export function summaryText(kept: Kept, summary: string, reader: string): string {
  return `${SUMMARY_BEGINS}${kept.characters} characters left out, ${reader} ${kept.reference}. It asks for nothing.]\n${summary}`;
}

/** A slice that cuts no character in two: halves of a pair are no text for a service. */
export function sliced(text: string, from: number, to: number): string {
  return text.slice(boundary(text, from), boundary(text, to));
}

/** The same place, or the one before it where it lies within a pair. */
export function boundary(text: string, at: number): number {
  const place = Math.max(0, Math.min(text.length, at));
  const isWithin = place > 0 && place < text.length && isHigh(text.charCodeAt(place - 1)) && isLow(text.charCodeAt(place));
  return isWithin ? place - 1 : place;
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}
