/** `perdure send`: durable in the own outbox first, then as far as the person wants to wait. */
import type { SendOptions } from "../../agent/api.ts";
import { readContent } from "../content.ts";
import { safeLine } from "../foreign-text.ts";
import { openHere, stdinNote, type Verb } from "../invocation.ts";
import { relayTrouble, tellLongWait, withTrouble } from "../long-wait.ts";
import { followSent, stepObject, stepText } from "../trail.ts";
import type { SendWords } from "../words.ts";

const STORED_TIMEOUT_MS = 30_000;
const DONE_TIMEOUT_MS = 300_000;

export function sendVerb(to: string, word: string | undefined, options: SendWords): Verb {
  return async (invocation) => {
    const { terminal, signal } = invocation;
    const content = await readContent(word, invocation.stdin, signal, stdinNote(invocation));
    await using agent = await openHere(invocation, options.at);
    const sendOptions: SendOptions = {
      signal,
      contentType: content.contentType,
      ...(content.fileName === undefined ? {} : { fileName: content.fileName }),
      ...(options.expires === undefined ? {} : { expiresInMs: options.expires }),
      ...(options.thread === undefined ? {} : { thread: options.thread }),
      ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
    };
    const sent = await agent.send(to, content.bytes, sendOptions);
    terminal.line(sent.id);
    let last = "";
    const timeoutMs = options.timeout ?? (options.until === "done" ? DONE_TIMEOUT_MS : STORED_TIMEOUT_MS);
    // Without a relay nothing else is known; what holds this message up counts once there is one.
    const trouble = async (): Promise<string | undefined> => (await relayTrouble(agent)) ?? (await agent.sent(sent.id)).trouble;
    const waitsFor = options.until === "done" ? `${safeLine(to, 60)} to handle it` : "the relay to store it";
    const waitEnded = tellLongWait(invocation, { waitsFor, timeoutMs, trouble, safe: "the message goes on" });
    await followSent(invocation, sent, {
      until: options.until,
      timeoutMs,
      onStep: (step) => {
        terminal.object(stepObject(sent.id, String(sent.to), step));
        last = `${step.state}: ${stepText(step)}`;
        terminal.progress(last);
      },
    })
      .catch(async (error: unknown) => {
        throw await withTrouble(error, trouble);
      })
      .finally(waitEnded);
    if (terminal.stderr.isTerminal) terminal.note(terminal.stderr.paint.faint(last));
    return 0;
  };
}
