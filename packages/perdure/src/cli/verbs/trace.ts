/** `perdure trace`: what happened to a message, when, and who signed for it. */
import { writeFile } from "node:fs/promises";
import type { Agent, Sent, Step } from "../../agent/api.ts";
import { sleep } from "../../host/deadline.ts";
import { isTerminal } from "../../protocol/delivery/delivery-lattice.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { safeLine } from "../foreign-text.ts";
import { awaitNews, type Invocation, openHere, type Verb } from "../invocation.ts";
import { dateText, sizeText } from "../quantity.ts";
import { followSent, shortId, stateText, stepObject, stepText, whoText } from "../trail.ts";
import { unwritable } from "../unwritable.ts";
import type { TraceWords } from "../words.ts";

/** A receipt that has just arrived is verified in this time. */
const NEWS_MS = 500;
const LOOK_MS = 20;

export function traceVerb(word: string | undefined, options: TraceWords): Verb {
  return async (invocation) => {
    await using agent = await openHere(invocation, options.at);
    if (word === undefined && options.export !== undefined)
      throw new PerdureError("bad-argument", "--export writes the evidence of one message", {
        hint: "perdure trace, without an id, lists them.",
      });
    if (word === undefined) {
      await awaitNews(invocation, agent);
      return await list(invocation, agent);
    }
    const sent = await findSent(agent, word, invocation.signal);
    await trace(invocation, agent, sent);
    if (options.export !== undefined) await exportTo(invocation, await agent.sent(sent.id), options.export);
    return 0;
  };
}

async function list({ terminal, signal }: Invocation, agent: Agent): Promise<number> {
  const all = await agent.outbox({ signal });
  for (const sent of all) {
    const last = sent.steps.at(-1);
    const to = nameOf(sent);
    terminal.object({ type: "sent", id: sent.id, to: sent.to, toName: sent.toName, state: last?.state ?? "queued", atMs: last?.atMs });
    terminal.line(
      `${sent.id}  ${last === undefined ? "" : dateText(last.atMs)}  ${to.startsWith("ag1") ? shortId(to) : to}  ${stateText(last?.state ?? "queued", terminal.stdout.paint)}`,
    );
  }
  if (all.length === 0) terminal.note("nothing was sent, or all of it is forgotten");
  return 0;
}

async function trace(invocation: Invocation, agent: Agent, sent: Sent): Promise<void> {
  const { terminal, signal } = invocation;
  const { relay } = await agent.status({ signal });
  const parties = { relay: relay.id, to: nameOf(sent), home: sent.home };
  const shownName = parties.to.startsWith("ag1") ? shortId(parties.to) : parties.to;
  const width = sent.home === undefined ? 6 : Math.max(6, safeLine(sent.home.host, 34).length, safeLine(shownName, 34).length);
  const { paint } = terminal.stdout;
  const show = (step: Step): void => {
    terminal.object(stepObject(sent.id, String(sent.to), step));
    const who = whoText(step, parties).padEnd(width);
    terminal.line(
      `${paint.faint(dateText(step.atMs))}  ${paint.strong(who)}  ${stateText(step.state, paint)}${" ".repeat(Math.max(0, 9 - step.state.length))}${stepText(step)}`,
    );
  };
  const shown = sent.steps.at(-1);
  if (shown !== undefined && isTerminal(shown.state)) {
    (await withLateProof(invocation, agent, sent)).steps.forEach(show);
    return;
  }
  await awaitNews(invocation, agent);
  const { trouble } = await agent.sent(sent.id);
  if (trouble !== undefined) terminal.note(`held up: ${safeLine(trouble, 200)}`);
  await followSent(invocation, sent, { until: "done", timeoutMs: NEWS_MS, onStep: show }).catch((error: unknown) => {
    const isOutcome = isPerdureError(error) && (error.code === "timed-out" || sent.steps.some((step) => step.state === error.code));
    if (!isOutcome) throw error;
  });
}

/** The other relay's statement often comes after the end is known; what waits at the own relay is here in a moment. */
async function withLateProof(invocation: Invocation, agent: Agent, sent: Sent): Promise<Sent> {
  const { clock } = invocation.host;
  const isProven = ({ steps, home }: Sent): boolean =>
    home === undefined || steps.some((step) => step.by === home.id && step.proof !== "none");
  if (isProven(sent) || !(await awaitNews(invocation, agent))) return sent;
  const endMs = clock.monotonicMs() + NEWS_MS;
  let now = sent;
  while (!isProven(now) && clock.monotonicMs() < endMs) {
    await sleep(clock, LOOK_MS, invocation.signal);
    now = await agent.sent(sent.id);
  }
  return now;
}

async function exportTo({ terminal, signal }: Invocation, sent: Sent, path: string): Promise<void> {
  const file = await sent.export({ signal });
  await writeFile(path, file).catch((cause: unknown) => {
    throw unwritable(path, cause, "--export");
  });
  terminal.object({ type: "evidence-file", path, sizeBytes: file.length });
  terminal.note(`${path}: all that proves it, ${sizeText(file.length)}; perdure verify ${path}`);
}

/** As the person called the recipient. */
function nameOf(sent: Sent): string {
  return sent.toName === undefined ? String(sent.to) : `@${safeLine(sent.toName, 80)}`;
}

async function findSent(agent: Agent, word: string, signal: AbortSignal): Promise<Sent> {
  const found = (await agent.outbox({ signal })).filter((sent) => sent.id === word || (word !== "" && sent.id.startsWith(word)));
  const exact = found.find((sent) => sent.id === word);
  if (exact !== undefined) return exact;
  const [only] = found;
  if (only === undefined) return await notSent(agent, word, signal);
  if (found.length > 1)
    throw new PerdureError("bad-argument", `${found.length} messages begin with ${word}`, { hint: "Write more of the id." });
  return only;
}

async function notSent(agent: Agent, word: string, signal: AbortSignal): Promise<never> {
  for (const box of ["contacts", "requests", "failed"] as const) {
    for await (const mail of agent.inbox({ box, signal })) {
      if (word === "" || !mail.id.startsWith(word)) continue;
      const times = `sent ${dateText(mail.sentAtMs)}, here since ${dateText(mail.receivedAtMs)}`;
      throw new PerdureError("unknown-message", `${mail.id} was received, not sent (${times})`, {
        hint: `perdure inbox show ${mail.id} prints it; its way is traced at the sender.`,
      });
    }
  }
  throw new PerdureError("unknown-message", `this agent sent nothing with the id ${word}`, {
    hint: "perdure trace, without an id, lists what was sent.",
  });
}
