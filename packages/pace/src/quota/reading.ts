/**
 * What is limited: what services count of us (`requests`, tokens, money), and what a process has of its own (`context-tokens` of a model's window, calls `in-flight`,
 * `cpu` in cores, `memory-bytes`).
 */
export type Unit =
  | "requests"
  | "tokens"
  | "input-tokens"
  | "output-tokens"
  | "usd"
  | "context-tokens"
  | "in-flight"
  | "cpu"
  | "memory-bytes";

/** Units that one call takes: `{ requests: 1, "input-tokens": 1200 }`. */
export type Cost = Readonly<Partial<Record<Unit, number>>>;

/** Where a limit is known from, the surest first. */
export type Source = "header" | "policy" | "learned" | "assumed";

/** What somebody says of one quota at one moment. */
export interface Reading {
  readonly unit: Unit;
  /** Tells several quotas of one unit apart: "minute", "day". */
  readonly name: string;
  /** Units in a window. */
  readonly limit: number;
  readonly windowMs: number;
  /** Units that may still be spent; what is not told is as much as the limit. */
  readonly remaining: number;
  /** Until `remaining` is `limit` again, were nothing spent. */
  readonly resetInMs: number;
  /** A bucket fills all the time; a window is full again at its end, at once. */
  readonly shape: "bucket" | "window";
}
