import type { Random } from "../random.ts";

/** Good enough to spread pauses; nothing here is a secret. */
export const systemRandom: Random = () => Math.random();
