/** The identity a process acts under: keys as handles, the bundle to show, and the few ways it changes. */

import type { Crypto, DecapsulationKey, SigningKey } from "../host/crypto.ts";
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { SUITE_X25519_AES256GCM } from "../wire/envelope.ts";
import { PerdureError } from "../wire/error.ts";
import type { AgentRecord, Home, InboxKey } from "../wire/identity.ts";
import { type AgentId, agentIdText, isAgentName, KEY_ID_BYTES } from "../wire/ids.ts";
import type { Custody, KeptIdentity } from "../wire/kept-identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { FOLDER_OF_OLDER, otherVersion } from "../wire/version.ts";
import { type LogState, signInception, verifyLog } from "./agent-log.ts";
import { signRecord, verifyRecord } from "./agent-record.ts";
import { BUNDLE_CERTIFICATES, encodeBundle } from "./bundle.ts";
import { BACKDATE_MS, certificateHash, type Scope, signCertificate, type VerifiedCertificate, validAt, verifyCertificate } from "./certificate.ts";
import { identityPath, keepFirst, readKept, writeKept } from "./custody.ts";

export interface OwnIdentity {
  readonly id: AgentId;
  /** 32 bytes. */
  readonly idRaw: Bytes;
  readonly custody: Custody;
  readonly name: string | undefined;
  readonly instanceKey: SigningKey;
  /** SHA-256 of the certificate in use; changes when it is renewed. */
  readonly certificateHash: Bytes;
  readonly logHead: Bytes;
  readonly inboxKey: InboxKey;
  /** The secret behind one of this agent's inbox keys, or `undefined` when it has no such key. */
  inboxSecret(keyId: Bytes): DecapsulationKey | undefined;
  /** The identity bundle as of the last change. */
  bundle(): Bytes;
  homes(): readonly Home[];
  /** Makes `home` the agent's only home in a new record version; durable when it resolves. */
  setHome(home: Home, nowMs: number): Promise<void>;
  /** Renews certificate and record when a third of the life of either has passed; true when something was renewed and is durable. */
  renewIfDue(nowMs: number): Promise<boolean>;
}

export interface CreateIdentity {
  readonly host: Host;
  readonly folder: string;
  readonly role: Scope;
  readonly custody: Custody;
  /** Where the recovery file goes; needed with custody `split`, refused otherwise. */
  readonly recoveryPath?: string;
  /** Relay-scoped name without `@`. */
  readonly name?: string;
  readonly settings: Settings;
}

/**
 * Makes a new identity in `folder`, whose lock the caller holds. Throws `agent-exists`, `bad-argument`, and what the
 * disk says (`disk-full`, `disk-failed`, `read-only`, `permission-denied`); then no identity was made and it may be tried again.
 */
