/**
 * Writes host/vectors/ed25519-disagreement.json: signatures on which libraries disagree, the verdict of the rule, and what the
 * libraries here say. Run after a change of the list or of a library: `node scripts/ed25519-vectors.ts`, then the formatter.
 */
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { disagreementCases } from "../packages/perdure/src/host/conformance/ed25519-disagreement.ts";
import { saysOf } from "../packages/perdure/src/host/node/test-ed25519-libraries.ts";
import { fromHex } from "../packages/perdure/src/wire/bytes.ts";

const bytes = (text: string): Uint8Array => fromHex(text) as Uint8Array;
const vectors = disagreementCases().map((each) => ({
  ...each,
  says: saysOf({ key: bytes(each.key), message: bytes(each.message), signature: bytes(each.signature) }),
}));
await writeFile(
  new URL("../packages/perdure/src/host/vectors/ed25519-disagreement.json", import.meta.url),
  `${JSON.stringify({ node: process.versions.node, openssl: process.versions.openssl, vectors }, null, 1)}\n`,
);
