/** Mistakes that were made, or could have been: planted one at a time, each must break an invariant of the lab. */
import type { Mistake } from "../planting.ts";
import { STORE_MISTAKES } from "./store.ts";

export const MISTAKES: readonly Mistake[] = [...STORE_MISTAKES];

/** Throws when there is none of that name. */
export function findMistake(id: string): Mistake {
  const found = MISTAKES.find((each) => each.id === id);
  if (found === undefined) throw new Error(`there is no mistake "${id}"; there are ${MISTAKES.map((each) => each.id).join(", ")}`);
  return found;
}
