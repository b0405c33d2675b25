/**
 * A long context as attention sees it, made up: keys and values of one head, and two kinds of queries. Keys are normal numbers around a mean they all share,
 * which lies far out in a few channels, as in the caches of real models; a code of a key that knows nothing of the mean spends most of what it has on it.
 * Values are normal numbers.
 */
import { createNormalDraws } from "../turboquant/normal-draws.ts";

export const HEAD = 128;
/** How far out the mean lies in a channel in sixteen: five sixths of the square of a key are then the same in all of them. */
const [FAR_OUT, CHANNELS_EACH] = [9, 16];
/** What a query for a key has in common with it: all that sets the key apart, and half as much noise. */
const NEEDLE_NOISE = 0.5;
const OF = { keys: 1, values: 2, queries: 3, needles: 4 } as const;

export interface Context {
  readonly tokens: number;
  /** `tokens` x `HEAD`, as values are. */
  readonly keys: Float32Array;
  readonly values: Float32Array;
  /** Of normal numbers: scores spread by about one, so the weight is shared by as many as a third of the keys. */
  readonly queries: readonly Float32Array[];
  readonly needles: readonly Needle[];
}

export interface Needle {
  /** The token asked for. */
  readonly at: number;
  readonly query: Float32Array;
}

export function createContext(tokens: number, queries: number, needles: number, seed: number): Context {
  const keys = new Float32Array(tokens * HEAD);
  const values = new Float32Array(tokens * HEAD);
  for (let token = 0; token < tokens; token++) {
    const key = keys.subarray(token * HEAD, (token + 1) * HEAD);
    for (let channel = 0; channel < HEAD; channel++) key[channel] = meanOf(channel);
    createNormalDraws(seed, OF.keys, token).addTo(key, 1);
    createNormalDraws(seed, OF.values, token).addTo(values.subarray(token * HEAD, (token + 1) * HEAD), 1);
  }
  return {
    tokens,
    keys,
    values,
    queries: Array.from({ length: queries }, (_, nth) => {
      const query = new Float32Array(HEAD);
      createNormalDraws(seed, OF.queries, nth).addTo(query, 1);
      return query;
    }),
    needles: Array.from({ length: needles }, (_, nth) => {
      // At all depths.
      const at = Math.floor(((nth + 0.5) * tokens) / needles);
      const query = Float32Array.from({ length: HEAD }, (_, channel) => (keys[at * HEAD + channel] as number) - meanOf(channel));
      createNormalDraws(seed, OF.needles, nth).addTo(query, NEEDLE_NOISE);
      return { at, query };
    }),
  };
}

function meanOf(channel: number): number {
  if (channel % CHANNELS_EACH !== 0) return 0;
  return channel % (2 * CHANNELS_EACH) === 0 ? FAR_OUT : -FAR_OUT;
}