export async function createIdentity({ host, folder, role, custody, recoveryPath, name, settings }: CreateIdentity): Promise<OwnIdentity> {
  if (name !== undefined && !isAgentName(name)) {
    throw new PerdureError("bad-argument", `"${name}" cannot be a name`, {
      hint: "Use 1 to 32 lower-case letters, digits and inner hyphens.",
    });
  }
  if ((custody === "split") !== (recoveryPath !== undefined)) {
    throw new PerdureError(
      "bad-argument",
      custody === "split" ? "custody split needs a path for the recovery file" : "a recovery file is written only with custody split",
    );
  }
  const { files, crypto, random, clock } = host;
  if ((await readKept(files, crypto.hash, folder)) !== undefined) {
    throw new PerdureError("agent-exists", `there is an identity in ${folder} already`, { hint: "Use it, or choose another folder." });
  }
  const nowMs = clock.wallMs();
  const { key: controlKey, kept: controlSeed } = await crypto.signatures.create(random);
  const { key: instanceKey, kept: instanceSeed } = await crypto.signatures.create(random);
  const next = { seed: random.bytes(32), recoverySalt: random.bytes(32) };
  const event = await signInception({
    crypto,
    controlKey,
    nextPublicKey: (await crypto.signatures.load(next.seed)).publicKey,
    recoverySalt: next.recoverySalt,
    nowMs,
  });
  const log = await verifyLog(crypto, [event]);
  const inbox = await newInboxKey(host);
  const certificate = await signCertificate({
    crypto,
    controlKey,
    log,
    instanceKey: instanceKey.publicKey,
    scope: role,
    nowMs,
    lifeMs: settings.certificateMs,
  });
  const record = await signRecord(crypto, instanceKey, {
    version: WIRE_VERSION,
    agentId: log.idRaw,
    instanceKey: instanceKey.publicKey,
    recordVersion: 1,
    name,
    inboxKeys: [
      {
        keyId: inbox.keyId,
        suite: SUITE_X25519_AES256GCM,
        publicKey: inbox.publicKey,
        generation: 1,
        notAfterMs: nowMs + settings.recordValidMs,
      },
    ],
    homes: [],
    capabilities: [],
    freshUntilMs: nowMs + settings.recordFreshMs,
    validUntilMs: nowMs + settings.recordValidMs,
    extensions: [],
  });
  const kept: KeptIdentity = {
    version: WIRE_VERSION,
    custody,
    log: [event],
    rival: [],
    certificates: [certificate],
    record,
    controlSeed,
    instanceSeed,
    inboxSecrets: [{ keyId: inbox.keyId, secret: inbox.secret, generation: 1, madeAtMs: nowMs, destroyAtMs: 0 }],
    next: custody === "together" ? next : undefined,
    begun: [],
    extensions: [],
  };
  const recovery =
    recoveryPath === undefined ? undefined : { path: recoveryPath, content: { agentId: agentIdText(log.idRaw), ...next }, name };
  await keepFirst({ files, crypto, folder, kept, recovery });
  return await openIdentity({ host, folder, settings });
}

/**
 * Opens the identity of `folder`, renewing what is due. Throws `no-agent-here`, `key-damaged`, `needs-older-version`, `needs-newer-version`; what
 * the disk says only when the certificate has run out and a new one cannot be kept.
 */
export async function openIdentity({
  host,
  folder,
  settings,
}: {
  readonly host: Host;
  readonly folder: string;
  readonly settings: Settings;
}): Promise<OwnIdentity> {
  const kept = await readKept(host.files, host.crypto.hash, folder);
  if (kept === undefined)
    throw new PerdureError("no-agent-here", `there is no identity in ${folder}`, { hint: "Create one with `perdure init`." });
  if (kept.version !== WIRE_VERSION) throw otherVersion({ what: `the identity in ${folder}`, found: kept.version, older: FOLDER_OF_OLDER });
  const first = await loadState(host.crypto, kept, folder);
  const own = createOwnIdentity(host, folder, settings, first);
  const nowMs = host.clock.wallMs();
  try {
    await own.renewIfDue(nowMs);
  } catch (error) {
    if (!validAt(first.certificate, nowMs)) throw error;
    host.log.write("warn", "identity.renewal-failed", { folder, why: String(error) });
  }
  return own;
}

/** Everything derived from one kept identity; replaced as a whole once the new one is durable. */
interface State {
  readonly kept: KeptIdentity;
  readonly log: LogState;
  readonly controlKey: SigningKey;
  readonly instanceKey: SigningKey;
  readonly certificate: VerifiedCertificate;
  readonly certificateHash: Bytes;
  readonly record: AgentRecord;
  readonly inboxKey: InboxKey;
  readonly inboxSecrets: ReadonlyMap<string, DecapsulationKey>;
  readonly bundle: Bytes;
}

