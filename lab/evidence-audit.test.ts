import { expect, test } from "vitest";
import { createPool } from "./pool.ts";

const TOWN = { minutes: 0.1, relays: 1, agents: 2, hostile: "nobody", disaster: "none", faults: [] } as const;
const FILE = "protocol/evidence/verify-evidence.ts";

async function brokenWith(find: string, put: string): Promise<string | undefined> {
  await using pool = createPool({ planted: { file: FILE, find, put }, threads: 1 });
  const { result } = await pool.run({ seed: 1, options: TOWN, twice: false });
  return result.broken?.what;
}

test.each([
  [
    "a signature nobody made",
    "if (await crypto.signatures.verify(instanceKey, signed, signature)) return instanceKey;",
    "return instanceKey;",
    "can be changed unseen",
  ],
  ["a proof that is refused", "if (missing.size > 0)", "if (missing.size >= 0)", "with the proof statement, as not-proven"],
])("%s is noticed", { timeout: 60_000 }, async (_, find, put, words) => {
  expect(await brokenWith(find, put)).toContain(words);
});

test("evidence of a town in which all is well is proven", { timeout: 60_000 }, async () => {
  expect(await brokenWith("export type Verdict", "export type  Verdict")).toBe(undefined);
});
