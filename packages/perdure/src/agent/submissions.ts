/** From a draft to a queued message: what a program sends by its own will, and what a turn commits with its completion. */
import type { Host } from "../host/host.ts";
import type { OwnIdentity } from "../identity/index.ts";
import type { ContactBook } from "../protocol/contacts/contact-book.ts";
import { headOf, type Incoming, incomingFrom, incomingId } from "../protocol/delivery/incoming.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, fromHex } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { agentIdBytes, agentIdText, type MessageId, parseMessageId } from "../wire/ids.ts";
import { MAX_AUTO_DEPTH, MAX_EXPIRY_MS } from "../wire/limits.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Automatic, Stop } from "./automatic.ts";
import type { Draft, OutgoingView, Submission, TurnDraft } from "./core.ts";
import type { Verdict } from "./endings.ts";
import type { Lookups } from "./lookups.ts";
import { outgoingRecords, parseRecipient, refuseWithoutRoom } from "./outgoing-records.ts";
import type { Planned } from "./planned.ts";
import { type OutgoingNames, outgoingView } from "./views.ts";

const SHORTEST_EXPIRY_MS = 1000;

/** What a turn's messages come to. */
export interface TurnPlan {
  readonly records: readonly Planned[];
  /** Why they may not leave; then `records` are those of the pause. */
  readonly stopped: Verdict | undefined;
}

export const NO_DRAFTS: TurnPlan = { records: [], stopped: undefined };

export interface Submissions {
  submit(submission: Submission): Promise<OutgoingView>;
  /** Finds out the recipients of a turn's messages; then the function plans their records. */
  prepare(cause: Incoming, drafts: readonly TurnDraft[]): Promise<() => TurnPlan>;
}

export interface SubmissionOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "random" | "log">;
  readonly settings: Settings;
  readonly outbox: Outbox;
  readonly names: OutgoingNames;
  readonly lookups: Lookups;
  readonly automatic: Automatic;
  readonly book: ContactBook;
  readonly own: Pick<OwnIdentity, "standing" | "log">;
  readonly store: () => AgentStore;
}

