/**
 * Who works on which message: claims, attempts, completions.
 *
 *   waiting -> claimed (its attempt is durable) -> completed | put off | failed box
 *
 * What must hold: only the newest attempt completes; completion, receipt and outgoing mail of a turn are one change; a
 * claim ends by completion, release, its deadline, or its client's leaving, and never silently.
 */
import { sleep } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { COUNTED_DEPTH } from "../protocol/contacts/loop-guard.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import { headOf, type Incoming, incomingFrom, incomingId, incomingKey, isWhole } from "../protocol/delivery/incoming.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { agentIdBytes, type MessageId, messageIdText, parseMessageId } from "../wire/ids.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Bell } from "./bell.ts";
import type { ClaimedMail, ClaimKey, ClientId, Completion, MailKey } from "./core.ts";
import { DONE, type Endings, refusal, type Verdict } from "./endings.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import { NO_DRAFTS, type TurnPlan } from "./submissions.ts";
import { mailView, type SenderView } from "./views.ts";

/** Starts without an outcome (the process ended) count this many times less than failures of a handler. */
const CRASHES_PER_FAILURE = 4;
const DISK_CODES: ReadonlySet<string> = new Set(["disk-full", "disk-failed", "read-only"]);

/** Rings for handlers: a message may start. */
export const WORK = "work";

export interface Claims {
  claim(client: ClientId, signal: AbortSignal): Promise<ClaimedMail>;
  answer(client: ClientId, to: MessageId, signal: AbortSignal): Promise<ClaimedMail>;
  adopt(client: ClientId, claim: ClaimKey): boolean;
  /** `drafts` plans the turn's messages; when it says that they may not leave, the message ends as refused instead. */
  complete(completion: Completion, drafts: () => TurnPlan): Promise<void>;
  release(claim: ClaimKey, failed: boolean, why: string): Promise<void>;
  finish(key: MailKey, outcome: "done" | "refused", why: string): Promise<void>;
  retry(key: MailKey): Promise<void>;
  /** Ends what `found` gives as refused, except what a handler has, together with the records of `first`. */
  refuseAll(found: () => readonly Incoming[], verdict: Verdict, first: () => readonly Planned[]): Promise<void>;
  leave(client: ClientId): void;
  /** A client will ask for the answer to this message. */
  asks(client: ClientId, to: MessageId): void;
  find(key: MailKey): Incoming;
  /** Ends what time alone ends: mail that waited past its expiry, twins of what is over. */
  sweep(expired: readonly Incoming[]): Promise<void>;
  close(): void;
}

export interface ClaimOptions {
  readonly host: Pick<Host, "clock" | "log">;
  readonly settings: Settings;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly peers: Peers;
  readonly endings: Endings;
  /** Why the loop guard does not let handlers have a message of at least this depth. */
  readonly stopped: (incoming: Incoming, fromDepth: number) => Verdict | undefined;
  readonly senderView: (from: Bytes) => SenderView;
  readonly store: () => AgentStore;
  readonly bell: Bell;
  readonly closing: AbortSignal;
}

