/** Processes that play, each one order after the other. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Figures } from "./figures.ts";
import type { Order, Report } from "./worker.ts";

export interface Crew extends AsyncDisposable {
  play(order: Order): Promise<readonly Figures[]>;
}

const MOST_HANDS = 4;

export function hireCrew(): Crew {
  const script = fileURLToPath(new URL("worker.ts", import.meta.url));
  const hands = Array.from({ length: Math.min(MOST_HANDS, availableParallelism()) }, () => fork(script, { execArgv: [] }));
  const idle = [...hands];
  const waiting: ((hand: ChildProcess) => void)[] = [];

  const taken = (): Promise<ChildProcess> => {
    const hand = idle.pop();
    return hand === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(hand);
  };
  const giveBack = (hand: ChildProcess): void => {
    const next = waiting.shift();
    if (next === undefined) idle.push(hand);
    else next(hand);
  };

  return {
    play: async (order) => {
      const hand = await taken();
      const ended = new AbortController();
      try {
        const gone = once(hand, "exit", { signal: ended.signal }).then(([code]) => {
          throw new Error(`the process that played ${order.contestant} in ${order.scenario} ended with ${code}`);
        });
        const said = once(hand, "message", { signal: ended.signal });
        hand.send(order);
        const [report] = (await Promise.race([said, gone])) as [Report];
        if ("failed" in report) throw new Error(`${order.contestant} in ${order.scenario}: ${report.failed}`);
        return report.figures;
      } finally {
        ended.abort();
        giveBack(hand);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(
        hands.map(async (hand) => {
          if (hand.exitCode !== null || hand.signalCode !== null) return;
          const gone = once(hand, "exit");
          hand.kill();
          await gone;
        }),
      );
    },
  };
}
