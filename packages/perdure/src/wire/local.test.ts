import fc from "fast-check";
import { expect, test } from "vitest";
import { isPerdureError, PerdureError } from "./error.ts";
import {
  decodeLocalCall,
  decodeLocalFailure,
  decodeLocalPiece,
  decodeLocalValue,
  encodeLocalCall,
  encodeLocalFailure,
  encodeLocalPiece,
  encodeLocalValue,
  LOCAL_KINDS,
  type LocalKind,
} from "./local.ts";

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "read";
  } catch (error) {
    return isPerdureError(error) ? error.code : String(error);
  }
};

test("a piece is read as it was written", () => {
  const piece = fc.record({
    kind: fc.constantFrom(...(Object.keys(LOCAL_KINDS) as LocalKind[])),
    number: fc.nat(0xffff_ffff),
    more: fc.boolean(),
    piece: fc.uint8Array(),
  });
  fc.assert(fc.property(piece, (given) => void expect(decodeLocalPiece(encodeLocalPiece(given))).toEqual(given)));
});

test("plain data passes as it is, undefined included", () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(undefined),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.string({ unit: "grapheme" }),
      fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom("from", "id", "steps"), tie("value"), { noNullPrototype: true }),
    ),
  }));
  fc.assert(fc.property(value, (given) => void expect(decodeLocalValue(encodeLocalValue(given))).toEqual(given)));
});

test("a call keeps its method and values", () => {
  const call = { method: "submit", values: [{ content: new Uint8Array([1, 2]), expiresInMs: undefined }, 7] };
  expect(decodeLocalCall(encodeLocalCall(call))).toEqual(call);
});

test("an error of ours is thrown again with code, retry, hint and time", () => {
  const error = new PerdureError("disk-full", "no room", { retry: "after", afterMs: 5, hint: "Make room." });
  expect(decodeLocalFailure(encodeLocalFailure(error))).toMatchObject({
    code: "disk-full",
    message: "no room",
    retry: "after",
    afterMs: 5,
    hint: "Make room.",
  });
});

test("a foreign error is internal", () => {
  expect(decodeLocalFailure(encodeLocalFailure(new TypeError("x is not a function")))).toMatchObject({ code: "internal", retry: "never" });
});

test("another version is told apart from damage", () => {
  const message = encodeLocalPiece({ kind: "ping", number: 0, more: false, piece: new Uint8Array(0) });
  message[0] = 2;
  expect(codeOf(() => decodeLocalPiece(message))).toBe("needs-newer-version");
  message[0] = 0;
  expect(codeOf(() => decodeLocalPiece(message))).toBe("needs-older-version");
});

test("anything else is malformed and never something else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const read of [decodeLocalPiece, decodeLocalValue, decodeLocalCall, decodeLocalFailure]) {
        expect(["read", "malformed", "needs-older-version", "needs-newer-version"]).toContain(codeOf(() => read(bytes)));
      }
    }),
  );
});
