/**
 * Writes the tables of the specification from the wire's own definitions, between markers in protocol/*.md:
 *
 *   <!-- table: hello -->            fields of a shape, with what their comments in the source say
 *   <!-- table: limits -->           also: frame types, domains, error codes
 *   <!-- end of table -->
 *
 * Run after a change of the wire: `node scripts/protocol-tables.ts`. A test fails when a page is behind.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERROR_CODES } from "../packages/perdure/src/wire/error.ts";
import { FRAME_TYPES } from "../packages/perdure/src/wire/frame.ts";
import { DOMAINS } from "../packages/perdure/src/wire/identity.ts";
import * as limits from "../packages/perdure/src/wire/limits.ts";
import type { Shape } from "../packages/perdure/src/wire/shape.ts";
import { listShapes } from "../packages/perdure/src/wire/shapes.ts";

const WIRE = new URL("../packages/perdure/src/wire/", import.meta.url);
const PAGES = new URL("../protocol/", import.meta.url);
const END = "<!-- end of table -->";
const TABLE = /<!-- table: ([a-z -]+) -->\n[\s\S]*?<!-- end of table -->/g;

type Row = readonly (string | number)[];

export function pageNames(): readonly string[] {
  return readdirSync(PAGES).filter((name) => name.endsWith(".md"));
}

export function readPage(name: string): string {
  return readFileSync(new URL(name, PAGES), "utf8");
}

/** The page with every table as the source has it; throws for a table nobody knows. */
export function renderPage(page: string): string {
  const source = readSource();
  return page.replaceAll(TABLE, (_, name: string) => `<!-- table: ${name} -->\n${tableOf(name, source)}\n${END}`);
}

/** Names of the tables on a page. */
export function tablesOf(page: string): readonly string[] {
  return [...page.matchAll(TABLE)].map(([, name]) => name as string);
}

function tableOf(name: string, source: string): string {
  if (name === "limits") return limitsTable(source);
  if (name === "frame types")
    return table(
      ["type", "frame"],
      Object.entries(FRAME_TYPES).map(([frame, type]) => [type, `\`${frame}\``]),
    );
  if (name === "domains")
    return table(
      ["domain", "bytes (UTF-8)"],
      Object.entries(DOMAINS).map(([domain, bytes]) => [domain, `\`${new TextDecoder().decode(bytes)}\``]),
    );
  if (name === "error codes") return errorTable();
  const shape = listShapes().find((each) => each.name === name);
  if (shape === undefined) throw new RangeError(`no table "${name}"`);
  return shapeTable(shape, source);
}

function shapeTable(shape: Shape<unknown>, source: string): string {
  const comments = fieldComments(shape.name, source);
  const rows = shape.fields.map((field, index): Row => [index, field.name, field.says, comments.get(field.name) ?? ""]);
  return `${table(["#", "field", "form", ""], rows)}\n\nAt most ${shape.maxBytes.toLocaleString("en")} bytes.`;
}

function limitsTable(source: string): string {
  const comments = new Map(
    [...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport const ([A-Z_]+)\b/g)].map(([, text, name]) => [
      name,
      plainComment(text as string),
    ]),
  );
  const place = (name: string): number => source.indexOf(`export const ${name}`);
  const inOrder = Object.entries(limits).sort(([a], [b]) => place(a) - place(b));
  return table(
    ["limit", "value", ""],
    inOrder.map(([name, value]): Row => [`\`${name}\``, value.toLocaleString("en"), comments.get(name) ?? ""]),
  );
}

function errorTable(): string {
  const classes = Map.groupBy(Object.entries(ERROR_CODES), ([, exit]) => exit);
  return table(
    ["class", "codes"],
    [...classes].map(([exit, codes]): Row => [exit, codes.map(([code]) => `\`${code}\``).join(", ")]),
  );
}

/** The comments right above the fields of one shape. */
function fieldComments(shape: string, source: string): ReadonlyMap<string, string> {
  const begin = source.search(new RegExp(`shape\\(\\s*"${shape}"`));
  const block = begin < 0 ? "" : source.slice(begin, source.indexOf("\nexport ", begin));
  return new Map(
    [...block.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+):/g)].map(([, text, name]) => [
      name as string,
      plainComment(text as string),
    ]),
  );
}

function plainComment(text: string): string {
  return text
    .replaceAll(/\n\s*\*/g, " ")
    .replaceAll(/\{@link (\w+)\}/g, "`$1`")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function table(head: Row, rows: readonly Row[]): string {
  const line = (row: Row): string => `| ${row.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

function readSource(): string {
  const names = readdirSync(WIRE).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  return names.map((name) => readFileSync(new URL(name, WIRE), "utf8")).join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of pageNames()) writeFileSync(new URL(name, PAGES), renderPage(readPage(name)));
}
