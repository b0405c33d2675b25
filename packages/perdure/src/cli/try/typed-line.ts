/** What a person typed at the trial: a command, a file, or words to send. */
import { type Stats, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const COMMANDS = ["sleep", "wake", "kill a", "kill b", "restart a", "restart b", "trace", "help", "quit"] as const;
/** One's own relay is the one that is meant when none is named. */
const SHORT: Readonly<Record<string, TypedCommand>> = { "?": "help", "/kill": "kill a", "/restart": "restart a" };

export type TypedCommand = (typeof COMMANDS)[number];

export type TypedLine =
  | { readonly kind: "nothing" }
  | { readonly kind: "command"; readonly command: TypedCommand }
  | { readonly kind: "file"; readonly path: string }
  /** Looks like a path and names nothing: sent as text it would only surprise. */
  | { readonly kind: "missing"; readonly path: string }
  | { readonly kind: "text"; readonly text: string };

const LIKE_A_PATH = /^['"]?(?:\.{0,2}\/|~\/|[A-Za-z]:\\|file:)(?:\S|\\ )*['"]?$/;

export function readTypedLine(line: string, home: string = homedir()): TypedLine {
  const text = line.trim();
  if (text === "") return { kind: "nothing" };
  const command = COMMANDS.find((each) => text === `/${each}`) ?? SHORT[text];
  if (command !== undefined) return { kind: "command", command };
  const path = pathOf(text, home);
  const there = found(path);
  // A word that happens to be a folder's name is a word; a path that names a folder is a mistake worth telling.
  if (there?.isFile() === true || (there !== undefined && LIKE_A_PATH.test(text))) return { kind: "file", path };
  if (LIKE_A_PATH.test(text)) return { kind: "missing", path };
  return { kind: "text", text };
}

/** A path as terminals hand it over when a file is dropped on them: quoted, escaped, as a URL, or with a tilde. */
function pathOf(text: string, home: string): string {
  if (text.startsWith("file://") && URL.canParse(text)) {
    try {
      return fileURLToPath(text);
    } catch {
      return text;
    }
  }
  const quoted = /^(['"])(.*)\1$/.exec(text);
  const bare = quoted?.[2] ?? (found(text) !== undefined ? text : text.replace(/\\(.)/g, "$1"));
  return bare.startsWith("~/") ? join(home, bare.slice(2)) : bare;
}

/** What a path names; `undefined` also for text that can be no path at all. */
function found(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
