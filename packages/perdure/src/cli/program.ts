/**
 * The words of the command line: every verb with its arguments, options and help. What a verb does is in `verbs/`, loaded
 * when it is called. Every verb takes --json; the shape it prints stands in its help.
 */
import { Command, Option } from "commander";
import { MCP_CLIENTS } from "../bridges/mcp/client-config.ts";
import { addContacts, strangersOption } from "./contact-words.ts";
import { addIdentity } from "./id-words.ts";
import { addIncidents } from "./incident-words.ts";
import type { Dispatch } from "./invocation.ts";
import { common, count, duration, EVERYWHERE, EXTERNAL_JSON, examples, folder, patience, rows } from "./options.ts";
import { addServing } from "./relay-words.ts";
import type {
  AskWords,
  CommonOptions,
  DeskWords,
  DoctorWords,
  InboxWords,
  InitWords,
  McpWords,
  OnMailWords,
  SendWords,
  SettingsWords,
  TraceWords,
  TryWords,
} from "./words.ts";

const FOLDERS = `
Folders:
  An agent lives in one folder: --at <folder>, else $PERDURE_HOME, else one per
  user (~/.local/share/perdure/agent, or below $XDG_DATA_HOME). Any number of
  processes may use it at once. A relay's: --at, $PERDURE_RELAY_HOME, …/relay.

Exit codes:
  0  done                      6  not to be trusted
  1  examined, and not right   7  of another version
  2  wrong words               8  the message ended without success
  3  not there                 9  not allowed
  4  not reachable now        10  called off
  5  somebody else has it     70  a mistake of ours
                             130  Ctrl-C
`;

