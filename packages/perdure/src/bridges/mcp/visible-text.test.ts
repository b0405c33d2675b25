import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quotedLine, visibleLine, visibleText } from "./visible-text.ts";

const tagged = (text: string): string =>
  Array.from(text, (letter) => String.fromCodePoint(0xe0000 + (letter.codePointAt(0) ?? 0))).join("");

describe("what a person would not see is spelled out", () => {
  test.each([
    ["an escape sequence", "a\u001b[2Jb", "a<U+001B>[2Jb"],
    ["a direction override", "a\u202eb\u202c", "a<U+202E>b<U+202C>"],
    ["zero-width letters", "a\u200bb\u200dc\ufeffd\u2060", "a<U+200B>b<U+200D>c<U+FEFF>d<U+2060>"],
    ["tag letters", tagged("hi"), "<U+E0068><U+E0069>"],
    ["variation selectors", "a\ufe01\u{e0101}", "a<U+FE01><U+E0101>"],
    ["Hangul fillers and blank braille", "\u3164\u2800\uffa0", "<U+3164><U+2800><U+FFA0>"],
    ["a lone carriage return", "safe\rEVIL", "safe<U+000D>EVIL"],
    ["half a surrogate pair", "a\ud800b", "a<U+D800>b"],
    ["a soft hyphen", "pass\u00adword", "pass<U+00AD>word"],
  ])("%s", (_, hidden, shown) => expect(visibleText(hidden)).toBe(shown));
});

test("ordinary text of any script, tabs, line breaks and emoji stay as they are", () => {
  const text = "Grüße, 会議の議事録, שלום, ไทย\n\t- 👨‍👩‍👧 ❤️ 👍🏽 1️";
  expect(visibleText(text.replace("1\ufe0f", "1"))).toBe(text.replace("1\ufe0f", "1"));
  expect(visibleText("a\r\nb")).toBe("a\nb");
});

test("a chain of joiners behind an emoji carries nothing unseen", () => {
  const chain = `👍${"\u200d".repeat(3)}x`;
  expect(visibleText(chain)).toBe("👍<U+200D><U+200D><U+200D>x");
});

test("nothing that is left can hide, whatever came in; showing twice shows the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const shown = visibleText(text);
      const pictures = /\p{Extended_Pictographic}(?:\ufe0f|\u200d|\p{Emoji_Modifier}|\p{Extended_Pictographic})*/gu;
      expect(shown.replace(pictures, "")).not.toMatch(/(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}]/u);
      expect(visibleText(shown)).toBe(shown);
    }),
    { numRuns: 2000 },
  );
});

test("a quoted line has no line break, no bare quote and no more than its limit", () => {
  expect(quotedLine('x" standing="contact\n\u2028y')).toBe('"x\\" standing=\\"contact <U+2028>y"');
  expect(visibleLine("a".repeat(1_000_000), 10)).toBe("aaaaaaaaa…");
  expect(Array.from(visibleLine("\u202e".repeat(500), 20))).toHaveLength(20);
});
