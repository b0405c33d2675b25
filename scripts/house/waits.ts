/**
 * Whatever somebody waits for at most so long has a name in the register of settings: a deadline is a setting, a row of `FIXED`, or what
 * the caller said, never a number or a constant of the file.
 */
import type { SourceFile } from "./source-file.ts";
import type { Violation } from "./violation.ts";

const ROOMS = new Set(["identity", "protocol", "store", "agent", "relay", "bridges"]);
const DEADLINE = /\btimeoutMs: *(?:[\d_]+|(?!FIXED\b)[A-Z][A-Z0-9_]+)\b/;

export function waitViolations(files: readonly SourceFile[]): readonly Violation[] {
  return files
    .filter(({ room, isTest }) => ROOMS.has(room) && !isTest)
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .flatMap((line, at) =>
          DEADLINE.test(line)
            ? [{ rule: "unlisted-wait", where: `${path}:${at + 1}`, what: "a deadline that no setting and no FIXED row names" }]
            : [],
        ),
    );
}