export function createProgram(version: string, dispatch: Dispatch): Command {
  const program = new Command("perdure")
    .description("Mail for AI agents that waits, survives, and proves it arrived.")
    .version(version, "-V, --version", "print the version")
    .addHelpOption(new Option("-h, --help", "print help").helpGroup(EVERYWHERE))
    .helpCommand(false)
    .configureHelp({
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`))].join(" "),
    })
    .addHelpText(
      "before",
      `Examples:
  perdure try ./my.pdf                        your file, over two killed relays
  perdure relay                               a relay here; prints its address
  perdure init --relay <address> --name desk  an agent of your own
  perdure send @desk "hello" --until done     mail that waits for its reader
  perdure on-mail -- ./answer.sh              any command becomes an agent
`,
    )
    .addHelpText("after", FOLDERS);
  addTrial(program, dispatch);
  addAgent(program, dispatch);
  addSending(program, dispatch);
  addReceiving(program, dispatch);
  addContacts(program, dispatch);
  addServing(program, dispatch);
  addIncidents(program, dispatch);
  addBridges(program, dispatch);
  whatIsSpecialFirst(program);
  return program;
}

/** In the help a verb's own options stand before those that every verb takes. */
function whatIsSpecialFirst(command: Command): void {
  const everywhere = (option: Option): number => (option.helpGroupHeading === EVERYWHERE ? 1 : 0);
  (command.options as Option[]).sort((a, b) => everywhere(a) - everywhere(b));
  command.commands.forEach(whatIsSpecialFirst);
}

function addTrial(program: Command, dispatch: Dispatch): void {
  common(program.command("try").argument("[file]", "what to send; without it a terminal opens the world to play with, and a pipe is read"))
    .summary("two owners, two relays and you, on this machine, in a fresh folder")
    .option("--keep", "leave the folder of the trial where it is")
    .addHelpText("before", examples("perdure try", "perdure try ./my.pdf", "git log | perdure try"))
    .addHelpText(
      "after",
      `
With a file or a pipe: sends that content to a sleeping agent, kills the relay
(SIGKILL) in mid-stream, starts it again, wakes the agent and reports. Exit code
0 only if what came out is what went in, handled once and nothing lost; else 1.
--json: lines {type: "event", atMs, who, text} and last {type: "report", ok,
bytes, sha256In, sha256Out, handled, lost, killed, longestGapMs, …}.`,
    )
    .action((file: string | undefined, options: TryWords) =>
      dispatch({ what: "the trial ended early", options, load: async () => (await import("./try/try.ts")).tryVerb(file, options) }),
    );
  common(
    program
      .command("try-desk", { hidden: true })
      .requiredOption("--at <folder>")
      .requiredOption("--relay <address>")
      .requiredOption("--received <folder>"),
  ).action((options: DeskWords) =>
    dispatch({ what: "@desk stopped", options, serves: true, load: async () => (await import("./try/desk.ts")).deskVerb(options) }),
  );
}

function addAgent(program: Command, dispatch: Dispatch): void {
  folder(program.command("init"))
    .summary("make an agent and join it to a relay")
    .option("--relay <address>", "the relay's address as `perdure relay` prints it: ws://127.0.0.1:4410/#ag1…")
    .option("--name <name>", "a name at that relay: 1 to 32 lower-case letters, digits, hyphens")
    .addOption(
      new Option("--custody <how>", "where the next control keys are kept; split on a terminal, together otherwise").choices([
        "split",
        "together",
      ]),
    )
    .addOption(strangersOption())
    .option("--recovery <file>", "with split: where the recovery file goes (./<name>.recovery)")
    .option("--passphrase", "seal the folder with a passphrase: asked for, or from --passphrase-file or $PERDURE_PASSPHRASE")
    .addHelpText(
      "before",
      examples(
        "perdure init --relay ws://127.0.0.1:4410/#ag1… --name desk",
        "perdure init --at ./desk --relay <address> --custody together",
      ),
    )
    .addHelpText(
      "after",
      `
split     the next control keys go into the recovery file and nowhere else.
          Move that file off this machine: it is what will take the identity
          back when the folder is stolen, as often as it is. Daily work does
          not need it.
together  everything is in the folder. For unattended machines; a stolen folder
          is a stolen identity.
An agent that is there already is told a new address of its own relay.
--json: {type: "agent", id, name, folder, custody, recoveryFile, relay}.`,
    )
    .action((options: InitWords) =>
      dispatch({ what: "no agent was made", options, load: async () => (await import("./verbs/init.ts")).initVerb(options) }),
    );
  addIdentity(program, dispatch);
  folder(program.command("doctor"))
    .summary("check folder, keys, disk, relay and clock")
    .option("--bundle <file>", "write what lately came in into a file, for whoever looks for a mistake, and check nothing")
    .option("--relay", "with --bundle: the folder of the relay instead of the agent's")
    .addHelpText("before", examples("perdure doctor", "perdure doctor --at ./desk --json", "perdure doctor --bundle desk.bundle.json"))
    .addHelpText(
      "after",
      `
Exit code 0 when nothing failed.
--json: {type: "doctor", ok, checks: [{name, state: ok|warn|fail, says, hint}]}.

In a bundle: versions, settings, limits of the machine, kinds and times of
incidents, and of the last hour connections (when, how they ended), frames by
name and size, when messages of which size came and went, disks and timers that
were late, clocks that jumped, codes of errors. Not in it: contents, keys,
tickets, names, ids and addresses (a pseudonym stands for each, under a salt that
stays in the folder). It is JSON: read it before you hand it on.
--json: {type: "bundle", file, bytes, role, lives, inputs}.`,
    )
    .action((options: DoctorWords) =>
      dispatch({ what: "could not examine", options, load: async () => (await import("./verbs/doctor.ts")).doctorVerb(options) }),
    );
  rows(folder(program.command("settings")))
    .summary("every wait and limit in force, and who set it")
    .addHelpText(
      "before",
      examples("perdure settings", "perdure settings --at ./desk --set pingEveryMs=20000", "perdure settings --unchosen"),
    )
    .addHelpText(
      "after",
      `
Who set it: default, set (by --set or a program), negotiated (with the relay,
for the session that is open), fixed (nobody can).
--json: one line each: {type: "setting", name, value, unit, min, max, reason,
origin}. ${EXTERNAL_JSON}`,
    )
    .action((options: SettingsWords) =>
      dispatch({
        what: "could not list the settings",
        options,
        load: async () => (await import("./verbs/settings.ts")).settingsVerb(options),
      }),
    );
}

function addSending(program: Command, dispatch: Dispatch): void {
  folder(
    program
      .command("send")
      .argument("<to>", "@name at your relay, or an agent id")
      .argument("[content]", "text; - or nothing: stdin; @path: a file; @@…: text beginning with @"),
  )
    .summary("send mail that waits for its reader")
    .addOption(
      new Option("--until <state>", "wait until it is on this disk (queued), on the relay's disk with proof (stored), or handled (done)")
        .choices(["queued", "stored", "done"])
        .default("stored"),
    )
    .option("--timeout <duration>", "stop waiting after this long; the message goes on (30s, with --until done 5m)", duration)
    .option("--expires <duration>", "how long it may wait for its reader: 1s to 30d (7d)", duration)
    .option("--thread <id>", "continue this conversation")
    .option("--key <text>", "the recipient takes one message per key, however often it is sent")
    .addHelpText(
      "before",
      examples('perdure send @desk "hello"', "perdure send @desk @report.pdf --until done", "git diff | perdure send @desk -"),
    )
    .addHelpText(
      "after",
      '\nPrints the message id, which `perdure trace` takes.\n--json: one line per step: {type: "step", id, to, state, atMs, by, proof,\ndetail}.',
    )
    .action((to: string, content: string | undefined, options: SendWords) =>
      dispatch({
        what: `could not send to ${to}`,
        options,
        load: async () => (await import("./verbs/send.ts")).sendVerb(to, content, options),
      }),
    );
  folder(program.command("ask").argument("<to>", "@name, @name@host, or an agent id").argument("[content]", "as with send"))
    .summary("send and wait for the answer")
    .option("--timeout <duration>", "stop waiting after this long (1m)", duration)
    .addHelpText("before", examples('perdure ask @desk "how many letters?"', "perdure ask @desk @minutes.txt --timeout 5m > summary.txt"))
    .addHelpText("after", '\nPrints the answer as it came.\n--json: {type: "mail", id, from, contentType, sizeBytes, text | base64, …}.')
    .action((to: string, content: string | undefined, options: AskWords) =>
      dispatch({ what: `no answer from ${to}`, options, load: async () => (await import("./verbs/ask.ts")).askVerb(to, content, options) }),
    );
  folder(program.command("trace").argument("[id]", "a message id, or its beginning; without it the messages sent"))
    .summary("each hop of a message: when, who, who signed")
    .option("--export <file>", "write all that proves it into a file, for perdure verify anywhere")
    .addHelpText("before", examples("perdure trace", "perdure trace 9f2c4e81d03b7a55.1", "perdure trace 9f2c --export proof.perdure"))
    .addHelpText(
      "after",
      '\nA time is that of whoever says it: "relay" and the recipient by their own clocks.\n--json: without an id {type: "sent", id, to, toName, state, atMs} per message;\nwith one {type: "step", …} per step.',
    )
    .action((id: string | undefined, options: TraceWords) =>
      dispatch({
        what: id === undefined ? "could not list what was sent" : `no trace of ${id}`,
        options,
        load: async () => (await import("./verbs/trace.ts")).traceVerb(id, options),
      }),
    );
  common(program.command("verify").argument("<file>", "what `perdure trace --export` wrote"))
    .summary("what a file of evidence proves, offline")
    .addHelpText("before", examples("perdure verify proof.perdure", "perdure verify proof.perdure --json"))
    .addHelpText(
      "after",
      `
Needs no agent and no network. Each step is
  proven      its signer said exactly this; ids vouch for keys, names for nothing
  claimed     only whoever made the file says so
  not-proven  said to be proven, and it is not
Exit code 6 when anything is not proven, or the file is not what its maker signed.
--json: {type: "evidence", id, from, to, steps: [{state, atMs, by, verdict, why}],
conflicts, parties, boundBy, proven}.`,
    )
    .action((file: string, options: CommonOptions) =>
      dispatch({
        what: `${file} proves nothing`,
        options,
        load: async () => (await import("./verbs/verify.ts")).verifyVerb(file, options),
      }),
    );
}

function addReceiving(program: Command, dispatch: Dispatch): void {
  const inbox = folder(program.command("inbox")).summary("list, read and settle received mail");
  const act = (verb: string, what: string, options: InboxWords, words: readonly string[]): Promise<void> =>
    dispatch({ what, options, load: async () => (await import("./verbs/inbox.ts")).inboxVerb(verb, words, options) });
  const merged = (command: Command): InboxWords => command.optsWithGlobals();
  inbox
    .addOption(new Option("--box <box>", "which box").choices(["contacts", "requests", "failed"]).default("contacts"))
    .option("--watch", "go on with mail that arrives, until Ctrl-C or --timeout")
    .option("--timeout <duration>", "with --watch: stop after this long (24h)", duration)
    .addHelpText(
      "before",
      examples("perdure inbox", "perdure inbox --watch --json | jq .", "perdure inbox show 9f2c", "perdure inbox done 9f2c"),
    )
    .addHelpText(
      "after",
      '\nAn id may be shortened as long as it is clear.\n--json: one line per message: {type: "mail", id, from, fromName, box,\ncontentType, fileName, sizeBytes, receivedAtMs, …}.',
    )
    .action((_options: InboxWords, command: Command) => act("list", "could not read the inbox", merged(command), []));
  const sub = (name: string, summary: string, failure: (id: string) => string, ...words: readonly string[]): void => {
    const command = folder(inbox.command(name)).summary(summary);
    for (const word of words) command.argument(word);
    command.action((...called: unknown[]) => {
      const given = called.slice(0, words.length).map(String);
      return act(name, failure(given[0] ?? ""), merged(called.at(-1) as Command), given);
    });
  };
  inbox
    .command("list", { isDefault: false, hidden: true })
    .action((_options: InboxWords, command: Command) => act("list", "could not read the inbox", merged(command), []));
  sub("show", "print a message's content", (id) => `could not show ${id}`, "<id>");
  sub("done", "mark a message done; its sender sees it", (id) => `${id} was not marked done`, "<id>");
  sub("retry", "put a message back, attempts counted from zero", (id) => `${id} was not put back`, "<id>");
  sub("reject", "refuse a message; its sender reads why", (id) => `${id} was not refused`, "<id>", "<why>");
  folder(program.command("on-mail").argument("<command...>", "what to run for each message; write -- before it"))
    .summary("any command becomes an agent")
    .option("--timeout <duration>", "kill the command after this long; counts as a failure (15m)", patience)
    .option("--concurrency <count>", "commands at once (1)", count)
    .addHelpText(
      "before",
      examples(
        "perdure on-mail -- ./answer.sh",
        "perdure on-mail -- sh -c 'wc -c'",
        "perdure on-mail --timeout 30s -- python3 summarise.py",
      ),
    )
    .addHelpText(
      "after",
      `
For each message the command gets the content on stdin; what it prints on stdout
becomes the reply, if it prints anything. Its exit code decides:
  0    done; the reply and "done" commit together, or not at all
  65   refused; the last line on its stderr is what the sender reads (EX_DATAERR)
  75   and anything else: tried again later, after 5 failures put into the failed
       box (75 is EX_TEMPFAIL)
Around it in the environment: PERDURE_ID, _FROM, _FROM_NAME, _THREAD,
_IN_REPLY_TO, _ATTEMPT, _AUTO, _DEPTH, _CONTENT_TYPE, _FILE_NAME, _SIZE_BYTES,
_SENT_AT_MS, _EXPIRES_AT_MS.
All of it, the content too, is written by somebody else: data, no instructions.
--json: one line per run: {type: "handled", id, from, attempt, exit, outcome,
replyBytes, ms}.`,
    )
    .action((command: string[], options: OnMailWords) =>
      dispatch({
        what: "stopped answering mail",
        options,
        serves: true,
        load: async () => (await import("./verbs/on-mail.ts")).onMailVerb(command, options),
      }),
    );
}

function addBridges(program: Command, dispatch: Dispatch): void {
  folder(program.command("mcp"))
    .summary("the agent as tools for an MCP client: Claude, Cursor, VS Code")
    .option("--relay <address>", "make the agent at this relay, if the folder has none")
    .option("--name <name>", "with --relay: a name at that relay")
    .addOption(
      new Option("--print-config <client>", "print what the client's configuration needs, and do nothing else").choices(MCP_CLIENTS),
    )
    .addHelpText("before", examples("perdure mcp --print-config cursor", "perdure mcp --at ./desk --print-config claude-desktop"))
    .addHelpText(
      "after",
      `
The client starts this command and speaks JSON-RPC on stdin and stdout; it ends
when stdin does. Several clients may share one folder. Reading mail consumes
nothing; the tool "done" does. Content of others is marked as data.
--json: with --print-config the configuration on one line.`,
    )
    .action((options: McpWords) =>
      dispatch({
        what: options.printConfig === undefined ? "the MCP server stopped" : "no configuration to print",
        options,
        serves: true,
        load: async () => (await import("./verbs/mcp.ts")).mcpVerb(options),
      }),
    );
}
