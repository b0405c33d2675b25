/** Everything that follows from one kept identity: verified, with keys as handles. */
import type { Crypto, DecapsulationKey, SigningKey } from "../host/crypto.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import type { AgentRecord, InboxKey } from "../wire/identity.ts";
import type { KeptIdentity } from "../wire/kept-identity.ts";
import { type LogState, verifyLog } from "./agent-log.ts";
import { verifyRecord } from "./agent-record.ts";
import { encodeBundle } from "./bundle.ts";
import { type VerifiedCertificate, verifyCertificate } from "./certificate.ts";
import { damagedKept } from "./kept-file.ts";
import { type Stage, type Standing, stageOf } from "./life.ts";
import { commonLength, joinLogs, relateLogs } from "./log-ranking.ts";

export interface OwnState {
  readonly kept: KeptIdentity;
  readonly log: LogState;
  /** What the log says that this folder has no keys for; `undefined` when there is none. */
  readonly rival: LogState | undefined;
  readonly standing: Standing;
  readonly controlKey: SigningKey;
  readonly instanceKey: SigningKey;
  readonly certificate: VerifiedCertificate;
  /** Of this instance and those before it; the last is in use. */
  readonly certificates: readonly VerifiedCertificate[];
  /** SHA-256 of each of them, in the same order. */
  readonly certificateHashes: readonly Bytes[];
  readonly record: AgentRecord;
  readonly inboxKey: InboxKey;
  readonly inboxSecrets: ReadonlyMap<string, DecapsulationKey>;
  readonly bundle: Bytes;
}

/** Throws `key-damaged` when the parts do not belong together, and what a log or certificate that was changed throws. */
export async function loadState(crypto: Crypto, kept: KeptIdentity, path: string): Promise<OwnState> {
  const log = await verifyLog(crypto, kept.log);
  const rival = kept.rival.length === 0 ? undefined : await verifyLog(crypto, kept.rival);
  const controlKey = await crypto.signatures.load(kept.controlSeed);
  const instanceKey = await crypto.signatures.load(kept.instanceSeed);
  const record = await verifyRecord(crypto, log.idRaw, kept.record);
  const inboxKey = record.inboxKeys[0];
  const certificates: VerifiedCertificate[] = [];
  for (const each of kept.certificates) certificates.push(await verifyCertificate(crypto, log, each));
  const certificate = certificates.at(-1);
  const secrets = new Map<string, DecapsulationKey>();
  for (const each of kept.inboxSecrets) secrets.set(hex(each.keyId), await crypto.encapsulation.load(each.secret));
  const ownKey =
    log.controlKeys.some((key) => equalBytes(key, controlKey.publicKey)) && equalBytes(record.instanceKey, instanceKey.publicKey);
  const fits = ownKey && certificate !== undefined && equalBytes(certificate.instanceKey, instanceKey.publicKey);
  if (!fits || inboxKey === undefined || !secrets.has(hex(inboxKey.keyId))) throw damagedKept(path, "its keys do not belong together");
  const standing = standingOf(kept, log);
  return {
    kept,
    log,
    rival,
    standing,
    controlKey,
    instanceKey,
    certificate,
    certificates,
    certificateHashes: certificates.map((each) => each.hash),
    record,
    inboxKey,
    inboxSecrets: secrets,
    bundle: await shown(crypto, kept, standing),
  };
}

/**
 * A frozen agent shows the proof of it, unless its own instance is of one branch only: then it shows that branch, since nobody could
 * verify it otherwise, and whoever saw the other one has the proof.
 */
async function shown(crypto: Crypto, { log, rival, certificates, record }: KeptIdentity, standing: Standing): Promise<Bytes> {
  if (standing === "frozen") {
    const joined = joinLogs({ log, rival: [] }, { log: rival, rival: [] });
    const common = await verifyLog(crypto, joined.log.slice(0, commonLength(joined)));
    const borne = await borneOut(crypto, common, certificates);
    if (borne.at(-1) === certificates.at(-1)) return encodeBundle({ ...joined, certificates: borne, records: [record] });
  }
  return encodeBundle({ log, rival: [], certificates, records: [record] });
}

/** Where the agent stands in its life, as far as its folder knows. */
export function lifeStageOf({ record, standing }: Pick<OwnState, "record" | "standing">): Stage {
  return stageOf({ isHoused: record.homes.length > 0, standing });
}

function standingOf({ log, rival }: KeptIdentity, state: LogState): Standing {
  const relation = rival.length === 0 ? "same" : relateLogs(log, rival);
  if (relation === "forked") return "frozen";
  if (relation === "behind" || relation === "outranked") return "superseded";
  return state.retired === undefined ? "in-force" : "retired";
}

/** Those certificates that the log bears out: of a log that was outranked, some may not be. */
export async function borneOut(crypto: Crypto, log: LogState, certificates: readonly Bytes[]): Promise<readonly Bytes[]> {
  const judged = await Promise.all(
    certificates.map((each) =>
      verifyCertificate(crypto, log, each).then(
        () => true,
        () => false,
      ),
    ),
  );
  return certificates.filter((_, index) => judged[index]);
}
