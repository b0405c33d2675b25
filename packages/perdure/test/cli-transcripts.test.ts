import { readdirSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { matchLines, parseTranscript, runTranscript } from "./transcripts/transcript.ts";

const FOLDER = fileURLToPath(new URL("./transcripts/", import.meta.url));
/** A transcript has up to a dozen lines, each with a deadline of its own. */
const TRANSCRIPT_MS = 240_000;

describe("the transcripts' own rules", () => {
  it("a line that differs is found", () => {
    expect(matchLines(["a", "<number> b"], ["a", "x b"], new Map())).toEqual({ failed: "expected: <number> b\n     got: x b" });
  });

  it("a line too many and a line too few are found", () => {
    expect(matchLines(["a"], ["a", "b"], new Map())).toHaveProperty("failed");
    expect(matchLines(["a", "b"], ["a"], new Map())).toHaveProperty("failed");
  });

  it("what is bound stands in later lines", () => {
    expect(matchLines(["<number:n>", "...", "again <n>"], ["17", "x", "y", "again 17"], new Map())).toHaveProperty("bound");
    expect(matchLines(["<number:n>", "again <n>"], ["17", "again 18"], new Map())).toHaveProperty("failed");
  });

  it("exit codes belong to the command above", () => {
    expect(parseTranscript("$ a\nx\n[exit 3]\n\n# words\n$ b\n")).toMatchObject([
      { command: "a", expected: ["x"], exit: 3 },
      { command: "b", expected: [], exit: 0 },
    ]);
  });
});

// The transcripts are lines for a POSIX shell.
describe.runIf(process.platform !== "win32")("the command, as it is used", () => {
  for (const name of readdirSync(FOLDER).filter((each) => each.endsWith(".txt"))) {
    it(name.replace(/\.txt$/, "").replaceAll("-", " "), { timeout: TRANSCRIPT_MS }, async () => await runTranscript(`${FOLDER}${name}`));
  }
});
