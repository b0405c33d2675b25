import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonText, resultText } from "./json.ts";

const MOST = 1000;
const ring: Record<string, unknown> = {};
ring["self"] = ring;
let doubled: unknown = 1;
for (let nth = 0; nth < 60; nth++) doubled = [doubled, doubled];

class Receipt {
  readonly #secret = 7;
  readonly id = "r-1";
  total(): number {
    return this.#secret;
  }
}

describe("a payload", () => {
  it("may have minus zero in it, which comes back as zero", () => {
    expect(jsonText([-0, { at: -0 }], "payload", MOST)).toBe('[0,{"at":0}]');
  });

  it("that would grow without end is refused before it does", () => {
    expect(() => jsonText(doubled, "payload", MOST)).toThrow(/takes 1001 bytes/);
  });
});

describe("a result", () => {
  it.each<[string, unknown, string]>([
    ["minus zero", -0, "0"],
    ["minus zero within", { at: [-0] }, '{"at":[0]}'],
    ["nothing", undefined, "null"],
    ["a function", () => 1, "null"],
    ["members that are undefined, and functions", { gone: undefined, call: () => 1, is: 1 }, '{"is":1}'],
    ["gaps in lists", [undefined, 1], "[null,1]"],
    ["a date", { when: new Date(0) }, '{"when":"1970-01-01T00:00:00.000Z"}'],
    ["a date that is none", new Date(Number.NaN), "null"],
    ["large whole numbers", [12345678901234567890n], '["12345678901234567890"]'],
    ["an address", new URL("https://example.com/a"), '"https://example.com/a"'],
    ["an object of a class", new Receipt(), '{"id":"r-1"}'],
    ["a member named __proto__", JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
  ])("is kept as JSON has it: %s", (_what, value, text) => {
    expect(resultText(value, "the result", MOST)).toBe(text);
  });

  it.each<[string, unknown, RegExp]>([
    ["a number that is none", { price: Number.NaN }, /^the result.price is no JSON: NaN$/],
    ["a number without end", [Number.POSITIVE_INFINITY], /^the result\[0\] is no JSON: Infinity$/],
    ["a map", { of: new Map([[1, 2]]) }, /^the result.of is no JSON: Map$/],
    ["a response", new Response("x"), /is no JSON: Response$/],
    ["an error", new Error("x"), /is no JSON: Error$/],
    ["what is in itself", ring, /too deep/],
    ["what is too large", "x".repeat(MOST), /takes 1002 bytes/],
    ["what would grow without end", doubled, /takes 1001 bytes/],
    [
      "what throws when it is read",
      {
        get id() {
          throw new Error("gone");
        },
      },
      /throws when it is read/,
    ],
  ])("is refused with its place where something of it would be lost: %s", (_what, value, message) => {
    expect(() => resultText(value, "the result", MOST)).toThrow(
      expect.objectContaining({ code: "bad-argument", message: expect.stringMatching(message) }),
    );
  });

  it("that is JSON is the text that JSON makes of it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(resultText(value, "the result", 1e6))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
