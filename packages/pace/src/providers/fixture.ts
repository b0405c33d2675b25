import type { Reading } from "../quota/reading.ts";
import type { Verdict } from "./verdict.ts";

/** An answer as a service gave it. */
export interface Fixture {
  readonly service: string;
  readonly on: string;
  readonly source: string;
  /** When it came, where it has no `date` of its own. */
  readonly at?: string;
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly readings: readonly Partial<Reading>[];
  readonly verdict: Verdict;
}

export const ANSWERED: Verdict = { kind: "answered" };
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
