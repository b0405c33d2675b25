/** What a person wants to send: words on the command line, `-` for stdin, `@path` for a file, `@@…` for words that begin with @. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { Readable } from "node:stream";
import { concat, fromUtf8, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { MAX_MESSAGE_BYTES } from "../wire/limits.ts";
import { safeLine } from "./foreign-text.ts";
import { numberText, sizeText } from "./quantity.ts";

export interface Content {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly fileName: string | undefined;
  /** For people: the file's name, "text" or "stdin". */
  readonly label: string;
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".txt": "text/plain",
  ".md": "text/markdown",
  ".html": "text/html",
  ".css": "text/css",
  ".csv": "text/csv",
  ".json": "application/json",
  ".pdf": "application/pdf",
  ".zip": "application/zip",
  ".gz": "application/gzip",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".svg": "image/svg+xml",
  ".mp3": "audio/mpeg",
  ".mp4": "video/mp4",
};

export async function readContent(
  word: string | undefined,
  stdin: Readable & { readonly isTTY?: boolean },
  signal?: AbortSignal,
  waiting?: Waiting,
): Promise<Content> {
  if (word === "-") return await readStdin(stdin, signal, waiting);
  if (word === undefined) {
    // Without a word, in a job that has no stdin, an empty message would be a mistake nobody sees; "-" means it.
    const read = stdin.isTTY === true ? undefined : await readStdin(stdin, signal, waiting);
    if (read !== undefined && read.bytes.length > 0) return read;
    throw new PerdureError("bad-argument", read === undefined ? "there is nothing to send" : "there is nothing to send: stdin was empty", {
      hint: 'Add the text, "@path" for a file, or pipe something in; with - an empty message goes out, too.',
    });
  }
  if (word.startsWith("@@")) return textContent(word.slice(1));
  if (word.startsWith("@")) return await readFileContent(word.slice(1), signal);
  return textContent(word);
}

export function textContent(text: string): Content {
  const bytes = utf8(text);
  if (bytes.length > MAX_MESSAGE_BYTES) throw tooLarge("the text", bytes.length);
  return { bytes, contentType: "text/plain", fileName: undefined, label: "text" };
}

/** Called before stdin is read; what it returns, when it has ended. */
export type Waiting = () => () => void;

export async function readStdin(stdin: Readable, signal?: AbortSignal, waiting: Waiting = () => () => {}): Promise<Content> {
  const stop = waiting();
  const bytes = await collect(stdin, "what came through the pipe", signal).finally(stop);
  return { bytes, contentType: mediaType("", bytes), fileName: undefined, label: "stdin" };
}

/** `not-found`, `bad-argument` for a folder, `permission-denied`, `too-large`. */
export async function readFileContent(path: string, signal?: AbortSignal): Promise<Content> {
  const name = basename(path);
  try {
    const found = await stat(path);
    if (found.isDirectory()) {
      throw new PerdureError("bad-argument", `${safeLine(path)} is a folder`, {
        hint: "Name a file in it, or pack the folder and send the package.",
      });
    }
    if (found.isFile() && found.size > MAX_MESSAGE_BYTES) throw tooLarge(safeLine(path), found.size);
    const bytes = await collect(createReadStream(path), safeLine(path), signal);
    return { bytes, contentType: mediaType(name, bytes), fileName: name, label: safeLine(name) };
  } catch (error) {
    throw fileError(error, path);
  }
}

async function collect(source: Readable, what: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const stop = (): void => void source.destroy(new PerdureError("aborted", `stopped reading ${what}`, { cause: signal?.reason }));
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of source) {
      const bytes = typeof chunk === "string" ? utf8(chunk) : (chunk as Uint8Array);
      size += bytes.length;
      if (size > MAX_MESSAGE_BYTES) throw tooLarge(what, undefined);
      chunks.push(bytes);
    }
    return concat(...chunks);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function tooLarge(what: string, bytes: number | undefined): PerdureError {
  const size = bytes === undefined ? "more" : `${numberText(bytes)}`;
  const most = `${sizeText(MAX_MESSAGE_BYTES)} (${numberText(MAX_MESSAGE_BYTES)} bytes)`;
  return new PerdureError("too-large", `one message holds at most ${most}; ${what} has ${size}`, {
    hint: "Split it, compress it, or send a link to it.",
  });
}

function mediaType(name: string, bytes: Uint8Array): string {
  return MEDIA_TYPES[extname(name).toLowerCase()] ?? (isText(bytes) ? "text/plain" : "application/octet-stream");
}

/** True when the bytes are UTF-8 without NUL. */
export function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  try {
    fromUtf8(bytes);
    return true;
  } catch {
    return false;
  }
}

function fileError(error: unknown, path: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return new PerdureError("not-found", `there is no file ${safeLine(path)}`, { cause: error });
  if (code === "EACCES" || code === "EPERM") {
    return new PerdureError("permission-denied", `${safeLine(path)} may not be read`, {
      cause: error,
      hint: "Change its permissions, or copy it to where you may read it.",
    });
  }
  return error;
}
