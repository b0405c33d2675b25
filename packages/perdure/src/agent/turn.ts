/**
 * What a handler may say while it has a message. Nothing leaves before the handler returns; then completion, reply and
 * messages are committed together. What it writes is automatic: one deeper than its cause, in its thread.
 */

import { clipWords } from "../protocol/link/goodbyes.ts";
import { PerdureError } from "../wire/error.ts";
import { MAX_AUTO_DEPTH, MAX_MESSAGE_BYTES } from "../wire/limits.ts";
import type { Body, Turn } from "./api.ts";
import type { BodyWaiting } from "./body.ts";
import type { MailView, TurnDraft } from "./core.ts";
import { createDraft, type DraftOptions } from "./draft.ts";

/** Messages one turn may commit. */
export const TURN_MESSAGES = 64;
/** Their content together: what one batch of the log carries well. */
export const TURN_BYTES: number = 4 * MAX_MESSAGE_BYTES;

export interface TurnEnd {
  readonly outcome: "done" | "refused";
  readonly why: string;
  readonly drafts: readonly TurnDraft[];
}

export interface OpenTurn {
  readonly turn: Turn;
  /** Waits for every body that is still read, failing as it does; afterwards the turn takes nothing more. */
  end(): Promise<TurnEnd>;
}

export function openTurn(mail: MailView, signal: AbortSignal, waiting: Omit<BodyWaiting, "signal">): OpenTurn {
  // bound: TURN_BYTES
  const drafts: TurnDraft[] = [];
  // bound: one per call of the handler that has not resolved
  const pending = new Set<Promise<void>>();
  let messages = 0;
  let bytes = 0;
  let refusal: string | undefined;
  let ended = false;

  const add = (reply: boolean, to: string, body: Body, options: DraftOptions): Promise<void> => {
    const read = async (): Promise<void> => {
      if (ended || signal.aborted)
        throw new PerdureError("bad-argument", "the turn is over: its handler has returned or run out of time", {
          hint: "Await turn.reply and turn.send inside the handler.",
        });
      if (++messages > TURN_MESSAGES) throw new PerdureError("too-large", `a turn commits at most ${TURN_MESSAGES} messages`);
      if (mail.depth + 1 > MAX_AUTO_DEPTH) {
        throw new PerdureError(
          "loop-depth",
          `message ${mail.id} is the ${mail.depth}th of a chain of automatic messages; the chain ends at ${MAX_AUTO_DEPTH}`,
          {
            hint: "Have a person or a plain agent.send continue it.",
          },
        );
      }
      if (reply && mail.auto) {
        throw new PerdureError("auto-reply-refused", `message ${mail.id} was written by a handler and is never answered by one`, {
          hint: "Use turn.send if this really starts something new.",
        });
      }
      const draft = await createDraft(to, body, { ...options, thread: options.thread ?? mail.thread }, { ...waiting, signal });
      bytes += draft.content.length;
      if (bytes > TURN_BYTES) throw new PerdureError("too-large", `the messages of a turn hold more than ${TURN_BYTES} bytes`);
      drafts.push({ ...draft, reply });
    };
    const inner = read();
    // Two promises: a failure the handler has caught is its own affair, one it never looks at stays unhandled.
    const outer = inner.then(() => undefined);
    pending.add(outer);
    const settled = (): void => void pending.delete(outer);
    inner.then(settled, settled);
    return outer;
  };

  return {
    turn: {
      signal,
      reply: (body, options = {}) => add(true, mail.from, body, options),
      send: (to, body, options = {}) => add(false, to, body, options),
      reject: (why) => {
        refusal = clipWords(why);
      },
    },
    async end() {
      ended = true;
      await Promise.all(pending);
      return refusal === undefined ? { outcome: "done", why: "", drafts } : { outcome: "refused", why: refusal, drafts };
    },
  };
}
