/** `perdure contacts`: list, requests, accept, add, block, remove, policy, paused, resume, accept-change. */
import type { Agent, Contact, StrangersPolicy } from "../../agent/api.ts";
import { PerdureError } from "../../wire/error.ts";
import { calledText, contactLine, contactObject, pausedLine, pausedObject, requestLine, requestObject } from "../contact-text.ts";
import { awaitNews, type Invocation, openHere, type Verb } from "../invocation.ts";
import { countText } from "../quantity.ts";
import { shortId } from "../trail.ts";
import type { ContactWords } from "../words.ts";

type Action = (invocation: Invocation, agent: Agent, word: string) => Promise<void>;

export function contactsVerb(action: string, words: readonly string[], options: ContactWords): Verb {
  return async (invocation) => {
    await using agent = await openHere(invocation, options.at);
    const act = ACTIONS[action];
    if (act === undefined) throw new PerdureError("internal", `no verb contacts ${action}`);
    await act(invocation, agent, words[0] ?? "");
    return 0;
  };
}

const decided =
  (said: string, decide: (agent: Agent, who: string, signal: AbortSignal) => Promise<Contact>): Action =>
  async ({ terminal, signal }, agent, who) => {
    const contact = await decide(agent, who, signal);
    terminal.line(contact.id);
    terminal.object(contactObject(contact));
    terminal.note(`${contact.address === undefined && contact.name === undefined ? shortId(contact.id) : calledText(contact)}: ${said}`);
  };

const ACTIONS: Readonly<Record<string, Action>> = {
  async list({ terminal, signal }, agent) {
    const contacts = await agent.contacts.list({ signal });
    for (const contact of contacts) {
      terminal.line(contactLine(contact));
      terminal.object(contactObject(contact));
    }
    if (contacts.some(({ trouble }) => trouble === "frozen"))
      terminal.note("frozen: two histories of it contradict each other; mail waits until its owner decides: perdure id rotate");
    if (contacts.length === 0) terminal.note("nobody yet: perdure invite makes a text that lets somebody write to you");
    const { requests, strangers, paused } = await agent.status({ signal });
    if (strangers === "welcome") terminal.note("mail of strangers is welcome: it reaches your handlers");
    if (requests > 0) terminal.note(`${countText(requests, "message")} of strangers: perdure contacts requests`);
    if (paused > 0) terminal.note(`${countText(paused, "thread")} paused by the loop guard: perdure contacts paused`);
  },
  async requests(invocation, agent) {
    const { terminal, signal } = invocation;
    await awaitNews(invocation, agent);
    const requests = await agent.contacts.requests({ signal });
    for (const request of requests) {
      terminal.line(requestLine(request));
      terminal.object(requestObject(request));
    }
    if (requests.length === 0) terminal.note("no mail of strangers waits");
    else terminal.note("take one in: perdure contacts accept <id>; read first: perdure inbox --box requests");
  },
  accept: decided("taken in", (agent, who, signal) => agent.contacts.accept(who, { signal })),
  add: decided("is a contact", (agent, who, signal) => agent.contacts.add(who, { signal })),
  block: decided("blocked; everything of theirs is refused", (agent, who, signal) => agent.contacts.block(who, { signal })),
  async remove({ terminal, signal }, agent, who) {
    await agent.contacts.remove(who, { signal });
    terminal.object({ type: "removed", who });
    terminal.note(`${who} is a stranger again`);
  },
  async policy({ terminal, signal }, agent, word) {
    if (word !== "" && word !== "wait" && word !== "welcome")
      throw new PerdureError("bad-argument", `"${word}" is no policy`, { hint: "Write wait or welcome." });
    const strangers = await agent.contacts.policy(word === "" ? undefined : (word as StrangersPolicy), { signal });
    terminal.line(strangers);
    terminal.object({ type: "policy", strangers });
    terminal.note(strangers === "wait" ? "mail of strangers waits in requests" : "mail of strangers reaches your handlers");
  },
  async paused({ terminal, signal }, agent) {
    const paused = await agent.contacts.paused({ signal });
    for (const each of paused) {
      terminal.line(pausedLine(each));
      terminal.object(pausedObject(each));
    }
    if (paused.length === 0) terminal.note("nothing is paused");
    else terminal.note("once its cause is gone: perdure contacts resume <thread or agent id>");
  },
  async resume({ terminal, signal }, agent, word) {
    await agent.contacts.resume(word, { signal });
    terminal.object({ type: "resumed", threadOrPeer: word });
    terminal.note("automatic mail goes on");
  },
  async "accept-change"({ terminal, signal }, agent, name) {
    const id = await agent.contacts.acceptChange(name, { signal });
    terminal.line(id);
    terminal.object({ type: "name", name, id });
    terminal.note(`${name} means this agent from here on`);
  },
};
