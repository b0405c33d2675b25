/** `perdure ask`: the answer on stdout. */
import { readContent } from "../content.ts";
import { safeLine } from "../foreign-text.ts";
import { openHere, stdinNote, type Verb } from "../invocation.ts";
import { relayTrouble, tellLongWait, withTrouble } from "../long-wait.ts";
import { printContent } from "../mail-text.ts";
import type { AskWords } from "../words.ts";

export function askVerb(to: string, word: string | undefined, options: AskWords): Verb {
  return async (invocation) => {
    const { terminal, signal, settings } = invocation;
    const content = await readContent(word, invocation.stdin, signal, stdinNote(invocation));
    await using agent = await openHere(invocation, options.at);
    terminal.progress(`waiting for ${to} to answer`);
    const timeoutMs = options.timeout ?? settings.askTimeoutMs;
    const heldUp = async (): Promise<string | undefined> =>
      (await agent.outbox()).find(({ to: id, toName, trouble }) => trouble !== undefined && (id === to || `@${toName}` === to))?.trouble;
    const trouble = async (): Promise<string | undefined> => (await relayTrouble(agent)) ?? (await heldUp());
    const waitEnded = tellLongWait(invocation, {
      waitsFor: `${safeLine(to, 60)} to answer`,
      timeoutMs,
      trouble,
      safe: "the question goes on and its answer will be in the inbox",
    });
    const asking = agent.ask(to, content.bytes, {
      signal,
      timeoutMs,
      contentType: content.contentType,
      ...(content.fileName === undefined ? {} : { fileName: content.fileName }),
    });
    const answer = await asking
      .catch(async (error: unknown) => {
        throw await withTrouble(error, trouble);
      })
      .finally(waitEnded);
    await printContent(terminal, answer);
    await answer.done();
    return 0;
  };
}
