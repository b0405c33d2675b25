/** Sessions as the reference keeps them, what waits to be durable, and what somebody who comes or writes says. */
import type { Fact, Identity, Letter, Taken } from "./books.ts";

export interface Session {
  readonly number: number;
  readonly agent: string;
  readonly link: number;
  readonly consume: boolean;
  readonly instance: string;
  readonly verdict: string;
  /** Number of the pass it was given, 0 for none. */
  readonly pass: number;
  confirmed: boolean;
  mayRead: boolean;
  welcomed: boolean;
  ready: boolean;
  unacked: number;
  tooFast: number;
  over: boolean;
}

export interface Reader {
  readonly session: number;
  cursor: number;
  ready: boolean;
  blocked: boolean;
  /** Positions it has asked to be let go of, durable or not. */
  readonly asked: Set<number>;
}

export type Effect =
  | { readonly kind: "used"; readonly session: Session; readonly size: number }
  | { readonly kind: "stored"; readonly owner: string }
  | { readonly kind: "let-go"; readonly mail: readonly string[]; readonly session: Session | undefined }
  | { readonly kind: "attached" | "confirmed"; readonly session: Session }
  | { readonly kind: "published"; readonly session: number; readonly verdict: string; readonly over: boolean }
  | { readonly kind: "stated" };

export interface Batch {
  readonly facts: readonly Fact[];
  readonly effects: Effect[];
}

export interface Leaf {
  readonly agent: string;
  readonly link: number;
  readonly first: number;
  readonly last: number;
}

export interface UnderWay {
  readonly number: number;
  readonly covers: readonly Taken[];
  written: { readonly fact: Fact; readonly hash: string; readonly leaves: readonly Leaf[] } | undefined;
}

export interface Wanted {
  readonly identity: Identity;
  readonly replaces: string;
  readonly instances: readonly string[];
  readonly verdict: string;
  readonly ticket: string;
}

export interface Attaching extends Wanted {
  readonly session: number;
  readonly agent: string;
  readonly link: number;
  readonly consume: boolean;
  readonly instance: string;
  /** Number of the pass shown, 0 for none, -1 for one that is nobody's. */
  readonly pass: number;
  /** Of this life. */
  readonly havePosition: number;
}

export interface Mailing {
  readonly session: number;
  readonly seq: number;
  readonly size: number;
  readonly letter: Letter | undefined;
  readonly to: string;
  /** What is wrong with it in itself. */
  readonly flaw: string | undefined;
}
