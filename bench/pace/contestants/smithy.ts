import { loadPeer } from "../../peer.ts";
import { type Answer, ATTEMPTS, type Contestant, isRefusal, type Job, type JobEnd, pause, retryAfterMs, TOO_MANY } from "../contestant.ts";

interface Token {
  getRetryDelay(): number;
}

interface RetryInfo {
  readonly error: object;
  readonly errorType: "THROTTLING" | "TRANSIENT";
  readonly retryAfterHint?: Date;
}

interface Strategy {
  acquireInitialRetryToken(scope: string): Promise<Token>;
  refreshRetryTokenForRetry(token: Token, info: RetryInfo): Promise<Token>;
  recordSuccess(token: Token): void;
}

interface Smithy {
  readonly AdaptiveRetryStrategy: new (attempts: () => Promise<number>) => Strategy;
}

interface PLimit {
  readonly default: (concurrency: number) => <Result>(act: () => Promise<Result>) => Promise<Result>;
}

/** As many sockets as the SDK's HTTP handler opens: who waits for a place in its bucket looks again at every token, which with thousands takes minutes. */
const SOCKETS = 50;

/** As the client tells its strategy of an answer: `retryMiddleware` of @smithy/core. */
function infoOf(answer: Answer): RetryInfo {
  const afterMs = retryAfterMs(answer);
  return {
    error: { $metadata: { httpStatusCode: answer.status } },
    errorType: answer.status === TOO_MANY ? "THROTTLING" : "TRANSIENT",
    ...(afterMs > 0 ? { retryAfterHint: new Date(Date.now() + afterMs) } : {}),
  };
}

/** Adaptive mode of the AWS SDK: one strategy for all calls of a client, used as its middleware does. */
export const smithy: Contestant = {
  name: "aws-adaptive",
  from: "@smithy/util-retry",
  told: `AdaptiveRetryStrategy with its own settings, one for each process, used as in the SDK's middleware; ${SOCKETS} at once, as the SDK has sockets`,
  open: async () => {
    const { AdaptiveRetryStrategy } = await loadPeer<Smithy>("@smithy/util-retry");
    const strategy = new AdaptiveRetryStrategy(async () => ATTEMPTS);
    const limit = (await loadPeer<PLimit>("p-limit")).default(SOCKETS);
    const attempts = async (job: Job, untilMs: number): Promise<JobEnd> => {
      if (Date.now() > untilMs) return "given-up";
      let token = await strategy.acquireInitialRetryToken("");
      for (;;) {
        if (Date.now() > untilMs) return "given-up";
        const answer = await job.ask();
        if (!isRefusal(answer)) {
          strategy.recordSuccess(token);
          return "done";
        }
        try {
          token = await strategy.refreshRetryTokenForRetry(token, infoOf(answer));
        } catch {
          // Attempts, or the retries that a client has, are spent.
          return "given-up";
        }
        if (token.getRetryDelay() > 0) await pause(token.getRetryDelay());
      }
    };
    return {
      do: (job) => {
        const untilMs = Date.now() + job.deadlineMs;
        return limit(() => attempts(job, untilMs));
      },
    };
  },
};
