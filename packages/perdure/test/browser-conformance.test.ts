import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { sampleSignatures } from "../src/host/conformance/ed25519-sample.ts";
import { silentLog } from "../src/host/log.ts";
import { createNodeClock } from "../src/host/node/clock.ts";
import { createNodeNet } from "../src/host/node/net.ts";
import { createNodeSignatures } from "../src/host/node/signatures.ts";
import { createDraws } from "../src/host/simulated/draws.ts";
import { findChromium, NO_CHROMIUM, startChromium } from "./browser/chromium.ts";
import { bundleFor, servePage } from "./browser/page-server.ts";
import { serveRemoteListeners } from "./browser/remote-listener.ts";

/** What a test of this length can hold; `npm run agreement` compares 100,000. */
const SAMPLE = 3_000;

const path = findChromium();
if (path === undefined) {
  test("every port of a page passes its conformance suite", (context) => context.skip(NO_CHROMIUM));
} else {
  const { script } = await bundleFor("./conformance-page.ts", { alias: { vitest: "./vitest-in-a-page.ts" } });
  const server = await servePage(script);
  const chromium = await startChromium(path);
  const page = await (await chromium.profile()).open(server.origin);
  const listeners = await serveRemoteListeners(createNodeNet({ clock: createNodeClock(), log: silentLog }));
  await page.evaluate(`useListeners(${JSON.stringify(listeners.address)})`);
  const names = await page.evaluate<readonly string[]>("names");

  afterAll(async () => {
    await chromium[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await listeners.close();
  }, 60_000);

  test("the page has the suites of all ports", () => expect(names.length).toBeGreaterThan(50));
  test.each(["ed25519-disagreement", "wycheproof/ed25519", "cctv/ed25519"])(
    "Ed25519 follows the rule on the vectors of %s",
    async (name) => {
      const { vectors } = JSON.parse(readFileSync(new URL(`../src/host/vectors/${name}.json`, import.meta.url), "utf8")) as {
        readonly vectors: readonly { readonly valid?: boolean; readonly flags?: readonly string[] }[];
      };
      // Of those by CCTV a flag tells what is odd, and the rule accepts the one that has none.
      const cases = vectors.map((each) => ({ what: String(each.flags), valid: each.flags?.length === 0, ...each }));
      expect(new Set(cases.map(({ valid }) => valid))).toEqual(new Set([true, false]));
      expect(await page.evaluate(`wrongVerdicts(${JSON.stringify(cases)})`)).toEqual([]);
    },
  );
  for (const seed of ["one", "two", "three"]) {
    test(`files do what files in memory do, over random calls (${seed})`, { timeout: 180_000 }, async () => {
      expect(await page.evaluate(`compareFiles("${seed}", 250)`)).toEqual([]);
    });
  }
  test("Ed25519 gives the same verdicts as Node on random signatures, half of them torsioned", { timeout: 180_000 }, async () => {
    const { verify } = createNodeSignatures();
    let verdicts = "";
    for (const { shown } of sampleSignatures(createDraws("a page and Node"), SAMPLE))
      verdicts += (await verify(shown.key, shown.message, shown.signature)) ? "1" : "0";
    expect(await page.evaluate(`verdicts("a page and Node", ${SAMPLE})`)).toBe(verdicts);
    expect(new Set(verdicts)).toEqual(new Set("01"));
  });
  for (const [at, name] of names.entries()) test(name, () => page.evaluate(`run(${at})`));
}
