/** A process that plays: its clock is not the machine's. */
import process from "node:process";
import type { Figures } from "./figures.ts";
import { installVirtualGlobals } from "./virtual-globals.ts";

export interface Order {
  readonly scenario: string;
  readonly contestant: string;
  readonly seeds: readonly number[];
}

export type Report = { readonly figures: readonly Figures[] } | { readonly failed: string };

// Before anything is imported that looks at the time.
const globals = installVirtualGlobals();
const [{ play }, { scenarioNamed }, { CONTESTANTS }] = await Promise.all([
  import("./play.ts"),
  import("./scenarios.ts"),
  import("./contestants.ts"),
]);

async function obey({ scenario: named, contestant: meant, seeds }: Order): Promise<Report> {
  const contestant = CONTESTANTS.find(({ name }) => name === meant);
  if (contestant === undefined) return { failed: `there is no ${meant}` };
  try {
    const scenario = scenarioNamed(named);
    const figures: Figures[] = [];
    for (const seed of seeds) figures.push(await play(scenario, contestant, seed, globals));
    return { figures };
  } catch (error) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", (order: Order) => {
  void obey(order).then((report) => process.send?.(report));
});
