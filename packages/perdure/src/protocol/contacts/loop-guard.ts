/**
 * The loop guard: how much automatic mail caused by automatic mail may leave, per thread and per peer, and what is paused.
 *
 * A message counts when its depth is {@link COUNTED_DEPTH} or more: a handler's answer to what somebody wanted never does, so a
 * work queue of any length passes. States of a thread with a peer: free, paused; of a peer with all its threads: the same.
 * Inputs: `apply` (queued messages and pauses, live or read back), `charge` (planned and not yet durable).
 *
 * Invariants:
 * - Within any window of `autoWindowMs` at most `autoPerThread` counted messages of a thread and `autoPerPair` to a peer are let
 *   through, those planned into one batch included.
 * - A pause ends by `resume` only, and then the count of what it paused begins anew, over restarts too: of the last {@link MAX_PAUSES} it is known.
 * - At most {@link MAX_PAUSES} pauses and {@link MAX_COUNTED} counted threads and peers are held. Whoever passes them is not let through.
 */
import { type Bytes, hex } from "../../wire/bytes.ts";
import { messageIdText } from "../../wire/ids.ts";
import type { Kept, KeptOutgoing, KeptPause } from "../../wire/kept-agent.ts";

export const COUNTED_DEPTH = 2;
export const MAX_PAUSES = 1000;
export const MAX_COUNTED = 10_000;
/** The thread of a pause that holds for everything with its peer. */
export const EVERY_THREAD: Bytes = new Uint8Array(16);

export interface LoopLimits {
  readonly autoPerThread: number;
  readonly autoPerPair: number;
  readonly autoWindowMs: number;
}

/** One counted message. `peer`: the recipient's id in hexadecimal digits, or `@` and its name. */
export interface Automatic {
  readonly id: string;
  readonly thread: Bytes;
  readonly peer: string;
  readonly atMs: number;
}

export interface LoopGuard {
  apply(kept: Kept): void;
  reset(): void;
  restate(): readonly { readonly kept: Kept }[];
  /** Which budget so many further messages would pass at `nowMs`. */
  passes(
    thread: Bytes,
    peer: string,
    more: { readonly inThread: number; readonly toPeer: number },
    nowMs: number,
  ): "thread" | "peer" | undefined;
  /** Counts a message that is planned; the same id again changes nothing. */
  charge(message: Automatic): void;
  /** The pause that stops automatic mail of a thread with a peer. */
  pause(thread: Bytes, peer: Bytes): KeptPause | undefined;
  pauses(): Iterable<KeptPause>;
  /** Records that pause; none when it is paused, or when the guard holds no more. */
  paused(pause: Omit<KeptPause, "paused">): readonly Kept[];
}

