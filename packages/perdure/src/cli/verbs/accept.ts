/** `perdure accept`: the invite's maker becomes a contact at once, and this agent one of theirs when they hear of it. */
import { isPerdureError } from "../../wire/error.ts";
import { calledText, contactObject } from "../contact-text.ts";
import { openHere, type Verb } from "../invocation.ts";
import { relayTrouble, tellLongWait, withTrouble } from "../long-wait.ts";
import type { ContactWords } from "../words.ts";

const CONFIRMED_MS = 60_000;

export function acceptVerb(written: string, options: ContactWords): Verb {
  return async (invocation) => {
    const { terminal, signal } = invocation;
    await using agent = await openHere(invocation, options.at);
    const before = new Set((await agent.contacts.list({ signal })).map(({ id }) => id));
    const sentBefore = new Set((await agent.outbox({ signal })).map(({ id }) => id));
    const timeoutMs = options.timeout ?? CONFIRMED_MS;
    terminal.progress("waiting for the other side");
    const trouble = async (): Promise<string | undefined> =>
      (await relayTrouble(agent)) ?? (await agent.outbox()).find(({ id }) => !sentBefore.has(id))?.trouble;
    const waitEnded = tellLongWait(invocation, {
      waitsFor: "the other side to hear of it",
      timeoutMs,
      trouble,
      safe: "it waits for them like mail",
      done: async () => {
        const contact = (await agent.contacts.list()).find(({ id }) => !before.has(id));
        return contact === undefined ? undefined : `${calledText(contact)} is your contact`;
      },
    });
    try {
      const contact = await agent.accept(written, { signal, timeoutMs }).finally(waitEnded);
      terminal.line(contact.id);
      terminal.object({ ...contactObject(contact), confirmed: true });
      terminal.note(`you and ${calledText(contact)} are contacts`);
      return 0;
    } catch (error) {
      if (!isPerdureError(error) || error.code !== "timed-out") throw error;
      const contact = (await agent.contacts.list({ signal })).find(({ id }) => !before.has(id));
      if (contact === undefined) throw await withTrouble(error, trouble);
      terminal.line(contact.id);
      terminal.object({ ...contactObject(contact), confirmed: false });
      terminal.note(`${calledText(contact)} is your contact; they have not heard of it yet, and will: it waits for them like mail`);
      return 0;
    }
  };
}
