import { loadPeer } from "../../peer.ts";
import { AT_ONCE, type Contestant, retried } from "../contestant.ts";

interface PLimit {
  readonly default: (concurrency: number) => <Result>(act: () => Promise<Result>) => Promise<Result>;
}

const FIRST_MS = 1000;
const MOST_MS = 60_000;

/** What most programs have: so many at once, and each waits twice as long after each refusal. */
export const pLimit: Contestant = {
  name: "p-limit",
  from: "p-limit",
  told: `${AT_ONCE} at once; exponential back-off from ${FIRST_MS} ms to ${MOST_MS} ms, without jitter, in its place`,
  open: async () => {
    const limit = (await loadPeer<PLimit>("p-limit")).default(AT_ONCE);
    return {
      do: (job) => limit(() => retried(job, (nth) => Math.min(MOST_MS, FIRST_MS * 2 ** (nth - 1)), job.ask)),
    };
  },
};
