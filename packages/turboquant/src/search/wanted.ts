import { checkWhole, checkYesOrNo, orAwaited, refuse, shown } from "../argument.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import type { Wanted } from "./cascade.ts";
import type { SearchOptions } from "./contract.ts";

const MOST_K = 10_000;
const NAMES: OptionNames = optionNames<SearchOptions>({ k: true, recall: true, candidates: true, filter: true, exact: true });

/** What a search is asked for. Throws `bad-argument`. */
export function wantedOf(options: SearchOptions): Wanted {
  checkOptions("search", options, NAMES);
  const { k = 10, recall = 0.95, candidates, exact = true } = options;
  checkWhole("k", k, 1, MOST_K);
  if (typeof recall !== "number" || !(recall > 0 && recall <= 1)) refuse(`recall is ${shown(recall)}`, "It is above 0 and at most 1.");
  if (candidates !== undefined && !(Number.isInteger(candidates) && candidates >= k))
    refuse(`candidates is ${shown(candidates)}`, "It is a whole number, at least k.");
  checkYesOrNo("exact", exact);
  return { k, recall, candidates, exact: undefined };
}

/** Throws `bad-argument` for what is no array; each is looked at where it is asked. */
export function checkQueries(queries: readonly ArrayLike<number>[]): void {
  if (!Array.isArray(queries))
    refuse(`queries are ${shown(queries)}`, orAwaited(queries, "They are an array of vectors: [first, second]."));
}
