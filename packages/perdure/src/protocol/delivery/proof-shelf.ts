/** The newest statement proofs of a sender, shown again at each attach: a connection may break between stating and telling. */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { statement, statementProof } from "../../wire/statement.ts";
import type { AgentState, RelayState } from "./mailbox-state.ts";

/**
 * More statements than what was on its way over a connection that broke is spread over. Not many more: they are most of what a
 * relay restates at the head of each segment, while nothing else is served.
 */
export const KEPT_PROOFS = 16;
/** Leaves of a peer are smaller, so that one statement has several of its link. */
export const KEPT_PEER_PROOFS = 32;

/** This relay's own proofs, or those of other relays about mail it passed on. */
export type Shelf = "proofs" | "vouched";

export function shelfOf({ relayId }: RelayState, proof: Bytes): Shelf {
  return equalBytes(statement.decode(statementProof.decode(proof).statement).relayId, relayId) ? "proofs" : "vouched";
}

/** Keeps a proof unless a restatement, or the other relay, brought it already. False when it did. */
export function keepProof(owner: AgentState, shelf: Shelf, number: number, proof: Bytes): boolean {
  const proofs = owner[shelf];
  if (proofs.some((each) => each.number === number && equalBytes(each.proof, proof))) return false;
  proofs.push({ number, proof: proof.slice() });
  if (proofs.length > (owner.peer === undefined ? KEPT_PROOFS : KEPT_PEER_PROOFS)) proofs.shift();
  return true;
}
