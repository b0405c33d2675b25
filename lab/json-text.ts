/** JSON as the formatter of this project leaves it, so that a file which a command writes passes the check. */

/** As in `biome.json`. */
const LINE_WIDTH = 140;
const STEP = "  ";

/** What fits into a line stands in one; with a line break at the end. Lists of many numbers, which the formatter fills lines with, are not written so. */
export function jsonText(value: unknown): string {
  return `${written(value, "", 0)}\n`;
}

/** `taken`: letters of its line that are not its own. */
function written(value: unknown, indent: string, taken: number): string {
  const line = inLine(value);
  if (typeof value !== "object" || value === null || line.length <= 2 || indent.length + taken + line.length <= LINE_WIDTH) return line;
  const deeper = indent + STEP;
  const lines = Array.isArray(value)
    ? value.map((each) => written(each, deeper, 1))
    : entriesOf(value).map(([name, each]) => `${name}: ${written(each, deeper, name.length + 3)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return `${open}\n${lines.map((each) => deeper + each).join(",\n")}\n${indent}${close}`;
}

function inLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = entriesOf(value);
  return entries.length === 0 ? "{}" : `{ ${entries.map(([name, each]) => `${name}: ${inLine(each)}`).join(", ")} }`;
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([name, each]) => (each === undefined ? [] : [[JSON.stringify(name), each] as const]));
}
