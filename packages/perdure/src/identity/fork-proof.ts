/** Fork proofs: two logs of one agent that contradict each other, so small that they can be passed on, and verified by anybody. */
import type { Crypto } from "../host/crypto.ts";
import type { Bytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { identityBundle } from "../wire/identity.ts";
import { type AgentId, agentIdText } from "../wire/ids.ts";
import { encodeBundle } from "./bundle.ts";
import { type Branches, joinLogs } from "./log-ranking.ts";
import { verifyBranches } from "./verify.ts";

export interface Fork {
  readonly id: AgentId;
  /** The last event that both logs share. */
  readonly atSeq: number;
}

/**
 * The smallest bundle that shows that two states of knowledge contradict each other: no certificates, no records, and both logs cut after
 * what proves it. `undefined` when they do not. Throws `malformed`, and `bad-argument` when they are of two agents.
 */
export function forkProof(a: Branches, b: Branches): Bytes | undefined {
  const branches = joinLogs(a, b);
  return branches.rival.length === 0 ? undefined : encodeBundle({ ...branches, certificates: [], records: [] });
}

/** Throws `malformed` when the bytes prove no fork, and what `verifyLog` does. */
export async function verifyForkProof(crypto: Crypto, proof: Bytes): Promise<Fork> {
  const { log, frozen } = await verifyBranches(crypto, identityBundle.decode(proof));
  if (!frozen) throw new PerdureError("malformed", "this is one log, and no proof of a fork");
  return { id: agentIdText(log.idRaw), atSeq: log.seq };
}
