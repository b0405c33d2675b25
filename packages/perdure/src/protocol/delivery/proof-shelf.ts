/** The newest statement proofs of a sender, shown again at each attach: a connection may break between stating and telling. */
import { type Bytes, equalBytes, hex } from "../../wire/bytes.ts";
import { statement, statementProof } from "../../wire/statement.ts";
import type { AgentState, RelayState, ShelvedProof } from "./mailbox-state.ts";

/**
 * More statements than what was on its way over a connection that broke is spread over. Not many more: they are most of what a
 * relay restates at the head of each segment, while nothing else is served.
 */
export const KEPT_PROOFS = 16;
/** Leaves of a peer are smaller, so that one statement has several of its link. */
export const KEPT_PEER_PROOFS = 32;

/** A digest or a writer's id, and the ends of what stands around it. */
const MARK_BYTES = 24;

/** This relay's own proofs, or those of other relays about mail it passed on. */
export type Shelf = "proofs" | "vouched";

export function shelfOf({ relayId }: RelayState, proof: Bytes): Shelf {
  return relayOf(proof) === hex(relayId) ? "proofs" : "vouched";
}

/**
 * Keeps a proof unless a restatement, or the other relay, brought it already. False when it did. Its bytes are kept as they are, not
 * copied. `by`: letters of the relay it is of.
 */
export function keepProof(
  owner: AgentState,
  shelf: Shelf,
  number: number,
  proof: Bytes,
  by: string = shelf === "proofs" ? "" : relayOf(proof),
): boolean {
  const proofs = owner[shelf];
  const mark = markOf(proof);
  for (const each of proofs) if (each.mark === mark && each.number === number && equalBytes(each.proof, proof)) return false;
  // A log that was tidied up tells its own statements in another order than it made them.
  const at = shelf === "proofs" ? proofs.findLastIndex((each) => each.number <= number) + 1 : proofs.length;
  proofs.splice(at, 0, { number, proof, by, mark });
  if (proofs.length > (owner.peer === undefined ? KEPT_PROOFS : KEPT_PEER_PROOFS)) proofs.splice(oldestOfMost(proofs), 1);
  return true;
}

/** The same with a proof of another relay for several, who share one copy of it. Those it is new to. */
export function keepVouched(owners: Iterable<AgentState>, number: number, proof: Bytes): AgentState[] {
  const by = relayOf(proof);
  const copy = proof.slice();
  const told: AgentState[] = [];
  for (const owner of owners) if (keepProof(owner, "vouched", number, copy, by)) told.push(owner);
  return told;
}

/**
 * Made of the last bytes, for proofs of one statement begin alike: those with different marks differ, and to see that nobody has to read
 * them where they lie.
 */
function markOf(proof: Bytes): number {
  let mark = 0;
  for (let at = Math.max(0, proof.length - MARK_BYTES); at < proof.length; at++) mark = (mark * 31 + (proof[at] as number)) | 0;
  return mark;
}

/** Which proof makes room: the oldest of the relay that has most there, so that none fills a shelf with its own. */
function oldestOfMost(proofs: readonly ShelvedProof[]): number {
  const first = proofs[0]?.by;
  if (proofs.every(({ by }) => by === first)) return 0;
  const counts = new Map<string, number>();
  for (const { by } of proofs) counts.set(by, (counts.get(by) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return proofs.findIndex(({ by }) => counts.get(by) === most);
}

/** Letters of the relay whose proof it is. */
export function relayOf(proof: Bytes): string {
  return hex(statement.decode(statementProof.decode(proof).statement).relayId);
}
