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

export function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000) throw new InvalidArgumentError("Write a whole number from 1 to 1000.");
  return value;
}
