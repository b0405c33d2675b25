/** Limits nobody of Perdure sets, and settings that do not go together, as a person reads them. */
import { type ExternalRow, UNLIMITED, unchosen } from "../settings/external.ts";
import type { Contradiction } from "../settings/relations.ts";
import { countText, numberText, valueText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

/** One line a row: name, value, whose it is, who chose it, what it ends, what it is for. */
export function printExternal(terminal: Terminal, rows: readonly ExternalRow[]): void {
  const width = Math.max(...rows.map((row) => row.name.length));
  const { strong, faint } = terminal.stdout.paint;
  for (const row of rows) {
    terminal.object({ type: "external", ...row });
    const name = row.name.padEnd(width);
    const chosenBy = row.chosenBy.padEnd("reviewed".length);
    const what = row.chosenBy === "unknown" ? row.advice : row.reason;
    terminal.line(
      `${row.chosenBy === "nobody" ? strong(name) : name}  ${foundText(row).padEnd(24)} ${row.origin.padEnd("middlebox".length)} ${chosenBy} ${row.blast.padEnd("connection".length)} ${faint(what)}`,
    );
  }
}

/** Those that nobody chose, the one that would end most first, each with what to do; gives the exit code. */
export function printUnchosen(terminal: Terminal, rows: readonly ExternalRow[]): number {
  const found = unchosen(rows);
  const { strong, faint } = terminal.stdout.paint;
  for (const row of found) {
    terminal.object({ type: "external", ...row });
    const reviewed = row.reviewed === undefined ? "" : `, reviewed at ${amountText(row.reviewed)}`;
    terminal.line(`${row.blast.padEnd("connection".length)}  ${strong(row.name)} = ${foundText(row)}${reviewed}`);
    terminal.line(`            ${row.reason}`);
    terminal.line(`            ${faint(row.advice)}`);
  }
  const untold = rows.filter(({ chosenBy }) => chosenBy === "unknown").length;
  terminal.note(
    `${countText(found.length, "limit")} nobody chose, of ${rows.length}${untold > 0 ? `; ${untold} this machine does not tell` : ""}`,
  );
  return found.length === 0 ? 0 : 1;
}

export function printContradictions(terminal: Terminal, found: readonly Contradiction[]): void {
  const { bad, warning, faint } = terminal.stdout.paint;
  for (const each of found) {
    terminal.object({ type: "contradiction", ...each });
    terminal.line(`${each.hard ? bad("fail") : warning("warn")}  ${each.says}: ${each.why}`);
    terminal.line(`      ${faint(each.hint)}`);
  }
}

function foundText({ value, unit }: ExternalRow): string {
  if (value === undefined) return "unknown";
  return value >= UNLIMITED ? `${amountText(value)} ${unit}` : valueText(value, unit);
}

function amountText(value: number): string {
  return value >= UNLIMITED ? "unlimited" : numberText(value);
}
