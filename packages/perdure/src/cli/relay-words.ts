/** The words of `perdure relay`: running one, and what its owner asks and tells it while it runs. */
import { type Command, Option } from "commander";
import type { Dispatch } from "./invocation.ts";
import { common, count, duration, EXTERNAL_JSON, examples, rows } from "./options.ts";
import type { BlockWords, RelayFolderWords, RelaySettingsWords, RelayWords, TicketWords } from "./words.ts";

export function addServing(program: Command, dispatch: Dispatch): void {
  const relay = relayFolder(common(program.command("relay")))
    .summary("run a relay, for this machine or for the public")
    .option("--listen <address>", "host:port (where it was last; the first time 127.0.0.1:4410, or the next free port)")
    .option("--public <url>", "its address in the world: wss://relay.example/")
    .option("--tls-cert <file>", "end TLS here: PEM file of the certificate and its chain; read again when it changes")
    .option("--tls-key <file>", "PEM file of its private key")
    .option("--passphrase-file <file>", "whose first line opens, or seals, the relay's keys; or $PERDURE_PASSPHRASE")
    .option("--open-registration", "a public relay lets anybody register; without it agents need a ticket")
    .option("--tickets", "agents need a ticket also at a relay of this machine")
    .option("--allow-private-peers", "a public relay may also dial relays in private networks")
    .option(
      "--origin <origin>",
      "pages of this origin may connect, as agents in browsers do: https://app.example; repeatable",
      (one, before: string[] = []) => [...before, one],
    )
    .addOption(new Option("--log <how>", "lines of log on stderr as text, or as JSON from level info on").choices(["text", "json"]))
    .addOption(new Option("--until-stdin-ends", "stop when stdin ends, for a supervisor that may die").hideHelp())
    .addHelpText(
      "before",
      examples(
        "perdure relay",
        "perdure relay --at ./relay --listen 127.0.0.1:4500",
        "perdure relay --listen 127.0.0.1:4410 --public wss://relay.example/",
        "perdure relay --listen 0.0.0.0:443 --public wss://relay.example/ --tls-cert c.pem --tls-key k.pem",
        "perdure relay ticket",
        "perdure relay check wss://relay.example/",
      ),
    )
    .addHelpText(
      "after",
      `
Prints its address, which \`perdure init --relay\` takes; the page at
http://<host:port>/ shows how it is, and \`perdure relay page\` the way to that of
a public one. SIGTERM or Ctrl-C drains it: what was accepted is on disk before it
ends. Exit code 0 then.
Settings: --set name=value, else $PERDURE_RELAY_SETTINGS ("name=value …"), else
the file "settings" in its folder (one name=value a line, # begins a remark).
--json: {type: "relay", address, id, url, page, pid, folder, public, tickets},
and at the end {type: "stopped"}.`,
    )
    .action((options: RelayWords) =>
      dispatch({
        what: "no relay was started",
        options,
        serves: true,
        load: async () => (await import("./verbs/relay.ts")).relayVerb(options),
      }),
    );
  addOwner(relay, dispatch);
  addKeeping(relay, dispatch);
  addCheck(relay, dispatch);
}

/** What concerns the folder of a relay as a whole. */
function addKeeping(relay: Command, dispatch: Dispatch): void {
  relayFolder(common(relay.command("backup").argument("<to>", "an empty folder, or one with a backup of this relay")))
    .summary("copy the relay as it is at this moment, while it runs or not")
    .addHelpText("before", examples("perdure relay backup /mnt/backup/relay"))
    .addHelpText(
      "after",
      `
What was copied before and has not changed is not copied again. All that the relay
had acknowledged is in it, and its keys: keep it as you keep those. One that is
interrupted leaves the one before as it was.
--json: {type: "backup", to, relay, number, takenAtMs, segments, bytes, copied, copiedBytes}.`,
    )
    .action((to: string, _options: unknown, command: Command) => {
      const options: RelayFolderWords = command.optsWithGlobals();
      return dispatch({
        what: "no backup was made",
        options,
        load: async () => (await import("./verbs/relay-backup.ts")).relayBackupVerb(to, options),
      });
    });
  relayFolder(common(relay.command("restore").argument("<from>", "a folder with a backup")))
    .summary("make a relay's folder from a backup")
    .addHelpText("before", examples("perdure relay restore /mnt/backup/relay --at ./relay"))
    .addHelpText(
      "after",
      `
Into a folder that is empty or not there; all of it is checked first. What the relay
took since the backup is gone. Never run it beside the relay it was made of.
--json: {type: "restored", folder, relay, takenAtMs, waitingMessages, …}.`,
    )
    .action((from: string, _options: unknown, command: Command) => {
      const options: RelayFolderWords = command.optsWithGlobals();
      return dispatch({
        what: "nothing was restored",
        options,
        load: async () => (await import("./verbs/relay-backup.ts")).relayRestoreVerb(from, options),
      });
    });
  relayFolder(common(relay.command("verify")))
    .summary("check every byte of a relay's folder, without changing any")
    .addHelpText("before", examples("perdure relay verify", "perdure relay verify --at ./relay"))
    .addHelpText(
      "after",
      `
Also beside a running relay. Exit code 1 when something is not as it was written.
--json: {type: "verified", ok, opens, problems: [{path, from, to, what}], …}.`,
    )
    .action((_options: unknown, command: Command) => {
      const options: RelayFolderWords = command.optsWithGlobals();
      return dispatch({
        what: "the folder was not checked",
        options,
        load: async () => (await import("./verbs/relay-verify.ts")).relayVerifyVerb(options),
      });
    });
}

