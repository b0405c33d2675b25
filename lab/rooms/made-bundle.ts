/**
 * Certificates, records and bundles whose makers are known, and what `protocol/identity.md` says of them at a time: which hold, who may act, where
 * mail goes.
 */
import type { Crypto, SigningKey } from "../../packages/perdure/src/host/crypto.ts";
import { type Bytes, compareBytes, concat, equalBytes, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import {
  type AgentRecord,
  agentRecord,
  type Certificate,
  certificate,
  type Home,
  type InboxKey,
  signedCertificate,
  signedRecord,
} from "../../packages/perdure/src/wire/identity.ts";
import { type Known, keysUntilMs, lineOf, logOf, type Made, type Owner, sayingOf } from "./made-log.ts";

/** Certificates a bundle shows. */
const SHOWN = 8;

export interface MadeCertificate {
  readonly said: Certificate;
  readonly encoded: Bytes;
  /** How often the agent had rotated with the keys that signed it, and which of those did. */
  readonly rotations: number;
  readonly keyIndex: number;
  /** With which code it is refused whatever the log says; empty for none. */
  readonly wrong: string;
}

export interface MadeRecord {
  readonly said: AgentRecord;
  readonly encoded: Bytes;
  readonly wrong: string;
}

/** A bundle as it was put together. */
export interface MadeBundle {
  readonly known: Known;
  readonly certificates: readonly MadeCertificate[];
  readonly records: readonly MadeRecord[];
}

/** A certificate and the last moment at which it holds by some log. */
export type Holding = MadeCertificate & { readonly untilMs: number };

const rotationsAt = (last: Made, seq: number): number =>
  lineOf(last).filter((each) => each.seq <= seq && each.said.kind === "rotate").length;

export async function certify(
  crypto: Crypto,
  owner: Owner,
  last: Made,
  said: Certificate,
  how: { readonly keyIndex: number; readonly wrong: string },
): Promise<MadeCertificate> {
  const rotations = rotationsAt(last, said.controlSeq);
  const encoded = certificate.encode(said);
  const keys = owner.keysAt(rotations);
  const keyIndex = how.keyIndex % keys.length;
  const signature = await crypto.signatures.sign(keys[keyIndex] as SigningKey, concat(utf8(domainOf(how.wrong)), encoded));
  return { said, encoded: signedCertificate.encode({ certificate: encoded, keyIndex, signature }), rotations, keyIndex, wrong: how.wrong };
}

/** What is signed for something else is signed wrongly. */
const domainOf = (wrong: string): string => (wrong === "bad-signature" ? "perdure/event/1" : "perdure/certificate/1");

export async function sayRecord(crypto: Crypto, key: SigningKey, said: AgentRecord, wrong: string): Promise<MadeRecord> {
  const record = agentRecord.encode(said);
  const domain = wrong === "bad-signature" ? "perdure/certificate/1" : "perdure/record/1";
  return {
    said,
    encoded: signedRecord.encode({ record, signature: await crypto.signatures.sign(key, concat(utf8(domain), record)) }),
    wrong,
  };
}

/** Why a log does not bear a certificate out; empty when it does. */
export function refusalOf({ said, rotations, keyIndex, wrong }: MadeCertificate, owner: Owner, last: Made): string {
  if (wrong !== "" && wrong !== "bad-signature") return wrong;
  if (said.controlSeq > last.seq) return "bad-signature";
  return rotationsAt(last, said.controlSeq) === rotations && keyIndex < owner.keysAt(rotations).length ? wrong : "bad-signature";
}

/** A certificate that the log bears out: until its own end, that of its keys, or the moment before its instance is revoked. */
export function holding(made: MadeCertificate, last: Made): Holding {
  const from = lineOf(last).findLast(
    ({ seq, said }) => seq <= made.said.controlSeq && (said.kind === "rotate" || said.kind === "inception"),
  ) as Made;
  const revoked = revokedMs(last, made.said.instanceKey);
  const ends = [made.said.notAfterMs, keysUntilMs(last, from.seq), revoked === undefined ? undefined : revoked - 1];
  return { ...made, untilMs: Math.min(...ends.filter((each) => each !== undefined)) };
}

export function revokedMs(last: Made, instance: Bytes): number | undefined {
  const revoked = sayingOf(undefined, last)["revoked"] as readonly { readonly instanceKey: Bytes; readonly voidFromMs: number }[];
  const times = revoked.filter(({ instanceKey }) => equalBytes(instanceKey, instance)).map(({ voidFromMs }) => voidFromMs);
  return times.length === 0 ? undefined : Math.min(...times);
}

export const isRetired = (last: Made): boolean => last.said.kind === "retire";
export const holdsAt = ({ said, untilMs }: Holding, atMs: number): boolean => said.notBeforeMs <= atMs && atMs <= untilMs;

/** Why what an instance signed does not count at a time: empty when it does. */
export function refusalAt(each: Holding, atMs: number): string {
  if (holdsAt(each, atMs)) return "";
  return each.said.notBeforeMs <= atMs && atMs <= each.said.notAfterMs ? "instance-revoked" : "certificate-expired";
}

/** What a bundle shows of what it is put together from: the certificates that end last, one record of each instance. */
export function shownOf({
  certificates,
  records,
}: Pick<MadeBundle, "certificates" | "records">): Pick<MadeBundle, "certificates" | "records"> {
  const unique = [...new Map(certificates.map((each) => [hex(each.encoded), each])).values()];
  const last = unique.sort((a, b) => b.said.notAfterMs - a.said.notAfterMs || compareBytes(a.encoded, b.encoded));
  return { certificates: last.slice(0, SHOWN), records: newestRecords(records) };
}

function newestRecords(records: readonly MadeRecord[]): readonly MadeRecord[] {
  const newest = new Map<string, MadeRecord>();
  for (const each of records) {
    const instance = hex(each.said.instanceKey);
    const held = newest.get(instance);
    const order = held === undefined ? 1 : each.said.recordVersion - held.said.recordVersion || compareBytes(each.encoded, held.encoded);
    if (order > 0) newest.set(instance, each);
  }
  return [...newest.values()].sort((a, b) => compareBytes(a.said.instanceKey, b.said.instanceKey));
}

/** Why a bundle is refused, whatever the time; empty when it is not. */
export function refusalOfBundle(owner: Owner, { known, certificates, records }: MadeBundle): string {
  for (const each of certificates) {
    const refused = refusalOf(each, owner, known.common);
    if (refused !== "") return refused;
  }
  for (const { wrong } of records) if (wrong !== "") return wrong;
  const isCertified = ({ said }: MadeRecord): boolean => certificates.some((each) => equalBytes(each.said.instanceKey, said.instanceKey));
  return records.every(isCertified) ? "" : "bad-signature";
}

/** What a bundle that is not refused says at a time. */
export interface Reading {
  readonly frozen: boolean;
  readonly retired: boolean;
  readonly holdings: readonly Holding[];
  readonly speaks: boolean;
  readonly name: string | undefined;
  readonly inboxKey: InboxKey | undefined;
  readonly homes: readonly Home[];
}

export function readingOf({ known, certificates, records }: MadeBundle, nowMs: number): Reading {
  const last = known.common;
  const frozen = known.fork !== undefined;
  const retired = isRetired(last);
  const holdings = certificates.map((each) => holding(each, last));
  // Of keys that were replaced, and of an instance that is revoked, nothing new is taken; a retired agent has nothing new.
  const speaking = holdings.filter(
    (each) => retired || (each.rotations === rotationsAt(last, last.seq) && revokedMs(last, each.said.instanceKey) === undefined),
  );
  const usable = records
    .filter(
      ({ said }) =>
        said.validUntilMs >= nowMs && speaking.some((each) => holdsAt(each, nowMs) && equalBytes(each.said.instanceKey, said.instanceKey)),
    )
    .map(({ said }) => said)
    .sort((a, b) => b.recordVersion - a.recordVersion);
  const keys = usable.flatMap(({ inboxKeys }) => inboxKeys).filter(({ suite, notAfterMs }) => suite === 1 && notAfterMs >= nowMs);
  return {
    frozen,
    retired,
    holdings,
    speaks: frozen || retired || holdings.some((each) => holdsAt(each, nowMs)),
    name: usable[0]?.name,
    inboxKey: keys.sort((a, b) => b.generation - a.generation || compareBytes(a.keyId, b.keyId))[0],
    homes: homesOf(usable, last),
  };
}

function homesOf(usable: readonly AgentRecord[], last: Made): readonly Home[] {
  const only = sayingOf(undefined, last)["homes"] as readonly Home[] | undefined;
  const named = usable
    .flatMap(({ homes }) => homes)
    .filter(({ relayId }) => only === undefined || only.some((each) => equalBytes(each.relayId, relayId)));
  const preferred = new Map<string, Home>();
  for (const each of named) {
    const key = `${hex(each.relayId)} ${each.url}`;
    if (each.preference < (preferred.get(key)?.preference ?? Number.POSITIVE_INFINITY)) preferred.set(key, each);
  }
  return [...preferred.values()].sort((a, b) => a.preference - b.preference || compareBytes(a.relayId, b.relayId));
}

/** Both joined: what either shows and the log that counts bears out; of more certificates than a bundle shows those that hold longest. */
export function merged(owner: Owner, a: MadeBundle, b: MadeBundle, known: Known): MadeBundle & { readonly all: readonly Holding[] } {
  const unique = [...new Map([...a.certificates, ...b.certificates].map((each) => [hex(each.encoded), each])).values()];
  const all = unique
    .filter((each) => refusalOf(each, owner, known.common) === "")
    .map((each) => holding(each, known.common))
    .sort((x, y) => y.untilMs - x.untilMs || compareBytes(x.encoded, y.encoded));
  const kept = all.slice(0, SHOWN);
  const isCertified = ({ said }: MadeRecord): boolean => kept.some((each) => equalBytes(each.said.instanceKey, said.instanceKey));
  return { known, ...shownOf({ certificates: kept, records: [...a.records, ...b.records].filter(isCertified) }), all };
}

/** Whether somebody who pinned one bundle must refuse the other as older, where both logs do not decide it. */
export function hasOlderRecord(pinned: MadeBundle, offered: MadeBundle): boolean {
  return offered.records.some(({ said }) => {
    const held = pinned.records.find((each) => equalBytes(each.said.instanceKey, said.instanceKey))?.said;
    if (held === undefined || revokedMs(offered.known.common, said.instanceKey) !== undefined) return false;
    const isOther = !equalBytes(agentRecord.encode(said), agentRecord.encode(held));
    return said.recordVersion < held.recordVersion || (said.recordVersion === held.recordVersion && isOther);
  });
}

/** The log and the rival of what is known, as a bundle carries them. */
export function branchesOf({ common, fork }: Known): { readonly log: readonly Bytes[]; readonly rival: readonly Bytes[] } {
  return fork === undefined ? { log: logOf(common), rival: [] } : { log: logOf(fork[0]), rival: logOf(fork[1]).slice(common.seq + 1) };
}
