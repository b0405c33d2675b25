/**
 * What is done or cancelled and known for a while, so that nothing is done twice under one key: the oldest first.
 *
 * A key is in here from its piece's end until that is forgotten or tried again, and that is kept. Inputs: ends, time, room that is wanted. Invariants: nothing is forgotten
 * that waits again, also where that is still being written; what could not be forgotten is in here as before.
 */
import type { Moment } from "../host/dates.ts";
import type { Ledger } from "./ledger.ts";
import { ENDED_STATES, type Piece, type WorkSettings } from "./piece.ts";

export interface Ended {
  /** Of JSON: so much room there is if all of them are forgotten. */
  readonly characters: number;
  /** It has ended, after all others. */
  add(key: string): void;
  remove(key: string): void;
  /** Those that are too old, or too many. */
  forgetOld(): Promise<void>;
  /** The oldest, until there is so much room more. They are gone at once, and kept as such when it resolves; throws as the shelf does. */
  forgetFor(characters: number): Promise<void>;
}

export interface EndedPorts {
  readonly ledger: Ledger;
  readonly moment: () => Moment;
}

export function createEnded({ keepMs, mostKept }: WorkSettings, { ledger, moment }: EndedPorts): Ended {
  let sizes = new Map<string, number>();
  let characters = 0;

  const remove = (key: string): void => {
    characters -= sizes.get(key) ?? 0;
    sizes.delete(key);
  };

  /** None where it is forgotten or waits again, which may still be being written. */
  const pieceOf = (key: string): Piece | undefined => {
    const piece = ledger.get(key);
    return piece !== undefined && ENDED_STATES.has(piece.state) ? piece : undefined;
  };

  const forget = async (keys: readonly string[]): Promise<void> => {
    if (keys.length === 0) return;
    const taken = keys.map((key) => [key, sizes.get(key) ?? 0] as const);
    for (const key of keys) remove(key);
    try {
      await ledger.forget(keys);
    } catch (error) {
      sizes = new Map([...taken, ...sizes]);
      for (const [, size] of taken) characters += size;
      throw error;
    }
  };

  return {
    get characters() {
      return characters;
    },
    add: (key) => {
      if (pieceOf(key) === undefined) return;
      remove(key);
      const size = ledger.sizeOf(key);
      sizes.set(key, size);
      characters += size;
    },
    remove,
    forgetOld: async () => {
      const { leastMs } = moment();
      const old: string[] = [];
      let left = sizes.size;
      for (const key of sizes.keys()) {
        const piece = pieceOf(key);
        if (piece !== undefined && (piece.endedAt ?? 0) + keepMs > leastMs && left <= mostKept) break;
        if (piece !== undefined) old.push(key);
        left--;
      }
      // What the disk did not take is tried again when the next one ends.
      await forget(old).catch(() => undefined);
    },
    forgetFor: async (wanted) => {
      const old: string[] = [];
      let room = 0;
      for (const [key, size] of sizes) {
        if (room >= wanted) break;
        if (pieceOf(key) === undefined) continue;
        old.push(key);
        room += size;
      }
      await forget(old);
    },
  };
}
