/** What a sender checks before it believes a relay's statement about its mail. */
import type { Crypto } from "../../host/crypto.ts";
import { certifiedInstance } from "../../identity/certificate.ts";
import type { VerifiedIdentity } from "../../identity/verify.ts";
import { type Bytes, concat, equalBytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { toBeSigned } from "../../wire/identity.ts";
import { type Statement, type StatementProof, type StoredLeaf, statement, statementProof, storedLeaf } from "../../wire/statement.ts";
import { verifyInclusion } from "./merkle.ts";

export interface VerifiedStatement {
  readonly statement: Statement;
  readonly leaf: StoredLeaf;
  readonly proof: StatementProof;
}

/**
 * Verifies an encoded statement proof offline: signed by an instance of `relay` certified for relaying at the statement's
 * time, and the leaf under its root. Whether the leaf says the truth about one's own mail is {@link leafCovers}. A signature that
 * was verified in `before`, of the same relay, is not verified again: the leaves of one statement come one by one.
 * Throws `malformed`, `bad-signature`, `certificate-expired`, `wrong-relay`.
 */
export async function verifyStatementProof(
  crypto: Crypto,
  relay: VerifiedIdentity,
  encoded: Bytes,
  before?: VerifiedStatement,
): Promise<VerifiedStatement> {
  const proof = statementProof.decode(encoded);
  const said = statement.decode(proof.statement);
  if (!equalBytes(said.relayId, relay.idRaw)) throw new PerdureError("wrong-relay", "the statement is of another relay");
  if (!isSameSigned(proof, before?.proof)) {
    const signer = await signerOf(crypto, relay, toBeSigned("statement", proof.statement), proof.signature);
    certifiedInstance(relay, signer, "relay", said.timeMs);
  }
  if (!verifyInclusion(crypto.hash.sha256, said.root, proof.leaf, proof.leafIndex, said.leafCount, proof.path)) {
    throw new PerdureError("bad-signature", `the leaf is not under the root of statement ${said.number}`);
  }
  return { statement: said, leaf: storedLeaf.decode(proof.leaf), proof };
}

function isSameSigned(proof: StatementProof, before: StatementProof | undefined): boolean {
  return before !== undefined && equalBytes(proof.statement, before.statement) && equalBytes(proof.signature, before.signature);
}

async function signerOf(crypto: Crypto, relay: VerifiedIdentity, signed: Bytes, signature: Bytes): Promise<Bytes> {
  for (const { instanceKey } of relay.certificates) if (await crypto.signatures.verify(instanceKey, signed, signature)) return instanceKey;
  throw new PerdureError("bad-signature", `no instance of ${relay.id} signed this statement`);
}

/** Whether an instance that the relay's bundle names signed the statement. */
export async function isSignedBy(crypto: Crypto, { certificates }: VerifiedIdentity, said: Bytes, signature: Bytes): Promise<boolean> {
  const signed = toBeSigned("statement", said);
  for (const { instanceKey } of certificates) if (await crypto.signatures.verify(instanceKey, signed, signature)) return true;
  return false;
}

/** Whether `leaf` is about exactly the envelopes with `digests`, in link order, refused ones left out. */
export function leafCovers(sha256: (bytes: Bytes) => Bytes, leaf: StoredLeaf, digests: readonly Bytes[]): boolean {
  return equalBytes(leaf.contents, sha256(concat(...digests)));
}
