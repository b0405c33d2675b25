import fc from "fast-check";
import { expect, test } from "vitest";
import { beginningWithin, tokensAtMost } from "./token-estimate.ts";

/** Counted with o200k_base, cl100k_base and the tokenizer of Claude 2; the largest of the three. */
const COUNTED: readonly (readonly [text: string, tokens: number])[] = [
  ["今日は会議の議事録を要約してください。重要な期限と担当者を必ず含めてください。", 42],
  ["오늘 회의록을 요약해 주세요. 마감일과 담당자를 꼭 포함해 주세요.", 40],
  ["يرجى تلخيص محضر الاجتماع مع ذكر المواعيد النهائية والمسؤولين.", 54],
  ["กรุณาสรุปรายงานการประชุมพร้อมกำหนดเวลาและผู้รับผิดชอบ", 93],
  ["<U+202E><U+200B>", 10],
  ["👨‍👩‍👧‍👦🎉🔥💯🚀👍🏽🇩🇪", 41],
];

test.each(COUNTED)("%s is not more than it says", (text, tokens) => expect(tokensAtMost(text)).toBeGreaterThanOrEqual(tokens));

test("a text is at most as many tokens as its pieces together, and never more than its bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      expect(tokensAtMost(a)).toBeLessThanOrEqual(Buffer.byteLength(a));
      expect(tokensAtMost(`${a}\n${b}`)).toBeLessThanOrEqual(tokensAtMost(a) + tokensAtMost(b) + 1);
    }),
  );
});

test("a beginning stays within its budget, in whole letters, and is the whole where that fits", () => {
  const doubled = (text: string): string => text + text;
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), fc.integer({ min: 0, max: 200 }), (text, budget) => {
      const cut = beginningWithin(text, budget, doubled);
      expect(text.startsWith(cut)).toBe(true);
      expect(tokensAtMost(doubled(cut))).toBeLessThanOrEqual(budget);
      expect(cut.isWellFormed()).toBe(true);
      if (tokensAtMost(doubled(text)) <= budget / 2) expect(cut).toBe(text);
    }),
  );
});
