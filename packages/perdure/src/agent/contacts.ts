/** Contacts and invites as the SDK shows them; see api.ts. */
import type { Host } from "../host/host.ts";
import { FIXED } from "../settings/fixed.ts";
import { hex } from "../wire/bytes.ts";
import { type ErrorCode, isErrorCode, isPerdureError, PerdureError } from "../wire/error.ts";
import { INVITE_SECRET_BYTES } from "../wire/invite.ts";
import type { Agent, Contact, Contacts, Sent, Waiting } from "./api.ts";
import type { AgentCore, Decision, OutgoingView } from "./core.ts";

const REQUEST_BYTES = 16;

export interface ContactsOptions {
  readonly core: AgentCore;
  readonly host: Pick<Host, "random">;
  /** Gives a call its deadline. */
  readonly within: <Value>(what: string, waiting: Waiting, work: (signal: AbortSignal) => Promise<Value>) => Promise<Value>;
  readonly sentOf: (view: OutgoingView) => Sent;
}

export function createContacts({ core, host, within, sentOf }: ContactsOptions): Pick<Agent, "contacts" | "invite" | "accept"> {
  const decide = async (who: string, decision: Decision, waiting: Waiting): Promise<Contact> => {
    const contact = await within(`the word on ${who}`, waiting, () => core.decide(who.trim(), decision));
    if (contact === undefined) throw new PerdureError("internal", `${who} has no entry after ${decision}`);
    return contact;
  };
  const contacts: Contacts = {
    list: (waiting = {}) => within("the contacts", waiting, () => core.contacts()),
    requests: (waiting = {}) => within("the requests", waiting, () => core.contactRequests()),
    accept: (who, waiting = {}) => decide(who, "accept", waiting),
    add: (who, waiting = {}) => decide(who, "add", waiting),
    block: (who, waiting = {}) => decide(who, "block", waiting),
    async remove(who, waiting = {}) {
      await within(`the word on ${who}`, waiting, () => core.decide(who.trim(), "remove"));
    },
    acceptChange: (name, waiting = {}) => within(`who ${name} is now`, waiting, () => core.acceptChange(name.trim())),
    policy: (strangers, waiting = {}) => within("the policy", waiting, () => core.strangers(strangers ?? "")),
    paused: (waiting = {}) => within("what is paused", waiting, () => core.paused()),
    resume: (threadOrPeer, waiting = {}) => within("the thread to go on", waiting, () => core.resume(threadOrPeer.trim())),
  };
  return {
    contacts,
    invite: ({ expiresInMs = FIXED.inviteMs.value, uses = 1, label = "", ...waiting } = {}) => {
      const secret = hex(host.random.bytes(INVITE_SECRET_BYTES));
      return within("the invite", waiting, () => core.invite({ secret, expiresInMs, uses, label }));
    },
    async accept(written, waiting = {}) {
      const requestId = hex(host.random.bytes(REQUEST_BYTES));
      return await within("the other side to take the invite", waiting, async (signal) => {
        const { contact, greeting } = await core.acceptInvite(requestId, written);
        try {
          await sentOf(greeting).until("done", { signal });
        } catch (error) {
          throw refusedInvite(error);
        }
        // Who it is there, its proven address maybe, is known better than before it answered.
        return (await core.contacts()).find(({ id }) => id === contact.id) ?? contact;
      });
    },
  };
}

/** What the inviting agent said, as what it is: `refused: invite-used: …` becomes `invite-used`. */
function refusedInvite(error: unknown): unknown {
  if (!isPerdureError(error) || error.code !== "refused") return error;
  const said = INVITE_CODES.find((code) => error.message.includes(`refused: ${code}`));
  if (said === undefined || !isErrorCode(said)) return error;
  return new PerdureError(said, error.message, { hint: "Ask for a new invite.", cause: error });
}

const INVITE_CODES: readonly ErrorCode[] = ["invite-used", "expired", "blocked"];
