import { describe, expect, test } from "vitest";
import { shown } from "./argument.ts";
import { checkOptions, nearestTo, optionNames } from "./options.ts";

const NAMES = optionNames<{ dim: number; bits?: number; seed?: number; center?: number; originals?: boolean; k?: number }>({
  dim: true,
  bits: true,
  seed: true,
  center: true,
  originals: true,
  k: true,
});

describe("the name that may have been meant", () => {
  test.each([
    ["bit", "bits"],
    ["bist", "bits"],
    ["BITS", "bits"],
    ["K", "k"],
    ["dimension", "dim"],
    ["dimensions", "dim"],
    ["centre", "center"],
    ["original", "originals"],
    ["sede", "seed"],
  ])("of %s is %s", (name, meant) => {
    expect(nearestTo(name, NAMES)).toBe(meant);
  });

  test.each(["n", "limit", "topK", "precision", "", "x".repeat(1_000_000)])("of %.10s is none", (name) => {
    expect(nearestTo(name, NAMES)).toBeUndefined();
  });
});

describe("options", () => {
  test("with names that there are, and inherited ones, are let through", () => {
    for (const options of [{}, { dim: 1 }, { k: undefined, bits: 2 }, Object.create({ anything: 1 })])
      expect(() => checkOptions("this", options, NAMES)).not.toThrow();
  });

  test("are refused by the name that there is not, whatever it says", () => {
    for (const value of [4, undefined])
      expect(() => checkOptions("this", { dim: 8, bit: value }, NAMES)).toThrow(
        expect.objectContaining({
          code: "bad-argument",
          message: 'this has no option "bit"',
          hint: "Is bits meant? There are dim, bits, seed, center, originals, k.",
        }),
      );
    expect(() => checkOptions("this", { limit: 4 }, NAMES)).toThrow(
      expect.objectContaining({ hint: "There are dim, bits, seed, center, originals, k." }),
    );
  });

  test.each([undefined, null, 5, "dim", true, [8], new Map([["dim", 8]]), new Float32Array(8), () => 1])(
    "that are %s are none",
    (options) => {
      expect(() => checkOptions("this", options, NAMES)).toThrow(
        expect.objectContaining({
          code: "bad-argument",
          message: `the options of this are ${shown(options)}`,
          hint: "They are an object with some of these: dim, bits, seed, center, originals, k.",
        }),
      );
    },
  );

  test("that are not here yet are to be awaited", () => {
    expect(() => checkOptions("this", Promise.resolve({ dim: 8 }), NAMES)).toThrow(
      expect.objectContaining({ hint: "It is not here yet: await it." }),
    );
  });
});

test.each([
  ["4", '"4"'],
  ["a\u001b[31mb\u202e", '"a\\u001b[31mb?"'],
  ["a".repeat(50), `"${"a".repeat(40)}"…`],
  [5n, "5n"],
  [Symbol("s"), "a symbol"],
  [() => 1, "a function"],
  [null, "null"],
  [[1, 2], "an array of 2"],
  [{}, "an object"],
  [Object.create(null), "an object"],
  [new Float32Array(1), "a Float32Array"],
  [new ArrayBuffer(1), "an ArrayBuffer"],
  [Promise.resolve(1), "a Promise"],
])("%s is shown as %s", (value, text) => {
  expect(shown(value)).toBe(text);
});
