import type { SettingRow } from "../settings/register.ts";
import { valueText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

const ORIGIN_LETTERS = "negotiated".length;

/** One line a row: name, value, who set it, what it is for. What somebody chose stands out. */
export function printSettings(terminal: Terminal, rows: readonly SettingRow[]): void {
  const width = Math.max(...rows.map((row) => row.name.length));
  const { strong, faint } = terminal.stdout.paint;
  for (const row of rows) {
    terminal.object({ type: "setting", ...row });
    const value = valueText(row.value, row.unit).padEnd(24);
    const name = row.name.padEnd(width);
    const chosen = row.origin !== "default" && row.origin !== "fixed";
    terminal.line(`${chosen ? strong(name) : name}  ${value} ${row.origin.padEnd(ORIGIN_LETTERS)} ${faint(row.reason)}`);
  }
}
