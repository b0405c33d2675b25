import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkNames, checkOneOf, meant, shown } from "./argument.ts";
import { isPaceError, type PaceError } from "./error.ts";

const NAMES = ["deadlineMs", "attempts", "mostWaiting", "quotas", "here", "isDeferrable", "shareAt"];

function errorOf(act: () => unknown): PaceError {
  try {
    act();
  } catch (error) {
    if (isPaceError(error)) return error;
    throw error;
  }
  return expect.unreachable("it was taken");
}

describe("a name that nobody reads", () => {
  it.each([
    ["deadline", "deadlineMs"],
    ["deadlinems", "deadlineMs"],
    ["timeout deadlineMs", undefined],
    ["atempts", "attempts"],
    ["attmepts", "attempts"],
    ["mostWaitng", "mostWaiting"],
    ["qoutas", "quotas"],
    ["quota", "quotas"],
    ["deferrable", "isDeferrable"],
    ["isDeferable", "isDeferrable"],
    ["her", "here"],
    ["x", undefined],
    ["", undefined],
  ])("%j is taken for %s", (given, expected) => {
    expect(meant(given, NAMES)).toBe(expected === undefined ? "" : `Is "${expected}" meant? `);
  });

  it("is told with all there are", () => {
    const { message, hint } = errorOf(() => checkNames("createPace", { qoutas: {} }, NAMES));
    expect(message).toBe('createPace has no option "qoutas"');
    expect(hint).toBe(`Is "quotas" meant? There are: ${NAMES.join(", ")}.`);
  });

  it("is never taken for another by more than two slips, and is itself with none", () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), fc.string({ maxLength: 3 }), fc.nat(12), (name, more, at) => {
        expect(meant(name, NAMES)).toContain(`"${name}"`);
        if (more.length === 1) expect(meant(name.slice(0, at) + more + name.slice(at), NAMES)).not.toBe("");
      }),
    );
  });

  it("may be anything, of any length", () => {
    for (const given of [null, undefined, 3, Symbol("a"), {}, Object.create(null), "x".repeat(1e6), () => 1, [[]], 5n]) {
      const { message, hint } = errorOf(() => checkOneOf("class of calls", given, ["normal"]));
      expect(message.length + hint.length).toBeLessThan(200);
    }
  });
});

describe("what is shown of what was given", () => {
  it.each([
    ["3", '"3"'],
    [3, "3"],
    [Number.NaN, "NaN"],
    [null, "null"],
    [undefined, "undefined"],
    [[], "a list"],
    [{}, "an object"],
    [Object.create(null), "an object"],
    [() => 1, "a function"],
    [Symbol("a"), "Symbol(a)"],
  ])("%o is %s", (given, expected) => {
    expect(shown(given)).toBe(expected);
  });
});
