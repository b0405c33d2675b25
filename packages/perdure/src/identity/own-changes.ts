/**
 * What becomes of a kept identity by each change: from the state as it is to the one that shall be kept, without writing anything.
 * Whoever changes control or instance keys gets a new instance, so that a thief's copy of the old one is worth nothing.
 */
import type { Crypto, SigningKey } from "../host/crypto.ts";
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type AgentRecord, type Home, identityBundle } from "../wire/identity.ts";
import type { KeptIdentity } from "../wire/kept-identity.ts";
import { adoptedFromSeq, noteAdopted, withoutNote } from "./adopted-events.ts";
import { type LogState, signControlEvent, signRetirement, signRotation, verifyLog } from "./agent-log.ts";
import { signRecord } from "./agent-record.ts";
import { BUNDLE_CERTIFICATES } from "./bundle.ts";
import { certificateHash, signCertificate, verifyCertificate } from "./certificate.ts";
import { type KeptInbox, nextGeneration } from "./inbox-keys.ts";
import { relateLogs, rivalLog } from "./log-ranking.ts";
import { type ControlEvent, hasRoom } from "./log-signing.ts";
import { noteMoved } from "./moved-home.ts";
import type { Revealed } from "./next-key.ts";
import { borneOut, type OwnState } from "./own-state.ts";
import { withSuites } from "./suites.ts";

export interface Changing {
  readonly host: Pick<Host, "crypto" | "random">;
  readonly settings: Settings;
  readonly state: OwnState;
  readonly nowMs: number;
}

/** A record with the next version; what is not named stays. */
export async function nextRecord(
  { host, settings, state, nowMs }: Changing,
  changes: Partial<AgentRecord>,
  instanceKey: SigningKey = state.instanceKey,
): Promise<Bytes> {
  return await signRecord(host.crypto, instanceKey, {
    ...state.record,
    inboxKeys: state.record.inboxKeys.map((key) => ({ ...key, notAfterMs: nowMs + settings.recordValidMs })),
    freshUntilMs: nowMs + settings.recordFreshMs,
    validUntilMs: nowMs + settings.recordValidMs,
    extensions: withSuites(state.record.extensions),
    ...changes,
    instanceKey: instanceKey.publicKey,
    recordVersion: state.record.recordVersion + 1,
  });
}

/** A certificate of `instanceKey` behind those there are. */
export async function withCertificate(
  { host, settings, state, nowMs }: Changing,
  log: LogState,
  controlKey: SigningKey,
  instanceKey: Bytes,
): Promise<readonly Bytes[]> {
  const certificate = await signCertificate({
    crypto: host.crypto,
    controlKey,
    log,
    instanceKey,
    scope: state.certificate.scopes[0] ?? "mail",
    nowMs,
    lifeMs: settings.certificateMs,
  });
  return [...(await borneOut(host.crypto, log, state.kept.certificates)), certificate].slice(-BUNDLE_CERTIFICATES);
}

/** Another home, in the record, and in the log where that says which there may be; under a certificate that nothing was sealed under. */
export async function withHomeMoved(changing: Changing, home: Home): Promise<KeptIdentity> {
  const { host, state, nowMs } = changing;
  const isAllowed = state.log.homes?.some(({ relayId }) => equalBytes(relayId, home.relayId)) ?? true;
  const body = { homes: [home], extensions: [] };
  const kept = isAllowed ? state.kept : await withControlEvent(changing, (keys) => ({ kind: "home-set", body, keys, nowMs }));
  const certificates = await withCertificate(changing, state.log, state.controlKey, state.instanceKey.publicKey);
  const first = await verifyCertificate(host.crypto, state.log, certificates.at(-1) as Bytes);
  const record = await nextRecord(changing, { homes: [home] });
  return noteMoved({ ...kept, certificates, record }, certificateHash(host.crypto.hash, first));
}

/** Another inbox key, told in a new record. */
export async function withGeneration(changing: Changing): Promise<KeptIdentity> {
  const { host, settings, state, nowMs } = changing;
  const { inboxKey, ...inbox } = await nextGeneration(host, state.kept, settings, nowMs);
  return { ...state.kept, ...inbox, record: await nextRecord(changing, { inboxKeys: [inboxKey] }) };
}

