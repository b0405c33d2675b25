/** `perdure ask`: the answer on stdout. */
import { readContent } from "../content.ts";
import { openHere, stdinNote, type Verb } from "../invocation.ts";
import { printContent } from "../mail-text.ts";
import type { AskWords } from "../words.ts";

export function askVerb(to: string, word: string | undefined, options: AskWords): Verb {
  return async (invocation) => {
    const { terminal, signal, settings } = invocation;
    const content = await readContent(word, invocation.stdin, signal, stdinNote(invocation));
    await using agent = await openHere(invocation, options.at);
    terminal.progress(`waiting for ${to} to answer`);
    const answer = await agent.ask(to, content.bytes, {
      signal,
      timeoutMs: options.timeout ?? settings.askTimeoutMs,
      contentType: content.contentType,
      ...(content.fileName === undefined ? {} : { fileName: content.fileName }),
    });
    await printContent(terminal, answer);
    await answer.done();
    return 0;
  };
}
