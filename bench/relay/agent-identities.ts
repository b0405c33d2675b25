/**
 * Identities for thousands of agents of a benchmark: each with an id, keys, a certificate and a record of its own, as a relay verifies
 * them. They have no folder and share what a relay never sees: the recovery key and the inbox key.
 */
import type { Host } from "../../packages/perdure/src/host/host.ts";
import { signInception, verifyLog } from "../../packages/perdure/src/identity/agent-log.ts";
import { signRecord } from "../../packages/perdure/src/identity/agent-record.ts";
import { encodeBundle } from "../../packages/perdure/src/identity/bundle.ts";
import { signCertificate } from "../../packages/perdure/src/identity/certificate.ts";
import { nextGeneration } from "../../packages/perdure/src/identity/inbox-keys.ts";
import { createKeyChain } from "../../packages/perdure/src/identity/key-chain.ts";
import type { OwnIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import type { Settings } from "../../packages/perdure/src/settings/register.ts";
import { WIRE_VERSION } from "../../packages/perdure/src/wire/limits.ts";

/** What of an identity takes part in a handshake. */
export type ActingAgent = Pick<OwnIdentity, "idRaw" | "instanceKey" | "bundle">;

export async function createIdentities(host: Host, settings: Settings, count: number): Promise<readonly ActingAgent[]> {
  const { crypto, random, clock } = host;
  const nowMs = clock.wallMs();
  const commitment = (await createKeyChain(crypto, random.bytes(32))).commitmentAt(1);
  const { inboxKey } = await nextGeneration(host, { inboxSecrets: [], destroyed: [] }, settings, nowMs);
  const agents: ActingAgent[] = [];
  while (agents.length < count) {
    const { key: controlKey } = await crypto.signatures.create(random);
    const { key: instanceKey } = await crypto.signatures.create(random);
    const recoverySalt = random.bytes(32);
    const log = [await signInception({ crypto, controlKey, nextCommitments: [commitment], recoverySalt, nowMs })];
    const state = await verifyLog(crypto, log);
    const publicKey = instanceKey.publicKey;
    const certificate = await signCertificate({
      crypto,
      controlKey,
      log: state,
      instanceKey: publicKey,
      scope: "mail",
      nowMs,
      lifeMs: settings.certificateMs,
    });
    const record = await signRecord(crypto, instanceKey, {
      version: WIRE_VERSION,
      agentId: state.idRaw,
      instanceKey: publicKey,
      recordVersion: 1,
      name: undefined,
      inboxKeys: [inboxKey],
      homes: [],
      capabilities: [],
      freshUntilMs: nowMs + settings.recordFreshMs,
      validUntilMs: nowMs + settings.recordValidMs,
      extensions: [],
    });
    const bundle = encodeBundle({ log, certificates: [certificate], records: [record] });
    agents.push({ idRaw: state.idRaw, instanceKey, bundle: () => bundle });
  }
  return agents;
}