/** A new instance under the log as it then is: key, certificate, inbox generation, record. */
async function newInstance(
  changing: Changing,
  log: LogState,
  controlKey: SigningKey,
): Promise<Pick<KeptIdentity, "instanceSeed" | "certificates" | "record"> & KeptInbox> {
  const { host, settings, state, nowMs } = changing;
  const { key: instanceKey, kept: instanceSeed } = await host.crypto.signatures.create(host.random);
  const { inboxKey, ...inbox } = await nextGeneration(host, state.kept, settings, nowMs);
  return {
    ...inbox,
    instanceSeed,
    certificates: await withCertificate(changing, log, controlKey, instanceKey.publicKey),
    record: await nextRecord(changing, { inboxKeys: [inboxKey] }, instanceKey),
  };
}

/** The log with one more event of the control key. */
export async function withControlEvent(
  { host, state }: Changing,
  said: (keys: readonly SigningKey[]) => ControlEvent,
): Promise<KeptIdentity> {
  const event = await signControlEvent(host.crypto, state.log, said([state.controlKey]));
  return { ...state.kept, log: [...state.kept.log, event] };
}

/** A new instance in the place of this one and of every other that is known to act: the log revokes them all. */
export async function withInstanceReplaced(changing: Changing, voidFromMs: number): Promise<KeptIdentity> {
  const { host, state, nowMs } = changing;
  const keys = [state.controlKey];
  let { log } = state;
  const encoded = [...state.kept.log];
  for (const instanceKey of [state.instanceKey.publicKey, ...othersThatAct(state, nowMs)]) {
    const body = { instanceKey, voidFromMs, reason: "replaced", extensions: [] };
    encoded.push(await signControlEvent(host.crypto, log, { kind: "instance-revoke", body, keys, nowMs }));
    log = await verifyLog(host.crypto, encoded);
  }
  return { ...state.kept, log: encoded, ...(await newInstance(changing, log, state.controlKey)) };
}

/** Instances that the keys in force certified: those of earlier keys end by the rotation that replaced them. */
function othersThatAct({ certificates, instanceKey: own, log }: OwnState, nowMs: number): readonly Bytes[] {
  const sinceSeq = log.epochs.at(-1)?.fromSeq ?? 0;
  const isRevoked = (key: Bytes): boolean => log.revoked.some(({ instanceKey }) => equalBytes(instanceKey, key));
  const acting = certificates.filter(({ controlSeq, validUntilMs }) => controlSeq >= sinceSeq && validUntilMs > nowMs);
  const others = acting.map(({ instanceKey }) => instanceKey).filter((key) => !equalBytes(key, own.publicKey) && !isRevoked(key));
  return others.filter((key, index) => others.findIndex((each) => equalBytes(each, key)) === index);
}

/**
 * The log that a rotation or retirement follows: what outranks this folder's own, where there is such a one, or contradicts one that
 * has ended. When others filled it so that
 * neither has room, it follows the last event this folder wrote itself, and outranks theirs.
 */
export async function baseOf(
  crypto: Crypto,
  { kept, log, rival, standing }: OwnState,
  kind: "rotate" | "retire",
): Promise<{ readonly encoded: readonly Bytes[]; readonly log: LogState }> {
  const isEnded = standing === "superseded" || (standing === "frozen" && log.retired !== undefined);
  if (isEnded && rival !== undefined) return { encoded: kept.rival, log: rival };
  const from = adoptedFromSeq(kept);
  if (from === undefined || hasRoom(log, kind)) return { encoded: kept.log, log };
  const encoded = kept.log.slice(0, from);
  return { encoded, log: await verifyLog(crypto, encoded) };
}

export interface RotationWish {
  readonly revealed: Revealed;
  readonly oldKeysUntilMs: number;
  /** The first event of the control keys that shall not count; absent: all count. */
  readonly voidFromSeq: number | undefined;
}

/** New control key, new instance, and a log that says so. Custody stays as it is. */
export async function withRotation(changing: Changing, wish: RotationWish): Promise<KeptIdentity> {
  const { host, state, nowMs } = changing;
  const base = await baseOf(host.crypto, state, "rotate");
  const asked = wish.voidFromSeq ?? base.log.seq + 1;
  // What lies beyond the base is undone with or without this.
  const voidFromSeq = asked <= state.log.seq + 1 ? Math.min(asked, base.log.seq + 1) : asked;
  const event = await signRotation(host.crypto, base.log, {
    revealed: [wish.revealed.key],
    following: [wish.revealed.following],
    recoverySalt: wish.revealed.secret.recoverySalt,
    body: { voidFromSeq, oldKeysUntilMs: wish.oldKeysUntilMs, extensions: [] },
    nowMs,
  });
  const encoded = [...base.encoded, event];
  const log = await verifyLog(host.crypto, encoded);
  return {
    ...state.kept,
    log: encoded,
    rival: stillRival(encoded, state.kept.rival),
    controlSeed: wish.revealed.seed,
    extensions: withoutNote(state.kept),
    ...(await newInstance(changing, log, wish.revealed.key)),
  };
}

