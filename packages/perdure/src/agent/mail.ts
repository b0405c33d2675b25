/** A received message as the SDK shows it. Its content is read from the agent's disk part by part, when asked for. */

import type { Clock } from "../host/clock.ts";
import { withDeadline } from "../host/deadline.ts";
import { clipWords } from "../protocol/link/goodbyes.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, concat, fromUtf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { JsonValue, Mail, Waiting } from "./api.ts";
import type { AgentCore, MailView } from "./core.ts";

export interface MailOptions {
  readonly core: Pick<AgentCore, "readPart" | "finish" | "retry">;
  readonly clock: Clock;
  readonly settings: Settings;
  /** Fires when the agent is closed. */
  readonly closing: AbortSignal;
  readonly view: MailView;
  /** The content, when it was read before the message was committed as done. */
  readonly content?: Bytes;
  /** A handler has it: how it ends is the handler's turn to say. */
  readonly inTurn?: boolean;
}

export function createMail({ core, clock, settings, closing, view, content, inTurn = false }: MailOptions): Mail {
  const key = { from: view.from, id: view.id };

  const within = <Value>(what: string, waiting: Waiting, work: () => Promise<Value>): Promise<Value> => {
    const signal = waiting.signal === undefined ? closing : AbortSignal.any([waiting.signal, closing]);
    return withDeadline(
      clock,
      { timeoutMs: waiting.timeoutMs ?? settings.callTimeoutMs, what: `${what} of message ${view.id}`, signal },
      work,
    );
  };
  const part = (index: number): Promise<Bytes> => within(`part ${index + 1}`, {}, () => core.readPart(key, index));
  const whole = async (): Promise<Bytes> => {
    if (content !== undefined) return content;
    const parts: Bytes[] = [];
    for (let index = 0; index < view.parts; index++) parts.push(await part(index));
    return concat(...parts);
  };
  const asText = async (): Promise<string> => {
    const read = await whole();
    try {
      return fromUtf8(read);
    } catch (cause) {
      throw new PerdureError("malformed", `message ${view.id} (${view.contentType}) is not UTF-8 text`, {
        hint: "Read it with bytes().",
        cause,
      });
    }
  };

  const end = async (what: string, waiting: Waiting, work: () => Promise<void>): Promise<void> => {
    if (inTurn)
      throw new PerdureError("bad-argument", `message ${view.id} is being handled`, {
        hint: "Return from the handler for done, throw for retry, call turn.reject to refuse.",
      });
    await within(what, waiting, work);
  };

  return {
    id: view.id,
    from: view.from,
    fromName: view.fromName,
    fromAddress: view.fromAddress,
    standing: view.standing,
    box: view.box,
    thread: view.thread,
    inReplyTo: view.inReplyTo,
    auto: view.auto,
    depth: view.depth,
    contentType: view.contentType,
    fileName: view.fileName,
    sizeBytes: view.sizeBytes,
    sentAtMs: view.sentAtMs,
    receivedAtMs: view.receivedAtMs,
    expiresAtMs: view.expiresAtMs,
    collapseKey: view.collapseKey,
    attempt: view.attempt,
    text: asText,
    async json() {
      const text = await asText();
      try {
        return JSON.parse(text) as JsonValue;
      } catch (cause) {
        throw new PerdureError("malformed", `message ${view.id} (${view.contentType}) is not JSON`, { cause });
      }
    },
    bytes: async () => (await whole()).slice(),
    stream() {
      let next = 0;
      return new ReadableStream<Uint8Array>({
        async pull(controller) {
          const piece = content === undefined && next < view.parts ? await part(next) : next === 0 ? content : undefined;
          next++;
          if (piece !== undefined && piece.length > 0) controller.enqueue(piece.slice());
          if (next >= (content === undefined ? view.parts : 1)) controller.close();
        },
      });
    },
    done: (waiting = {}) => end("the end", waiting, () => core.finish(key, "done", "")),
    retry: (waiting = {}) => end("the way back", waiting, () => core.retry(key)),
    reject: (why, waiting = {}) => end("the refusal", waiting, () => core.finish(key, "refused", clipWords(why))),
  };
}
