/** The words about an agent's own keys. */
import type { Command } from "commander";
import type { Dispatch } from "./invocation.ts";
import { examples, folder } from "./options.ts";
import type { IdWords } from "./words.ts";

export function addIdentity(program: Command, dispatch: Dispatch): void {
  const id = folder(program.command("id")).summary("who this agent is, and its keys");
  const act = (action: string, what: string, options: IdWords, words: readonly string[]): Promise<void> =>
    dispatch({ what, options, load: async () => (await import("./verbs/id.ts")).idVerb(action, words, options) });
  id.addHelpText(
    "before",
    examples(
      "perdure id",
      "perdure id show --bundle me.bundle",
      "perdure id rotate --recovery desk.recovery",
      "perdure id rotate --recovery desk.recovery --stolen-since 2h",
      "perdure id export desk.perdure",
    ),
  )
    .addHelpText(
      "after",
      `
A relay's keys are kept the same way: name its folder with --at while it is
stopped.
--json: {type: "agent", id, name, folder, custody, relay, keyExpiresAtMs}; show
adds {type: "identity", standing, stage, controlKeys, log, instances, inboxKeys,
…}; changes {type: "identity-changed", seq, relayHasIt}; move {type: "moved", id,
from, relay, fetched}.`,
    )
    .action((_options: IdWords, command: Command) => act("card", "could not read the agent", command.optsWithGlobals(), []));
  const sub = (name: string, summary: string, what: string, ...words: readonly string[]): Command => {
    const command = folder(id.command(name)).summary(summary);
    for (const word of words) command.argument(word);
    return command.action((...called: unknown[]) => {
      const given = called.slice(0, words.length).filter((word) => word !== undefined);
      return act(name, what, (called.at(-1) as Command).optsWithGlobals(), given.map(String));
    });
  };
  sub("show", "keys, instances, inbox keys and the log", "could not read the identity").option(
    "--bundle <file>",
    "also write what others verify this agent by",
  );
  sub("rotate", "new keys: the answer to a theft", "the keys are as they were")
    .option("--recovery <file>", "the recovery file; with custody together there is none")
    .option("--new-recovery <file>", "from custody together to split: where the recovery file goes")
    .option("--together", "from custody split to together: keep the next keys in the folder")
    .option("--stolen-since <moment>", "what the old keys signed since then counts for nothing: 2h, 2026-11-21")
    .option("--void-from <event>", "the first event of the log that somebody else wrote")
    .addHelpText(
      "after",
      `
Control key, instance key and inbox key are replaced. Without --stolen-since
what the old keys signed is still taken for 10 minutes, so that mail under way
arrives. The recovery file stays as it is: it is good for every rotation.`,
    );
  sub("revoke", "take another instance out of use", "nothing was revoked", "<instance>")
    .option("--since <moment>", "what it signed since then counts for nothing (now)")
    .option("--reason <text>", "up to 256 bytes, for everybody to read");
  sub("claim", "a restored or copied folder becomes the only one", "this folder is as it was")
    .option("--stolen-since <moment>", "what the other folder signed since then counts for nothing: 2h, 2026-11-21")
    .addHelpText(
      "after",
      `
This folder gets a new instance key, and the other ones are shut out at once.
Without --stolen-since what they signed is still taken for 10 minutes, so that
mail under way arrives.`,
    );
  sub("pin-home", "no relay but the one of now may be a home", "the homes are as they were").option("--off", "any relay may be one again");
  sub("move", "another relay becomes the home", "the agent lives where it did", "<address>").addHelpText(
    "after",
    `
For when the home relay is gone for good, or is to be left: the id, contacts and
what this folder has stay. A relay that asks for a ticket wants it in the
address. What waits at the old relay is fetched first if it answers; else it is
lost to the agent. No other process may have the folder.`,
  );
  sub("anchor", "sign the SHA-256 of a file into the log", "nothing was anchored", "<file>").option(
    "--about <text>",
    "up to 256 bytes, for everybody to read",
  );
  sub("retire", "end this agent for ever", "the agent goes on")
    .option("--recovery <file>", "the recovery file; with custody together there is none")
    .option("--successor <agent>", "the id to turn to instead")
    .option("--reason <text>", "up to 256 bytes, for everybody to read")
    .option("--yes", "do not ask");
  sub("export", "the identity as one file under a passphrase", "nothing was exported", "<file>");
  sub("restore", "an agent from its export, in an empty folder", "nothing was restored", "<file>").option(
    "--offline",
    "ask nobody: for a relay that is gone for good",
  );
  sub("verify", "what a bundle proves, offline", "the bundle proves nothing", "<file>");
  sub("passphrase", "seal the folder with a passphrase", "the folder is as it was")
    .option("--new-file <file>", "the new one, when nobody can be asked")
    .option("--remove", "keep the keys unsealed");
}
