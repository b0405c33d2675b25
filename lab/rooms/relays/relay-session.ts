/** What a relay knows of this start alone: its sessions, who reads what, and what becomes true when a batch is durable. */
import type { Fact } from "./relay-book.ts";

export interface Session {
  readonly number: number;
  readonly role: "agent" | "peer" | "forwarder";
  readonly name: string;
  readonly link: string;
  readonly consumes: boolean;
  unacked: number;
  /** Messages in a row that came too fast. */
  tooFast: number;
  welcomed: boolean;
  mayRead: boolean;
  isOver: boolean;
  /** How the box stood when its relay was forgotten: epoch, floor and tail. */
  left: readonly number[] | undefined;
}

/** The session that reads a box. */
export interface Reader {
  readonly session: number;
  cursor: number;
  ready: boolean;
  blocked: boolean;
  /** Positions it has asked to be let go of, durable or not. */
  readonly asked: Set<number>;
}

/** A relay as a restart knows it. */
export interface Recalled {
  readonly name: string;
  /** The position its box goes on from. */
  readonly next: number;
  readonly epoch: number;
  readonly isMet: boolean;
}

export type Effect =
  | { readonly kind: "used"; readonly link: string; readonly linkSeq: number; readonly session: Session; readonly bytes: number }
  | { readonly kind: "stored"; readonly box: string; readonly position: number }
  | { readonly kind: "settled" | "attached" | "confirmed"; readonly session: Session };

export interface Batch {
  readonly facts: Fact[];
  readonly effects: Effect[];
}

export const noCounters = () => ({
  accepted: 0,
  duplicates: 0,
  delivered: 0,
  settled: 0,
  passedOn: 0,
  relayed: 0,
  expired: 0,
  refused: new Map<string, number>(),
  limited: new Map<string, number>(),
});
