import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bundleFor } from "../../perdure/test/browser/page-server.ts";

test("what a browser loads has nothing of Node in it, and no more bytes than the README says", async () => {
  // Bundling for browsers fails on every import that exists in Node only.
  const { script, inputs } = await bundleFor("../../../turboquant/src/index.ts", { minify: true });
  expect(Object.keys(inputs).filter((path) => /src\/(node|cli|reading|measuring|papers)\/|commander/.test(path))).toEqual([]);
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const said = Number(/All of it is at most (\d+) KB in a browser, minified and compressed/.exec(readme)?.[1]);
  const found = gzipSync(script).length / 1000;
  expect(found).toBeLessThanOrEqual(said);
  // ... and no more than is needed to let it grow a little.
  expect(found).toBeGreaterThan(said * 0.8);
});

test("bundling for browsers does fail on something of Node", async () => {
  await expect(bundleFor("../../../turboquant/src/node/index.ts")).rejects.toThrow(/node:/);
});
