/** From a draft to a queued message: what a program sends by its own will, and what a turn commits with its completion. */
import type { Host } from "../host/host.ts";
import { headOf, type Incoming, incomingFrom, incomingId } from "../protocol/delivery/incoming.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, fromHex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { parseMessageId } from "../wire/ids.ts";
import { MAX_AUTO_DEPTH, MAX_EXPIRY_MS } from "../wire/limits.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Draft, OutgoingView, Submission, TurnDraft } from "./core.ts";
import type { Lookups } from "./lookups.ts";
import { outgoingRecords, parseRecipient, refuseWithoutRoom } from "./outgoing-records.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import { outgoingView } from "./views.ts";

const SHORTEST_EXPIRY_MS = 1000;

export interface Submissions {
  submit(submission: Submission): Promise<OutgoingView>;
  /** Finds out the recipients of a turn's messages; then the function plans their records. */
  prepare(cause: Incoming, drafts: readonly TurnDraft[]): Promise<() => readonly Planned[]>;
}

export interface SubmissionOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "random" | "log">;
  readonly settings: Settings;
  readonly outbox: Outbox;
  readonly peers: Peers;
  readonly lookups: Lookups;
  readonly store: () => AgentStore;
}

export function createSubmissions({ host, settings, outbox, peers, lookups, store }: SubmissionOptions): Submissions {
  const { clock, log } = host;

  const expiryOf = (draft: Draft, nowMs: number): number => {
    const life = draft.expiresInMs ?? settings.defaultExpiryMs;
    if (life < SHORTEST_EXPIRY_MS || life > MAX_EXPIRY_MS)
      throw new PerdureError("expiry-out-of-range", `a message may wait ${SHORTEST_EXPIRY_MS} to ${MAX_EXPIRY_MS} ms, not ${life}`);
    return nowMs + life;
  };
  const threadOf = (text: string): Bytes => {
    if (text === "") return host.random.bytes(16);
    const thread = fromHex(text);
    if (thread?.length !== 16)
      throw new PerdureError("bad-argument", `"${text}" is not a thread`, { hint: "Use the thread of a received message as it is." });
    return thread;
  };
  const wordsOf = ({
    collapseKey,
    idempotencyKey,
    contentType,
    fileName,
    content,
  }: Draft): Pick<Draft, "collapseKey" | "idempotencyKey" | "contentType" | "fileName" | "content"> => ({
    collapseKey,
    idempotencyKey,
    contentType,
    fileName,
    content,
  });
  const view = (requestId: string): OutgoingView | undefined => {
    const outgoing = outbox.byRequest(requestId);
    return outgoing === undefined ? undefined : outgoingView(outgoing, (name) => peers.named(name)?.idRaw);
  };

  return {
    async submit({ requestId, draft, asks }) {
      const request = fromHex(requestId);
      if (request?.length !== 16) throw new PerdureError("bad-argument", "a request id has 32 hexadecimal digits");
      const before = view(requestId);
      if (before !== undefined) return before;
      const recipient = parseRecipient(draft.to);
      const thread = threadOf(draft.thread);
      expiryOf(draft, clock.wallMs());
      if (draft.inReplyTo !== "") parseMessageId(draft.inReplyTo);
      await lookups.resolve(recipient);
      const id = await store().commit({
        onFailure: "give-up",
        plan: () => {
          if (view(requestId) !== undefined) return { records: [], result: undefined };
          refuseWithoutRoom(outbox, draft.content.length);
          const nowMs = clock.wallMs();
          const queued = outgoingRecords(outbox, host.crypto.hash, {
            ...wordsOf(draft),
            recipient,
            class: "mail",
            requestId: request,
            asks,
            thread,
            depth: 0,
            auto: false,
            inReplyTo: draft.inReplyTo === "" ? undefined : parseMessageId(draft.inReplyTo),
            nowMs,
            expiresAtMs: expiryOf(draft, nowMs),
          });
          return { records: queued.records, result: queued.id };
        },
      });
      const queued = view(requestId);
      if (queued === undefined) throw new PerdureError("internal", "a queued message is not in the outbox");
      if (id !== undefined) log.write("debug", "agent.queued", { id, to: draft.to });
      return queued;
    },
    async prepare(cause, drafts) {
      const { head } = headOf(cause);
      const auto = drafts.map((draft) => {
        if (draft.reply && head.auto) throw new PerdureError("auto-reply-refused", "mail that a handler wrote is never answered by one");
        if (head.depth + 1 > MAX_AUTO_DEPTH)
          throw new PerdureError("loop-depth", `a chain of automatic messages ends at ${MAX_AUTO_DEPTH}`, {
            hint: "Have a person or a plain agent.send continue it.",
          });
        const to = draft.reply ? incomingFrom(cause) : draft.to;
        return { draft, recipient: parseRecipient(to), thread: draft.thread === "" ? head.thread : threadOf(draft.thread) };
      });
      await Promise.all(auto.map(({ recipient }) => lookups.resolve(recipient)));
      return () => {
        refuseWithoutRoom(
          outbox,
          drafts.reduce((sum, draft) => sum + draft.content.length, 0),
        );
        const nowMs = clock.wallMs();
        return auto.flatMap(({ draft, recipient, thread }) => {
          const queued = outgoingRecords(outbox, host.crypto.hash, {
            ...wordsOf(draft),
            recipient,
            class: "mail",
            requestId: EMPTY,
            asks: false,
            thread,
            depth: head.depth + 1,
            auto: true,
            inReplyTo: draft.reply ? { stream: cause.stream, seq: cause.seq } : undefined,
            nowMs,
            expiresAtMs: expiryOf(draft, nowMs),
          });
          log.write("debug", "agent.turn-queued", { id: queued.id, to: draft.to, cause: incomingId(cause) });
          return queued.records;
        });
      };
    },
  };
}
