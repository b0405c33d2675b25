import { describe, expect, it } from "vitest";
import { createPaint, wantsColour } from "./paint.ts";

describe("colour", () => {
  it.each([
    ["a terminal", {}, true, true],
    ["a pipe", {}, false, false],
    ["NO_COLOR on a terminal", { NO_COLOR: "1" }, true, false],
    ["an empty NO_COLOR", { NO_COLOR: "" }, true, true],
    ["NO_COLOR against FORCE_COLOR", { NO_COLOR: "1", FORCE_COLOR: "1" }, true, false],
    ["FORCE_COLOR into a pipe", { FORCE_COLOR: "1" }, false, true],
    ["FORCE_COLOR=0 on a terminal", { FORCE_COLOR: "0" }, true, false],
    ["a dumb terminal", { TERM: "dumb" }, true, false],
  ] as const)("%s", (_name, environment, isTerminal, expected) => {
    expect(wantsColour(environment, isTerminal)).toBe(expected);
  });

  it("changes nothing when it is not wanted", () => {
    expect(createPaint(false).bad("x")).toBe("x");
    expect(createPaint(true).bad("x")).toBe("\u001b[31mx\u001b[39m");
  });
});
