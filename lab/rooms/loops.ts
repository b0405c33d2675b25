/**
 * The loop guard beside a list of what left: who may still send automatic mail, and what is paused, with few places and restarts from the log or from what
 * restates it, at any step.
 */
import {
  COUNTED_DEPTH,
  createLoopGuard,
  EVERY_THREAD,
  type LoopGuard,
  peerOf,
} from "../../packages/perdure/src/protocol/contacts/loop-guard.ts";
import { EMPTY, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { messageIdText } from "../../packages/perdure/src/wire/ids.ts";
import { decodeKept, encodeKept, type Kept, type KeptPause } from "../../packages/perdure/src/wire/kept-agent.ts";
import { PLAIN_WORDS } from "../../packages/perdure/src/wire/test-sealed-head.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly do: "send" | "plan" | "pause" | "resume" | "wait" | "restate" | "reread";
  readonly thread: number;
  readonly peer: number;
  readonly few: number;
}

const STEPS = 40;
const LIMITS = { autoPerThread: 3, autoPerPair: 5, autoWindowMs: 1000 };
const BOUNDS = { pauses: 3, counted: 8 };
const THREADS = 5;
/** The last two are known by name only: one means the first, the other nobody. */
const PEERS = 5;
const NAMED = PEERS - 2;

const threadOf = (thread: number): Uint8Array => (thread === 0 ? EVERY_THREAD : new Uint8Array(16).fill(thread));
const idOf = (peer: number): Uint8Array => new Uint8Array(32).fill(1 + peer);
const named = (name: string): Uint8Array | undefined => (name === "desk" ? idOf(0) : undefined);
const addressOf = (peer: number): { readonly to: Uint8Array; readonly toName: string } =>
  peer < NAMED ? { to: idOf(peer), toName: "" } : { to: EMPTY, toName: peer === NAMED ? "desk" : "nobody" };
/** Who is counted: one by its name is the one it means. */
const countedOf = (peer: number): string => (peer === NAMED + 1 ? "@nobody" : hex(idOf(peer % NAMED)));

export const loops: Room<Step> = {
  name: "loops",
  about: "automatic mail that may still leave, beside a list of what left",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => {
      const deeds: readonly Step["do"][] = ["send", "send", "send", "send", "plan", "pause", "resume", "wait", "wait", "restate", "reread"];
      const deed = deeds[draws.below(deeds.length)] ?? "wait";
      return { do: deed, thread: draws.below(THREADS), peer: draws.below(PEERS), few: draws.below(6) };
    }),
  run: async (steps) => goThrough(steps),
};

interface Left {
  readonly id: string;
  readonly thread: string;
  readonly peer: string;
  readonly atMs: number;
  readonly kept: Kept | undefined;
}

