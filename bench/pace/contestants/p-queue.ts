import { loadPeer } from "../../peer.ts";
import {
  type Answer,
  AT_ONCE,
  ATTEMPTS,
  type Contestant,
  isRefusal,
  type Job,
  type JobEnd,
  type Known,
  pause,
  retryAfterMs,
} from "../contestant.ts";

interface Queue {
  add<Result>(act: () => Promise<Result>, options: { readonly priority: number }): Promise<Result>;
}

interface PQueue {
  readonly default: new (options: { readonly concurrency: number; readonly interval: number; readonly intervalCap: number }) => Queue;
}

const FIRST_MS = 1000;
const MOST_MS = 30_000;
const PRIORITIES = { heartbeat: 30, interactive: 20, normal: 10, background: 0 } as const;
/** What was refused goes before others of its class. */
const AGAIN = 1;

/** Its cap is a whole number: of so many seconds, that the share of a process is one. */
export function windowOf({ perSecond, instances }: Known): { readonly interval: number; readonly intervalCap: number } {
  const share = perSecond / instances;
  const seconds = [1, 2, 3, 4, 5, 8, 10].find((each) => Number.isInteger(share * each)) ?? 10;
  return { interval: seconds * 1000, intervalCap: Math.max(1, Math.floor(share * seconds)) };
}

export const pQueue: Contestant = {
  name: "p-queue",
  from: "p-queue",
  told: `${AT_ONCE} at once, in an interval of whole seconds as many as the share of a process was at first; a refused one enters again, before others of its class, after Retry-After or full jitter from ${FIRST_MS} to ${MOST_MS} ms; its priorities`,
  open: async (known) => {
    const { default: Queue } = await loadPeer<PQueue>("p-queue");
    const queue = new Queue({ concurrency: AT_ONCE, ...windowOf(known) });
    const attempt = async (job: Job, untilMs: number, nth: number): Promise<Answer | undefined> =>
      await queue.add(async () => (Date.now() > untilMs ? undefined : await job.ask()), {
        priority: PRIORITIES[job.class] + (nth > 1 ? AGAIN : 0),
      });
    return {
      do: async (job): Promise<JobEnd> => {
        const untilMs = Date.now() + job.deadlineMs;
        for (let nth = 1; nth <= ATTEMPTS; nth++) {
          const answer = await attempt(job, untilMs, nth);
          if (answer === undefined) return "given-up";
          if (!isRefusal(answer)) return "done";
          const wait = retryAfterMs(answer) + Math.random() * Math.min(MOST_MS, FIRST_MS * 2 ** (nth - 1));
          if (Date.now() + wait > untilMs) return "given-up";
          await pause(wait);
        }
        return "given-up";
      },
    };
  },
};
