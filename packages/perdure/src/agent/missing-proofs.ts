/**
 * Asks after proofs that did not come: mail that the own relay took, for a recipient whose relay is not known to have it.
 *
 * The recipient's relay shows its newest proofs whenever a session between the two relays begins. Once the mail is there nothing is left
 * that would begin one: whichever relay dies in the moment between acknowledging and proving leaves the sender without the proof. A
 * question about the recipient, by way of the own relay, begins one.
 * What must hold: of all recipients at one relay one is asked about at a time, after pauses that double; nothing is asked for what a
 * proof came of, and nothing while there is no session.
 */
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { type Bytes, EMPTY, hex } from "../wire/bytes.ts";
import type { Homes } from "./homes.ts";

/** Proofs are under way within a tenth of that; so long after an acknowledgement without one it is asked for. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 3_600_000;
/** Relays asked about at one look; those beyond have their turn at the next. */
const MOST_AT_ONCE = 16;

export interface MissingProofs {
  /** Asks for what is due at `nowMs` of the monotonic clock; in how many milliseconds to look again, `Infinity` when nothing is missing. */
  look(nowMs: number): number;
}

export interface MissingProofsOptions {
  readonly outbox: Pick<Outbox, "open">;
  readonly homes: Pick<Homes, "elsewhere">;
  readonly isConnected: () => boolean;
  readonly ask: (recipient: Bytes) => Promise<unknown>;
}

interface Waiting {
  pauseMs: number;
  nextMs: number;
}

export function createMissingProofs({ outbox, homes, isConnected, ask }: MissingProofsOptions): MissingProofs {
  // bound: one per relay of a recipient of an open message, outboxMessages
  let waiting = new Map<string, Waiting>();

  /** One recipient at each relay that has yet to prove something. */
  const missing = (): Map<string, Bytes> => {
    const found = new Map<string, Bytes>();
    for (const { head, state, parts } of outbox.open()) {
      if (head.class !== "mail" || state !== "accepted") continue;
      const to = parts[0]?.to ?? EMPTY;
      const home = homes.elsewhere(to);
      if (home !== undefined) found.set(hex(home.relayId), to);
    }
    return found;
  };

  return {
    look(nowMs) {
      const before = waiting;
      waiting = new Map();
      if (!isConnected()) return Number.POSITIVE_INFINITY;
      let asked = 0;
      let nextMs = Number.POSITIVE_INFINITY;
      for (const [relay, to] of missing()) {
        const each = before.get(relay) ?? { pauseMs: FIRST_PAUSE_MS, nextMs: nowMs + FIRST_PAUSE_MS };
        waiting.set(relay, each);
        if (each.nextMs <= nowMs && asked < MOST_AT_ONCE) {
          asked++;
          each.pauseMs = Math.min(LONGEST_PAUSE_MS, each.pauseMs * 2);
          each.nextMs = nowMs + each.pauseMs;
          ask(to).catch(() => undefined);
        }
        nextMs = Math.min(nextMs, each.nextMs);
      }
      return Math.max(0, nextMs - nowMs);
    },
  };
}