/** What the owner of a running relay does: the process that runs it is asked over a socket in its folder. */
function addOwner(relay: Command, dispatch: Dispatch): void {
  const owner = <Words extends RelayFolderWords>(
    command: Command,
    what: string,
    verb: (owner: typeof import("./verbs/relay-owner.ts"), options: Words, word: string) => import("./invocation.ts").Verb,
  ): void => {
    relayFolder(common(command)).action((...called: unknown[]) => {
      const words = called.slice(0, -2).map(String);
      const options: Words = (called.at(-1) as Command).optsWithGlobals();
      return dispatch({ what, options, load: async () => verb(await import("./verbs/relay-owner.ts"), options, words[0] ?? "") });
    });
  };
  owner<TicketWords>(
    relay
      .command("ticket")
      .summary("print an address with a ticket in it, for who may register")
      .option("--uses <count>", "agents that may register with it (1)", count)
      .option("--expires <duration>", "good for this long: 1m to 366d (1d)", duration)
      .addHelpText("before", examples("perdure relay ticket", "perdure relay ticket --uses 5 --expires 7d"))
      .addHelpText(
        "after",
        '\nGive it to them as it is: perdure init --relay takes it.\n--json: {type: "ticket", address, uses, expiresAtMs}.',
      ),
    "no ticket was made",
    (verbs, options) => verbs.ticketVerb(options),
  );
  owner<BlockWords>(
    relay
      .command("block")
      .argument("<id>", "an agent or another relay: ag1…")
      .summary("turn an agent or a relay away, at once")
      .option("--why <text>", "what it is told")
      .addHelpText("before", examples('perdure relay block ag1… --why "floods"')),
    "nobody was blocked",
    (verbs, options, id) => verbs.blockVerb(id, options),
  );
  owner<RelayFolderWords>(
    relay.command("unblock").argument("<id>", "as with block").summary("let it come again"),
    "nobody was unblocked",
    (verbs, options, id) => verbs.unblockVerb(id, options),
  );
  owner<RelayFolderWords>(
    relay
      .command("status")
      .summary("how the running relay is")
      .addHelpText("after", '\nExit code 0 when it is well, else 1.\n--json: {type: "status", …} as in /status.json.'),
    "could not ask the relay",
    (verbs, options) => verbs.statusVerb(options),
  );
  owner<RelaySettingsWords>(
    rows(relay.command("settings"))
      .summary("every wait and limit: value, unit, who set it, and what it is for")
      .addHelpText(
        "after",
        `\n--json: one line per setting: {type: "setting", name, value, unit, origin, min, max, reason}. ${EXTERNAL_JSON}`,
      ),
    "could not list the settings",
    (verbs, options) => verbs.settingsVerb(options),
  );
  owner<RelayFolderWords>(
    relay
      .command("page")
      .summary("print the link to the page of the running relay")
      .addHelpText(
        "after",
        '\nThat of a public relay carries its owner\'s key behind #: it opens the page for whoever has it.\n--json: {type: "page", url}.',
      ),
    "could not ask the relay",
    (verbs, options) => verbs.pageVerb(options),
  );
}

function addCheck(relay: Command, dispatch: Dispatch): void {
  common(relay.command("check").argument("<address>", "wss://relay.example/, better with #ag1… behind it"))
    .summary("see from here whether a relay can be used: name, TLS, identity, clock, proxy")
    .addHelpText("before", examples("perdure relay check wss://relay.example/#ag1…"))
    .addHelpText(
      "after",
      '\nExit code 0 when nothing failed.\n--json: {type: "check", ok, address, checks: [{name, state: ok|warn|fail, says, hint}]}.',
    )
    .action((address: string, _options: unknown, command: Command) => {
      const options: RelayFolderWords = command.optsWithGlobals();
      return dispatch({
        what: `could not check ${address}`,
        options,
        load: async () => (await import("./verbs/relay-check.ts")).relayCheckVerb(address),
      });
    });
}

function relayFolder(command: Command): Command {
  return command.option("--at, --folder <folder>", "the relay's folder");
}
