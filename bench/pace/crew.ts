/** Processes that play, each one order after the other. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Figures } from "./figures.ts";
import type { Order, RecoveryOrder, Report } from "./worker.ts";

export interface Crew extends AsyncDisposable {
  play(order: Order): Promise<readonly Figures[]>;
  recover(order: RecoveryOrder): Promise<readonly number[]>;
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

  const obeyed = async (order: Order | RecoveryOrder): Promise<Exclude<Report, { failed: string }>> => {
    const what = "recovery" in order ? "recovery" : `${order.contestant} in ${order.scenario}`;
    const hand = await taken();
    const ended = new AbortController();
    try {
      const gone = once(hand, "exit", { signal: ended.signal }).then(([code]) => {
        throw new Error(`the process that played ${what} ended with ${code}`);
      });
      const said = once(hand, "message", { signal: ended.signal });
      hand.send(order);
      const [report] = (await Promise.race([said, gone])) as [Report];
      if ("failed" in report) throw new Error(`${what}: ${report.failed}`);
      return report;
    } finally {
      ended.abort();
      giveBack(hand);
    }
  };

  return {
    play: async (order) => {
      const report = await obeyed(order);
      return "figures" in report ? report.figures : [];
    },
    recover: async (order) => {
      const report = await obeyed(order);
      return "goodputs" in report ? report.goodputs : [];
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
