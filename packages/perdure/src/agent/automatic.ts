/**
 * What the loop guard means for this agent's mail: which messages of handlers leave, which received ones handlers still get,
 * and what is paused when a budget is passed, by us or by the other side.
 *
 * What must hold: a turn leaves whole or not at all; what is stopped says so to both owners, once by a durable pause here and
 * once by the signed refusal of the message that caused it.
 */
import type { Host } from "../host/host.ts";
import { COUNTED_DEPTH, EVERY_THREAD, type LoopGuard, peerOf } from "../protocol/contacts/loop-guard.ts";
import { headOf, type Incoming } from "../protocol/delivery/incoming.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { agentIdText, messageIdText } from "../wire/ids.ts";
import type { ReceiptEntry } from "../wire/sealed.ts";
import { refusal, type Verdict } from "./endings.ts";
import type { Recipient } from "./outgoing-records.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";

const MINUTE_MS = 60_000;

export interface AutomaticMail {
  readonly thread: Bytes;
  readonly recipient: Recipient;
  readonly depth: number;
}

export interface Stop {
  readonly verdict: Verdict;
  readonly records: readonly Planned[];
}

export interface Automatic {
  /** Why messages caused by mail of `cause` may not leave; `undefined` when they may. */
  stop(cause: Bytes, messages: readonly AutomaticMail[], nowMs: number): Stop | undefined;
  charge(id: string, message: AutomaticMail, nowMs: number): void;
  /** Why a received message does not go to handlers. */
  stopped(incoming: Incoming, fromDepth: number): Verdict | undefined;
  /** Records for a refusal of our automatic mail by a peer whose guard stopped it. */
  refused(from: Bytes, entry: ReceiptEntry): readonly Planned[];
}

export interface AutomaticOptions {
  readonly host: Pick<Host, "clock" | "log">;
  readonly settings: Settings;
  readonly guard: LoopGuard;
  readonly outbox: Outbox;
  readonly peers: Peers;
}

export function createAutomatic({ host, settings, guard, outbox, peers }: AutomaticOptions): Automatic {
  const named = (name: string): Bytes | undefined => peers.named(name)?.idRaw;
  const keyOf = ({ idRaw, name }: Recipient): string => peerOf({ to: idRaw, toName: name }, named);
  const idOf = ({ idRaw, name }: Recipient): Bytes | undefined => (idRaw.length > 0 ? idRaw : named(name));

  const pauseBy = (thread: Bytes, peer: Bytes, why: string, nowMs: number): Stop => {
    host.log.write("warn", "agent.loop-paused", { thread: hex(thread), peer: agentIdText(peer), why });
    return {
      verdict: refusal(why, "loop-paused"),
      records: guard.paused({ thread, peer, why, atMs: nowMs }).map((kept) => ({ kept })),
    };
  };
  const windowWords = `within ${Math.round(settings.autoWindowMs / MINUTE_MS)} min`;

  return {
    stop(cause, messages, nowMs) {
      const perThread = new Map<string, number>();
      const perPeer = new Map<string, number>();
      for (const { thread, recipient, depth } of messages) {
        if (depth < COUNTED_DEPTH) continue;
        const peer = keyOf(recipient);
        const to = idOf(recipient);
        const held = guard.pause(thread, cause) ?? (to === undefined ? undefined : guard.pause(thread, to));
        if (held !== undefined) return { verdict: refusal(held.why, "loop-paused"), records: [] };
        const inThread = (perThread.get(hex(thread)) ?? 0) + 1;
        const toPeer = (perPeer.get(peer) ?? 0) + 1;
        perThread.set(hex(thread), inThread);
        perPeer.set(peer, toPeer);
        const over = guard.passes(thread, peer, { inThread, toPeer }, nowMs);
        if (over === "thread")
          return pauseBy(thread, cause, `more than ${settings.autoPerThread} automatic messages in one thread ${windowWords}`, nowMs);
        if (over === "peer")
          return pauseBy(
            EVERY_THREAD,
            to ?? cause,
            `more than ${settings.autoPerPair} automatic messages to one agent ${windowWords}`,
            nowMs,
          );
      }
      return undefined;
    },
    charge(id, { thread, recipient, depth }, nowMs) {
      if (depth >= COUNTED_DEPTH) guard.charge({ id, thread, peer: keyOf(recipient), atMs: nowMs });
    },
    stopped(incoming, fromDepth) {
      const { head } = headOf(incoming);
      const held = head.depth >= fromDepth ? guard.pause(head.thread, incoming.from) : undefined;
      return held === undefined ? undefined : refusal(held.why, "loop-paused");
    },
    refused(from, entry) {
      const outgoing = outbox.find(messageIdText(entry.stream, entry.seq));
      if (entry.code !== "loop-paused" || outgoing === undefined || outgoing.head.depth === 0) return [];
      const to = outgoing.head.to.length > 0 ? outgoing.head.to : named(outgoing.head.toName);
      if (to === undefined || !equalBytes(to, from)) return [];
      return pauseBy(outgoing.head.thread, from, `${agentIdText(from)} paused it: ${entry.why}`.slice(0, 300), host.clock.wallMs()).records;
    },
  };
}
