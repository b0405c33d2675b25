import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { ERROR_CODES, PerdureError } from "../wire/error.ts";
import { describeFailure, reportFailure } from "./failure.ts";
import { createTerminal } from "./terminal.ts";

function reported(error: unknown, json: boolean): { readonly stdout: string; readonly stderr: string } {
  const said = { stdout: "", stderr: "" };
  const into = (name: "stdout" | "stderr"): Writable =>
    new Writable({
      write(chunk, _encoding, done) {
        said[name] += String(chunk);
        done();
      },
    });
  const terminal = createTerminal({ stdin: {}, stdout: into("stdout"), stderr: into("stderr") }, {}, json);
  reportFailure(terminal, describeFailure(error, "could not send to @desk"));
  return said;
}

describe("an error at the command line", () => {
  it("is three short lines on stderr: what, why, hint", () => {
    const { stdout, stderr } = reported(new PerdureError("unknown-agent", "no agent @desk", { hint: "Check the name." }), false);
    expect(stdout).toBe("");
    expect(stderr).toBe("error could not send to @desk (unknown-agent)\n  why  no agent @desk\n  hint Check the name.\n");
  });

  it("is one JSON object with --json", () => {
    expect(JSON.parse(reported(new PerdureError("timed-out", "waited", { retry: "after", afterMs: 5 }), true).stderr)).toMatchObject({
      type: "error",
      code: "timed-out",
      exit: 4,
      retry: "after",
      afterMs: 5,
    });
  });

  it("names the limit that was hit, what is left, and when there is room", () => {
    const error = new PerdureError("rate-limited", "more than 2 messages of one agent a second", {
      retry: "after",
      afterMs: 3000,
      limit: { name: "agentMessagesPerSecond", value: 2, remaining: 0 },
      hint: "Slow down.",
    });
    expect(reported(error, false).stderr.split("\n")).toContain("  limit agentMessagesPerSecond is 2, 0 left; room again in 3 s");
    expect(JSON.parse(reported(error, true).stderr)).toMatchObject({
      exit: 4,
      limit: { name: "agentMessagesPerSecond", value: 2, remaining: 0 },
    });
  });

  it("has the exit code of its class, and 70 when it is a mistake of ours", () => {
    for (const [code, exit] of Object.entries(ERROR_CODES)) {
      expect(describeFailure(new PerdureError(code as keyof typeof ERROR_CODES, ""), "").exit).toBe(exit);
    }
    expect(describeFailure(new TypeError("x is not a function"), "")).toMatchObject({ code: "internal", exit: 70 });
  });

  it("cannot be used to write to the terminal by whoever chose its text", () => {
    expect(reported(new PerdureError("refused", "\u001b[2Jgone"), false).stderr).not.toContain("\u001b");
  });
});
