import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { plainWord, safeFileName, safeLine, safeText } from "./foreign-text.ts";

describe("text somebody else chose", () => {
  it("cannot move the cursor, change colours or turn the direction of writing", () => {
    expect(safeText("a\u001b[31mred\u001b]0;title\u0007\u202eevil\u009b2J")).toBe("a\ufffd[31mred\ufffd]0;title\ufffd\ufffdevil\ufffd2J");
  });

  it("keeps letters of every script, tabs and line breaks", () => {
    expect(safeText("Grüße\t日本\r\nשלום 🦉")).toBe("Grüße\t日本\nשלום 🦉");
  });

  it("never lets a C0 or C1 control through but newline and tab", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(safeText(text))));
  });

  it("fits a line into its limit without cutting a letter in half", () => {
    expect(safeLine("  two\n lines ")).toBe("two lines");
    expect(safeLine("🦉🦉🦉🦉", 3)).toBe("🦉🦉…");
  });
});

test("a file name leads nowhere but here", () => {
  expect(["../../.ssh/authorized_keys", "C:\\x", "-rf", "~root", ".profile", "a b.pdf", "", "x\u001b[31m"].map(safeFileName)).toEqual([
    "__.._.ssh_authorized_keys",
    "C__x",
    "_rf",
    "_root",
    "_profile",
    "a b.pdf",
    "",
    "x\ufffd[31m",
  ]);
});

test("a command to copy holds nothing of a sender's that a shell would read", () => {
  expect(["report.pdf", "x;reboot", "$(id)", "a b", "-o", "../x", "`id`", ""].map((name) => plainWord(name, "file"))).toEqual([
    "report.pdf",
    ...Array<string>(7).fill("file"),
  ]);
});
