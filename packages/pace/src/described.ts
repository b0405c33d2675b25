/** A request as it is made: where it goes, and what can be told of it before it leaves. */
import { shown } from "./argument.ts";
import { PaceError } from "./error.ts";
import type { Asked } from "./partition.ts";

/** Node's streams and generators are bodies as well: once read they are empty, and would be sent so. */
export function isReadOnce(body: RequestInit["body"]): boolean {
  return body instanceof ReadableStream || (typeof body === "object" && body !== null && Symbol.asyncIterator in body);
}

export interface Described {
  readonly asked: Asked;
  /** Where to. */
  readonly at: URL;
  readonly method: string;
}

/** Throws `bad-argument`. */
export function describe(input: string | URL | Request, init: RequestInit): Described {
  const request = input instanceof Request ? input : undefined;
  const url = request?.url ?? textOf(input);
  const at = parsed(url);
  // Of "localhost:8080/v1" the name is taken for a scheme.
  if (at === undefined || HOST_FIRST.test(url))
    throw new PaceError("bad-argument", `${shown(withoutQuery(url))} is no address`, 'It begins with the scheme: "https://…".');
  const body = textIn(init.body);
  const method = (init.method ?? request?.method ?? "GET").toUpperCase();
  return { asked: { url, headers: headersOf(init.headers ?? request?.headers), body }, at, method };
}

const HOST_FIRST = /^[a-z][\w.-]*:\d{1,5}(?:\/|$)/i;
const BRACE = "{".charCodeAt(0);

/** What can be looked into: a text, bytes of JSON, and what a form says in words. */
function textIn(body: RequestInit["body"]): string | undefined {
  if (typeof body === "string") return body;
  if (body instanceof FormData) return JSON.stringify(Object.fromEntries([...body].filter(([, value]) => typeof value === "string")));
  const bytes =
    body instanceof ArrayBuffer
      ? new Uint8Array(body)
      : ArrayBuffer.isView(body)
        ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
        : undefined;
  return bytes?.[0] === BRACE ? new TextDecoder().decode(bytes) : undefined;
}

/** What cannot be made a text is no address either. */
function textOf(input: unknown): string {
  try {
    return String(input);
  } catch {
    return "";
  }
}

function headersOf(given: RequestInit["headers"]): Headers {
  try {
    return new Headers(given);
  } catch {
    // What the engine says of it has the value in it, which may be a credential.
    throw new PaceError("bad-argument", "a field of a request has a name or a value that no field has", 'As in { accept: "text/plain" }.');
  }
}

/** A key or a password may be in it. */
function withoutQuery(url: string): string {
  const [bare = ""] = url.split(/[?#]/, 1);
  return bare.slice(bare.lastIndexOf("@") + 1).slice(0, 80);
}

function parsed(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
