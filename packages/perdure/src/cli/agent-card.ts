/** Who lives in a folder, read from its identity file alone: no lock, no relay, nothing written. */

import type { Host } from "../host/host.ts";
import { verifyLog } from "../identity/agent-log.ts";
import { identityPath, readShown } from "../identity/custody.ts";
import { PerdureError } from "../wire/error.ts";
import { agentRecord, certificate, type Home, identityBundle, type SCOPES, signedCertificate, signedRecord } from "../wire/identity.ts";
import { type AgentId, agentIdText } from "../wire/ids.ts";

export interface AgentCard {
  readonly id: AgentId;
  readonly name: string | undefined;
  readonly custody: "split" | "together";
  /** Opening it takes a passphrase. */
  readonly isSealed: boolean;
  readonly scope: (typeof SCOPES)[number];
  readonly homes: readonly Home[];
  /** End of the instance certificate in use; opening the agent renews it in time. */
  readonly keyExpiresAtMs: number;
  readonly identityFile: string;
}

/** `no-agent-here`, `key-damaged`, `needs-older-version`, and what the disk says. */
export async function readAgentCard({ files, crypto }: Host, folder: string): Promise<AgentCard> {
  const shown = await readShown(files, crypto.hash, folder);
  if (shown === undefined) throw new PerdureError("no-agent-here", `there is no agent in ${folder}`);
  const parts = identityBundle.decode(shown.bundle);
  const log = await verifyLog(crypto, parts.log);
  const records = parts.records.map((signed) => agentRecord.decode(signedRecord.decode(signed).record));
  const certificates = parts.certificates.map((signed) => certificate.decode(signedCertificate.decode(signed).certificate));
  return {
    id: agentIdText(log.idRaw),
    name: records[0]?.name,
    custody: shown.custody,
    isSealed: shown.isSealed,
    scope: certificates[0]?.scopes[0] ?? "mail",
    homes: records[0]?.homes ?? [],
    keyExpiresAtMs: Math.max(0, ...certificates.map(({ notAfterMs }) => notAfterMs)),
    identityFile: identityPath(folder),
  };
}
