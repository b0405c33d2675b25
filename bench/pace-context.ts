/**
 * Ten thousand agents that work with tools, each in a window that is too small for what they read: how often the service refuses what is sent as too long, and whether the work is
 * done, beside what is done elsewhere. In a simulated world, by seeds: no clock is in it.
 */
import type { KeeperName } from "../packages/pace/src/context/testing/keepers.ts";
import { createToolLoops, type LoopResult } from "../packages/pace/src/context/testing/tool-loops.ts";

export interface ContextRow {
  readonly way: string;
  readonly loops: number;
  /** Of all; without a window it is all of them. */
  readonly done: number;
  readonly overflows: number;
  readonly loopsWithOverflow: number;
  /** Loops that ended because nothing more could be left out. */
  readonly stopped: number;
  /** Loops with a call without its result. */
  readonly broken: number;
  readonly modelCalls: number;
  /** Model calls of which the service had not the beginning in its cache. */
  readonly rewrites: number;
}

const LOOPS = 10_000;
const QUICK_LOOPS = 200;
const WAYS: readonly { readonly way: string; readonly keeper: KeeperName; readonly claim?: number; readonly part: number }[] = [
  { way: "no limit", keeper: "unlimited", part: 10 },
  { way: "window", keeper: "window", part: 1 },
  { way: "window, said to be twice as large as it is", keeper: "window", claim: 2, part: 10 },
  { way: "no check", keeper: "no check", part: 10 },
  { way: "75 % between turns, and after an overflow", keeper: "between turns", part: 10 },
  { way: "oldest dropped by characters, and after an overflow", keeper: "drop oldest", part: 10 },
];

/** Ways that are only compared with are played in a tenth of the loops. */
export async function benchPaceContext(
  { quick }: { readonly quick: boolean },
  say: (line: string) => void,
): Promise<{ readonly rows: readonly ContextRow[] }> {
  const loops = createToolLoops();
  const rows: ContextRow[] = [];
  for (const { way, keeper, claim, part } of WAYS) {
    const count = quick ? QUICK_LOOPS : LOOPS / part;
    const results: LoopResult[] = [];
    for (let seed = 1; seed <= count; seed++) results.push(await loops.play({ keeper, seed, ...(claim === undefined ? {} : { claim }) }));
    const row = rowOf(way, results);
    rows.push(row);
    say(
      `${way.padEnd(52)} ${String(row.loops).padStart(6)} loops   done ${(row.done * 100).toFixed(1).padStart(5)} %   overflows ${String(row.overflows).padStart(5)} in ${String(row.loopsWithOverflow).padStart(5)} loops   stopped ${String(row.stopped).padStart(4)}   rewrites ${(row.rewrites / row.modelCalls).toFixed(3)} a call`,
    );
  }
  return { rows };
}

function rowOf(way: string, results: readonly LoopResult[]): ContextRow {
  const sumOf = (value: (result: LoopResult) => number): number => results.reduce((sum, result) => sum + value(result), 0);
  return {
    way,
    loops: results.length,
    done: sumOf(({ isDone }) => Number(isDone)) / results.length,
    overflows: sumOf(({ overflows }) => overflows),
    loopsWithOverflow: sumOf(({ overflows }) => Number(overflows > 0)),
    stopped: sumOf(({ isStopped }) => Number(isStopped)),
    broken: sumOf(({ isBroken }) => Number(isBroken)),
    modelCalls: sumOf(({ modelCalls }) => modelCalls),
    rewrites: sumOf(({ rewrites }) => rewrites),
  };
}
