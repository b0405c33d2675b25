/** For tests of this folder: received messages that only lie in memory. */
import type { Mail } from "../../agent/api.ts";
import type { Random } from "../../host/random.ts";
import { agentIdText, type MessageId } from "../../wire/ids.ts";

export const NOW_MS: number = Date.UTC(2026, 10, 21, 12);
const HOUR_MS = 3_600_000;

export function senderId(number: number): Mail["from"] {
  return agentIdText(new Uint8Array(32).fill(number));
}

/** The `number`th message, an hour old, with the fields that matter to a test. */
export function testMail(number: number, content: string | Uint8Array, fields: Partial<Mail> = {}): Mail {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const ended = (): Promise<never> => Promise.reject(new Error("looking at mail must not end it"));
  return {
    id: `${"0".repeat(8)}${number.toString(16).padStart(8, "0")}.1` as MessageId,
    from: senderId(1),
    fromName: undefined,
    fromAddress: undefined,
    standing: "contact",
    box: "contacts",
    thread: "11".repeat(16),
    inReplyTo: undefined,
    auto: false,
    depth: 0,
    contentType: "text/plain",
    fileName: undefined,
    sizeBytes: bytes.length,
    sentAtMs: NOW_MS - HOUR_MS + number,
    receivedAtMs: NOW_MS - HOUR_MS + number,
    expiresAtMs: NOW_MS + 24 * HOUR_MS,
    collapseKey: undefined,
    attempt: 1,
    text: async () => new TextDecoder().decode(bytes),
    json: ended,
    bytes: async () => bytes,
    stream: () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(bytes);
          controller.close();
        },
      }),
    done: ended,
    retry: ended,
    reject: ended,
    ...fields,
  };
}

/** Random that counts up: each nonce differs, and tests know it. */
export function countingRandom(): Random {
  let drawn = 0;
  return { bytes: (count) => new Uint8Array(count).fill(++drawn) };
}
