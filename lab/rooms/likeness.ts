/** Comparing what the product says with what it must say. */
import { equalBytes, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { parted } from "./room.ts";

/** The code with which it is refused, `nothing` when it is not. */
export async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "nothing";
  } catch (error) {
    if (isPerdureError(error)) return error.code;
    throw error;
  }
}

/** Parts unless both say the same. */
export function expectAlike(what: string, said: unknown, expected: unknown): void {
  if (!alike(said, expected)) parted(`${what}: ${shown(said)}, and it must be ${shown(expected)}`);
}

function shown(value: unknown): string {
  return (
    JSON.stringify(value, (_, each) => (each instanceof Uint8Array ? `${each.length}:${hex(each).slice(0, 12)}` : each)) ?? "nothing"
  ).slice(0, 700);
}

/** Whether two values say the same, bytes by bytes. */
export function alike(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equalBytes(a, b);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  const [mine, theirs] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = new Set([...Object.keys(mine), ...Object.keys(theirs)]);
  return Array.isArray(a) === Array.isArray(b) && [...names].every((name) => alike(mine[name], theirs[name]));
}

/** Parts unless both lists have the same in the same order, and says where they do not: what is in them is neither bytes nor lists. */
export function same(what: string, said: readonly unknown[], expected: readonly unknown[]): void {
  if (said.length === expected.length && said.every((each, index) => each === expected[index])) return;
  const at = said.findIndex((each, index) => each !== expected[index]);
  parted(`${what}: ${said[at < 0 ? expected.length : at] ?? "nothing"}, not ${expected[at < 0 ? said.length : at] ?? "nothing"}`);
}
