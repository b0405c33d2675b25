/** The SDK's agent: the words of api.ts over whichever process holds the folder. */
import { throwIfAborted, withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { concat, hex } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { type MessageId, messageIdText, parseMessageId } from "../wire/ids.ts";
import type { Agent, AskOptions, Body, Box, Handler, InboxOptions, Mail, SendOptions, Sent, ServeOptions, Waiting } from "./api.ts";
import { createContacts } from "./contacts.ts";
import type { ClaimedMail, ClientId, MailView, OutgoingView } from "./core.ts";
import { createDraft } from "./draft.ts";
import { createIdentityWords } from "./identity-words.ts";
import { createMail } from "./mail.ts";
import { createRunningTurns } from "./running-turns.ts";
import { createSent } from "./sent.ts";
import { serveMail } from "./serve.ts";
import type { SharedCore } from "./shared-core.ts";
import { shareSignal } from "./shared-signal.ts";

/** Handles one `outbox` call lists. */
const OUTBOX_LIST = 10_000;
/** Messages one call to the core lists; more are asked for page by page. */
const INBOX_PAGE = 256;
/** Handlers one `serve` may run at once. */
const MAX_CONCURRENCY = 256;
const MIN_EXPIRY_MS = 1000;

export interface AgentOptions {
  readonly core: SharedCore;
  readonly host: Host;
  readonly settings: Settings;
  readonly client: ClientId;
}

export function createAgent({ core, host, settings, client }: AgentOptions): Agent {
  const { clock, random } = host;
  /** Fires first: waits end, nothing new starts. */
  const stopping = new AbortController();
  const stops = shareSignal(stopping.signal);
  /** Fires when handlers had their time to finish. */
  const closing = new AbortController();
  // bound: one per call of `serve`
  const serving = new Set<Promise<void>>();
  const turns = createRunningTurns(host.scope);
  let closed: Promise<void> | undefined;

  const signalOf = (signal: AbortSignal | undefined): AbortSignal =>
    signal === undefined ? stopping.signal : AbortSignal.any([signal, stopping.signal]);
  const within = <Value>(what: string, waiting: Waiting, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> =>
    stops.during(waiting.signal, (signal) =>
      withDeadline(clock, { timeoutMs: waiting.timeoutMs ?? settings.callTimeoutMs, what, signal }, work),
    );
  const sentOf = (view: OutgoingView): Sent => createSent({ core, clock, settings, closing: stops, view });
  const mailOf = (view: MailView): Mail => createMail({ core, clock, settings, closing: closing.signal, view });

  const submit = async (to: string, body: Body, options: SendOptions, asks: boolean): Promise<OutgoingView> => {
    const { signal, timeoutMs, ...wishes } = options;
    const pieceMs = timeoutMs ?? settings.callTimeoutMs;
    const draft = await stops.during(signal, (until) => createDraft(to, body, wishes, { clock, timeoutMs: pieceMs, signal: until }));
    const submission = { client, requestId: hex(random.bytes(16)), draft, asks, cause: turns.cause(core) };
    return await within("the message to be durable", { ...(signal === undefined ? {} : { signal }), timeoutMs: pieceMs }, () =>
      core.submit(submission),
    );
  };

  /** Rejects when the question ends without success: then no answer will come. */
  const unanswerable = async (id: MessageId, signal: AbortSignal): Promise<never> => {
    const view = await core.outgoing(id);
    await createSent({ core, clock, settings, closing: shareSignal(signal), view }).until("done");
    return await new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  };

  /** The asker has its answer once it is read and committed as done, or left where it is; until then it can go back to the inbox. */
  const takeAnswer = async ({ mail }: ClaimedMail, keep: boolean, signal: AbortSignal): Promise<Mail> => {
    const parts = [];
    for (let index = 0; index < mail.parts; index++) parts.push(await core.readPart({ from: mail.from, id: mail.id }, index));
    throwIfAborted(signal, "the answer");
    const claim = { from: mail.from, id: mail.id, attempt: mail.attempt };
    if (keep) await core.release(claim, false, "the answer was read and stays in its box");
    else await core.complete({ ...claim, outcome: "done", why: "", drafts: [] });
    return createMail({ core, clock, settings, closing: closing.signal, view: mail, content: concat(...parts) });
  };

  const closeAll = async (): Promise<void> => {
    stopping.abort(closedError());
    const stopTimer = clock.after(settings.drainTimeoutMs, () => closing.abort(closedError()));
    await Promise.allSettled(serving);
    stopTimer();
    closing.abort(closedError());
    await core[Symbol.asyncDispose]();
  };

  const agent: Agent = {
    id: core.id,
    send: async (to, body, options = {}) => sentOf(await submit(to, body, options, false)),
    sent: async (id) => sentOf(await within("the message", {}, () => core.outgoing(normalId(id)))),
    outbox: async (waiting = {}) => (await within("the outbox", waiting, () => core.outgoings(OUTBOX_LIST))).map(sentOf),
    async ask(to, body, { onSent, keep = false, ...options }: AskOptions = {}) {
      const timeoutMs = options.timeoutMs ?? settings.askTimeoutMs;
      const expiresInMs = options.expiresInMs ?? Math.min(Math.max(timeoutMs, MIN_EXPIRY_MS), settings.defaultExpiryMs);
      const deadline = {
        timeoutMs,
        what: `an answer from ${to}`,
        hint: "The question may still be handled; its answer then waits in the inbox.",
      };
      const asking = async (signal: AbortSignal): Promise<Mail> => {
        const question = await submit(to, body, { ...options, expiresInMs, timeoutMs, signal }, true);
        onSent?.(sentOf(question));
        const ended = new AbortController();
        const waiting = AbortSignal.any([signal, ended.signal]);
        const answering = core.answer(client, question.id, waiting);
        try {
          return await takeAnswer(await Promise.race([answering, unanswerable(question.id, waiting)]), keep, signal);
        } catch (error) {
          answering
            .then(({ mail }) =>
              core.release({ from: mail.from, id: mail.id, attempt: mail.attempt }, false, "nobody waits for this answer any more"),
            )
            .catch(() => undefined);
          throw error;
        } finally {
          ended.abort(new PerdureError("aborted", "the question has ended"));
        }
      };
      return await stops.during(options.signal, (signal) => withDeadline(clock, { ...deadline, signal }, asking));
    },
    serve: (handler: Handler, options: ServeOptions = {}) => {
      const concurrency = options.concurrency ?? 1;
      if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
        return Promise.reject(new PerdureError("bad-argument", `concurrency is 1 to ${MAX_CONCURRENCY}, not ${concurrency}`));
      }
      const failed = new AbortController();
      const stop = AbortSignal.any([signalOf(options.signal), failed.signal]);
      const loops = Array.from({ length: concurrency }, () =>
        serveMail({ core, host, settings, client, turns, stop, closing: closing.signal }, handler).catch((error: unknown) => {
          failed.abort(error);
          throw error;
        }),
      );
      const all = Promise.allSettled(loops).then((ends) => {
        serving.delete(all);
        const bad = ends.find((end) => end.status === "rejected");
        if (bad !== undefined) throw bad.reason;
      });
      serving.add(all);
      return all;
    },
    async *inbox(options: InboxOptions = {}) {
      const box = options.box ?? "contacts";
      const startMs = clock.monotonicMs();
      for (let after = 0; ; ) {
        if (options.watch === true && options.signal?.aborted) return;
        const page = await within(`the ${box}`, {}, () => core.mails(box, after, INBOX_PAGE));
        for (const view of page) yield mailOf(view);
        after = page.at(-1)?.arrival ?? after;
        if (page.length > 0) continue;
        if (options.watch !== true || !(await arrives(box, after, options, startMs))) return;
      }
    },
    ...createContacts({ core, host, within, sentOf }),
    identity: createIdentityWords({ core, within }),
    async status(waiting = {}) {
      const status = await within("the agent's status", waiting, () => core.status());
      return { ...status, role: core.role };
    },
    settings: (waiting = {}) => within("the agent's settings", waiting, () => core.settings()),
    surroundings: (waiting = {}) => within("the agent's surroundings", waiting, () => core.surroundings()),
    bundle: (waiting = {}) => within("the bundle of inputs", waiting, () => core.bundle()),
    close: () => (closed ??= closeAll()),
    [Symbol.asyncDispose]: () => agent.close(),
  };

  /** Waits for more mail; false when the caller's signal fired or its time is over. */
  const arrives = async (box: Box, after: number, options: InboxOptions, startMs: number): Promise<boolean> => {
    const signal = signalOf(options.signal);
    const waitFor = (within: AbortSignal): Promise<unknown> => core.mailsAfter(box, after, 1, within);
    try {
      if (options.timeoutMs === undefined) await waitFor(signal);
      else
        await withDeadline(
          clock,
          { timeoutMs: Math.max(0, startMs + options.timeoutMs - clock.monotonicMs()), what: "more mail", signal },
          waitFor,
        );
      return true;
    } catch (error) {
      if (options.signal?.aborted || (isPerdureError(error) && error.code === "timed-out")) return false;
      throw error;
    }
  };

  return agent;
}

/** The id as it is written; `bad-argument` for anything else. */
function normalId(text: string): MessageId {
  const { stream, seq } = parseMessageId(text.trim());
  return messageIdText(stream, seq);
}

function closedError(): PerdureError {
  return new PerdureError("aborted", "this agent was closed", { hint: "Open the folder again." });
}
