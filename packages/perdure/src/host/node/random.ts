import { randomFillSync } from "node:crypto";
import type { Random } from "../random.ts";

export function createNodeRandom(): Random {
  return { bytes: (count) => randomFillSync(new Uint8Array(count)) };
}
