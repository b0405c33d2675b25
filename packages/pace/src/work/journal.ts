/**
 * Lines of a journal: `<crc32 of the rest, 8 hex digits> <JSON>\n`. The first is `{"pace":"work","version":1}`, each other is what changed together:
 * `[["key",value],["key that is gone"]]`. JSON has no raw line ends, so after damage the next line is found.
 */
import { crc32 } from "./crc32.ts";
import type { Json } from "./json.ts";

/** A new value, or none for what is gone. */
export type Change = readonly [key: string, text?: string];

export interface Damage {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface Reading {
  /** Of lines that are whole, in their order. */
  readonly changes: readonly (readonly [key: string, value?: Json])[];
  /** What is no line, with whole lines behind it: something was kept there. */
  readonly damaged: readonly Damage[];
  /** What is no line and has none behind it: a write that was under way, and that nobody was told of. */
  readonly tornBytes: number;
  /** Of the first line; none where that is damaged or missing. */
  readonly version: number | undefined;
}

export const VERSION = 1;

const NEWLINE = 10;
const CRC_CHARACTERS = 9;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const HEAD = line(JSON.stringify({ pace: "work", version: VERSION }));

export function encodeChanges(changes: readonly Change[]): Uint8Array {
  const parts = changes.map(([key, text]) => (text === undefined ? `[${JSON.stringify(key)}]` : `[${JSON.stringify(key)},${text}]`));
  return line(`[${parts.join(",")}]`);
}

export function readJournal(bytes: Uint8Array): Reading {
  const changes: (readonly [key: string, value?: Json])[] = [];
  const damaged: Damage[] = [];
  let version: number | undefined;
  let goodEnd = 0;
  for (let from = 0, end = 0; from < bytes.length; from = end + 1) {
    end = bytes.indexOf(NEWLINE, from);
    if (end < 0) break;
    const found = contentOf(bytes.subarray(from, end));
    if (found === undefined) continue;
    if (from > goodEnd) damaged.push({ offset: goodEnd, sizeBytes: from - goodEnd });
    goodEnd = end + 1;
    if ("version" in found) version = found.version;
    else for (const change of found) changes.push(change);
  }
  return { changes, damaged, tornBytes: bytes.length - goodEnd, version };
}

function contentOf(bytes: Uint8Array): readonly (readonly [string, Json?])[] | { readonly version: number } | undefined {
  const content = bytes.subarray(CRC_CHARACTERS);
  if (content.length === 0 || decoder.decode(bytes.subarray(0, CRC_CHARACTERS)) !== checksumOf(content)) return undefined;
  // What has its checksum was written here.
  return JSON.parse(decoder.decode(content));
}

function line(text: string): Uint8Array {
  const content = encoder.encode(text);
  const bytes = new Uint8Array(CRC_CHARACTERS + content.length + 1);
  bytes.set(encoder.encode(checksumOf(content)));
  bytes.set(content, CRC_CHARACTERS);
  bytes[bytes.length - 1] = NEWLINE;
  return bytes;
}

function checksumOf(content: Uint8Array): string {
  return `${crc32(content).toString(16).padStart(8, "0")} `;
}
