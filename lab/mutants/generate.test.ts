import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { parse } from "acorn";
import { expect, test } from "vitest";
import { applyEdit, PRODUCT_FOLDER } from "../planting.ts";
import { mutantsOf } from "./generate.ts";

/** Each mutant of a piece of code, as the whole piece would read. */
function mutated(source: string): readonly string[] {
  return mutantsOf("protocol/x.ts", source).map((mutant) => applyEdit(source, mutant));
}

test.each([
  ["boundary", "a < b;", ["a <= b;"]],
  ["boundary", "(a as number) >= b;", ["(a as number) > b;"]],
  ["equality", "a === b;", ["a !== b;"]],
  ["equality", "if (a !== b) f;", ["if (a === b) f;"]],
  ["condition", "if (a) f; else g;", ["if (!(a)) f; else g;"]],
  ["condition", "a ? b : c;", ["!(a) ? b : c;"]],
  ["condition", "while (a) b;", ["while (false) b;"]],
  ["negation", "if (!a) b;", ["if (a) b;"]],
  ["logic", "a && b;", ["a || b;"]],
  ["logic", "a || /* && */ b;", ["a && /* && */ b;"]],
  ["arithmetic", "a + b;", ["a - b;"]],
  ["arithmetic", "for (;; a++) b;", ["for (;; a--) b;"]],
  ["constant", "a[0];", ["a[1];"]],
  ["constant", "f(2) as unknown as 7;", [";", "f(3) as unknown as 7;", "f(1) as unknown as 7;"]],
  ["constant", "(0n);", ["(1n);"]],
  ["boolean", "(true);", ["(false);"]],
  ["default", "a ?? b;", ["(a);", "(b);"]],
  ["extreme", "(Math.max);", ["(Math.min);"]],
  ["quantifier", "(a.some);", ["(a.every);"]],
  ["empty-list", "([a, b]);", ["([]);"]],
  ["optional", "a?.b;", ["a.b;"]],
  ["optional", "a?.[b];", ["a[b];"]],
  ["statement", "await f<string>(a);", [";"]],
  ["statement", "a = b;", [";"]],
  ["guard", "function f(): void { if (a === b) return; g; }", ["if (false) return", "a !== b"]],
])("%s: %s", (operator, source, expected) => {
  const all = mutated(source);
  expect(all).toHaveLength(expected.length);
  for (const [index, text] of expected.entries()) expect(all[index]).toContain(text);
  expect(mutantsOf("protocol/x.ts", source).map((mutant) => mutant.operator)).toContain(operator);
});

test.each([
  ["what an error says", 'throw new PerdureError("internal", text(a + 1), { afterMs: a * 2 });'],
  ["what a log says", 'log.write("warn", "agent.x", { a: a + 1 });'],
  ["the log of an owner", 'options.log.write("warn", "agent.x", { a: a + 1 });'],
  ["words put together", '(f => "a" + f);'],
  ["types", 'type A = "a" | 1 | 2; interface B { readonly c?: 3 }'],
  ["imports", 'import { a } from "./b.ts";'],
  ["spans of time", "const LONG_MS = 600_000;"],
  ["names that every object has", "a.toString;"],
])("%s stay as they are", (_, source) => {
  expect(mutated(source)).toEqual([]);
});

test("the same source gives the same mutants, each with a name of its own, and each can be loaded", () => {
  for (const file of ["protocol/delivery/mailbox-cursor.ts", "protocol/link/session.ts", "store/log/segment-scan.ts"]) {
    const source = readFileSync(new URL(file, PRODUCT_FOLDER), "utf8");
    const mutants = mutantsOf(file, source);
    expect(mutants.length).toBeGreaterThan(50);
    expect(mutantsOf(file, source)).toEqual(mutants);
    expect(new Set(mutants.map(({ id }) => id)).size).toBe(mutants.length);
    for (const mutant of mutants) {
      expect(source.slice(mutant.start, mutant.end)).toBe(mutant.was);
      parse(stripTypeScriptTypes(applyEdit(source, mutant)), { ecmaVersion: "latest", sourceType: "module" });
    }
  }
});
