import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bundleFor } from "./browser/page-server.ts";

/** What a page loads before anything runs: over this, somebody has to say what for. */
const MOST_GZIP_BYTES = 160 * 1024;

test("the SDK for browsers loads nothing of Node, and little", async () => {
  // Bundling for browsers fails on every import that exists in Node only.
  const { script, inputs } = await bundleFor("../../src/agent/browser.ts", { minify: true });
  expect(Object.keys(inputs).filter((path) => /host\/(node|simulated)\/|\/(ws|hono|commander|zod)\//.test(path))).toEqual([]);
  expect(
    Object.keys(inputs).filter((path) => /wire\/kept-relay/.test(path)),
    "records of a relay",
  ).toEqual([]);
  const gzip = gzipSync(script).length;
  expect(gzip).toBeLessThan(MOST_GZIP_BYTES);
});

test("bundling for browsers does fail on something of Node", async () => {
  await expect(bundleFor("../../src/agent/index.ts")).rejects.toThrow(/node:/);
});
