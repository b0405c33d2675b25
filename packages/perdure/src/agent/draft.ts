/** From what a caller hands to `send` to a message that can be queued: every wrong word is refused here, before anything is written. */
import { utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { messageIdText, parseMessageId } from "../wire/ids.ts";
import { MAX_EXPIRY_MS } from "../wire/limits.ts";
import type { Body, SendOptions, Waiting } from "./api.ts";
import { type BodyWaiting, readBody } from "./body.ts";
import type { Draft } from "./core.ts";
import { parseRecipient } from "./outgoing-records.ts";

/** Shortest life of a message. */
const MIN_EXPIRY_MS = 1000;
const KEY_BYTES = 128;
const FILE_NAME_BYTES = 255;
const THREAD = /^[0-9a-f]{32}$/;

export type DraftOptions = Omit<SendOptions, keyof Waiting>;

/** `bad-argument`, `expiry-out-of-range`, and what reading the body throws. */
export async function createDraft(to: string, body: Body, options: DraftOptions, waiting: BodyWaiting): Promise<Draft> {
  parseRecipient(to);
  const { expiresInMs, thread = "" } = options;
  if (expiresInMs !== undefined && !(expiresInMs >= MIN_EXPIRY_MS && expiresInMs <= MAX_EXPIRY_MS)) {
    throw new PerdureError(
      "expiry-out-of-range",
      `a message may wait 1 second to 30 days (${MIN_EXPIRY_MS} to ${MAX_EXPIRY_MS} ms), not ${expiresInMs} ms`,
    );
  }
  if (thread !== "" && !THREAD.test(thread))
    throw new PerdureError("bad-argument", `"${thread}" is not a thread`, { hint: "Use the thread of a received message as it is." });
  const collapseKey = bounded("collapseKey", options.collapseKey, KEY_BYTES);
  const idempotencyKey = bounded("idempotencyKey", options.idempotencyKey, KEY_BYTES);
  const givenType = bounded("contentType", options.contentType, KEY_BYTES);
  const givenName = bounded("fileName", options.fileName, FILE_NAME_BYTES);
  const { content, contentType, fileName } = await readBody(body, waiting);
  return {
    to,
    content,
    contentType: givenType === "" ? bounded("contentType", contentType, KEY_BYTES) : givenType,
    fileName: givenName === "" ? bounded("fileName", fileName, FILE_NAME_BYTES) : givenName,
    expiresInMs: expiresInMs === undefined ? undefined : Math.round(expiresInMs),
    thread,
    collapseKey,
    idempotencyKey,
    inReplyTo: options.inReplyTo === undefined ? "" : normalId(options.inReplyTo),
  };
}

/** `bad-argument` unless it is a message id. */
function normalId(text: string): string {
  const { stream, seq } = parseMessageId(text);
  return messageIdText(stream, seq);
}

function bounded(name: string, text: string | undefined, maxBytes: number): string {
  if (text === undefined) return "";
  if (!text.isWellFormed()) throw new PerdureError("bad-argument", `${name} has half a surrogate pair`);
  const normal = text.normalize("NFC");
  if (utf8(normal).length > maxBytes) throw new PerdureError("bad-argument", `${name} is longer than ${maxBytes} bytes`);
  return normal;
}
