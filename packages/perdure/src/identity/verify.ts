/** Verification: from bytes somebody handed over to an identity that may be acted on. */
import type { Crypto } from "../host/crypto.ts";
import { type Bytes, compareBytes, equalBytes, hex } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { type AgentRecord, agentRecord, type Home, type InboxKey, identityBundle, signedRecord } from "../wire/identity.ts";
import { type AgentId, agentIdText } from "../wire/ids.ts";
import { verifyLog, verifyLogStates } from "./agent-log.ts";
import { chooseInboxKey, listHomes, usableRecords, verifyRecord } from "./agent-record.ts";
import { BUNDLE_CERTIFICATES, encodeBundle } from "./bundle.ts";
import { type VerifiedCertificate, validAt, verifyCertificate } from "./certificate.ts";
import { type Branches, commonLength, joinLogs, type LogRelation, relateBranches, rivalLog, sameBranches } from "./log-ranking.ts";
import { epochAt, type LogState, revokedFromMs } from "./log-state.ts";
import { commonSuites } from "./suites.ts";

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
  /** Suites in which mail to it may be sealed. */
  readonly suites: readonly number[];
  readonly homes: readonly Home[];
}

/**
 * Verifies a bundle offline as of `nowMs`. Throws what {@link readIdentity} does, and `certificate-expired` when no certificate is valid at
 * `nowMs` of an agent that is neither frozen nor retired.
 */
export async function verifyBundle(crypto: Crypto, bundle: Bytes, nowMs: number, expectId?: Bytes): Promise<VerifiedIdentity> {
  const identity = await readIdentity(crypto, bundle, nowMs, expectId);
  if (speaksAt(identity, nowMs)) return identity;
  throw new PerdureError("certificate-expired", `no certificate of ${identity.id} is valid at that time`, {
    retry: "after",
    hint: "Check both clocks; an agent renews its certificate when it is opened.",
  });
}

/** Whether somebody can speak for the agent at that time, or its log says why nobody can. */
export function speaksAt({ certificates, frozen, retired }: VerifiedIdentity, atMs: number): boolean {
  return frozen || retired || certificates.some((each) => validAt(each, atMs));
}

/**
 * Verifies a bundle offline, also when no certificate is valid at `nowMs`: what was pinned still says which log is older. Throws `malformed`,
 * `bad-signature` (also when it is not of `expectId`), `needs-newer-verifier`, `needs-newer-version`, `needs-older-version`.
 */
export async function readIdentity(crypto: Crypto, bundle: Bytes, nowMs: number, expectId?: Bytes): Promise<VerifiedIdentity> {
  const parts = identityBundle.decode(bundle);
  const { log, frozen } = await verifyBranches(crypto, parts);
  const id = agentIdText(log.idRaw);
  if (expectId !== undefined && !equalBytes(log.idRaw, expectId))
    throw new PerdureError("bad-signature", `the bundle is of ${id}, not of ${agentIdText(expectId)}`);
  const certificates: VerifiedCertificate[] = [];
  for (const encoded of parts.certificates) certificates.push(await verifyCertificate(crypto, log, encoded));
  const records: AgentRecord[] = [];
  for (const encoded of parts.records) records.push(await verifyRecord(crypto, log.idRaw, encoded));
  refuseUncertified(records, certificates);
  const speaking = certificates.filter((each) => speaksFor(log, each));
  const usable = usableRecords(records, speaking, nowMs);
  return {
    idRaw: log.idRaw,
    id,
    logHead: log.head,
    logSeq: log.seq,
    log,
    frozen,
    retired: log.retired !== undefined,
    bundle,
    certificates,
    records,
    recordVersion: records.reduce((highest, each) => Math.max(highest, each.recordVersion), 0),
    name: usable[0]?.name,
    inboxKey: chooseInboxKey(usable, nowMs),
    suites: commonSuites(usable),
    homes: listHomes(usable, log.homes),
  };
}

/**
 * Whether an instance says where the agent is and what to seal to. The time a rotation or revoke leaves to old keys is for what they signed
 * before: a thief of them who says a higher generation would get all mail until then. Of a retired agent the last word stays.
 */
function speaksFor(log: LogState, { controlSeq, instanceKey }: VerifiedCertificate): boolean {
  if (log.retired !== undefined) return true;
  return epochAt(log, controlSeq)?.untilMs === undefined && revokedFromMs(log, instanceKey) === undefined;
}

/**
 * Verifies a log and its rival, where there is one; the state is the one of the last event that both share. Throws `malformed` also when
 * the rival does not contradict the log, or both say more than the contradiction takes.
 */
