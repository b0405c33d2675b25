/**
 * How many calls may be made again because they failed: a share of those that were made, so that a service in trouble is not asked twice as often as in health
 * (Site Reliability Engineering, 2016, chapter 21). Calls that a quota refused are not meant: they were not worked on, and leave at the rate of all.
 */
export interface RetryBudgetSettings {
  /** Of first attempts. */
  readonly share: number;
  /** Retries that somebody with few calls has at once. */
  readonly burst: number;
  /** ... and how long one of them takes to come back. */
  readonly oneEveryMs: number;
}

export const RETRY_BUDGET_SETTINGS: RetryBudgetSettings = { share: 0.1, burst: 10, oneEveryMs: 6000 };

export interface RetryBudget {
  /** A first attempt left. */
  earned(): void;
  /** Whether a retry may leave; then it is spent. */
  spend(nowMs: number): boolean;
  /** When the next may at the latest. */
  nextMs(nowMs: number): number;
}

export function createRetryBudget({ share, burst, oneEveryMs }: RetryBudgetSettings = RETRY_BUDGET_SETTINGS): RetryBudget {
  let retries = burst;
  let countedMs: number | undefined;
  const count = (nowMs: number): void => {
    if (countedMs !== undefined) retries = Math.min(burst, retries + Math.max(0, nowMs - countedMs) / oneEveryMs);
    countedMs = nowMs;
  };
  return {
    earned: () => {
      retries = Math.min(burst, retries + share);
    },
    spend: (nowMs) => {
      count(nowMs);
      // What is added in tenths is a little less than one.
      if (retries < 1 - 1e-9) return false;
      retries--;
      return true;
    },
    nextMs: (nowMs) => {
      count(nowMs);
      return nowMs + Math.max(0, 1 - retries) * oneEveryMs;
    },
  };
}
