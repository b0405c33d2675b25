/** docs/testing.md shows a file of tests: it is taken as it stands, type-checked, and run by `node --test` from the packed package. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { ROOT, toolPath } from "../../../scripts/tool.ts";
import { CONSUMER_OPTIONS, createConsumer, SLOW_MS } from "./test-consumer.ts";

test("the tests in docs/testing.md type-check, pass under node --test, and leave nothing open", { timeout: 2 * SLOW_MS }, async () => {
  const page = readFileSync(join(ROOT, "docs/testing.md"), "utf8");
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => String(code));
  expect(blocks).toHaveLength(1);
  const consumer = await createConsumer();
  try {
    const folder = consumer.subfolder("testing-doc");
    writeFileSync(join(folder, "net.test.ts"), String(blocks[0]));
    const compilerOptions = { ...CONSUMER_OPTIONS, types: ["node"], typeRoots: [join(ROOT, "node_modules/@types")] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["net.test.ts"] }));
    expect(consumer.run(process.execPath, [toolPath("typescript", "tsc"), "-p", folder])).toBe("");
    const said = consumer.run(process.execPath, ["--test", "--test-reporter=tap", "net.test.ts"], { cwd: folder });
    expect(said).toMatch(/^# pass 2$/m);
    expect(said).toMatch(/^# fail 0$/m);
  } finally {
    consumer.remove();
  }
});
