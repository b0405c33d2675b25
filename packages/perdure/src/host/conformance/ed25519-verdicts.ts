/** Verdicts of verifiers against the rule and against each other. Without a test library, so it also runs where there is none: in a browser. */
import { fromHex } from "../../wire/bytes.ts";
import type { Random } from "../random.ts";
import type { Shown } from "./ed25519-craft.ts";
import type { VerdictCase } from "./ed25519-disagreement.ts";
import { sampleSignatures } from "./ed25519-sample.ts";

/** Verification as a host does it. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean> | boolean;

export function shownOf({ key, message, signature }: Pick<VerdictCase, "key" | "message" | "signature">): Shown {
  const [keyBytes, messageBytes, signatureBytes] = [key, message, signature].map((text) => fromHex(text) as Uint8Array);
  return { key: keyBytes as Uint8Array, message: messageBytes as Uint8Array, signature: signatureBytes as Uint8Array };
}

/** What `verify` judges otherwise than the rule: one line a case. */
export async function wrongVerdicts(verify: Verify, cases: readonly VerdictCase[]): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const each of cases) {
    const { key, message, signature } = shownOf(each);
    const said = await verify(key, message, signature);
    if (said !== each.valid) wrong.push(`${each.what}: ${said ? "accepted" : "refused"}`);
  }
  return wrong;
}

/** Signatures of a random sample on which the verifiers differ among themselves or from what the kind of signature says. */
export async function disagreements(
  verifiers: Readonly<Record<string, Verify>>,
  random: Random,
  count: number,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { kind, shown, expected } of sampleSignatures(random, count)) {
    const said: Record<string, boolean> = {};
    for (const [name, verify] of Object.entries(verifiers)) said[name] = await verify(shown.key, shown.message, shown.signature);
    const verdicts = new Set([...Object.values(said), ...(expected === undefined ? [] : [expected])]);
    if (verdicts.size > 1) found.push(`${kind}: expected ${expected ?? "anything"}, ${JSON.stringify(said)}`);
  }
  return found;
}
