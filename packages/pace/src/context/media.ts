/** What messages carry that is no text: pictures, documents, sound. Half a picture is none, so they are never cut: they stay, or leave whole. */
import { isFields, textIn } from "./message-style.ts";
import { guessMedia, guessText, type TokenGuess } from "./token-guess.ts";

export interface Media {
  /** Tells one from another, and is short however large it is. */
  readonly key: string;
  readonly guess: TokenGuess;
  /** In a word: "picture". */
  readonly what: string;
  /** As the client has it. */
  readonly source: unknown;
}

/** Of what is sent as base64: so many pieces of it tell one from another. Who makes two alike gets them counted as one is, which they are. */
const PIECES = 64;
const PIECE_CHARACTERS = 32;

/** `data`: base64, an address, or bytes. */
export function pictureOf(source: unknown, data: unknown): Media {
  return { key: keyOf("picture", data), guess: guessMedia(true, 0), what: "picture", source };
}

/** A document, a recording: what it takes goes by its size, where that is known. */
export function fileOf(source: unknown, data: unknown): Media {
  const isAddress = data instanceof URL || (typeof data === "string" && /^https?:/.test(data));
  return { key: keyOf("file", data), guess: guessMedia(false, isAddress ? 0 : lengthOf(data)), what: "file", source };
}

/** What a style does not know, and documents that are sent as text: they take what their words do. */
export function wordyOf(source: unknown, what: string): Media {
  const text = textIn(source);
  return { key: text, guess: guessText(text), what, source };
}

/** To the byte, as JSON; bytes as base64. `undefined` for what is no JSON, and so cannot be sent either. */
export function mediaText(source: unknown): string | undefined {
  try {
    return JSON.stringify(source, function (this: unknown, name, value: unknown) {
      // A buffer of Node has been made a list of numbers here.
      const bytes = bytesOf(isFields(this) ? this[name] : value);
      return bytes === undefined ? value : base64Of(bytes);
    });
  } catch {
    return undefined;
  }
}

function keyOf(what: string, data: unknown): string {
  const bytes = bytesOf(data);
  const text = bytes === undefined ? textIn(data) : "";
  const length = bytes?.length ?? text.length;
  const apart = Math.max(PIECE_CHARACTERS, length / PIECES);
  let key = `${what} ${length}`;
  for (let at = 0; at < length; at += apart) {
    const from = Math.floor(at);
    key += ` ${bytes?.subarray(from, from + PIECE_CHARACTERS).join() ?? text.slice(from, from + PIECE_CHARACTERS)}`;
  }
  return key;
}

function lengthOf(data: unknown): number {
  return bytesOf(data)?.length ?? textIn(data).length;
}

function bytesOf(data: unknown): Uint8Array | undefined {
  if (data instanceof Uint8Array) return data;
  return data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
}

/** A multiple of three, so that pieces of base64 may stand one after another. */
const AT_ONCE = 24_576;

function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += AT_ONCE) text += btoa(String.fromCharCode(...bytes.subarray(from, from + AT_ONCE)));
  return text;
}
