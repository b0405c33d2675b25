/** Verification: from bytes somebody handed over to an identity that may be acted on. */
import type { Crypto } from "../host/crypto.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type AgentRecord, agentRecord, type Home, type InboxKey, identityBundle } from "../wire/identity.ts";
import { type AgentId, agentIdText } from "../wire/ids.ts";
import { type LogState, verifyLog } from "./agent-log.ts";
import { chooseInboxKey, listHomes, usableRecords, verifyRecord } from "./agent-record.ts";
import { mergeBundles } from "./bundle.ts";
import { type VerifiedCertificate, validAt, verifyCertificate } from "./certificate.ts";

export interface VerifiedIdentity {
  readonly idRaw: Bytes;
  readonly id: AgentId;
  /** SHA-256 of the newest log event. */
  readonly logHead: Bytes;
  readonly logSeq: number;
  /** What its log says; of a frozen agent, up to the last event that nobody disputes. */
  readonly log: LogState;
  /** Two logs of it contradict each other and neither outranks the other: nothing new of it may be believed. */
  readonly frozen: boolean;
  /** Its owner ended it. */
  readonly retired: boolean;
  readonly bundle: Bytes;
  /** All that verify, expired ones too: what was signed under them is judged at its own time. */
  readonly certificates: readonly VerifiedCertificate[];
  /** One per instance, outdated ones too. */
  readonly records: readonly AgentRecord[];
  /** The highest version of any record; 0 without one. */
  readonly recordVersion: number;
  /** From the newest record that may be acted on; claimed by the agent, verified by nobody else. */
  readonly name: string | undefined;
  readonly inboxKey: InboxKey | undefined;
  readonly homes: readonly Home[];
}

/**
 * Verifies a bundle offline as of `nowMs`. Throws `malformed`, `bad-signature` (also when it is not of `expectId`),
 * `certificate-expired` when no certificate is valid at `nowMs`, `needs-newer-verifier`, `needs-newer-version`.
 */
export async function verifyBundle(crypto: Crypto, bundle: Bytes, nowMs: number, expectId?: Bytes): Promise<VerifiedIdentity> {
  const parts = identityBundle.decode(bundle);
  const log = await verifyLog(crypto, parts.log);
  const id = agentIdText(log.idRaw);
  if (expectId !== undefined && !equalBytes(log.idRaw, expectId))
    throw new PerdureError("bad-signature", `the bundle is of ${id}, not of ${agentIdText(expectId)}`);
  const certificates: VerifiedCertificate[] = [];
  for (const encoded of parts.certificates) certificates.push(await verifyCertificate(crypto, log, encoded));
  const records: AgentRecord[] = [];
  for (const encoded of parts.records) records.push(await verifyRecord(crypto, log.idRaw, encoded));
  refuseUncertified(records, certificates);
  if (log.retired === undefined && !certificates.some((each) => validAt(each, nowMs))) {
    throw new PerdureError("certificate-expired", `no certificate of ${id} is valid at that time`, {
      retry: "after",
      hint: "Check both clocks; an agent renews its certificate when it is opened.",
    });
  }
  const usable = usableRecords(records, certificates, nowMs);
  return {
    idRaw: log.idRaw,
    id,
    logHead: log.head,
    logSeq: log.seq,
    log,
    frozen: false,
    retired: log.retired !== undefined,
    bundle,
    certificates,
    records,
    recordVersion: records.reduce((highest, each) => Math.max(highest, each.recordVersion), 0),
    name: usable[0]?.name,
    inboxKey: chooseInboxKey(usable, nowMs),
    homes: listHomes(usable, log.homes),
  };
}

function refuseUncertified(records: readonly AgentRecord[], certificates: readonly VerifiedCertificate[]): void {
  const instances = new Set<string>();
  for (const record of records) {
    const instance = hex(record.instanceKey);
    if (instances.has(instance)) throw new PerdureError("malformed", "identity bundle: two records of one instance");
    instances.add(instance);
    if (!certificates.some((each) => equalBytes(each.instanceKey, record.instanceKey)))
      throw new PerdureError("bad-signature", "a record is of an instance without a certificate");
  }
}

/**
 * Throws `record-rolled-back` when `offered` is older than what is pinned of the same agent: a shorter log, another log
 * of that length, or a record of an instance with a lower version or with another content under the same version.
 */
export function refuseRollback(pinned: VerifiedIdentity, offered: VerifiedIdentity): void {
  if (!equalBytes(pinned.idRaw, offered.idRaw)) throw new PerdureError("bad-signature", `${offered.id} is not ${pinned.id}`);
  const back = (what: string): PerdureError =>
    new PerdureError("record-rolled-back", `${offered.id}: ${what}`, {
      hint: "Somebody showed an older state of this agent; ask again, or ask the agent's owner.",
    });
  if (offered.logSeq < pinned.logSeq) throw back(`log event ${offered.logSeq} is older than ${pinned.logSeq}`);
  if (offered.logSeq === pinned.logSeq && !equalBytes(offered.logHead, pinned.logHead))
    throw back("its log differs from the one seen before");
  for (const record of offered.records) {
    const held = pinned.records.find((each) => equalBytes(each.instanceKey, record.instanceKey));
    if (held === undefined) continue;
    if (record.recordVersion < held.recordVersion) throw back(`record version ${record.recordVersion} is older than ${held.recordVersion}`);
    if (record.recordVersion === held.recordVersion && !equalBytes(agentRecord.encode(record), agentRecord.encode(held)))
      throw back(`two records have version ${held.recordVersion}`);
  }
}

/** What is known of one agent from two verified bundles of it, as of `nowMs`: nothing in it is older than in either. */
export async function mergeIdentities(
  crypto: Crypto,
  one: VerifiedIdentity,
  other: VerifiedIdentity,
  nowMs: number,
): Promise<VerifiedIdentity> {
  if (equalBytes(one.bundle, other.bundle)) return one;
  if (!equalBytes(one.idRaw, other.idRaw)) throw new PerdureError("bad-signature", `${other.id} is not ${one.id}`);
  return await verifyBundle(crypto, mergeBundles(one.bundle, other.bundle), nowMs, one.idRaw);
}