export function createSubmissions({ host, settings, outbox, names, lookups, automatic, book, own, store }: SubmissionOptions): Submissions {
  const { clock, log } = host;
  const refuseRetired = (isReply: boolean): void => refuseOfRetired(own, isReply, clock.wallMs());

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
    return outgoing === undefined ? undefined : outgoingView(outgoing, names);
  };

  return {
    async submit({ requestId, draft, asks, cause }) {
      const request = fromHex(requestId);
      if (request?.length !== 16) throw new PerdureError("bad-argument", "a request id has 32 hexadecimal digits");
      const before = view(requestId);
      if (before !== undefined) return before;
      const recipient = parseRecipient(draft.to);
      refuseRetired(draft.inReplyTo !== "");
      const depth = cause === undefined ? 0 : cause.depth + 1;
      if (depth > MAX_AUTO_DEPTH) throw tooDeep();
      const thread = threadOf(draft.thread === "" ? (cause?.thread ?? "") : draft.thread);
      expiryOf(draft, clock.wallMs());
      if (draft.inReplyTo !== "") parseMessageId(draft.inReplyTo);
      const identity = await lookups.resolve(recipient);
      const known = recipient.idRaw.length > 0 ? recipient.idRaw : identity?.idRaw;
      if (known !== undefined) refuseBlocked(book, known);
      const { id, stop } = await store().commit<{ readonly id?: MessageId; readonly stop?: Stop }>({
        onFailure: "give-up",
        plan: () => {
          if (view(requestId) !== undefined) return { records: [], result: {} };
          refuseWithoutRoom(outbox, draft.content.length);
          const nowMs = clock.wallMs();
          const stop = cause === undefined ? undefined : automatic.stop(agentIdBytes(cause.from), [{ thread, recipient, depth }], nowMs);
          if (stop !== undefined) return { records: stop.records, result: { stop } };
          const queued = outgoingRecords(outbox, host.crypto.hash, {
            ...wordsOf(draft),
            recipient,
            class: "mail",
            requestId: request,
            asks,
            thread,
            depth,
            // A question of a handler is there to be answered; its depth alone bounds the chain.
            auto: depth > 0 && !asks,
            inReplyTo: draft.inReplyTo === "" ? undefined : parseMessageId(draft.inReplyTo),
            nowMs,
            expiresAtMs: expiryOf(draft, nowMs),
          });
          if (depth > 0) automatic.charge(queued.id, { thread, recipient, depth }, nowMs);
          const contact = depth === 0 && known !== undefined ? writtenTo(book, known, nowMs) : [];
          return { records: [...queued.records, ...contact], result: { id: queued.id } };
        },
      });
      if (stop !== undefined)
        throw new PerdureError("loop-paused", stop.verdict.why, { hint: "perdure contacts paused shows it; resume lets it go on." });
      const queued = view(requestId);
      if (queued === undefined) throw new PerdureError("internal", "a queued message is not in the outbox");
      if (id !== undefined) log.write("debug", "agent.queued", { id, to: draft.to, bytes: draft.content.length });
      return queued;
    },
    async prepare(cause, drafts) {
      const { head } = headOf(cause);
      const depth = head.depth + 1;
      const auto = drafts.map((draft) => {
        refuseRetired(draft.reply);
        if (draft.reply && head.auto) throw new PerdureError("auto-reply-refused", "mail that a handler wrote is never answered by one");
        if (depth > MAX_AUTO_DEPTH) throw tooDeep();
        const to = draft.reply ? incomingFrom(cause) : draft.to;
        return { draft, depth, recipient: parseRecipient(to), thread: draft.thread === "" ? head.thread : threadOf(draft.thread) };
      });
      await Promise.all(auto.map(({ recipient }) => lookups.resolve(recipient)));
      return () => {
        refuseWithoutRoom(
          outbox,
          drafts.reduce((sum, draft) => sum + draft.content.length, 0),
        );
        const nowMs = clock.wallMs();
        const stop = automatic.stop(cause.from, auto, nowMs);
        if (stop !== undefined) return { records: stop.records, stopped: stop.verdict };
        const records = auto.flatMap(({ draft, recipient, thread }) => {
          const queued = outgoingRecords(outbox, host.crypto.hash, {
            ...wordsOf(draft),
            recipient,
            class: "mail",
            requestId: EMPTY,
            asks: false,
            thread,
            depth,
            auto: true,
            inReplyTo: draft.reply ? { stream: cause.stream, seq: cause.seq } : undefined,
            nowMs,
            expiresAtMs: expiryOf(draft, nowMs),
          });
          automatic.charge(queued.id, { thread, recipient, depth }, nowMs);
          log.write("debug", "agent.turn-queued", { id: queued.id, to: draft.to, cause: incomingId(cause), bytes: draft.content.length });
          return queued.records;
        });
        return { records, stopped: undefined };
      };
    },
  };
}

function tooDeep(): PerdureError {
  return new PerdureError("loop-depth", `a chain of automatic messages ends at ${MAX_AUTO_DEPTH}`, {
    hint: "Have a person or a plain agent.send continue it.",
  });
}

/** A retired agent begins nothing any more; it may answer while what it signs still counts. `identity-retired`. */
export function refuseOfRetired({ standing, log }: Pick<OwnIdentity, "standing" | "log">, isReply: boolean, nowMs: number): void {
  if (standing !== "retired" || (isReply && nowMs < (log.retired?.untilMs ?? 0))) return;
  throw new PerdureError("identity-retired", "this agent is retired: it writes to nobody any more", {
    hint: "Write as another agent: perdure init --at <another folder> --relay <address>",
  });
}

/** Nobody writes by accident to somebody they refuse mail from. */
export function refuseBlocked(book: ContactBook, idRaw: Bytes): void {
  if (book.standing(idRaw) !== "blocked") return;
  throw new PerdureError("blocked", `${agentIdText(idRaw)} is blocked here`, { hint: "perdure contacts add takes it in again." });
}

/** Who is written to by somebody's own will is a contact from then on. A full book stays as it is: the answer passes all the same. */
export function writtenTo(book: ContactBook, idRaw: Bytes, nowMs: number): readonly Planned[] {
  if (book.standing(idRaw) !== "none") return [];
  try {
    return book.decided({ idRaw, standing: "contact", how: "written-to", name: "", nowMs }).map((kept) => ({ kept }));
  } catch (error) {
    if (isPerdureError(error) && error.code === "mailbox-full") return [];
    throw error;
  }
}
