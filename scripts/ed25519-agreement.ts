/**
 * Compares OpenSSL, curve points and libsodium behind the rule of `host/ed25519-rule.ts` on a random sample of signatures, half of
 * them torsioned: `npm run agreement`, or with a count and a seed `npm run agreement -- 5000 "another seed"`. Exits with 1 when two differ.
 */
import process from "node:process";
import { disagreements, type Verify } from "../packages/perdure/src/host/conformance/ed25519-verdicts.ts";
import { createKeyAdmission, verifyByPoints } from "../packages/perdure/src/host/ed25519-rule.ts";
import { libsodiumBehindTheRule } from "../packages/perdure/src/host/node/test-ed25519-libraries.ts";
import { createNodeSignatures } from "../packages/perdure/src/host/node/signatures.ts";
import { createDraws } from "../packages/perdure/src/host/simulated/draws.ts";

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
const verifiers = {
  openssl: counting("openssl", createNodeSignatures().verify),
  points: counting("points", (key, message, signature) => verifyByPoints(key, message, signature, admits)),
  libsodium: counting("libsodium", (key, message, signature) => libsodiumBehindTheRule(admits)({ key, message, signature })),
};
const found = await disagreements(verifiers, createDraws(seed), Number(count));
for (const line of found.slice(0, 20)) process.stdout.write(`${line}\n`);
const kinds = [...accepted].map(([name, times]) => `${name} ${times}`).join(", ");
process.stdout.write(`${count} signatures (seed "${seed}"): accepted by ${kinds}; ${found.length} disagreements\n`);
process.exitCode = found.length === 0 ? 0 : 1;
