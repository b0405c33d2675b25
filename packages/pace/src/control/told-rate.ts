import type { Random } from "../host/random.ts";
import { createHeadedRate, type HeadedRate, type Level } from "./headed-rate.ts";
import { createWindowRate, isWindow } from "./window-rate.ts";

/** The law of a quota whose level is told: of a window where it has an end, of a bucket otherwise. */
export function createToldRate(random: Random, first: Level): HeadedRate {
  return isWindow(first) ? createWindowRate(random, first) : createHeadedRate(random, first);
}
