/** The newest statement proofs of a sender, shown again at each attach: a connection may break between stating and telling. */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";

/** More than the frames a sender may have unacknowledged can spread over while a dead connection goes unnoticed. */
export const KEPT_PROOFS = 64;

interface Shelf {
  readonly proofs: { readonly number: number; readonly proof: Bytes }[];
}

/** Keeps a proof unless a restatement brought it already. */
export function keepProof(shelf: Shelf, number: number, proof: Bytes): void {
  const { proofs } = shelf;
  const isNew = number > (proofs.at(-1)?.number ?? 0);
  if (!isNew && proofs.some((each) => each.number === number && equalBytes(each.proof, proof))) return;
  proofs.push({ number, proof: proof.slice() });
  if (proofs.length > KEPT_PROOFS) proofs.shift();
}