export function createClaims(options: ClaimOptions): Claims {
  const { host, settings, inbox, outbox, peers, store, bell, closing, stopped, senderView } = options;
  const { ended, parked, say, tellFailed } = options.endings;
  /** Twins of failed messages whose senders were told. */
  const told = new WeakSet<Incoming>();
  const { clock, log } = host;
  // bound: one per question that waits for its answer
  const askers = new Map<MessageId, ClientId>();
  /** Of questions whose asker has not come for the answer yet. */
  // bound: one per question that waits for its answer
  const expected = new Map<MessageId, () => void>();
  // bound: one per claimed message
  const deadlines = new Map<Incoming, () => void>();

  const repliesTo = (incoming: Incoming): MessageId | undefined => {
    const ref = headOf(incoming).head.inReplyTo;
    return ref === undefined ? undefined : messageIdText(ref.stream, ref.seq);
  };
  /** A reply counts only when the one who was asked wrote it. */
  const isAnswer = (incoming: Incoming, to: MessageId): boolean => {
    if (repliesTo(incoming) !== to) return false;
    const head = outbox.find(to)?.head;
    const asked = head === undefined ? undefined : head.to.length > 0 ? head.to : peers.named(head.toName)?.idRaw;
    return asked !== undefined && equalBytes(asked, incoming.from);
  };
  const isAwaited = (incoming: Incoming): boolean => {
    const to = repliesTo(incoming);
    return to !== undefined && askers.has(to) && isAnswer(incoming, to);
  };

  /** One handler is woken; when it has found something to do it wakes the next. */
  const wakeOne = (): void => bell.ring(WORK, 1);
  /** A message is free again, for handlers or for who asked. */
  const offer = (incoming: Incoming): void => {
    wakeOne();
    const to = repliesTo(incoming);
    if (to !== undefined) bell.ring(to);
  };
  /** What came after a message may start; what it held back as twins are free when it was refused. */
  const followUp = (outcome: "done" | "refused"): void => (outcome === "refused" ? bell.ringAll() : wakeOne());

  const find = (key: MailKey): Incoming => {
    const incoming = inbox.find(`${hex(agentIdBytes(key.from))}/${key.id}`);
    if (incoming === undefined || !isWhole(incoming) || incoming.twinOf !== undefined) {
      throw new PerdureError("unknown-message", `there is no message ${key.id} of ${key.from} in a box`, {
        hint: "It may be done already; `perdure inbox` lists what waits.",
      });
    }
    return incoming;
  };
  const letGo = (incoming: Incoming): void => {
    incoming.claim = undefined;
    deadlines.get(incoming)?.();
    deadlines.delete(incoming);
  };
  const held = (key: ClaimKey): Incoming => {
    const incoming = inbox.find(`${hex(agentIdBytes(key.from))}/${key.id}`);
    if (incoming?.claim === undefined || incoming.claim.attempt !== key.attempt || incoming.committing) {
      throw new PerdureError("fenced", `attempt ${key.attempt} at message ${key.id} is over`, {
        hint: "Its time ran out, or another handler has it; what it did here is not committed.",
      });
    }
    return incoming;
  };

  const takeBackLater = (incoming: Incoming, attempt: number): void => {
    deadlines.set(
      incoming,
      clock.after(settings.handlerTimeoutMs, () => {
        const key = { from: incomingFrom(incoming), id: incomingId(incoming), attempt };
        release(key, true, `the handler took more than ${settings.handlerTimeoutMs} ms`).catch((error: unknown) => {
          // Committed or taken over in the same moment; a disk that failed leaves the claim to be released by its client.
          log.write("debug", "agent.take-back-failed", { id: key.id, why: String(error) });
        });
      }),
    );
  };

  /** `asked`: by who waits for this answer, and not in its turn. */
  const grant = async (incoming: Incoming, client: ClientId, signal: AbortSignal, asked = false): Promise<ClaimedMail> => {
    const attempt = incoming.attempt + 1;
    incoming.claim = { client, attempt };
    const { from, stream, seq } = incoming;
    log.write("debug", "agent.claimed", { from: incomingFrom(incoming), id: incomingId(incoming), attempt, asked, atMs: clock.wallMs() });
    await store().commit({
      onFailure: "give-up",
      plan: () => ({ records: [{ kept: { kind: "started", head: { from, stream, seq, attempt } } }], result: undefined }),
      undo: () => letGo(incoming),
    });
    if (incoming.claim?.attempt !== attempt)
      throw new PerdureError("fenced", `message ${incomingId(incoming)} was ended meanwhile`, { retry: "now" });
    if (signal.aborted) {
      letGo(incoming);
      throw new PerdureError("aborted", "stopped waiting for mail", { cause: signal.reason });
    }
    takeBackLater(incoming, attempt);
    log.write("debug", "agent.handler-start", { from: incomingFrom(incoming), id: incomingId(incoming), attempt });
    return { mail: mailView(incoming, senderView(incoming.from)), handlerTimeoutMs: settings.handlerTimeoutMs };
  };

  /** Work that a failing disk only delays, until `signal` fires. */
  const throughFailures = async <Value>(signal: AbortSignal, work: () => Promise<Value>): Promise<Value> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isPerdureError(error) || !DISK_CODES.has(error.code) || signal.aborted) throw error;
        await sleep(clock, settings.diskRetryMs, signal);
      }
    }
  };

  const end = async (
    incoming: Incoming,
    attempt: number,
    wanted: Verdict,
    drafts: () => TurnPlan,
    mayStill: () => void,
  ): Promise<Verdict> => {
    incoming.committing = true;
    const unmark = (): void => {
      incoming.committing = false;
    };
    let both: readonly Incoming[] = [];
    let verdict = wanted;
    try {
      await store().commit({
        onFailure: "give-up",
        plan: () => {
          mayStill();
          const queued = drafts();
          verdict = queued.stopped ?? wanted;
          both = [incoming, ...inbox.twins(incoming)];
          return { records: [...ended(incoming, attempt, verdict), ...queued.records], result: undefined };
        },
        applied: () => {
          letGo(incoming);
          say(both, verdict.outcome, () => attempt);
        },
      });
    } finally {
      unmark();
    }
    return verdict;
  };

  const refuseAll: Claims["refuseAll"] = async (found, verdict, first) => {
    let taken: readonly Incoming[] = [];
    const unmark = (): void => {
      for (const each of taken) each.committing = false;
    };
    await store().commit({
      onFailure: "give-up",
      plan: () => {
        const records = first();
        taken = found().filter((each) => each.claim === undefined && !each.committing);
        for (const each of taken) each.committing = true;
        return { records: [...records, ...taken.flatMap((each) => ended(each, each.attempt + 1, verdict))], result: undefined };
      },
      undo: unmark,
      applied: () => {
        unmark();
        say(taken, verdict.outcome, (each) => each.attempt + 1);
      },
    });
    if (taken.length > 0) bell.ringAll();
  };

  const release = async (claim: ClaimKey, failed: boolean, why: string): Promise<void> => {
    const incoming = held(claim);
    if (!failed) {
      letGo(incoming);
      return offer(incoming);
    }
    // What failed because its own messages were stopped does not start again.
    const stop = stopped(incoming, 1);
    if (stop !== undefined) {
      letGo(incoming);
      return await refuseAll(
        () => [incoming],
        stop,
        () => [],
      );
    }
    const { from, stream, seq, arrival, crashes } = incoming;
    const failures = incoming.failures + 1;
    const pauseMs = Math.min(settings.retryMaxMs, settings.retryMinMs * 2 ** Math.min(failures - 1, 30));
    incoming.committing = true;
    try {
      await store().commit({
        onFailure: "try-again",
        plan: () => {
          if (failures >= settings.handlerAttempts) {
            return { records: parked({ ...incoming, failures }, "failed", why), result: undefined };
          }
          return {
            records: [
              {
                kept: {
                  kind: "put",
                  head: { from, stream, seq, box: "contacts", arrival, failures, crashes, notBeforeMs: clock.wallMs() + pauseMs },
                },
              },
            ],
            result: undefined,
          };
        },
        applied: () => {
          letGo(incoming);
          const { from: by, id, attempt } = claim;
          log.write("debug", failures >= settings.handlerAttempts ? "agent.failed" : "agent.put-off", {
            from: by,
            id,
            attempt,
            failures,
            parts: incoming.parts,
          });
        },
      });
    } finally {
      incoming.committing = false;
    }
    offer(incoming);
  };

  /** A message that started too often without an outcome is not started again. */
  const startsTooOften = (incoming: Incoming): boolean =>
    incoming.crashes + incoming.starts >= settings.handlerAttempts * CRASHES_PER_FAILURE;

  const park = async (incoming: Incoming, code: string, why: string): Promise<void> => {
    incoming.committing = true;
    try {
      await store().commit({
        onFailure: "try-again",
        plan: () => ({ records: parked(incoming, code, why), result: undefined }),
        applied: () =>
          log.write("debug", "agent.failed", { from: incomingFrom(incoming), id: incomingId(incoming), code, parts: incoming.parts }),
      });
    } finally {
      incoming.committing = false;
    }
  };

  return {
    find,
    asks: (client, to) => {
      askers.set(to, client);
      // A call that was given up meanwhile never comes for its answer, which is then mail like any other.
      const giveUp = clock.after(settings.callTimeoutMs, () => {
        expected.delete(to);
        askers.delete(to);
        wakeOne();
      });
      expected.set(to, giveUp);
    },
    async claim(client, signal) {
      try {
        return await throughFailures(signal, async () => {
          for (;;) {
            const next = inbox.next(clock.wallMs(), (incoming) => !isAwaited(incoming));
            if ("atMs" in next) {
              await bell.wait(WORK, signal, next.atMs - clock.wallMs());
              continue;
            }
            wakeOne();
            const stop = stopped(next.incoming, COUNTED_DEPTH);
            if (stop !== undefined) {
              await refuseAll(
                () => [next.incoming],
                stop,
                () => [],
              );
              continue;
            }
            if (!startsTooOften(next.incoming)) return await grant(next.incoming, client, signal);
            await park(next.incoming, "failed", "it was started many times and never came to an end");
          }
        });
      } catch (error) {
        // Whoever leaves without mail may have been the one who was woken for it.
        wakeOne();
        throw error;
      }
    },
    async answer(client, to, signal) {
      expected.get(to)?.();
      expected.delete(to);
      askers.set(to, client);
      const isFree = (incoming: Incoming): boolean => incoming.box === "contacts" && incoming.claim === undefined && !incoming.committing;
      try {
        return await throughFailures(signal, async () => {
          for (;;) {
            const found = [...inbox.answersTo(to)].find((incoming) => isFree(incoming) && isAnswer(incoming, to));
            if (found === undefined) await bell.wait(to, signal);
            else return await grant(found, client, signal, true);
          }
        });
      } finally {
        if (askers.get(to) === client) askers.delete(to);
        bell.ring(to);
        wakeOne();
      }
    },
    adopt(client, claim) {
      const incoming = inbox.find(`${hex(agentIdBytes(claim.from))}/${claim.id}`);
      if (incoming === undefined || incoming.box !== "contacts" || incoming.attempt !== claim.attempt || incoming.committing) return false;
      if (incoming.claim !== undefined) return incoming.claim.client === client;
      incoming.claim = { client, attempt: claim.attempt };
      takeBackLater(incoming, claim.attempt);
      return true;
    },
    async complete(completion, drafts) {
      const { stream, seq } = parseMessageId(completion.id);
      const from = agentIdBytes(completion.from);
      const wanted = completion.outcome === "done" ? DONE : refusal(completion.why);
      let ending = wanted;
      // A disk that fails holds the completion up until the claim's deadline takes the message back.
      await throughFailures(closing, async () => {
        if (inbox.find(incomingKey(from, stream, seq)) === undefined && inbox.completedAttempt(from, stream, seq) === completion.attempt)
          return;
        const incoming = held(completion);
        const mayStill = (): void => {
          if (incoming.claim?.attempt !== completion.attempt)
            throw new PerdureError("fenced", `attempt ${completion.attempt} at message ${completion.id} is over`);
        };
        ending = await end(incoming, completion.attempt, wanted, drafts, mayStill);
      });
      followUp(ending.outcome);
    },
    release,
    refuseAll,
    async finish(key, outcome, why) {
      const { stream, seq } = parseMessageId(key.id);
      const from = agentIdBytes(key.from);
      // Ended before: the call is a repetition of the one that did it.
      if (inbox.find(incomingKey(from, stream, seq)) === undefined && inbox.completedAttempt(from, stream, seq) !== undefined) return;
      const incoming = find(key);
      if (incoming.committing) throw new PerdureError("unknown-message", `message ${key.id} is just coming to its end`);
      letGo(incoming);
      // No handler's attempt: the one that runs is told `fenced`, its turn was not committed.
      await end(
        incoming,
        incoming.attempt + 1,
        outcome === "done" ? DONE : refusal(why),
        () => NO_DRAFTS,
        () => undefined,
      );
      followUp(outcome);
    },
    async retry(key) {
      const incoming = find(key);
      if (incoming.box === "requests")
        throw new PerdureError("bad-argument", `message ${key.id} waits for a word on its sender`, {
          hint: "Take the sender in: perdure contacts accept.",
        });
      const { from, stream, seq } = incoming;
      await store().commit({
        onFailure: "give-up",
        plan: () => {
          const arrival = incoming.box === "failed" ? inbox.nextArrival() : incoming.arrival;
          return {
            records: [
              { kept: { kind: "put", head: { from, stream, seq, box: "contacts", arrival, failures: 0, crashes: 0, notBeforeMs: 0 } } },
            ],
            result: undefined,
          };
        },
      });
      offer(incoming);
    },
    leave(client) {
      for (const [to, asker] of askers) if (asker === client) askers.delete(to);
      for (const incoming of inbox.listed("contacts", 0)) {
        if (incoming.claim?.client !== client || incoming.committing) continue;
        letGo(incoming);
        offer(incoming);
        log.write("debug", "agent.claim-freed", { from: incomingFrom(incoming), id: incomingId(incoming), attempt: incoming.attempt });
      }
      wakeOne();
    },
    async sweep(expired) {
      for (const incoming of expired) {
        // Nobody but its sender hears of a request that ran out: strangers do not fill the failed box.
        if (incoming.box === "requests")
          await refuseAll(
            () => [incoming],
            refusal("nobody took it in before it expired", "expired"),
            () => [],
          );
        else await park(incoming, "expired", "it waited past its expiry");
      }
      for (const twin of inbox.lateTwins()) {
        twin.committing = true;
        await store()
          .commit({
            onFailure: "try-again",
            plan: () => ({
              records: ended(twin, twin.attempt, { ...DONE, why: "another message with the same idempotency key was taken" }),
              result: undefined,
            }),
            applied: () => say([twin], "done", () => twin.attempt),
          })
          .finally(() => {
            twin.committing = false;
          });
      }
      const untold = inbox.twinsOfFailed().filter((each) => !told.has(each));
      if (untold.length > 0) {
        await store().commit({
          onFailure: "try-again",
          plan: () => {
            for (const twin of untold) tellFailed(twin);
            return { records: [], result: undefined };
          },
          applied: () => {
            for (const twin of untold) told.add(twin);
          },
        });
      }
      if (expired.length > 0) wakeOne();
    },
    close() {
      for (const cancel of [...deadlines.values(), ...expected.values()]) cancel();
    },
  };
}
