import { TurboQuantError } from "../error.ts";
import type { Wanted } from "./cascade.ts";
import type { SearchOptions } from "./contract.ts";

const MOST_K = 10_000;

/** What a search is asked for. Throws `bad-argument`. */
export function wantedOf({ k = 10, recall = 0.95, candidates }: SearchOptions): Wanted {
  const refuse = (what: string, hint: string): never => {
    throw new TurboQuantError("bad-argument", what, hint);
  };
  if (!Number.isInteger(k) || k < 1 || k > MOST_K) refuse(`k is ${k}`, `It is a whole number from 1 to ${MOST_K}.`);
  if (!(recall > 0 && recall <= 1)) refuse(`recall is ${recall}`, "It is above 0 and at most 1.");
  if (candidates !== undefined && !(Number.isInteger(candidates) && candidates >= k))
    refuse(`candidates is ${candidates}`, "It is a whole number, at least k.");
  return { k, recall, candidates, exact: undefined };
}
