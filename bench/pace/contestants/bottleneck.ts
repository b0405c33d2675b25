import { loadPeer } from "../../peer.ts";
import { type Answer, AT_ONCE, ATTEMPTS, type Client, type Contestant, isRefusal, type Known, retryAfterMs } from "../contestant.ts";

interface Limiter {
  schedule<Result>(options: { readonly priority: number }, act: () => Promise<Result>): Promise<Result>;
  on(event: "failed", call: (error: unknown, job: { readonly retryCount: number }) => number | undefined): void;
  updateSettings(settings: { readonly minTime: number }): unknown;
}

interface Bottleneck {
  readonly default: new (options: { readonly maxConcurrent: number; readonly minTime: number }) => Limiter;
}

const FIRST_MS = 1000;
const MOST_MS = 30_000;
/** 0 leaves first. */
const PRIORITIES = { heartbeat: 1, interactive: 3, normal: 5, background: 7 } as const;
/** Who fills a limit to the brim is refused by rounding alone. */
const MARGIN = 1.02;

/** An answer on its way through the limiter's own trying again, which is by errors. */
interface Refused {
  readonly answer: Answer;
  readonly untilMs: number;
}

async function opened({ perSecond, instances }: Known, heard: (limiter: Limiter, answer: Answer) => void): Promise<Client> {
  const { default: Limiter } = await loadPeer<Bottleneck>("bottleneck");
  const limiter = new Limiter({ maxConcurrent: AT_ONCE, minTime: (1000 * instances) / perSecond });
  limiter.on("failed", (error, { retryCount }) => {
    const { answer, untilMs } = error as Refused;
    if (answer === undefined || retryCount + 1 >= ATTEMPTS) return undefined;
    const wait = retryAfterMs(answer) + Math.random() * Math.min(MOST_MS, FIRST_MS * 2 ** retryCount);
    return Date.now() + wait > untilMs ? undefined : wait;
  });
  return {
    do: async (job) => {
      const untilMs = Date.now() + job.deadlineMs;
      try {
        return await limiter.schedule({ priority: PRIORITIES[job.class] }, async () => {
          if (Date.now() > untilMs) return "given-up";
          const answer = await job.ask();
          heard(limiter, answer);
          if (isRefusal(answer)) throw { answer, untilMs } satisfies Refused;
          return "done";
        });
      } catch (error) {
        if (typeof error === "object" && error !== null && "answer" in error) return "given-up";
        throw error;
      }
    },
  };
}

const HOW = `${AT_ONCE} at once; a refused one again after Retry-After and full jitter from ${FIRST_MS} to ${MOST_MS} ms, by its own retries; its priorities`;

export const bottleneckStatic: Contestant = {
  name: "bottleneck-static",
  from: "bottleneck",
  told: `spacing by the share that a process had at first; ${HOW}`,
  open: (known) => opened(known, () => undefined),
};

export const bottleneckHeaders: Contestant = {
  name: "bottleneck-headers",
  from: "bottleneck",
  told: `spacing by the limit that each answer tells and by how many processes there are, and ${MARGIN} of that; ${HOW}`,
  hearsLevels: true,
  needsLevels: true,
  open: (known) => {
    let told = 0;
    return opened(known, (limiter, { headers }) => {
      const perMinute = Number(headers.get("x-ratelimit-limit-requests") ?? 0);
      if (!(perMinute > 0) || perMinute === told) return;
      told = perMinute;
      limiter.updateSettings({ minTime: (MARGIN * 60_000 * known.instances) / perMinute });
    });
  },
};