function goThrough(steps: readonly Step[]): void {
  const opened = (): LoopGuard => createLoopGuard({ limits: LIMITS, named, bounds: BOUNDS });
  let guard = opened();
  let [nowMs, seq] = [50_000, 0];
  let left: Left[] = [];
  let log: Kept[] = [];
  const pauses = new Map<string, KeptPause>();
  /** When what was paused began to count anew, the newest last. */
  let anew: { readonly pause: KeptPause; readonly counts: readonly string[] }[] = [];

  const keyOf = ({ thread, peer }: Pick<KeptPause, "thread" | "peer">): string => `${hex(thread)} ${hex(peer)}`;
  const isIn = (count: string, each: Left): boolean =>
    (count.startsWith("thread ") ? `thread ${each.thread}` : `peer ${each.peer}`) === count;
  /** What counts of a thread or a peer: it left within the window, and not before a pause of it ended. */
  const within = (count: string): number => {
    const ended = anew.filter(({ counts }) => counts.includes(count)).map(({ pause }) => pause.atMs);
    const counting = left.filter(
      (each) => isIn(count, each) && each.atMs + LIMITS.autoWindowMs > nowMs && ended.every((atMs) => each.atMs > atMs),
    );
    return new Set(counting.map(({ id }) => id)).size;
  };
  const apply = (kept: Kept): void => {
    guard.apply(kept);
    log.push(kept);
  };
  const queuedFor = (thread: number, peer: number, depth: number, isMail: boolean): Kept => {
    const words = { ...PLAIN_WORDS, asks: false, invite: EMPTY, wholeHash: new Uint8Array(32), wholeBytes: 1, requestId: EMPTY };
    const about = {
      stream: new Uint8Array(8).fill(1),
      seq,
      parts: 1,
      class: isMail ? "mail" : "receipt",
      thread: threadOf(thread),
      depth,
      auto: true,
    } as const;
    return { kind: "queued", head: { ...words, ...about, ...addressOf(peer), sentAtMs: nowMs, expiresAtMs: nowMs + 9000 } };
  };

  for (const { do: deed, thread, peer, few } of steps) {
    const id = messageIdText(new Uint8Array(8).fill(1), ++seq);
    if (deed === "send" || deed === "plan") {
      const depth = few === 0 ? COUNTED_DEPTH - 1 : COUNTED_DEPTH + (few % 2);
      const isMail = few !== 1;
      const kept = queuedFor(thread, peer, depth, isMail);
      const said = guard.passes(threadOf(thread), countedOf(peer), { inThread: 1, toPeer: 1 }, nowMs);
      // What counts is sent only while it may be; what a person wrote is sent always.
      if (said !== undefined && depth >= COUNTED_DEPTH && isMail) continue;
      const counts = depth >= COUNTED_DEPTH && isMail;
      if (counts)
        left.push({ id, thread: hex(threadOf(thread)), peer: countedOf(peer), atMs: nowMs, kept: deed === "plan" ? undefined : kept });
      if (counts && few % 2 === 0) guard.charge({ id, thread: threadOf(thread), peer: countedOf(peer), atMs: nowMs });
      if (counts && deed === "plan") guard.charge({ id, thread: threadOf(thread), peer: countedOf(peer), atMs: nowMs });
      if (deed === "send") apply(kept);
    } else if (deed === "pause") {
      const pause = { thread: threadOf(thread), peer: idOf(peer % NAMED), why: `${few}`, atMs: nowMs };
      const said = guard.paused(pause);
      const isNew = !pauses.has(keyOf(pause)) && pauses.size < BOUNDS.pauses;
      if ((said.length === 1) !== isNew) parted(`a pause is ${isNew ? "not " : ""}taken`);
      for (const kept of said) {
        apply(kept);
        pauses.set(keyOf(pause), { ...pause, paused: true });
      }
    } else if (deed === "resume") {
      const pause = [...pauses.values()][few % Math.max(1, pauses.size)];
      if (pause === undefined) continue;
      nowMs++;
      const ended = { ...pause, paused: false, atMs: nowMs };
      apply({ kind: "paused", head: ended });
      nowMs++;
      pauses.delete(keyOf(pause));
      anew = anew.filter((each) => keyOf(each.pause) !== keyOf(pause));
      anew.push({ pause: ended, counts: [`thread ${hex(pause.thread)}`, `peer ${hex(pause.peer)}`] });
    } else if (deed === "wait") nowMs += few === 0 ? 900 : 100 * few;
    else if (few > 2) {
      // What was planned only never left.
      left = left.filter(({ kept }) => kept !== undefined);
      const restated = guard.restate().map(({ kept }) => decodeKept(encodeKept(kept, undefined)).kept);
      const forgetful = anew.slice(0, Math.max(0, anew.length - BOUNDS.pauses));
      if (deed === "restate") anew = anew.filter((each) => !forgetful.includes(each));
      const sent = left.flatMap(({ kept }) => kept ?? []);
      const said = deed === "restate" ? [...restated, ...sent] : log;
      if (few === 3) guard.reset();
      else guard = opened();
      for (const kept of said) guard.apply(kept);
      if (deed === "restate") log = [...said];
    }
    compare();
  }

  function compare(): void {
    const shown = (pause: KeptPause | undefined): string => (pause === undefined ? "" : `${keyOf(pause)} ${pause.why} ${pause.atMs}`);
    const said = [...guard.pauses()].map(shown).sort().join();
    if (said !== [...pauses.values()].map(shown).sort().join()) parted(`paused is ${said}`);
    const all = [...new Set(left.flatMap(({ thread, peer }) => [`thread ${thread}`, `peer ${peer}`]))];
    const counts = new Map(all.map((count) => [count, within(count)]));
    const places = [...counts.values()].filter((many) => many > 0).length;
    for (let thread = 0; thread < THREADS; thread++)
      for (let peer = 0; peer < PEERS; peer++) {
        const held =
          pauses.get(keyOf({ thread: threadOf(thread), peer: idOf(peer) })) ??
          pauses.get(keyOf({ thread: EVERY_THREAD, peer: idOf(peer) }));
        if (shown(guard.pause(threadOf(thread), idOf(peer))) !== shown(held))
          parted(`thread ${thread} with ${peer} is ${held === undefined ? "paused" : "free"}`);
        if (peerOf(addressOf(peer), named) !== countedOf(peer)) parted(`${peer} is counted as ${peerOf(addressOf(peer), named)}`);
        const [inThread, toPeer] = [counts.get(`thread ${hex(threadOf(thread))}`) ?? 0, counts.get(`peer ${countedOf(peer)}`) ?? 0];
        const more = { inThread: 1 + ((thread + peer + seq) % 3), toPeer: 1 + ((thread + seq) % 4) };
        const isFull = places + 2 > BOUNDS.counted;
        const expected =
          inThread + more.inThread > LIMITS.autoPerThread
            ? "thread"
            : toPeer + more.toPeer > LIMITS.autoPerPair || isFull
              ? "peer"
              : undefined;
        const over = guard.passes(threadOf(thread), countedOf(peer), more, nowMs);
        if (over !== expected)
          parted(
            `${more.inThread} more after ${inThread} in thread ${thread}, ${more.toPeer} after ${toPeer} to ${peer}: ${over}, not ${expected}`,
          );
      }
  }
}
