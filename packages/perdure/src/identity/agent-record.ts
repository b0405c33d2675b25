/**
 * The agent record: what an agent says of itself that changes often. Each instance signs its own sub-record; together
 * they are the record. Merging is a union by instance in which the highest version wins, so that any two copies merge
 * to the same thing in any order.
 */
import type { Crypto, SigningKey } from "../host/crypto.ts";
import { type Bytes, compareBytes, equalBytes, hex } from "../wire/bytes.ts";
import { SUITE_X25519_AES256GCM } from "../wire/envelope.ts";
import { PerdureError } from "../wire/error.ts";
import { type AgentRecord, agentRecord, type Home, type InboxKey, signedRecord, toBeSigned } from "../wire/identity.ts";
import { isAgentName } from "../wire/ids.ts";
import { refuseOtherVersion, type VerifiedCertificate, validAt } from "./certificate.ts";

/** Signs a sub-record with the key of the instance it is about. */
export async function signRecord(crypto: Crypto, instanceKey: SigningKey, record: AgentRecord): Promise<Bytes> {
  const said = agentRecord.encode(record);
  return signedRecord.encode({ record: said, signature: await crypto.signatures.sign(instanceKey, toBeSigned("record", said)) });
}

/** Verifies a sub-record of `agentId` against its own instance key; throws `malformed`, `bad-signature`, `needs-newer-verifier`. */
export async function verifyRecord(crypto: Crypto, agentId: Bytes, encoded: Bytes): Promise<AgentRecord> {
  const signed = signedRecord.decode(encoded);
  const said = agentRecord.decode(signed.record);
  refuseOtherVersion("a record", said.version);
  if (!equalBytes(said.agentId, agentId)) throw new PerdureError("bad-signature", "a record is of another agent");
  if (said.name !== undefined && !isAgentName(said.name)) throw new PerdureError("malformed", "a record's name is not a name");
  if (!(await crypto.signatures.verify(said.instanceKey, toBeSigned("record", signed.record), signed.signature))) {
    throw new PerdureError("bad-signature", "a record's signature is wrong");
  }
  return said;
}

/** Signed sub-records by instance, highest version each. Two of one version: the one whose bytes sort later. */
export function mergeRecords(encoded: readonly Bytes[]): readonly Bytes[] {
  const best = new Map<string, { readonly version: number; readonly bytes: Bytes }>();
  for (const bytes of encoded) {
    const said = agentRecord.decode(signedRecord.decode(bytes).record);
    const instance = hex(said.instanceKey);
    const held = best.get(instance);
    const wins =
      held === undefined ||
      said.recordVersion > held.version ||
      (said.recordVersion === held.version && compareBytes(bytes, held.bytes) > 0);
    if (wins) best.set(instance, { version: said.recordVersion, bytes });
  }
  return [...best.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each.bytes);
}

/** Records that may be acted on at `nowMs`: not outdated, and of an instance certified at that time. */
export function usableRecords(
  records: readonly AgentRecord[],
  certificates: readonly VerifiedCertificate[],
  nowMs: number,
): readonly AgentRecord[] {
  const certified = (record: AgentRecord): boolean =>
    certificates.some((each) => equalBytes(each.instanceKey, record.instanceKey) && validAt(each, nowMs));
  return records.filter((record) => record.validUntilMs >= nowMs && certified(record)).sort((a, b) => b.recordVersion - a.recordVersion);
}

/** The key to seal to: of the highest generation that is in force and of a suite this version knows. */
export function chooseInboxKey(records: readonly AgentRecord[], nowMs: number): InboxKey | undefined {
  const keys = records
    .flatMap((record) => record.inboxKeys)
    .filter((key) => key.suite === SUITE_X25519_AES256GCM && key.notAfterMs >= nowMs);
  return keys.sort((a, b) => b.generation - a.generation || compareBytes(a.keyId, b.keyId))[0];
}

/** Every home any instance names, preferred first; of those relays only that the agent's log `pinned`, where it does. */
export function listHomes(records: readonly AgentRecord[], pinned?: readonly Home[]): readonly Home[] {
  const homes = new Map<string, Home>();
  const allowed = (home: Home): boolean => pinned === undefined || pinned.some(({ relayId }) => equalBytes(relayId, home.relayId));
  for (const home of records.flatMap((record) => record.homes).filter(allowed)) {
    const key = `${hex(home.relayId)} ${home.url}`;
    const held = homes.get(key);
    if (held === undefined || home.preference < held.preference) homes.set(key, home);
  }
  return [...homes.values()].sort((a, b) => a.preference - b.preference || compareBytes(a.relayId, b.relayId));
}
