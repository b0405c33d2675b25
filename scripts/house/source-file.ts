/** One source file as the house check sees it: where it lives, what it imports, its tokens. */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { type Token, tokensOf } from "./tokens.ts";

export interface Import {
  /** As written; `undefined` when it is computed at run time. */
  readonly specifier: string | undefined;
  /** `type`: erased, nothing is loaded. `lazy`: `import()`. */
  readonly kind: "value" | "type" | "lazy";
  readonly line: number;
}

export interface SourceFile {
  /** Path from the source root, with slashes: "relay/mailbox.ts". */
  readonly path: string;
  /** First folder of the path, or "" for a file in the source root. */
  readonly room: string;
  readonly isTest: boolean;
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly imports: readonly Import[];
}

/** Every TypeScript file below `root`, sorted by path. */
export function readSources(root: string): readonly SourceFile[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts") && !/(^|\/)(node_modules|dist)\//.test(path))
    .sort()
    .map((path) => sourceFile(path, readFileSync(posix.join(root, path), "utf8")));
}

export function sourceFile(path: string, text: string): SourceFile {
  const tokens = tokensOf(text);
  const room = path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
  return { path, room, isTest: isTestCode(path), text, tokens, imports: importsIn(tokens) };
}

/** Tests, their stages (`test-….ts`) and suites that every implementation of a port runs (`conformance/`). */
function isTestCode(path: string): boolean {
  return /\.test\.ts$|(^|\/)test-[^/]*\.ts$|(^|\/)conformance\/|-conformance\.ts$/.test(path);
}

/** The file a relative specifier names, or `undefined` for a package. */
export function resolved(from: SourceFile, specifier: string): string | undefined {
  return /^\.{1,2}\//.test(specifier) ? posix.normalize(posix.join(posix.dirname(from.path), specifier)) : undefined;
}

function importsIn(tokens: readonly Token[]): readonly Import[] {
  const imports: Import[] = [];
  tokens.forEach((token, at) => {
    if (token.kind !== "name" || [".", "?."].includes(tokens[at - 1]?.text ?? "")) return;
    const found = token.text === "import" ? afterImport(tokens, at) : token.text === "export" ? afterExport(tokens, at) : undefined;
    if (found !== undefined) imports.push({ ...found, line: token.line });
  });
  return imports;
}

type Found = Pick<Import, "specifier" | "kind">;

function afterImport(tokens: readonly Token[], at: number): Found | undefined {
  const next = tokens[at + 1];
  if (next?.kind === "string") return { specifier: next.text, kind: "value" };
  if (next?.text === ".") return undefined;
  if (next?.text === "(") {
    const [argument, after] = [tokens[at + 2], tokens[at + 3]];
    const plain = (argument?.kind === "string" || argument?.kind === "text") && (after?.text === ")" || after?.text === ",");
    return { specifier: plain ? argument.text : undefined, kind: "lazy" };
  }
  const typed = next?.text === "type" && tokens[at + 2]?.text !== "from" && tokens[at + 2]?.text !== ",";
  return fromClause(tokens, at + 1, typed);
}

function afterExport(tokens: readonly Token[], at: number): Found | undefined {
  const typed = tokens[at + 1]?.text === "type";
  const first = at + (typed ? 2 : 1);
  return tokens[first]?.text === "*" || tokens[first]?.text === "{" ? fromClause(tokens, first, typed) : undefined;
}

/** Looks on over names, commas and one pair of braces for `from "…"`; anything else means there is none. */
function fromClause(tokens: readonly Token[], from: number, typed: boolean): Found | undefined {
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.text === "from" && tokens[at + 1]?.kind === "string")
      return { specifier: tokens[at + 1]?.text, kind: typed ? "type" : "value" };
    const goesOn = token.kind === "name" || token.kind === "string" || [",", "{", "}", "*"].includes(token.text);
    const ended = tokens[at - 1]?.text === "}" && token.kind === "name" && token.text !== "from";
    if (!goesOn || (ended && at > from)) return undefined;
  }
  return undefined;
}