function createOwnIdentity(host: Host, folder: string, settings: Settings, first: State): OwnIdentity {
  const { crypto, files } = host;
  let state = first;
  let last: Promise<unknown> = Promise.resolve();

  /** Changes happen one after the other, and are seen only once they are durable. */
  const change = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  const keep = async (kept: KeptIdentity): Promise<void> => {
    const next = await loadState(crypto, kept, folder);
    await writeKept(files, crypto.hash, folder, kept);
    state = next;
  };
  const nextRecord = async (changes: Partial<AgentRecord>, nowMs: number): Promise<Bytes> =>
    await signRecord(crypto, state.instanceKey, {
      ...state.record,
      inboxKeys: state.record.inboxKeys.map((key) => ({ ...key, notAfterMs: nowMs + settings.recordValidMs })),
      freshUntilMs: nowMs + settings.recordFreshMs,
      validUntilMs: nowMs + settings.recordValidMs,
      ...changes,
      recordVersion: state.record.recordVersion + 1,
    });
  const renewedCertificate = async (nowMs: number): Promise<Bytes> =>
    await signCertificate({
      crypto,
      controlKey: state.controlKey,
      log: state.log,
      instanceKey: state.instanceKey.publicKey,
      scope: state.certificate.scopes[0] ?? "mail",
      nowMs,
      lifeMs: settings.certificateMs,
    });

  return {
    id: agentIdText(first.log.idRaw),
    idRaw: first.log.idRaw,
    custody: first.kept.custody,
    get name() {
      return state.record.name;
    },
    instanceKey: first.instanceKey,
    get certificateHash() {
      return state.certificateHash;
    },
    logHead: first.log.head,
    get inboxKey() {
      return state.inboxKey;
    },
    inboxSecret: (keyId) => state.inboxSecrets.get(hex(keyId)),
    bundle: () => state.bundle,
    homes: () => state.record.homes,
    setHome: (home, nowMs) => change(async () => await keep({ ...state.kept, record: await nextRecord({ homes: [home] }, nowMs) })),
    renewIfDue: (nowMs) =>
      change(async () => {
        const { notBeforeMs, notAfterMs } = state.certificate;
        const certificateDue = thirdPassed(notBeforeMs, notAfterMs, nowMs);
        const recordDue = thirdPassed(state.record.validUntilMs - settings.recordValidMs - BACKDATE_MS, state.record.validUntilMs, nowMs);
        if (!certificateDue && !recordDue) return false;
        const certificates = certificateDue
          ? [...state.kept.certificates, await renewedCertificate(nowMs)].slice(-BUNDLE_CERTIFICATES)
          : state.kept.certificates;
        await keep({ ...state.kept, certificates, record: await nextRecord({}, nowMs) });
        return true;
      }),
  };
}

/** Also true before the beginning: something made under a clock that was ahead is worth nothing to others yet. */
function thirdPassed(beginMs: number, endMs: number, nowMs: number): boolean {
  return nowMs < beginMs || nowMs >= beginMs + (endMs - beginMs) / 3;
}

async function loadState(crypto: Crypto, kept: KeptIdentity, folder: string): Promise<State> {
  const log = await verifyLog(crypto, kept.log);
  const controlKey = await crypto.signatures.load(kept.controlSeed);
  const instanceKey = await crypto.signatures.load(kept.instanceSeed);
  const newest = kept.certificates.at(-1);
  const record = await verifyRecord(crypto, log.idRaw, kept.record);
  const inboxKey = record.inboxKeys[0];
  const certificate = newest === undefined ? undefined : await verifyCertificate(crypto, log, newest);
  const secrets = new Map<string, DecapsulationKey>();
  for (const each of kept.inboxSecrets) secrets.set(hex(each.keyId), await crypto.encapsulation.load(each.secret));
  const ownKey =
    log.controlKeys.some((key) => equalBytes(key, controlKey.publicKey)) && equalBytes(record.instanceKey, instanceKey.publicKey);
  const fits = ownKey && certificate !== undefined && equalBytes(certificate.instanceKey, instanceKey.publicKey);
  if (!fits || inboxKey === undefined || !secrets.has(hex(inboxKey.keyId))) {
    throw new PerdureError("key-damaged", `the keys in ${identityPath(folder)} do not belong together`, {
      hint: "Put the file back from a backup; nothing was changed.",
    });
  }
  return {
    kept,
    log,
    controlKey,
    instanceKey,
    certificate,
    certificateHash: certificateHash(crypto.hash, certificate),
    record,
    inboxKey,
    inboxSecrets: secrets,
    bundle: encodeBundle({ log: kept.log, certificates: kept.certificates, records: [kept.record] }),
  };
}

async function newInboxKey({
  crypto,
  random,
}: Pick<Host, "crypto" | "random">): Promise<{ readonly secret: Bytes; readonly publicKey: Bytes; readonly keyId: Bytes }> {
  const {
    kept: secret,
    key: { publicKey },
  } = await crypto.encapsulation.create(random);
  return { secret, publicKey, keyId: crypto.hash.sha256(publicKey).slice(0, KEY_ID_BYTES) };
}
