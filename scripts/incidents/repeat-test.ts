/**
 * A guard many times in one process: `node repeat-test.ts FILE TEST TIMES`, with its mistake in {@link PLANTED_VARIABLE} or without. Every run loads
 * test and product anew, in a thread of its own. Prints one JSON line for each.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createVitest } from "vitest/node";

/** How one run ended: tests that passed, and of those that failed what each says. */
export interface Repeated {
  readonly passed: number;
  readonly failed: readonly { readonly test: string; readonly says: string }[];
}

const [file = "", test = "", times = "1"] = process.argv.slice(2);
const vitest = await createVitest("test", {
  config: fileURLToPath(new URL("../../lab/planted-tests.config.ts", import.meta.url)),
  watch: false,
  reporters: [{}],
  testNamePattern: new RegExp(test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")),
  maxWorkers: 1,
});
try {
  const specifications = await vitest.globTestSpecifications([file]);
  for (let run = 0; run < Number(times); run++) {
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
    const failed = unhandledErrors.map((error) => ({ test: "", says: String(error) }));
    let passed = 0;
    for (const module of testModules) {
      for (const error of module.errors()) failed.push({ test: "", says: `${error.name}: ${error.message}` });
      for (const each of module.children.allTests()) {
        const { state, errors } = each.result();
        if (state === "passed") passed++;
        if (state === "failed")
          failed.push({ test: each.fullName, says: errors.map(({ name, message }) => `${name}: ${message}`).join("\n") });
      }
    }
    process.stdout.write(`${JSON.stringify({ passed, failed } satisfies Repeated)}\n`);
  }
} finally {
  await vitest.close();
}
