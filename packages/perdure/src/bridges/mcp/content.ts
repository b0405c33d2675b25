/** A message's content as a model reads it: text, from an offset, within a budget; anything else is only described. */
import type { Mail } from "../../agent/api.ts";
import type { Author, Foreign } from "./foreign-block.ts";
import { sizeText } from "./moment-text.ts";
import { beginningWithin } from "./token-estimate.ts";
import { quotedLine } from "./visible-text.ts";

/** Bytes of text from which a preview is made. */
const PREVIEW_BYTES = 4096;

export function authorOf(mail: Mail): Author {
  return {
    id: mail.from,
    address: mail.fromAddress,
    claimedName: mail.fromName,
    standing: mail.standing === "contact" ? "contact" : "stranger",
  };
}

/** One line of at most `letters` characters; `undefined` when the content is not text. */
export async function previewOf(mail: Mail, letters: number): Promise<string | undefined> {
  const text = decoded(await firstBytes(mail, PREVIEW_BYTES), mail.sizeBytes > PREVIEW_BYTES);
  if (text === undefined) return undefined;
  const all = Array.from(text.replace(/\s+/gu, " ").trim());
  return all.length <= letters && mail.sizeBytes <= PREVIEW_BYTES ? all.join("") : `${all.slice(0, letters - 1).join("")}…`;
}

export interface Page {
  /** The block, or a line that says what cannot be shown. */
  readonly shown: string;
  /** Where to go on, in bytes; `undefined` at the end. */
  readonly nextOffset: number | undefined;
}

/** `budget` is for the block itself, also as a JSON string. An offset inside a letter goes back to where that letter begins. */
export async function pageOf(mail: Mail, foreign: Foreign, offset: number, budget: number): Promise<Page> {
  const bytes = await mail.bytes();
  if (decoded(bytes, false) === undefined) {
    return {
      shown: `The content is ${quotedLine(mail.contentType, 60)}, ${sizeText(bytes.length)}, not text. A person can save it: perdure inbox show ${mail.id} > file`,
      nextOffset: undefined,
    };
  }
  const start = letterAt(bytes, offset);
  const rest = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    bytes.subarray(start, letterAt(bytes, start + budget * MOST_BYTES_PER_TOKEN)),
  );
  const author = authorOf(mail);
  const cut = beginningWithin(rest, budget, (beginning) => JSON.stringify(foreign.wrap(author, beginning)));
  const end = start + new TextEncoder().encode(cut).length;
  return { shown: foreign.wrap(author, cut), nextOffset: end < bytes.length ? end : undefined };
}

/** The estimate gives a plain word a quarter of a token per letter, and blanks as little. */
const MOST_BYTES_PER_TOKEN = 5;

/** Strict UTF-8 without NUL; `cut`: the last letter may be incomplete. */
function decoded(bytes: Uint8Array, cut: boolean): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: cut });
  } catch {
    return undefined;
  }
}

/** Where the letter begins that has the byte at `offset`. */
function letterAt(bytes: Uint8Array, offset: number): number {
  let start = Math.min(offset, bytes.length);
  while (start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--;
  return start;
}

async function firstBytes(mail: Mail, count: number): Promise<Uint8Array> {
  if (mail.sizeBytes <= count) return await mail.bytes();
  const reader = mail.stream().getReader();
  try {
    return (await reader.read()).value?.subarray(0, count) ?? new Uint8Array();
  } finally {
    await reader.cancel();
  }
}
