/**
 * Rates beside buckets that are counted in tokens: a bucket starts full, is emptied by what is taken and filled by time. Places for keys are few,
 * and clocks stand still and go back.
 */
import { createGcra } from "../../packages/perdure/src/protocol/limits/gcra.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly key: number;
  readonly cost: number;
  readonly waitMs: number;
  readonly only: "look" | "judge";
}

const STEPS = 300;
/** More than `KEYS` have a place. */
const SOMEBODY = 5;
const KEYS = 3;
const PER_SECOND = 8;
const BURST = 5;
const INTERVAL_MS = 1000 / PER_SECOND;

export const rates: Room<Step> = {
  name: "rates",
  about: "what may be taken now, beside buckets counted in tokens",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => ({
      key: draws.below(SOMEBODY),
      cost: draws.chance(0.1) ? BURST + draws.below(4) : draws.below(4),
      // Whole intervals, so that buckets are exactly full and exactly empty.
      waitMs: draws.chance(0.1) ? -INTERVAL_MS : INTERVAL_MS * draws.below(draws.chance(0.1) ? 12 : 2),
      only: draws.chance(0.3) ? "look" : "judge",
    })),
  run: async (steps) => {
    const gcra = createGcra({ perSecond: PER_SECOND, burst: BURST, keys: KEYS });
    /** Tokens in a bucket, below 0 where something larger than a bucket was taken. */
    const own = new Map<number, number>();
    let shared = BURST;
    let clockMs = 0;
    let latestMs = Number.NEGATIVE_INFINITY;

    const fill = (tokens: number): void => {
      for (const [key, before] of own) own.set(key, Math.min(BURST, before + tokens));
      shared = Math.min(BURST, shared + tokens);
    };
    for (const { key, cost, waitMs, only } of steps) {
      clockMs += waitMs;
      const before = { own: [...own], shared, latestMs };
      fill(Math.max(0, clockMs - latestMs) / INTERVAL_MS);
      latestMs = Math.max(latestMs, clockMs);
      // Who judges may have a place of somebody whose bucket is full again; who only looks takes none.
      const full = [...own].filter(([each, tokens]) => each !== key && tokens === BURST).map(([each]) => each);
      if (only === "judge" && !own.has(key) && own.size === KEYS) for (const each of full) own.delete(each);
      const hasPlace = own.has(key) || own.size < KEYS;
      const tokens = own.get(key) ?? (hasPlace ? BURST : shared);
      const taken = cost === 0 || tokens >= Math.min(cost, BURST);
      const said = gcra[only](`key ${key}`, cost, clockMs);
      const where = `${only} of ${cost} for key ${key} with ${tokens} of ${BURST} in its bucket`;
      if (said.taken !== taken) parted(`${where} says ${said.taken ? "taken" : "not taken"}`);
      const left = taken && only === "judge" ? tokens - cost : tokens;
      if (said.remaining !== Math.max(0, left)) parted(`${where} says ${said.remaining} remain`);
      const waitsMs = taken ? 0 : (Math.min(cost, BURST) - tokens) * INTERVAL_MS;
      if (said.resetMs !== waitsMs) parted(`${where} asks for ${said.resetMs} ms`);
      if (said.fullMs !== (BURST - left) * INTERVAL_MS) parted(`${where} is full in ${said.fullMs} ms`);
      if (only === "look") {
        own.clear();
        for (const [each, kept] of before.own) own.set(each, kept);
        ({ shared, latestMs } = before);
      } else if (taken && hasPlace) own.set(key, left);
      else if (taken) shared = left;
      if (gcra.keys !== own.size) parted(`${gcra.keys} keys have a place`);
    }
  },
};