export async function verifyBranches(crypto: Crypto, branches: Branches): Promise<{ readonly log: LogState; readonly frozen: boolean }> {
  const states = await verifyLogStates(crypto, branches.log);
  const rival = rivalLog(branches);
  if (rival === undefined) return { log: states.at(-1) as LogState, frozen: false };
  await verifyLog(crypto, rival);
  if (!sameBranches(joinLogs({ log: branches.log, rival: [] }, { log: rival, rival: [] }), branches))
    throw new PerdureError("malformed", "identity bundle: its rival log is not the proof of a fork");
  return { log: states[commonLength(branches) - 1] as LogState, frozen: true };
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

/** The next time at which another key, home or name of the agent may be the one to use, because something in its bundle begins or ends. */
export function changesAtMs({ certificates, records }: VerifiedIdentity, nowMs: number): number {
  const times = [
    ...certificates.flatMap(({ notBeforeMs, validUntilMs }) => [notBeforeMs, validUntilMs + 1]),
    ...records.flatMap(({ validUntilMs, inboxKeys }) => [validUntilMs + 1, ...inboxKeys.map(({ notAfterMs }) => notAfterMs + 1)]),
  ];
  return Math.min(...times.filter((each) => each > nowMs));
}

/** A bundle that was verified, whatever of it is still in force. */
export type ShownIdentity = Pick<VerifiedIdentity, "idRaw" | "id" | "bundle">;

/** What the log that `offered` shows would be to somebody who holds `held` of the same agent. */
export function relateIdentities(offered: ShownIdentity, held: ShownIdentity): LogRelation {
  if (!equalBytes(held.idRaw, offered.idRaw)) throw new PerdureError("bad-signature", `${offered.id} is not ${held.id}`);
  return relateBranches(identityBundle.decode(offered.bundle), identityBundle.decode(held.bundle));
}

/**
 * Throws `record-rolled-back` when `offered` is older than what is pinned of the same agent: its log is behind or outranked, or it has a
 * record of an instance with a lower version or with another content under the same version. A fork is not refused: merge it, and the
 * agent is frozen.
 */
export function refuseRollback(pinned: VerifiedIdentity, offered: VerifiedIdentity): void {
  const relation = relateIdentities(offered, pinned);
  const back = (what: string): PerdureError =>
    new PerdureError("record-rolled-back", `${offered.id}: ${what}`, {
      hint: "Somebody showed an older state of this agent; ask again, or ask the agent's owner.",
    });
  if (relation === "behind") throw back(`log event ${offered.logSeq} is older than ${pinned.logSeq}`);
  if (relation === "outranked") throw back("its log was undone by a rotation that was seen before");
  for (const record of offered.records) {
    const held = pinned.records.find((each) => equalBytes(each.instanceKey, record.instanceKey));
    if (held === undefined || revokedFromMs(offered.log, record.instanceKey) !== undefined) continue;
    if (record.recordVersion < held.recordVersion) throw back(`record version ${record.recordVersion} is older than ${held.recordVersion}`);
    if (record.recordVersion === held.recordVersion && !equalBytes(agentRecord.encode(record), agentRecord.encode(held)))
      throw back(`two records have version ${held.recordVersion}`);
  }
}

/**
 * What is known of one agent from two verified bundles of it, as of `nowMs`: nothing in it is older than in either. Of the certificates
 * those stay that the log bears out which counts, and in its bundle of more than {@link BUNDLE_CERTIFICATES} those that hold longest. Throws
 * `bad-signature` when they are of two agents, and what {@link readIdentity} does: that somebody still speaks for the agent is not asked.
 */
export async function mergeIdentities(
  crypto: Crypto,
  one: ShownIdentity,
  other: VerifiedIdentity,
  nowMs: number,
): Promise<VerifiedIdentity> {
  if (equalBytes(one.bundle, other.bundle)) return other;
  if (!equalBytes(one.idRaw, other.idRaw)) throw new PerdureError("bad-signature", `${other.id} is not ${one.id}`);
  const [a, b] = [identityBundle.decode(one.bundle), identityBundle.decode(other.bundle)];
  const branches = joinLogs(a, b);
  const { log } = await verifyBranches(crypto, branches);
  const all = await longestCertificates(crypto, log, [...a.certificates, ...b.certificates]);
  const kept = all.slice(0, BUNDLE_CERTIFICATES);
  const certified = (encoded: Bytes): boolean => {
    const { instanceKey } = agentRecord.decode(signedRecord.decode(encoded).record);
    return kept.some((each) => equalBytes(each.said.instanceKey, instanceKey));
  };
  const bundle = encodeBundle({
    ...branches,
    certificates: kept.map((each) => each.encoded),
    records: [...a.records, ...b.records].filter(certified),
  });
  const merged = await readIdentity(crypto, bundle, nowMs, one.idRaw);
  // What came with a message is judged by all that came: whoever certifies more instances than a bundle holds pushes out nobody's mail.
  return { ...merged, certificates: all.map((each) => each.said) };
}

interface KeptCertificate {
  readonly encoded: Bytes;
  readonly said: VerifiedCertificate;
}

/** A thief of the control keys may certify as much as he likes: once a rotation ended his, they are the first to go. */
async function longestCertificates(crypto: Crypto, log: LogState, encoded: readonly Bytes[]): Promise<readonly KeptCertificate[]> {
  const kept = new Map<string, KeptCertificate>();
  for (const each of encoded) {
    const said = await verifyCertificate(crypto, log, each).catch((error: unknown) => {
      if (isPerdureError(error)) return undefined;
      throw error;
    });
    if (said !== undefined) kept.set(hex(each), { encoded: each, said });
  }
  return [...kept.values()].sort((a, b) => b.said.validUntilMs - a.said.validUntilMs || compareBytes(a.encoded, b.encoded));
}
