/** `perdure on-mail -- <command>`: runs a command for each message; its exit code decides, its stdout answers. */
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { isText } from "../content.ts";
import { safeText } from "../foreign-text.ts";
import { openHere, type Verb } from "../invocation.ts";
import { isHopeless, type Run, runMailCommand } from "../mail-command.ts";
import { senderText } from "../mail-text.ts";
import { durationText, sizeText } from "../quantity.ts";
import type { OnMailWords } from "../words.ts";

export function onMailVerb(command: readonly string[], options: OnMailWords): Verb {
  return async (invocation) => {
    const { host, terminal, signal, overrides, settings } = invocation;
    // The SDK takes a claim back after `handlerTimeoutMs`; the command has to be dead by then.
    const timeoutMs = options.timeout ?? settings.handlerTimeoutMs;
    const patient = { ...invocation, overrides: { ...overrides, handlerTimeoutMs: Math.max(timeoutMs + 5000, 5100) } };
    await using agent = await openHere(patient, options.at);
    terminal.note(`answering mail to ${agent.id} with: ${command.join(" ")}   (Ctrl-C ends it)`);
    const stopped = new AbortController();
    const ending = AbortSignal.any([signal, stopped.signal]);
    let hopeless: unknown;
    const onStderr = (text: string): void => terminal.note(safeText(text).replace(/\n$/, ""));

    await agent
      .serve(
        async (mail, turn) => {
          const startMs = host.clock.monotonicMs();
          const report = (outcome: string, exit: number | string, replyBytes: number): void => {
            const ms = Math.round(host.clock.monotonicMs() - startMs);
            terminal.object({ type: "handled", id: mail.id, from: mail.from, attempt: mail.attempt, exit, outcome, replyBytes, ms });
            terminal.line(
              `${mail.id}  from ${senderText(mail)}  ${outcome}  exit ${exit}  ${replyBytes > 0 ? `replied ${sizeText(replyBytes)}  ` : ""}${durationText(ms)}`,
            );
          };
          let run: Run;
          try {
            run = await runMailCommand({ host, command, timeoutMs, onStderr }, mail, turn.signal);
          } catch (error) {
            report("retry", isPerdureError(error) ? error.code : "internal", 0);
            if (isHopeless(error)) {
              hopeless = error;
              stopped.abort();
            }
            throw error;
          }
          if (run.outcome === "failed") {
            report("retry", run.exit, 0);
            throw new PerdureError("failed", run.lastWords === "" ? `the command ended with ${run.exit}` : run.lastWords);
          }
          if (run.outcome === "rejected") {
            turn.reject(run.lastWords === "" ? "the command refused it" : run.lastWords);
            report("refused", run.exit, 0);
            return;
          }
          const answers = run.reply.length > 0 && !mail.auto;
          if (answers) await turn.reply(run.reply, { contentType: isText(run.reply) ? "text/plain" : "application/octet-stream" });
          else if (run.reply.length > 0) terminal.note(`${mail.id} was written by a program; what the command printed is not sent`);
          report("done", run.exit, answers ? run.reply.length : 0);
        },
        { signal: ending, concurrency: options.concurrency ?? 1 },
      )
      .catch((error: unknown) => {
        if (!(isPerdureError(error) && error.code === "aborted" && ending.aborted)) throw error;
      });
    if (hopeless !== undefined) throw hopeless;
    return 0;
  };
}
