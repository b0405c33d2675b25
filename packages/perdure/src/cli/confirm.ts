/** Asking before what cannot be undone. */
import { createInterface } from "node:readline";
import { PerdureError } from "../wire/error.ts";
import type { Invocation } from "./invocation.ts";

/** Resolves when the person typed `word`, or `yes` was given; `aborted` for anything else, `bad-argument` where nobody can be asked. */
export async function confirm(
  { terminal, stdin, signal }: Invocation,
  { yes, what, word }: { readonly yes: boolean; readonly what: string; readonly word: string },
): Promise<void> {
  if (yes) return;
  if (stdin.isTTY !== true || !terminal.stderr.isTerminal)
    throw new PerdureError("bad-argument", `this cannot be undone: ${what}`, { hint: "Add --yes." });
  terminal.note(`This cannot be undone: ${what}. Type ${word} to go on.`);
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(""));
      signal.addEventListener("abort", () => reject(new PerdureError("aborted", "called off")), { once: true });
    });
    if (answer.trim() !== word) throw new PerdureError("aborted", "nothing was done");
  } finally {
    lines.close();
  }
}
