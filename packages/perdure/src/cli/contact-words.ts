/** The words about others: invites both ways, who is a contact, what strangers' mail does, what the loop guard stopped. */
import { type Command, Option } from "commander";
import type { Dispatch } from "./invocation.ts";
import { count, duration, examples, folder } from "./options.ts";
import type { ContactWords, InviteWords } from "./words.ts";

export function addContacts(program: Command, dispatch: Dispatch): void {
  folder(program.command("invite"))
    .summary("a text that lets somebody write to you")
    .option("--uses <count>", "how many may accept it (1)", count)
    .option("--expires <duration>", "how long it is valid: up to 366d (7d)", duration)
    .option("--label <name>", "what you will call who accepts it")
    .option("--qr", "also as a code to be photographed")
    .addHelpText("before", examples("perdure invite", "perdure invite --label anna --qr", "perdure invite --uses 20 --expires 1d"))
    .addHelpText(
      "after",
      `
Hand it over as you would a key: whoever has it may use it. Prints the text, and
beside it the same as a link with a page for people.
--json: {type: "invite", text, link, expiresAtMs, uses}.`,
    )
    .action((options: InviteWords) =>
      dispatch({ what: "no invite was made", options, load: async () => (await import("./verbs/invite.ts")).inviteVerb(options) }),
    );
  folder(program.command("accept").argument("<invite...>", "the text or link, in quotes"))
    .summary("accept an invite: you become contacts")
    .option("--timeout <duration>", "stop waiting for the other side after this long (1m)", duration)
    .addHelpText("before", examples('perdure accept "perdure1:…"', 'perdure accept "https://relay.example/i#…"'))
    .addHelpText("after", '\n--json: {type: "contact", id, standing, name, address, how, sinceMs, confirmed}.')
    .action((invite: readonly string[], options: ContactWords) =>
      dispatch({
        what: "the invite was not accepted",
        options,
        load: async () => (await import("./verbs/accept.ts")).acceptVerb(invite.join(" "), options),
      }),
    );
  addBook(program, dispatch);
}

function addBook(program: Command, dispatch: Dispatch): void {
  const contacts = folder(program.command("contacts")).summary("who may write to you, who waits, who is turned away");
  const act = (action: string, what: string, options: ContactWords, words: readonly string[]): Promise<void> =>
    dispatch({ what, options, load: async () => (await import("./verbs/contacts.ts")).contactsVerb(action, words, options) });
  contacts
    .addHelpText(
      "before",
      examples(
        "perdure contacts",
        "perdure contacts requests",
        "perdure contacts accept @anna",
        "perdure contacts block ag1…",
        "perdure contacts policy welcome",
      ),
    )
    .addHelpText(
      "after",
      `
Mail of strangers waits in requests and reaches no handler until you take them
in. Writing to somebody makes them a contact.
--json: {type: "contact", …}, {type: "request", id, name, messages, firstAtMs,
lastAtMs}, {type: "policy", strangers}, {type: "paused", thread, peer, why, atMs}.`,
    )
    .action((_options: ContactWords, command: Command) => act("list", "could not read the contacts", command.optsWithGlobals(), []));
  const sub = (name: string, summary: string, what: string, ...words: readonly string[]): void => {
    const command = folder(contacts.command(name)).summary(summary);
    for (const word of words) command.argument(word);
    command.action((...called: unknown[]) => {
      const given = called.slice(0, words.length).filter((word) => word !== undefined);
      return act(name, what, (called.at(-1) as Command).optsWithGlobals(), given.map(String));
    });
  };
  sub("list", "contacts and who is blocked", "could not read the contacts");
  sub("requests", "strangers whose mail waits", "could not read the requests");
  sub("accept", "take a stranger in; what waits of theirs reaches your handlers", "nobody was taken in", "<who>");
  sub("add", "make somebody a contact", "nobody was added", "<who>");
  sub("block", "refuse everything of theirs", "nobody was blocked", "<who>");
  sub("remove", "a stranger again", "nobody was removed", "<who>");
  sub("policy", "what strangers' mail does: wait, or welcome everybody", "the policy is as it was", "[strangers]");
  sub("paused", "what the loop guard has stopped", "could not read what is paused");
  sub("resume", "let a paused thread, or everything with a peer, go on", "nothing goes on", "<thread-or-peer>");
  sub("accept-change", "a name means somebody else now, and that is right", "the change was not accepted", "<name>");
}

/** The option of `init` that says what strangers' mail does from the start. */
export function strangersOption(): Option {
  return new Option("--strangers <policy>", "their mail waits for your word (wait), or reaches your handlers (welcome)").choices([
    "wait",
    "welcome",
  ]);
}
