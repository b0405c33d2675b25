/** A process that plays: its clock is not the machine's. */
import process from "node:process";
import type { Figures } from "./figures.ts";
import { installVirtualGlobals } from "./virtual-globals.ts";

export interface Order {
  readonly scenario: string;
  readonly contestant: string;
  readonly seeds: readonly number[];
}

/** Goodput of the second minute after a collapse, gates alone. */
export interface RecoveryOrder {
  readonly recovery: { readonly tells: "nothing" | "levels" | "retry-after"; readonly instances: number };
  readonly seeds: readonly number[];
}

export type Report = { readonly figures: readonly Figures[] } | { readonly goodputs: readonly number[] } | { readonly failed: string };

// Before anything is imported that looks at the time.
const globals = installVirtualGlobals();
const [{ play }, { recoveredIn }, { scenarioNamed }, { CONTESTANTS }] = await Promise.all([
  import("./play.ts"),
  import("./recovery.ts"),
  import("./scenarios.ts"),
  import("./contestants.ts"),
]);

async function obey(order: Order | RecoveryOrder): Promise<Report> {
  const { seeds } = order;
  try {
    if ("recovery" in order) return { goodputs: seeds.map((seed) => recoveredIn(order.recovery, seed)) };
    const contestant = CONTESTANTS.find(({ name }) => name === order.contestant);
    if (contestant === undefined) return { failed: `there is no ${order.contestant}` };
    const scenario = scenarioNamed(order.scenario);
    const figures: Figures[] = [];
    for (const seed of seeds) figures.push(await play(scenario, contestant, seed, globals));
    return { figures };
  } catch (error) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", (order: Order | RecoveryOrder) => {
  void obey(order).then((report) => process.send?.(report));
});
