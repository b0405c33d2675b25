import { afterAll, expect, test } from "vitest";
import { findChromium, NO_CHROMIUM, startChromium } from "./browser/chromium.ts";
import { bundleFor, servePage } from "./browser/page-server.ts";

const path = findChromium();
if (path === undefined) {
  test("every port of a page passes its conformance suite", (context) => context.skip(NO_CHROMIUM));
} else {
  const { script } = await bundleFor("./conformance-page.ts", { alias: { vitest: "./vitest-in-a-page.ts" } });
  const server = await servePage(script);
  const chromium = await startChromium(path);
  const page = await (await chromium.profile()).open(server.origin);
  const names = await page.evaluate<readonly string[]>("names");

  afterAll(async () => {
    await chromium[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test("the page has the suites of all ports", () => expect(names.length).toBeGreaterThan(50));
  for (const [at, name] of names.entries()) test(name, () => page.evaluate(`run(${at})`));
}
