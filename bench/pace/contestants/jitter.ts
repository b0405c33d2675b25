import { type Contestant, retried, retryAfterMs } from "../contestant.ts";

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** As cloud guides have it, for each call by itself. */
export const jitter: Contestant = {
  name: "retry-after+jitter",
  told: `what Retry-After says and full jitter above it: up to ${FIRST_MS} ms, doubled up to ${MOST_MS} ms`,
  open: async () => ({
    do: (job) =>
      retried(job, (nth, answer) => retryAfterMs(answer) + Math.random() * Math.min(MOST_MS, FIRST_MS * 2 ** (nth - 1)), job.ask),
  }),
};
