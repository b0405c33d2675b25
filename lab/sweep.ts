/** Many seeds, on as many threads as the machine has cores; results come in order of their seeds. */
import { availableParallelism } from "node:os";
import type { Planted } from "./planting.ts";
import { createPool, type SweepOptions, type Swept } from "./pool.ts";

export type { SweepOptions, Swept } from "./pool.ts";

export interface SweepWay {
  /** Each seed runs a second time, and the histories are compared. */
  readonly twice: boolean;
  /** A mistake that every thread plants before it loads the product. */
  readonly planted?: Planted | undefined;
  /** How many threads; as many as there are cores when it is left out. */
  readonly threads?: number | undefined;
}

/** So many seeds per thread are asked for before the first of them was given: enough to keep all busy while one takes long. */
const AHEAD = 8;

/** Runs the seeds and gives each as soon as it and all before it are there; what they are run with may depend on the seed. */
export async function* sweep(
  seeds: readonly number[],
  options: SweepOptions | ((seed: number) => SweepOptions),
  { twice, planted, threads = availableParallelism() }: SweepWay,
): AsyncGenerator<Swept> {
  const optionsOf = typeof options === "function" ? options : () => options;
  await using pool = createPool({ planted, threads });
  const asked: Promise<Swept>[] = [];
  for (const seed of seeds) {
    const result = pool.run({ seed, options: optionsOf(seed), twice });
    result.catch(() => {});
    if (asked.push(result) === AHEAD * threads) yield await (asked.shift() as Promise<Swept>);
  }
  for (const result of asked) yield await result;
}
