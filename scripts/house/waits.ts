/**
 * Whatever somebody waits for at most so long has a name in the register of settings: a deadline is a setting, a row of `FIXED`, or what
 * the caller said, never a number or a constant of the file, under whatever name the file gives it.
 */
import type { SourceFile } from "./source-file.ts";
import type { Token } from "./tokens.ts";
import type { Violation } from "./violation.ts";

const ROOMS = new Set(["identity", "protocol", "store", "agent", "relay", "bridges"]);
const DEADLINE = "timeoutMs";
/** Constants that are the register itself, or no numbers. */
const REGISTERS = new Set(["FIXED", "SETTINGS"]);
const OPENS = new Set(["(", "[", "{"]);
const CLOSES = new Set([")", "]", "}"]);

export function waitViolations(files: readonly SourceFile[]): readonly Violation[] {
  return files.filter(({ room, isTest }) => ROOMS.has(room) && !isTest).flatMap(deadlinesOf);
}

function deadlinesOf({ path, tokens }: SourceFile): readonly Violation[] {
  const numbers = numberNames(tokens);
  const found = tokens.flatMap((token, at) => {
    const isNamed = token.text === DEADLINE && (token.kind === "name" || token.kind === "string");
    const before = tokens[at - 1]?.text;
    if (!isNamed || before === "." || before === "?.") return [];
    const after = tokens[at + 1]?.text;
    const isShort = (after === "," || after === "}") && numbers.has(DEADLINE);
    if (!isShort && !(after === ":" || after === "=")) return [];
    return isShort || valueAt(tokens, at + 2).some((each) => isOwnNumber(each, numbers)) ? [token.line] : [];
  });
  return [...new Set(found)].map((line) => ({
    rule: "unlisted-wait",
    where: `${path}:${line}`,
    what: "a deadline that no setting and no FIXED row names",
  }));
}

interface Placed {
  readonly token: Token;
  readonly before: string | undefined;
}

/** The tokens of one value: up to a comma, a semicolon or a bracket that closes what it stands in. */
function valueAt(tokens: readonly Token[], from: number): readonly Placed[] {
  const value: Placed[] = [];
  let depth = 0;
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.kind === "mark" && OPENS.has(token.text)) depth++;
    if (token.kind === "mark" && CLOSES.has(token.text) && --depth < 0) break;
    if (depth === 0 && token.kind === "mark" && (token.text === "," || token.text === ";")) break;
    value.push({ token, before: tokens[at - 1]?.text });
  }
  return value;
}

function isOwnNumber({ token, before }: Placed, numbers: ReadonlySet<string>): boolean {
  // Nothing at all, and seconds made milliseconds, are no choice of the file.
  if (token.kind === "number") return token.text !== "0" && !(token.text === "1000" && (before === "*" || before === "/"));
  if (token.kind !== "name" || before === "." || before === "?." || REGISTERS.has(token.text)) return false;
  return /^[A-Z][A-Z0-9_]+$/.test(token.text) || numbers.has(token.text);
}

/** Names that this file gives to numbers of its own. */
function numberNames(tokens: readonly Token[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [at, token] of tokens.entries()) {
    const isDeclared = token.kind === "name" && (token.text === "const" || token.text === "let");
    const name = tokens[at + 1];
    if (!isDeclared || name?.kind !== "name" || tokens[at + 2]?.text !== "=") continue;
    const [first, ...rest] = valueAt(tokens, at + 3);
    const isNumber = first !== undefined && isOwnNumber(first, names);
    if (isNumber && rest.every(({ token: { kind, text } }) => kind === "number" || kind === "name" || "+-*/%".includes(text)))
      names.add(name.text);
  }
  return names;
}