export function createLoopGuard(input: {
  readonly limits: LoopLimits;
  /** Whom a name means, so that one peer is counted once. */
  readonly named: (name: string) => Bytes | undefined;
  readonly enabled?: boolean;
  /** Other bounds than {@link MAX_PAUSES} and {@link MAX_COUNTED}, so small that a few steps meet them. */
  readonly bounds?: { readonly pauses: number; readonly counted: number };
}): LoopGuard {
  const { limits, named, enabled = true, bounds = { pauses: MAX_PAUSES, counted: MAX_COUNTED } } = input;
  // bound: MAX_PAUSES
  const pauses = new Map<string, KeptPause>();
  /** When each counted message left, by thread or peer and then by message, oldest first. */
  // bound: MAX_COUNTED threads and peers, autoPerThread or autoPerPair messages of each
  const counted = new Map<string, Map<string, number>>();

  /** Pauses that ended, the last of each thread and peer. */
  // bound: MAX_PAUSES
  const resumed = new Map<string, KeptPause>();
  /** Nothing that left before this counts, by thread or peer. */
  // bound: two per pause that ended
  const begunAnewMs = new Map<string, number>();

  const pauseKey = (thread: Bytes, peer: Bytes): string => `${hex(thread)}/${hex(peer)}`;
  const within = (key: string, nowMs: number): number => {
    const times = counted.get(key);
    if (times === undefined) return 0;
    for (const [id, atMs] of times) {
      if (atMs + limits.autoWindowMs > nowMs) break;
      times.delete(id);
    }
    if (times.size === 0) counted.delete(key);
    return times.size;
  };
  /** No thread or peer is let go of before: with all places taken each message would else look through all of them in vain. */
  let nextFreeMs = Number.NEGATIVE_INFINITY;
  const letGo = (nowMs: number): void => {
    if (nowMs < nextFreeMs) return;
    nextFreeMs = Number.POSITIVE_INFINITY;
    for (const [key, times] of [...counted])
      if (within(key, nowMs) > 0) nextFreeMs = Math.min(nextFreeMs, Math.max(...times.values()) + limits.autoWindowMs);
  };
  const add = (key: string, id: string, atMs: number): void => {
    if (atMs < (begunAnewMs.get(key) ?? Number.NEGATIVE_INFINITY)) return;
    within(key, atMs);
    nextFreeMs = Math.min(nextFreeMs, atMs + limits.autoWindowMs);
    const times = counted.get(key) ?? new Map<string, number>();
    if (!times.has(id)) counted.set(key, times.set(id, atMs));
  };
  const charge = ({ id, thread, peer, atMs }: Automatic): void => {
    if (counted.size >= bounds.counted) letGo(atMs);
    add(`thread ${hex(thread)}`, id, atMs);
    add(`peer ${peer}`, id, atMs);
  };

  const countsOf = ({ thread, peer }: KeptPause): readonly string[] => [`thread ${hex(thread)}`, `peer ${hex(peer)}`];
  const resume = (pause: KeptPause): void => {
    const key = pauseKey(pause.thread, pause.peer);
    pauses.delete(key);
    resumed.delete(key);
    resumed.set(key, pause);
    for (const count of countsOf(pause)) {
      counted.delete(count);
      begunAnewMs.set(count, pause.atMs);
    }
    for (const [oldest, { atMs, ...ended }] of resumed) {
      if (resumed.size <= bounds.pauses && atMs + limits.autoWindowMs > pause.atMs) break;
      resumed.delete(oldest);
      for (const count of countsOf({ atMs, ...ended })) if (begunAnewMs.get(count) === atMs) begunAnewMs.delete(count);
    }
  };

  return {
    apply(kept) {
      if (kept.kind === "paused") {
        const { thread, peer, paused } = kept.head;
        if (paused) pauses.set(pauseKey(thread, peer), kept.head);
        else resume(kept.head);
      } else if (kept.kind === "queued" && isCounted(kept.head)) {
        const { stream, seq, thread, sentAtMs } = kept.head;
        charge({ id: messageIdText(stream, seq), thread, peer: peerOf(kept.head, named), atMs: sentAtMs });
      }
    },
    reset() {
      for (const map of [pauses, counted, resumed, begunAnewMs]) map.clear();
    },
    restate: () => [...resumed.values(), ...pauses.values()].map((head) => ({ kept: { kind: "paused", head } as const })),
    passes(thread, peer, more, nowMs) {
      if (!enabled) return undefined;
      if (within(`thread ${hex(thread)}`, nowMs) + more.inThread > limits.autoPerThread) return "thread";
      if (within(`peer ${peer}`, nowMs) + more.toPeer > limits.autoPerPair) return "peer";
      if (counted.size + 2 <= bounds.counted) return undefined;
      letGo(nowMs);
      return counted.size + 2 > bounds.counted ? "peer" : undefined;
    },
    charge,
    pause: (thread, peer) => pauses.get(pauseKey(thread, peer)) ?? pauses.get(pauseKey(EVERY_THREAD, peer)),
    pauses: () => pauses.values(),
    paused({ thread, peer, why, atMs }) {
      if (pauses.has(pauseKey(thread, peer)) || pauses.size >= bounds.pauses) return [];
      return [{ kind: "paused", head: { thread, peer, paused: true, why, atMs } }];
    },
  };
}

function isCounted(head: KeptOutgoing): boolean {
  return head.class === "mail" && head.depth >= COUNTED_DEPTH;
}

/** How the recipient of a queued message is counted. */
export function peerOf({ to, toName }: Pick<KeptOutgoing, "to" | "toName">, named: (name: string) => Bytes | undefined): string {
  const id = to.length > 0 ? to : named(toName);
  return id === undefined ? `@${toName}` : hex(id);
}
