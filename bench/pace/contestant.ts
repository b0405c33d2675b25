/** What a contestant is: a way to get jobs done by one service with a limit, from one process. */

/** What the service answers, as far as all look at it. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

export interface Job {
  readonly class: "heartbeat" | "interactive" | "normal" | "background";
  /** For whom. */
  readonly requester: string;
  /** From now on; what is done later is of no use. */
  readonly deadlineMs: number;
  /** One attempt. */
  ask(): Promise<Answer>;
}

/** `turned-away`: told at once that there is no room before its deadline. `given-up`: after attempts, or in a queue. */
export type JobEnd = "done" | "given-up" | "turned-away";

export interface Client {
  do(job: Job): Promise<JobEnd>;
}

/** What a user knows when he writes his settings: the limit on the day he does, and how many processes share it. */
export interface Known {
  readonly perSecond: number;
  readonly instances: number;
}

export interface Contestant {
  readonly name: string;
  /** The package it is from. */
  readonly from?: string;
  /** Its settings. */
  readonly told: string;
  /** What levels say changes what it does. */
  readonly hearsLevels?: true;
  /** Without levels it is the same as another contestant. */
  readonly needsLevels?: true;
  open(known: Known): Promise<Client>;
}

/** Of a job, the same for everybody. */
export const ATTEMPTS = 20;
/** Calls of one process that are under way or wait to be tried again, where a contestant bounds that. */
export const AT_ONCE = 20;

export const TOO_MANY = 429;

/** Answers that may be different later. */
export function isRefusal({ status }: Answer): boolean {
  return status === TOO_MANY || status === 503 || status === 529;
}

/** Seconds of `Retry-After`, in milliseconds. */
export function retryAfterMs({ headers }: Answer): number {
  const seconds = Number(headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) ? seconds * 1000 : 0;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Attempts until one is let in, the deadline comes or all are spent. What waits for a deadline that has come asks no more: no contestant sends what nobody wants.
 */
export async function retried(job: Job, waitMs: (nth: number, answer: Answer) => number, attempt: () => Promise<Answer>): Promise<JobEnd> {
  const untilMs = Date.now() + job.deadlineMs;
  for (let nth = 1; ; nth++) {
    const answer = await attempt();
    if (!isRefusal(answer)) return "done";
    const wait = waitMs(nth, answer);
    if (nth >= ATTEMPTS || Date.now() + wait > untilMs) return "given-up";
    await pause(wait);
  }
}
