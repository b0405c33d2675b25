/** Options that many verbs take, and the words around them. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "./quantity.ts";

/** Heading of the options that every verb takes. */
export const EVERYWHERE = "Everywhere:";

export function common(command: Command): Command {
  return command
    .addOption(new Option("--json", "data as lines of JSON").helpGroup(EVERYWHERE))
    .addOption(
      new Option("--set <name=value>", "override a setting, repeatable")
        .argParser((word: string, all: readonly string[] | undefined) => [...(all ?? []), word])
        .helpGroup(EVERYWHERE),
    )
    .addOption(new Option("--verbose", "say on stderr what happens inside").helpGroup(EVERYWHERE));
}

export function folder(command: Command): Command {
  return common(command)
    .addOption(new Option("--at <folder>", "the agent's folder").helpGroup(EVERYWHERE))
    .addOption(new Option("--passphrase-file <file>", "whose first line opens a sealed folder").helpGroup(EVERYWHERE));
}

/** Which rows a list of settings is asked for. */
export function rows(command: Command): Command {
  return command
    .option("--external", "limits of the machine, Node, its libraries and common proxies: what is in force, and who chose it")
    .option("--unchosen", "only those that nobody chose, the worst first, and what to do; exit code 1 when there are any");
}

export const EXTERNAL_JSON = `With
--external or --unchosen: {type: "external", name, value, unit, origin, source,
blast: request|connection|process|data, chosenBy: operator|reviewed|declared|
nobody|unknown, reviewed, reason, advice}. Settings that do not go together:
{type: "contradiction", relation, hard, says, why, hint, names}.`;

export function examples(...lines: readonly string[]): string {
  return `Examples:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
}

export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new InvalidArgumentError("Write a number and a unit: 500ms, 30s, 5m, 2h or 7d.");
  }
}

/** Of a command that is killed behind it: none that lasts no time. */
export function patience(text: string): number {
  const ms = duration(text);
  if (ms === 0) throw new InvalidArgumentError("Write more than nothing: the command would be killed as it starts.");
  return ms;
}

export function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000) throw new InvalidArgumentError("Write a whole number from 1 to 1000.");
  return value;
}
