/** The words of `perdure incidents`: what went wrong in a folder, and what came of it. */
import type { Command } from "commander";
import type { Dispatch } from "./invocation.ts";
import { examples, folder, patience } from "./options.ts";
import type { IncidentWords } from "./words.ts";

export function addIncidents(program: Command, dispatch: Dispatch): void {
  const incidents = shared(folder(program.command("incidents")))
    .summary("what went wrong here, and the test that keeps it from coming back")
    .addHelpText(
      "before",
      examples(
        "perdure incidents",
        "perdure incidents --relay",
        "perdure incidents show 9f2c",
        'perdure incidents note 9f2c --cause "no sync before the rename"',
        "perdure incidents guarded 9f2c --before ../before-the-fix -- npm test -- disk.test.ts",
        "perdure incidents report",
      ),
    )
    .addHelpText(
      "after",
      `
open        seen, and not understood yet
reproduced  something shows it again
guarded     it has a guard: seen red with the mistake and green without, or named
closed      done with; what is guarded or closed and seen again is open again,
            and the report counts it
A signed line per change, each holding the hash of the one before, lies in the
folder's incidents/ledger.jsonl.
--json: {type: "incident", id, kind, symptom, state, detectedBy, firstMs, lastMs,
count, recurrences, settings, cause, fix, reproduction, guard, …AtMs} each;
report: {type: "dividend", …}; verify: {type: "ledger", …}.`,
    );
  const act = (action: string, what: string, command: Command, words: readonly string[]): Promise<void> => {
    const options: IncidentWords = command.optsWithGlobals();
    return dispatch({ what, options, load: async () => (await import("./verbs/incidents.ts")).incidentsVerb(action, words, options) });
  };
  incidents.action((_options: IncidentWords, command: Command) => act("list", "could not read the incidents", command, []));
  const sub = (name: string, summary: string, failure: string, takesId: boolean): Command => {
    const command = shared(folder(incidents.command(name))).summary(summary);
    if (takesId) command.argument("<id>", "an incident's id, or its beginning");
    return command.action((...called: unknown[]) => act(name, failure, called.at(-1) as Command, takesId ? [String(called[0])] : []));
  };
  sub("show", "all that is known of one", "could not show it", true);
  sub("note", "write down its cause, its fix, or both", "nothing was noted", true)
    .option("--cause <text>", "why it happened")
    .option("--fix <text>", "what was changed");
  sub("reproduced", "say what shows it again", "nothing was noted", true).requiredOption("--with <what>", "a file, or words");
  const guarded = shared(folder(incidents.command("guarded")))
    .summary("name what keeps it from coming back, or have it seen red and green")
    .argument("<id>", "an incident's id, or its beginning")
    .argument("[command...]", "the test; write -- before it")
    .option("--guard <name>", "a test, an alert; the command when it is left out")
    .option("--before <folder>", "still has the mistake: there the command must not end with 0")
    .option("--after <folder>", "has it no more: there it must (the current folder)")
    .option("--timeout <duration>", "kill the command after this long, in each folder (15m)", patience)
    .addHelpText(
      "before",
      examples(
        "perdure incidents guarded 9f2c --before ../before-the-fix -- npm test -- disk.test.ts",
        'perdure incidents guarded 9f2c --guard "alert on perdure_healthy"',
      ),
    )
    .addHelpText(
      "after",
      `
With --before the command runs in both folders, and what each run ended with is
written into the ledger. Nothing is, when it is not red there and green here, or
when it names a file that is here and not there.
Without a command the guard is only named: nothing was run, and the ledger has
no exit codes to show.`,
    );
  guarded.action((id: string, run: readonly string[], _options: IncidentWords, command: Command) =>
    act("guarded", "nothing was noted", command, [id, ...run]),
  );
  sub("close", "done with; only what is guarded", "it was not closed", true);
  sub("report", "what breaking was worth: recurrences, who found it, time until a guard", "could not read the incidents", false);
  sub("verify", "whether the ledger is as it was written", "the ledger was not verified", false).addHelpText(
    "after",
    "\nExit code 6 when it is not. That its newest lines are missing cannot be seen.",
  );
}

function shared(command: Command): Command {
  return command.option("--relay", "the folder of the relay instead of the agent's");
}
