/**
 * Senders whose mail was left at the relay: nobody could say who they are, or two logs of them contradict each other.
 *
 * What must hold: only what is new of a sender is a reason to have its mail delivered again. What it is judged by may be pinned again as
 * it was by that very judging, and each delivery would then ask for the next.
 */
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import type { Peers } from "./peers.ts";

/** Senders remembered; mail of one beyond them comes again with the next session. */
const MAX_UNDECIDED = 1024;

export interface Undecided {
  /** Mail of that sender was left where it is; `judgedBy`: the bundle that was pinned then. */
  hold(idRaw: Bytes, judgedBy: Bytes | undefined): void;
  /** True, once, when something else is pinned of that sender than what held mail of it was judged by. */
  release(idRaw: Bytes): boolean;
}

export function createUndecided(peers: Pick<Peers, "bundle">): Undecided {
  // bound: MAX_UNDECIDED
  const held = new Map<string, Bytes | undefined>();
  return {
    hold(idRaw, judgedBy) {
      const key = hex(idRaw);
      // The first was judged by the least.
      if (!held.has(key)) held.set(key, judgedBy);
      if (held.size > MAX_UNDECIDED) held.delete(held.keys().next().value as string);
    },
    release(idRaw) {
      const key = hex(idRaw);
      const pinned = peers.bundle(idRaw);
      if (!held.has(key) || pinned === undefined) return false;
      const judgedBy = held.get(key);
      if (judgedBy !== undefined && equalBytes(judgedBy, pinned)) return false;
      return held.delete(key);
    },
  };
}
