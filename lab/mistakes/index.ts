/** Mistakes that were made, or could have been: planted one at a time, each must break an invariant of the lab. */
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { Mistake } from "../planting.ts";
import { AGENT_MISTAKES } from "./agent.ts";
import { IDENTITY_MISTAKES } from "./identity.ts";
import { LINK_MISTAKES } from "./links.ts";
import { MAILBOX_MISTAKES } from "./mailbox.ts";
import { PLACEBOS } from "./placebos.ts";
import { STATEMENT_MISTAKES } from "./statements.ts";
import { STORE_MISTAKES } from "./store.ts";

export const MISTAKES: readonly Mistake[] = [
  ...STORE_MISTAKES,
  ...MAILBOX_MISTAKES,
  ...STATEMENT_MISTAKES,
  ...LINK_MISTAKES,
  ...AGENT_MISTAKES,
  ...IDENTITY_MISTAKES,
];

/** A mistake, or a placebo, which is planted like one. Throws `bad-argument` when there is none of that name. */
export function findMistake(id: string): Mistake {
  const all = [...MISTAKES, ...PLACEBOS];
  const found = all.find((each) => each.id === id);
  if (found === undefined)
    throw new PerdureError("bad-argument", `there is no mistake "${id}"`, {
      hint: `There are ${all.map((each) => each.id).join(", ")}.`,
    });
  return found;
}
