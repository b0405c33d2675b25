/** Whoever is told to try again later does so, as a person would. */
import type { World } from "../packages/perdure/src/host/simulated/index.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";

const MAX_TRIES = 20;
const TRY_AGAIN_MS = 500;

/** Lets the world run until the work succeeds; throws what may not be tried again, and the last of 20 failures. */
export async function patiently<Value>(world: Pick<World, "complete" | "run" | "nowMs">, work: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries++) {
    try {
      return await world.complete(work());
    } catch (error) {
      if (tries === MAX_TRIES || !isPerdureError(error) || error.retry === "never") throw error;
      await world.run({ untilMs: world.nowMs + TRY_AGAIN_MS });
    }
  }
}
