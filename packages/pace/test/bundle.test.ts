import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { transform } from "esbuild";
import { expect, test } from "vitest";
import { bundleFor } from "../../perdure/test/browser/page-server.ts";
import type * as Pace from "../src/index.ts";

const ENTRY = "../../../pace/src/index.ts";
/** Minified and compressed: what a page pays for all of it, of which a part in eighteen are checks of what is handed over. It is as much as one picture. */
const MOST_KB = 72;

/** What pages have, and nothing of Node. */
const { fetch, Headers, Request, Response, Blob, FormData, URL, ReadableStream, TextDecoder, TextEncoder } = globalThis;
const { AbortController, AbortSignal } = globalThis;
const web = {
  fetch,
  Headers,
  Request,
  Response,
  Blob,
  FormData,
  URL,
  ReadableStream,
  TextDecoder,
  TextEncoder,
  AbortController,
  AbortSignal,
};
const engine = { performance, setTimeout, clearTimeout, crypto, structuredClone, queueMicrotask, DOMException, console };

/** The package as a page has it that loaded it. */
async function inPage(): Promise<typeof Pace> {
  const { script } = await bundleFor(ENTRY);
  const { code } = await transform(script, { format: "iife", globalName: "loaded" });
  const page = createContext({ ...web, ...engine });
  runInContext(code, page);
  return runInContext("loaded", page) as typeof Pace;
}

test("what a browser loads has nothing of Node's in it, and no more bytes than are allowed", async () => {
  // Bundling for browsers fails on every import that exists in Node only.
  const { script, inputs } = await bundleFor(ENTRY, { minify: true });
  expect(Object.keys(inputs).filter((path) => /src\/(cli|proxy|work|testing)\/|commander/.test(path))).toEqual([]);
  const found = gzipSync(script).length / 1000;
  expect(found).toBeLessThanOrEqual(MOST_KB);
  // ... and no more is allowed than is needed to let it grow a little.
  expect(found).toBeGreaterThan(MOST_KB * 0.8);
});

test("bundling for browsers does fail on something of Node", async () => {
  await expect(bundleFor("../../../pace/src/host/node/listener.ts")).rejects.toThrow(/node:/);
});

test("a page paces its calls", async () => {
  const { createPace } = await inPage();
  const pace = createPace({}, { fetch: async () => new Response("done") });
  expect(await (await pace.fetch("https://api.example.com/")).text()).toBe("done");
  pace.close();
});

test("a page that would share a file is told that it cannot", async () => {
  const { createPace, isPaceError } = await inPage();
  let thrown: unknown;
  try {
    createPace({ shareAt: "pace.db" });
  } catch (error) {
    thrown = error;
  }
  expect(isPaceError(thrown) && thrown.message).toBe("this engine has no SQLite");
});
