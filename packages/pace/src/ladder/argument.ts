/** What callers hand over, checked: an option that nobody reads is refused and not passed over, as its default would be taken for what was meant. */
import { PaceError } from "../error.ts";

/** Throws `bad-argument`, and names what there is. `of`: what is called with them. */
export function checkNames(of: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options))
    if (!names.includes(name)) throw new PaceError("bad-argument", `${of} has no option "${name}"`, `There are: ${names.join(", ")}.`);
}

/** Throws `bad-argument` for what is not a number, or one outside of these. */
export function checkNumber(name: string, value: number, least: number, most: number = Number.MAX_VALUE): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  const range = most === Number.MAX_VALUE ? `of ${least} or more` : `from ${least} to ${most}`;
  throw new PaceError("bad-argument", `${name} is ${String(value)}`, `It is a number ${range}.`);
}
