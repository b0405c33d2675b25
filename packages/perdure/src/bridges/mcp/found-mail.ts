/** The messages that a model means by their ids. */
import type { Agent, Box, Mail } from "../../agent/api.ts";
import { PerdureError } from "../../wire/error.ts";

/** Messages one look at a box takes in; more are counted by the agent's status only. */
export const MOST_LISTED = 10_000;

/** The newest are the ones left out: they came last and wait longest. */
export async function listed(agent: Agent, box: Box, signal: AbortSignal, meant: (mail: Mail) => boolean): Promise<readonly Mail[]> {
  const mails: Mail[] = [];
  for await (const mail of agent.inbox({ box, signal })) {
    if (meant(mail)) mails.push(mail);
    if (mails.length >= MOST_LISTED) break;
  }
  return mails;
}

/**
 * The one message with that id among contacts' and failed mail. Ids are drawn by senders, so two senders may use the same:
 * then `from` decides. `unknown-message`, `bad-argument` when it is not clear.
 */
export async function foundMail(agent: Agent, id: string, from: string | undefined, signal: AbortSignal): Promise<Mail> {
  const found: Mail[] = [];
  for (const box of ["contacts", "failed"] as const) {
    for await (const mail of agent.inbox({ box, signal }))
      if (mail.id === id && (from === undefined || mail.from === from)) found.push(mail);
  }
  const [only] = found;
  if (only === undefined) throw await notFound(agent, id, signal);
  if (found.length > 1) {
    throw new PerdureError("bad-argument", `${found.length} senders have a message ${id}`, {
      hint: `Add from: ${found.map((mail) => mail.from).join(" or ")}.`,
    });
  }
  return only;
}

async function notFound(agent: Agent, id: string, signal: AbortSignal): Promise<PerdureError> {
  for await (const mail of agent.inbox({ box: "requests", signal })) {
    if (mail.id !== id) continue;
    return new PerdureError("blocked", `${id} was written by a stranger and waits in requests`, {
      hint: "The requests tool shows its beginning. Its sender becomes a contact with admit, if the person wants that.",
    });
  }
  return new PerdureError("unknown-message", `no message with the id ${id} waits here`);
}
