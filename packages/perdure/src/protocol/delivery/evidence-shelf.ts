/**
 * Where the bytes lie that prove what happened to sent messages: many steps may name the same evidence, which is kept once.
 *
 * Inputs: `keep` (a record became durable or is read back; of the same bytes the newest place counts), `name` and `unname` (a step that is held or forgotten), `sweep` (the end
 * of what became durable together). Invariants: evidence is held while a step or a conflict names it, and from its own record to
 * the next sweep; at most MAX_CONFLICTS conflicts are held, the first of each relay and number.
 */
import { type Bytes, hex } from "../../wire/bytes.ts";
import { MAX_CONFLICTS } from "../../wire/evidence.ts";
import type { Kept, KeptConflict, PayloadAt } from "../../wire/kept-agent.ts";

const HASH_BYTES = 32;

export interface EvidenceShelf {
  keep(hash: Bytes, at: PayloadAt | undefined): void;
  conflict(head: KeptConflict): void;
  /** `hashes`: one after the other. */
  name(hashes: Bytes): void;
  unname(hashes: Bytes): void;
  /** Lets go of what nothing names. */
  sweep(): void;
  clear(): void;
  has(hash: Bytes): boolean;
  /** Where an item lies, or `undefined` when it is not held. */
  at(hash: Bytes): PayloadAt | undefined;
  /** Items that lie in a segment of the log. */
  in(segment: number): readonly { readonly hash: Bytes; readonly at: PayloadAt }[];
  readonly conflicts: readonly KeptConflict[];
  restate(): readonly { readonly kept: Kept; readonly restated?: PayloadAt }[];
}

interface Held {
  readonly hash: Bytes;
  at: PayloadAt;
  names: number;
}

export interface EvidenceShelfPorts {
  readonly hold: (at: PayloadAt) => PayloadAt;
  readonly release: (at: PayloadAt) => void;
}

export function createEvidenceShelf({ hold, release }: EvidenceShelfPorts): EvidenceShelf {
  // bound: one per step of a message that is held
  const items = new Map<string, Held>();
  // bound: until the next sweep
  const unnamed = new Set<string>();
  // bound: MAX_CONFLICTS
  const conflicts: KeptConflict[] = [];
  /** Names of evidence that is not held: a record that came after the step that names it finds them. */
  // bound: one per step of a message that is held
  const early = new Map<string, number>();

  const count = (hash: Bytes, by: 1 | -1): void => {
    const key = hex(hash);
    const held = items.get(key);
    if (held === undefined) {
      const names = (early.get(key) ?? 0) + by;
      if (names > 0) early.set(key, names);
      else early.delete(key);
      return;
    }
    held.names += by;
    if (held.names > 0) unnamed.delete(key);
    else unnamed.add(key);
  };
  const each = (hashes: Bytes, by: 1 | -1): void => {
    for (let at = 0; at + HASH_BYTES <= hashes.length; at += HASH_BYTES) count(hashes.subarray(at, at + HASH_BYTES), by);
  };

  return {
    keep(hash, at) {
      const key = hex(hash);
      if (at === undefined) return;
      const before = items.get(key);
      if (before !== undefined) {
        release(before.at);
        before.at = hold(at);
        return;
      }
      const names = early.get(key) ?? 0;
      early.delete(key);
      items.set(key, { hash: hash.slice(), at: hold(at), names });
      if (names === 0) unnamed.add(key);
    },
    conflict(head) {
      const isKnown = conflicts.some((held) => held.number === head.number && hex(held.relayId) === hex(head.relayId));
      if (isKnown || conflicts.length >= MAX_CONFLICTS) return;
      conflicts.push(head);
      count(head.hash, 1);
      count(head.bundle, 1);
    },
    name: (hashes) => each(hashes, 1),
    unname: (hashes) => each(hashes, -1),
    sweep() {
      for (const key of unnamed) {
        const held = items.get(key);
        items.delete(key);
        if (held !== undefined) release(held.at);
      }
      unnamed.clear();
    },
    clear() {
      for (const map of [items, unnamed, early]) map.clear();
      conflicts.length = 0;
    },
    has: (hash) => items.has(hex(hash)),
    at: (hash) => items.get(hex(hash))?.at,
    in: (segment) => [...items.values()].filter(({ at }) => at.segment === segment),
    conflicts,
    restate: () => [
      ...[...items.values()].map(({ hash, at }) => ({ kept: { kind: "evidence", head: { hash } } as const, restated: at })),
      ...conflicts.map((head) => ({ kept: { kind: "conflict", head } as const })),
    ],
  };
}