/** The last event of the log. Instances stay as they are until `oldKeysUntilMs`, so that what waits can still be read. */
export async function withRetirement(
  { host, state, nowMs }: Changing,
  wish: { readonly revealed: Revealed; readonly successor: Bytes; readonly reason: string; readonly oldKeysUntilMs: number },
): Promise<KeptIdentity> {
  const { revealed, ...body } = wish;
  const base = await baseOf(host.crypto, state, "retire");
  const event = await signRetirement(host.crypto, base.log, {
    revealed: [revealed.key],
    following: [revealed.following],
    body: { ...body, extensions: [] },
    nowMs,
  });
  const encoded = [...base.encoded, event];
  const certificates = await borneOut(host.crypto, await verifyLog(host.crypto, encoded), state.kept.certificates);
  const rival = stillRival(encoded, state.kept.rival);
  return { ...state.kept, log: encoded, rival, certificates, controlSeed: revealed.seed };
}

export type Adoption = "nothing" | "continued" | "superseded" | "forked";

/**
 * What becomes of an identity that sees what others hold of it: a log that continues its own under the same keys is taken, one
 * that outranks it or contradicts it is kept beside it.
 */
export async function withSeen(
  { crypto }: Pick<Host, "crypto">,
  { kept, log }: OwnState,
  bundle: Bytes,
): Promise<{ readonly adoption: Adoption; readonly kept: KeptIdentity }> {
  const parts = identityBundle.decode(bundle);
  let seen: { readonly adoption: Adoption; readonly kept: KeptIdentity } = { adoption: "nothing", kept };
  for (const other of [parts.log, rivalLog(parts)]) {
    if (other === undefined) continue;
    const state = await verifyLog(crypto, other);
    if (!equalBytes(state.idRaw, log.idRaw))
      throw new PerdureError("bad-signature", "the bundle that was offered as this agent's own is of another");
    seen = taken(seen, log, other, state);
  }
  if (seen.adoption !== "continued") return seen;
  const certificates = await withOthers(crypto, await verifyLog(crypto, seen.kept.log), kept.certificates, parts.certificates);
  return { ...seen, kept: { ...seen.kept, certificates } };
}

/** Certificates of other instances as well, so that their owner sees them and can revoke them; this folder's own stay last. */
async function withOthers(crypto: Crypto, log: LogState, own: readonly Bytes[], seen: readonly Bytes[]): Promise<readonly Bytes[]> {
  const news = (await borneOut(crypto, log, seen)).filter((each) => !own.some((one) => equalBytes(one, each)));
  return [...news, ...own].slice(-BUNDLE_CERTIFICATES);
}

function taken(
  seen: { readonly adoption: Adoption; readonly kept: KeptIdentity },
  own: LogState,
  other: readonly Bytes[],
  state: LogState,
): { readonly adoption: Adoption; readonly kept: KeptIdentity } {
  const { kept } = seen;
  const relation = relateLogs(kept.log, other);
  if (relation === "same" || relation === "continues" || relation === "outranks") return seen;
  const sameKeys = own.controlKeys.every((key, index) => equalBytes(key, state.controlKeys[index] ?? EMPTY));
  if (relation === "behind" && sameKeys && state.retired === undefined)
    return { adoption: "continued", kept: noteAdopted({ ...kept, log: other, rival: stillRival(other, kept.rival) }, own.seq + 1) };
  const held = kept.rival.length === 0 ? undefined : relateLogs(kept.rival, other);
  // Of several logs that are not ours, the one that counts most is kept; of equals the one that was seen first.
  const isNews = held === undefined || held === "behind" || held === "outranked";
  if (!isNews) return seen;
  return { adoption: relation === "forked" ? "forked" : "superseded", kept: { ...kept, rival: other } };
}

/** A rival that `log` now continues or outranks is none any more. */
function stillRival(log: readonly Bytes[], rival: readonly Bytes[]): readonly Bytes[] {
  if (rival.length === 0) return rival;
  const relation = relateLogs(log, rival);
  return relation === "same" || relation === "continues" || relation === "outranks" ? [] : rival;
}
