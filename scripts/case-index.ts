/** Writes protocol/cases/README.md: what each case file holds, counted. */
import { readdirSync, readFileSync } from "node:fs";
import type { Json } from "./case-value.ts";

const ABOUT: Readonly<Record<string, string>> = {
  "agent-log": "whole identity logs, certificates by the keys behind them, and which of two logs counts",
  envelope: "envelopes, byte by byte",
  frames: "transport messages, and the frames mail, deliver and ack",
  identity: "identity bundles, a recovery page and the chain of keys behind it",
  notice: "signed notices of a relay",
  sealing: "sealed envelopes to a recipient whose secret is given",
};

/** How many cases a file has: those that are read, and those that are refused. */
export function countCases(json: Json): { readonly valid: number; readonly invalid: number } {
  const sum = { valid: 0, invalid: 0 };
  const visit = (each: Json, under: string): void => {
    if (Array.isArray(each)) {
      if (under === "invalid") sum.invalid += each.length;
      else if (["valid", "certificates", "joins", "wrongDigest"].includes(under)) sum.valid += each.length;
      return;
    }
    if (typeof each === "object" && each !== null) for (const [key, value] of Object.entries(each)) visit(value as Json, key);
  };
  visit(json, "");
  return sum;
}

export function caseIndex(folder: URL): string {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const counted = files.map((name) => ({ name, ...countCases(JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Json) }));
  const about = (name: string): string => {
    const plain = name.replace(".json", "");
    return ABOUT[plain] ?? `shapes of [${plain.replace("shapes-", "")}.md](../${plain.replace("shapes-", "")}.md)`;
  };
  const total = (of: "valid" | "invalid"): string => counted.reduce((sum, each) => sum + each[of], 0).toLocaleString("en");
  return `# Case files

Values with their bytes, and bytes that must be refused with the error code: for other implementations to test against. Generated from the
implementation's own forms by \`node scripts/protocol-cases.ts\`; each case of a shape has one thing wrong, so that a reader needs no order of
checks to agree on the code.

| file | holds | read | refused |
|---|---|---|---|
${counted.map((each) => `| [${each.name}](${each.name}) | ${about(each.name)} | ${each.valid} | ${each.invalid} |`).join("\n")}
| | | ${total("valid")} | ${total("invalid")} |

- \`bytes\` is hexadecimal; long bytes that repeat are a list of [hexadecimal, how often].
- \`value\` has the fields by name: byte strings in hexadecimal, nothing as \`null\`, words as text, extensions as [code, hexadecimal].
- \`error\` is the code of the refusal.
- \`../check.py\` reads the shapes and the fixed layouts with Python's standard library and the tables of the pages, and shares no code with the
  implementation: \`python3 protocol/check.py\`.
`;
}
