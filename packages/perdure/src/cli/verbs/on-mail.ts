/** `perdure on-mail -- <command>`: runs a command for each message; its exit code decides, its stdout answers. */
import type { Handler, Mail } from "../../agent/api.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { tellAlertsToGuest } from "../alert-text.ts";
import { isText } from "../content.ts";
import { safeText } from "../foreign-text.ts";
import { type Invocation, openHere, type Verb } from "../invocation.ts";
import { requireProgram, runMailCommand } from "../mail-command.ts";
import { senderText } from "../mail-text.ts";
import { durationText, sizeText } from "../quantity.ts";
import type { OnMailWords } from "../words.ts";

/** The agent takes a message back from its handler after `handlerTimeoutMs`; the command has to be dead by then. */
const BURIAL_MS = 5000;

export function onMailVerb(command: readonly string[], options: OnMailWords): Verb {
  return async (invocation) => {
    const { terminal, signal, overrides, settings } = invocation;
    await requireProgram(command[0] ?? "", invocation.environment);
    const timeoutMs = options.timeout ?? settings.handlerTimeoutMs;
    const patient = { ...invocation, overrides: { ...overrides, handlerTimeoutMs: timeoutMs + BURIAL_MS } };
    await using agent = await openHere(patient, options.at);
    terminal.note(`answering mail to ${agent.id} with: ${command.join(" ")}   (Ctrl-C ends it)`);
    const { relay, requests, strangers } = await agent.status({ signal });
    if (strangers === "wait")
      terminal.note(`mail of strangers waits${requests > 0 ? ` (${requests} now)` : ""}: perdure contacts requests, or perdure invite`);
    tellAlertsToGuest(invocation, agent).catch(() => {});
    try {
      await agent.serve(createHandler(invocation, { command, timeoutMs, ownRelay: relay.url }), {
        signal,
        concurrency: options.concurrency ?? 1,
      });
    } catch (error) {
      if (!(isPerdureError(error) && error.code === "aborted" && signal.aborted)) throw error;
    }
    return 0;
  };
}

interface HandlerOptions {
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** Url of the agent's relay. */
  readonly ownRelay: string;
}

/** Returns for done and refused; throws for another try. */
function createHandler(invocation: Invocation, { command, timeoutMs, ownRelay }: HandlerOptions): Handler {
  const { host, terminal } = invocation;
  const onStderr = (text: string): void => terminal.note(safeText(text).replace(/\n$/, ""));
  const reporting = (mail: Mail): ((outcome: string, exit: number | string, replyBytes?: number) => void) => {
    const startMs = host.clock.monotonicMs();
    return (outcome, exit, replyBytes = 0) => {
      const ms = Math.round(host.clock.monotonicMs() - startMs);
      terminal.object({ type: "handled", id: mail.id, from: mail.from, attempt: mail.attempt, exit, outcome, replyBytes, ms });
      const replied = replyBytes > 0 ? [`replied ${sizeText(replyBytes)}`] : [];
      terminal.line([mail.id, `from ${senderText(mail, ownRelay)}`, outcome, `exit ${exit}`, ...replied, durationText(ms)].join("  "));
    };
  };

  return async (mail, turn) => {
    const report = reporting(mail);
    const run = await runMailCommand({ host, command, timeoutMs, onStderr }, mail, turn.signal).catch((error: unknown) => {
      report("retry", isPerdureError(error) ? error.code : "internal");
      throw error;
    });
    if (run.outcome === "failed") {
      report("retry", run.exit);
      throw new PerdureError("failed", run.lastWords === "" ? `the command ended with ${run.exit}` : run.lastWords);
    }
    if (run.outcome === "rejected") {
      turn.reject(run.lastWords === "" ? "the command refused it" : run.lastWords);
      report("refused", run.exit);
      return;
    }
    const answers = run.reply.length > 0 && !mail.auto;
    if (answers) await turn.reply(run.reply, { contentType: isText(run.reply) ? "text/plain" : "application/octet-stream" });
    else if (run.reply.length > 0) terminal.note(`${mail.id} was written by a program; what the command printed is not sent`);
    report("done", run.exit, answers ? run.reply.length : 0);
  };
}
