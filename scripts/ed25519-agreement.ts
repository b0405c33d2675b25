/**
 * Compares OpenSSL, curve points, libsodium and, where there is one, Chromium behind the rule of `host/ed25519-rule.ts` on a random
 * sample of signatures, half of them torsioned: `npm run agreement`, or with a count and a seed `npm run agreement -- 5000 "another seed"`.
 * Exits with 1 when two differ.
 */
import process from "node:process";
import { disagreements, type Verify } from "../packages/perdure/src/host/conformance/ed25519-verdicts.ts";
import { createKeyAdmission, verifyByPoints } from "../packages/perdure/src/host/ed25519-rule.ts";
import { createNodeSignatures } from "../packages/perdure/src/host/node/signatures.ts";
import { libsodiumBehindTheRule } from "../packages/perdure/src/host/node/test-ed25519-libraries.ts";
import { createDraws } from "../packages/perdure/src/host/simulated/draws.ts";
import { hex } from "../packages/perdure/src/wire/bytes.ts";
import { findChromium, startChromium } from "../packages/perdure/test/browser/chromium.ts";
import { bundleFor, servePage } from "../packages/perdure/test/browser/page-server.ts";

const [count = "100000", seed = "agreement"] = process.argv.slice(2);
const admits = createKeyAdmission();
const accepted = new Map<string, number>();
const counting =
  (name: string, verify: Verify): Verify =>
  async (...shown) => {
    const valid = await verify(...shown);
    if (valid) accepted.set(name, (accepted.get(name) ?? 0) + 1);
    return valid;
  };
const ofNode = {
  openssl: counting("openssl", createNodeSignatures().verify),
  points: counting("points", (key, message, signature) => verifyByPoints(key, message, signature, admits)),
  libsodium: counting("libsodium", (key, message, signature) => libsodiumBehindTheRule(admits)({ key, message, signature })),
};
const chromium = await chromiumPage();
const verifiers = chromium === undefined ? ofNode : { ...ofNode, chromium: counting("chromium", chromium.verify) };
const found = await disagreements(verifiers, createDraws(seed), Number(count));
for (const line of found.slice(0, 20)) process.stdout.write(`${line}\n`);
const kinds = [...accepted].map(([name, times]) => `${name} ${times}`).join(", ");
process.stdout.write(`${count} signatures (seed "${seed}"): accepted by ${kinds}; ${found.length} disagreements\n`);
await chromium?.[Symbol.asyncDispose]();
process.exitCode = found.length === 0 ? 0 : 1;

/** Verification in a page of the Chromium of this machine; `undefined` when there is none. */
async function chromiumPage(): Promise<({ readonly verify: Verify } & AsyncDisposable) | undefined> {
  const path = findChromium();
  if (path === undefined) return undefined;
  const { script } = await bundleFor("./conformance-page.ts", { alias: { vitest: "./vitest-in-a-page.ts" } });
  const server = await servePage(script);
  const browser = await startChromium(path);
  const page = await (await browser.profile()).open(server.origin);
  return {
    verify: (...shown) => page.evaluate(`verify(${shown.map((bytes) => `"${hex(bytes)}"`).join(", ")})`),
    [Symbol.asyncDispose]: async () => {
      await browser[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
