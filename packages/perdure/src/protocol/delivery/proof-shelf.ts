/** The newest statement proofs of a sender, shown again at each attach: a connection may break between stating and telling. */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";

/**
 * More statements than what was on its way over a connection that broke is spread over. Not many more: they are most of what a
 * relay restates at the head of each segment, while nothing else is served.
 */
export const KEPT_PROOFS = 16;

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
