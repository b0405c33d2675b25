/** Many seeds, on as many threads as the machine has cores; results come in order of their seeds. */
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

/** Runs the seeds and gives each as soon as it and all before it are there; what they are run with may depend on the seed. */
export async function* sweep(
  seeds: readonly number[],
  options: SweepOptions | ((seed: number) => SweepOptions),
  { twice, planted, threads }: SweepWay,
): AsyncGenerator<Swept> {
  const optionsOf = typeof options === "function" ? options : () => options;
  await using pool = createPool({ planted, threads });
  const results = seeds.map((seed) => pool.run({ seed, options: optionsOf(seed), twice }));
  for (const result of results) result.catch(() => {});
  for (const result of results) yield await result;
}
