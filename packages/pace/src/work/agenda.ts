/**
 * When pieces that wait may begin, who of those that may is first, and whose deadline comes.
 *
 * A piece is *ahead* until its date comes, then *in line*. Inputs: pieces, and dates. Invariant: each is in one of both, once; all that have a deadline
 * are found by it.
 */
import { createHeap } from "../gate/heap.ts";
import { createLine, type Waiting } from "../gate/line.ts";

export interface Planned extends Waiting {
  readonly key: string;
  readonly kind: string;
  /** Date from which it may begin. */
  readonly fromMs: number;
}

export interface Agenda {
  readonly size: number;
  /** In line now. */
  readonly inLine: number;
  /** In line before or in this class. */
  upTo(rank: number): number;
  add(piece: Planned): void;
  remove(key: string): void;
  /** Those whose date has come get in line. */
  pass(dateMs: number): void;
  /** First in line. */
  first(): Planned | undefined;
  /** In line, with the nearest deadline. */
  mostUrgent(): Planned | undefined;
  /** Of all, with the nearest deadline. */
  firstToExpire(): Planned | undefined;
  /** All that have a deadline and may begin at some date, in no order. */
  dated(): readonly Planned[];
  /** Date at which the next gets in line. */
  nextMs(): number;
}

interface Entry {
  readonly piece: Planned;
  readonly nth: number;
}

export function createAgenda(ranks: number): Agenda {
  const byDeadline = (one: Entry, other: Entry): number => one.piece.deadlineMs - other.piece.deadlineMs || one.nth - other.nth;
  const ahead = createHeap<Entry>((one, other) => one.piece.fromMs - other.piece.fromMs || one.nth - other.nth);
  const expiring = createHeap<Entry>(byDeadline);
  const urgent = createHeap<Entry>(byDeadline);
  const line = createLine<Planned>(ranks);
  const entries = new Map<string, Entry>();
  let count = 0;
  return {
    get size() {
      return entries.size;
    },
    get inLine() {
      return line.size;
    },
    upTo: line.upTo,
    add: (piece) => {
      const entry = { piece, nth: count++ };
      entries.set(piece.key, entry);
      ahead.add(entry);
      if (piece.deadlineMs !== Number.POSITIVE_INFINITY) expiring.add(entry);
    },
    remove: (key) => {
      const entry = entries.get(key);
      if (entry === undefined) return;
      entries.delete(key);
      if (line.has(entry.piece)) {
        // The turn of whom it was is used only where it leaves as the first.
        if (line.first() === entry.piece) line.take();
        else line.remove(entry.piece);
        urgent.remove(entry);
      } else ahead.remove(entry);
      expiring.remove(entry);
    },
    pass: (dateMs) => {
      for (let entry = ahead.first(); entry !== undefined && entry.piece.fromMs <= dateMs; entry = ahead.first()) {
        ahead.take();
        line.add(entry.piece);
        if (entry.piece.deadlineMs !== Number.POSITIVE_INFINITY) urgent.add(entry);
      }
    },
    first: () => line.first(),
    mostUrgent: () => urgent.first()?.piece,
    firstToExpire: () => expiring.first()?.piece,
    dated: () => {
      const dated: Planned[] = [];
      for (const { piece } of entries.values()) if (piece.deadlineMs + piece.fromMs < Number.POSITIVE_INFINITY) dated.push(piece);
      return dated;
    },
    nextMs: () => ahead.first()?.piece.fromMs ?? Number.POSITIVE_INFINITY,
  };
}
