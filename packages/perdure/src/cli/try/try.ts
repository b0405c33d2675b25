/** `perdure try`: with a file or a pipe unattended, on a terminal with the person. */

import { PerdureError } from "../../wire/error.ts";
import { readFileContent, readStdin } from "../content.ts";
import { stdinNote, type Verb } from "../invocation.ts";
import type { TryWords } from "../words.ts";

export function tryVerb(file: string | undefined, options: TryWords): Verb {
  return async (invocation) => {
    const { terminal, stdin, signal } = invocation;
    const waiting = stdinNote(invocation);
    const keep = options.keep === true;
    if (file === undefined && terminal.stdin.isTerminal) {
      if (!terminal.stdout.isTerminal || terminal.json) {
        throw new PerdureError("bad-argument", "there is nobody to type and nothing to send", {
          hint: "Name a file, pipe something in, or run it on a terminal.",
        });
      }
      const { tryInteractive } = await import("./interactive.ts");
      return await tryInteractive(invocation, keep);
    }
    const content = file === undefined || file === "-" ? await readStdin(stdin, signal, waiting) : await readFileContent(file, signal);
    const { tryUnattended } = await import("./unattended.ts");
    return await tryUnattended(invocation, content, keep);
  };
}
