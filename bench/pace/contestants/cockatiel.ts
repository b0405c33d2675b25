import { loadPeer } from "../../peer.ts";
import { type Answer, AT_ONCE, ATTEMPTS, type Contestant, isRefusal } from "../contestant.ts";

interface Policy {
  execute<Result>(act: () => Promise<Result>): Promise<Result>;
}

interface Cockatiel {
  handleAll: unknown;
  handleWhenResult(is: (answer: unknown) => boolean): unknown;
  retry(policy: unknown, options: { readonly maxAttempts: number; readonly backoff: unknown }): Policy;
  circuitBreaker(policy: unknown, options: { readonly halfOpenAfter: number; readonly breaker: unknown }): Policy;
  bulkhead(atOnce: number, waiting: number): Policy;
  wrap(...policies: readonly Policy[]): Policy;
  readonly ExponentialBackoff: new (options: { readonly initialDelay: number; readonly maxDelay: number }) => unknown;
  readonly ConsecutiveBreaker: new (failures: number) => unknown;
}

const FIRST_MS = 500;
const MOST_MS = 30_000;
const BREAKS_AFTER = 5;
const OPEN_MS = 10_000;

export const cockatiel: Contestant = {
  name: "cockatiel",
  from: "cockatiel",
  told: `bulkhead of ${AT_ONCE} around retries with its exponential back-off (decorrelated jitter, ${FIRST_MS} to ${MOST_MS} ms) around a breaker (${BREAKS_AFTER} in a row, half open after ${OPEN_MS} ms); a call that the open breaker refuses is tried again as well`,
  open: async () => {
    const peer = await loadPeer<Cockatiel>("cockatiel");
    const refused = peer.handleWhenResult((answer) => isRefusal(answer as Answer));
    const breaker = peer.circuitBreaker(refused, { halfOpenAfter: OPEN_MS, breaker: new peer.ConsecutiveBreaker(BREAKS_AFTER) });
    // Two policies: what the service refuses is a result, what the breaker refuses is an error.
    const either = (peer.handleAll as { orWhenResult(is: (answer: unknown) => boolean): unknown }).orWhenResult((answer) =>
      isRefusal(answer as Answer),
    );
    const backoff = new peer.ExponentialBackoff({ initialDelay: FIRST_MS, maxDelay: MOST_MS });
    const retry = peer.retry(either, { maxAttempts: ATTEMPTS - 1, backoff });
    const all = peer.wrap(peer.bulkhead(AT_ONCE, Number.POSITIVE_INFINITY), retry, breaker);
    return {
      do: async (job) => {
        const untilMs = Date.now() + job.deadlineMs;
        try {
          // One whose deadline has come leaves as if it were done, so that nobody waits for it.
          const answer = await all.execute(async () => (Date.now() > untilMs ? undefined : await job.ask()));
          return answer === undefined || isRefusal(answer) ? "given-up" : "done";
        } catch {
          return "given-up";
        }
      },
    };
  },
};
