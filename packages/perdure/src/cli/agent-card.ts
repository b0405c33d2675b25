/** Who lives in a folder, read from its identity file alone: no lock, no relay, nothing written. */

import type { Host } from "../host/host.ts";
import { verifyLog } from "../identity/agent-log.ts";
import { identityPath, readKept } from "../identity/custody.ts";
import { PerdureError } from "../wire/error.ts";
import { agentRecord, certificate, type Home, signedCertificate, signedRecord } from "../wire/identity.ts";
import { type AgentId, agentIdText } from "../wire/ids.ts";

export interface AgentCard {
  readonly id: AgentId;
  readonly name: string | undefined;
  readonly custody: "split" | "together";
  readonly homes: readonly Home[];
  /** End of the instance certificate in use; opening the agent renews it in time. */
  readonly keyExpiresAtMs: number;
  readonly identityFile: string;
}

/** `no-agent-here`, `key-damaged`, and what the disk says. */
export async function readAgentCard({ files, crypto }: Host, folder: string): Promise<AgentCard> {
  const kept = await readKept(files, crypto.hash, folder);
  if (kept === undefined) throw new PerdureError("no-agent-here", `there is no agent in ${folder}`);
  const log = await verifyLog(crypto, kept.log);
  const record = agentRecord.decode(signedRecord.decode(kept.record).record);
  const ends = kept.certificates.map((signed) => certificate.decode(signedCertificate.decode(signed).certificate).notAfterMs);
  return {
    id: agentIdText(log.idRaw),
    name: record.name,
    custody: kept.custody,
    homes: record.homes,
    keyExpiresAtMs: Math.max(...ends),
    identityFile: identityPath(folder),
  };
}
