/**
 * What a sender who lies can make of his evidence: he changes what it tells, and signs that with his own key. What others signed must
 * then prove nothing any more.
 *
 *   5 statements   no step counts as proven that its signer did not sign, for this message, at that time
 */
import type { Crypto, SigningKey } from "../packages/perdure/src/host/crypto.ts";
import { verifyEvidence } from "../packages/perdure/src/protocol/evidence/verify-evidence.ts";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";
import { type Evidence, type EvidenceStep, evidence, evidenceItem, signedEvidence } from "../packages/perdure/src/wire/evidence.ts";
import { toBeSigned } from "../packages/perdure/src/wire/identity.ts";
import { InvariantBroken } from "./ledger.ts";

interface Lie {
  readonly what: string;
  readonly said: Evidence;
  /** The step it is about. */
  readonly step: number;
}

/** Throws when one of the lies passes for proven. */
export async function tellLies(crypto: Crypto, key: SigningKey, file: Bytes): Promise<void> {
  const said = evidence.decode(signedEvidence.decode(file).evidence);
  if ((await verdicts(crypto, key, said)) === undefined) throw broken(said, "is refused when its sender signs it once more");
  for (const { what, said: lie, step } of lies(said)) {
    const found = await verdicts(crypto, key, lie);
    if (found?.[step] === "proven") throw broken(said, `is proven although ${what}`);
  }
  for (const [what, lie] of forgeries(said))
    if ((await verdicts(crypto, key, lie)) !== undefined) throw broken(said, `is taken although ${what}`);
}

function broken({ stream, seq }: Evidence, what: string): InvariantBroken {
  return new InvariantBroken("5 statements", `the evidence of ${Buffer.from(stream).toString("hex")}.${seq} ${what}`);
}

/** What is found of each step, and of conflicts behind them; `undefined` when the file is refused. */
async function verdicts(crypto: Crypto, key: SigningKey, said: Evidence): Promise<readonly string[] | undefined> {
  const encoded = evidence.encode(said);
  const signature = await crypto.signatures.sign(key, toBeSigned("evidence", encoded));
  try {
    const report = await verifyEvidence(crypto, signedEvidence.encode({ evidence: encoded, signature }));
    const all = [...report.steps, ...report.conflicts].map(({ verdict }) => verdict);
    if (report.proven !== all.every((each) => each !== "not-proven"))
      throw broken(said, `is ${report.proven ? "" : "not "}proven, and its parts are ${all.join(", ")}`);
    return all;
  } catch (error) {
    if (isPerdureError(error)) return undefined;
    throw error;
  }
}

function flipped(bytes: Bytes): Bytes {
  const other = bytes.slice();
  if (other.length > 0) other[0] = (other[0] as number) ^ 1;
  return other;
}

function lies(said: Evidence): readonly Lie[] {
  return said.steps.flatMap((step, index): readonly Lie[] => {
    if (step.proof === "none") return [];
    const withStep = (change: Partial<EvidenceStep>): Evidence => ({
      ...said,
      steps: said.steps.map((each, at) => (at === index ? { ...each, ...change } : each)),
    });
    const lie = (what: string, changed: Evidence): Lie => ({ what: `its step ${step.state} ${what}`, said: changed, step: index });
    const byMessage =
      step.proof === "statement"
        ? []
        : [
            lie("is of another number", { ...said, seq: said.seq + 1 }),
            lie("is of another stream", { ...said, stream: flipped(said.stream) }),
          ];
    const wrongState = step.state === "done" ? "refused" : "done";
    return [
      ...byMessage,
      lie("is another state", withStep({ state: wrongState })),
      lie("is later", withStep({ atMs: step.atMs + 1 })),
      lie("is earlier", withStep({ atMs: step.atMs - 1 })),
      lie("is somebody else's", withStep({ by: said.from })),
      lie("names no proof", withStep({ items: [] })),
      lie("names a proof that is not there", withStep({ items: [...step.items, 200] })),
      lie("is another kind of proof", withStep({ proof: step.proof === "receipt" ? "notice" : "receipt" })),
      lie("is of another digest", { ...said, digests: flipped(said.digests) }),
      lie("is of no digest", { ...said, digests: said.digests.subarray(0, 0) }),
      ...(step.proof === "statement"
        ? [lie("is of one part more", { ...said, digests: Buffer.concat([said.digests, flipped(said.digests).subarray(0, 16)]) })]
        : []),
      ...(step.proof === "receipt" ? [lie("is of another recipient", { ...said, to: said.from })] : []),
      ...(step.state === "stored" ? [lie("is of a relay that is nobody's home", { ...said, to: flipped(said.to) })] : []),
      ...said.items.flatMap((item, at) => {
        const { kind, content } = evidenceItem.decode(item);
        if (!step.items.includes(at)) return [];
        const place = Math.floor(content.length / 2);
        const changed = content.slice();
        changed[place] = (content[place] as number) ^ 4;
        const put = (by: Bytes): Evidence => ({ ...said, items: said.items.map((each, nth) => (nth === at ? by : each)) });
        return [lie(`has a changed ${kind}`, put(evidenceItem.encode({ kind, content: changed })))];
      }),
    ];
  });
}

function forgeries(said: Evidence): readonly (readonly [string, Evidence])[] {
  return [
    ["it is no evidence", { ...said, format: "something else" }],
    ["it is of a later version", { ...said, version: said.version + 1 }],
    ["a digest is cut off", { ...said, digests: said.digests.subarray(0, Math.max(1, said.digests.length - 1)) }],
    ["somebody else signed it", { ...said, from: flipped(said.from) }],
  ];
}
