/** Time, chance, sockets, files, keys and the process are reached through `host/` only. */
import type { SourceFile } from "./source-file.ts";
import type { Token } from "./tokens.ts";
import type { Violation } from "./violation.ts";

type Look = (before: string, after: readonly string[]) => boolean;

const always: Look = () => true;
const member =
  (...names: readonly string[]): Look =>
  (_, [dot = "", name = ""]) =>
    [".", "?."].includes(dot) && (names.length === 0 || names.includes(name));
const called: Look = (before, [after]) => after === "(" && before !== "function";
const constructed: Look = (before) => before === "new";

/** A name and when it stands for something ambient. Names after a dot belong to somebody else and are never meant. */
const AMBIENT: Readonly<Record<string, { readonly of: string; readonly when: Look; readonly inCli?: true }>> = {
  Date: {
    of: "time",
    when: (before, after) => member("now")(before, after) || (before !== "new" && after[0] === "(") || isNow(before, after),
  },
  performance: { of: "time", when: member() },
  Temporal: { of: "time", when: member("Now") },
  setTimeout: { of: "timers", when: always },
  setInterval: { of: "timers", when: always },
  setImmediate: { of: "timers", when: always },
  AbortSignal: { of: "timers", when: member("timeout") },
  Math: { of: "chance", when: member("random") },
  crypto: { of: "keys and chance", when: member("subtle", "getRandomValues", "randomUUID") },
  fetch: { of: "sockets", when: called },
  WebSocket: { of: "sockets", when: constructed },
  EventSource: { of: "sockets", when: constructed },
  XMLHttpRequest: { of: "sockets", when: constructed },
  BroadcastChannel: { of: "sockets", when: constructed },
  indexedDB: { of: "files", when: member() },
  localStorage: { of: "files", when: member() },
  sessionStorage: { of: "files", when: member() },
  process: { of: "the process", when: member(), inCli: true },
  require: { of: "modules", when: called },
  globalThis: { of: "everything", when: always },
};

function isNow(before: string, [open, close]: readonly string[]): boolean {
  return before === "new" && (open !== "(" || close === ")");
}

export function ambientViolations(files: readonly SourceFile[]): readonly Violation[] {
  return files.filter((file) => !file.isTest && file.room !== "host").flatMap(ambientIn);
}

function ambientIn(file: SourceFile): readonly Violation[] {
  const textAt = (at: number): string => {
    const token: Token | undefined = file.tokens[at];
    return token?.kind === "string" || token?.kind === "text" ? '""' : (token?.text ?? "");
  };
  return file.tokens.flatMap((token, at) => {
    const ambient = token.kind === "name" && Object.hasOwn(AMBIENT, token.text) ? AMBIENT[token.text] : undefined;
    const before = textAt(at - 1);
    if (ambient === undefined || before === "." || before === "?.") return [];
    if (ambient.inCli && file.room === "cli") return [];
    if (!ambient.when(before, [textAt(at + 1), textAt(at + 2)])) return [];
    return [{ rule: "ambient", where: `${file.path}:${token.line}`, what: `${token.text} reaches ${ambient.of} past the host` }];
  });
}
