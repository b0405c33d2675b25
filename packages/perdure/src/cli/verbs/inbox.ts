/** `perdure inbox`: list, watch, show, done, retry, reject. Looking at mail never consumes it. */
import type { Agent, AgentStatus, Box, Mail } from "../../agent/api.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { alertText } from "../alert-text.ts";
import { safeLine } from "../foreign-text.ts";
import { awaitNews, type Invocation, openHere, type Verb } from "../invocation.ts";
import { mailLine, mailObject, printContent } from "../mail-text.ts";
import type { InboxWords } from "../words.ts";

const NOTHING: Readonly<Record<Box, string>> = {
  contacts: "no mail waits",
  requests: "no mail of strangers waits",
  failed: "nothing failed",
};
const WATCH_MS = 24 * 60 * 60 * 1000;

export function inboxVerb(action: string, words: readonly string[], options: InboxWords): Verb {
  return async (invocation) => {
    await using agent = await openHere(invocation, options.at);
    if (action === "list")
      return options.watch === true ? await watch(invocation, agent, options) : await list(invocation, agent, options.box);
    // What is here already is shown without asking the relay.
    const here = await findMail(agent, words[0] ?? "", invocation.signal);
    const mail = here ?? ((await awaitNews(invocation, agent)) ? await findMail(agent, words[0] ?? "", invocation.signal) : undefined);
    if (mail === undefined)
      throw new PerdureError("unknown-message", `no message in any box has the id ${words[0]}`, {
        hint: "perdure inbox lists them.",
      });
    if (action === "show") {
      await printContent(invocation.terminal, mail);
      return 0;
    }
    const waiting = { signal: invocation.signal };
    // Its sender hears of it at once only if the relay is there when this process ends.
    const heard = await awaitNews(invocation, agent);
    if (action === "done") await mail.done(waiting);
    else if (action === "retry") await mail.retry(waiting);
    else await mail.reject(words[1] ?? "", waiting);
    invocation.terminal.object({ type: action, id: mail.id, from: mail.from });
    const said = { done: "done", retry: "back in the inbox" }[action] ?? "refused";
    invocation.terminal.note(
      `${mail.id}: ${said}${heard || action === "retry" ? "" : "; its sender hears of it when the relay is there again"}`,
    );
    return 0;
  };
}

async function list(invocation: Invocation, agent: Agent, box: Box): Promise<number> {
  const { terminal, signal } = invocation;
  const caughtUp = await awaitNews(invocation, agent);
  const status = await agent.status({ signal });
  const { relay, failed, requests, paused } = status;
  const isAll = caughtUp && status.alerts.every(({ code }) => code === "identity-retired");
  if (!isAll) terminal.note(`${whyNotAll(status)}; this is what is on this disk`);
  for (const alert of status.alerts) terminal.note(alertText(alert));
  let count = 0;
  for await (const mail of agent.inbox({ box, signal })) {
    terminal.line(mailLine(mail, relay.url));
    terminal.object(mailObject(mail, box));
    count++;
  }
  if (count === 0) terminal.note(isAll ? NOTHING[box] : `${NOTHING[box]} here`);
  if (box === "contacts" && requests > 0) terminal.note(`${requests} from strangers in requests: perdure contacts requests`);
  if (box === "contacts" && failed > 0) terminal.note(`${failed} in the failed box: perdure inbox --box failed`);
  if (box === "contacts" && paused > 0) terminal.note(`${paused} paused by the loop guard: perdure contacts paused`);
  return 0;
}

/** What keeps the relay's mail from being here too. */
function whyNotAll({ relay, alerts: [alert] }: AgentStatus): string {
  if (alert !== undefined && alert.code !== "identity-retired") return `the relay hands this folder no mail (${alert.code})`;
  if (relay.lastError !== undefined)
    return `${relay.connected ? "the relay hands out nothing" : `no session with the relay ${relay.url}`}: ${safeLine(relay.lastError, 200)}`;
  return relay.connected ? `the relay ${relay.url} has not handed out everything yet` : `the relay ${relay.url} has not answered yet`;
}

/** Ctrl-C and the end of the time are the proper ends of a watch. */
async function watch({ terminal, signal }: Invocation, agent: Agent, options: InboxWords): Promise<number> {
  const { relay } = await agent.status({ signal });
  terminal.progress("watching; Ctrl-C ends it");
  try {
    for await (const mail of agent.inbox({ box: options.box, watch: true, signal, timeoutMs: options.timeout ?? WATCH_MS })) {
      terminal.line(mailLine(mail, relay.url));
      terminal.object(mailObject(mail, options.box));
    }
  } catch (error) {
    if (!isPerdureError(error) || (error.code !== "timed-out" && !(error.code === "aborted" && signal.aborted))) throw error;
  }
  return 0;
}

/** The one message whose id is or begins with `word`, in any box; `bad-argument` when there are several. */
async function findMail(agent: Agent, word: string, signal: AbortSignal): Promise<Mail | undefined> {
  const found: Mail[] = [];
  for (const box of ["contacts", "requests", "failed"] as const) {
    for await (const mail of agent.inbox({ box, signal })) {
      if (mail.id === word) return mail;
      if (word !== "" && mail.id.startsWith(word)) found.push(mail);
    }
  }
  if (found.length > 1)
    throw new PerdureError("bad-argument", `${found.length} messages begin with ${word}`, { hint: "Write more of the id." });
  return found[0];
}
