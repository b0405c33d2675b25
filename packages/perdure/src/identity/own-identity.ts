/** Making the identity of a folder, and opening it. */

import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdText, isAgentName } from "../wire/ids.ts";
import type { Custody, KeptIdentity } from "../wire/kept-identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { FOLDER_OF_OLDER, otherVersion } from "../wire/version.ts";
import { createActingIdentity, type OwnIdentity } from "./acting-identity.ts";
import { signInception, verifyLog } from "./agent-log.ts";
import { signRecord } from "./agent-record.ts";
import { type Scope, signCertificate, validAt } from "./certificate.ts";
import { identityPath, keepFirst, openKept, readShown } from "./custody.ts";
import { destroyGone } from "./gone-keys.ts";
import { nextGeneration } from "./inbox-keys.ts";
import { createKeyChain } from "./key-chain.ts";
import { drawNext } from "./next-key.ts";
import { loadState } from "./own-state.ts";
import { costOf, newSealingKey } from "./passphrase.ts";
import { withSuites } from "./suites.ts";
import { createVault } from "./vault.ts";

export type { OwnIdentity } from "./acting-identity.ts";

export interface CreateIdentity {
  readonly host: Host;
  readonly folder: string;
  readonly role: Scope;
  readonly custody: Custody;
  /** Where the recovery file goes; needed with custody `split`, refused otherwise. */
  readonly recoveryPath?: string;
  /** Relay-scoped name without `@`. */
  readonly name?: string;
  /** Seals the folder. */
  readonly passphrase?: string;
  readonly settings: Settings;
}

/**
 * Makes a new identity in `folder`, whose lock the caller holds. Throws `agent-exists`, `bad-argument`, and what the
 * disk says (`disk-full`, `disk-failed`, `read-only`, `permission-denied`); then no identity was made and it may be tried again.
 */
export async function createIdentity(wish: CreateIdentity): Promise<OwnIdentity> {
  const { host, folder, role, custody, recoveryPath, name, passphrase, settings } = wish;
  refuseUnclear(wish);
  const { files, crypto, random, clock } = host;
  if ((await readShown(files, crypto.hash, folder)) !== undefined) {
    throw new PerdureError("agent-exists", `there is an identity in ${folder} already`, { hint: "Use it, or choose another folder." });
  }
  const nowMs = clock.wallMs();
  const { key: controlKey, kept: controlSeed } = await crypto.signatures.create(random);
  const { key: instanceKey, kept: instanceSeed } = await crypto.signatures.create(random);
  const next = await drawNext(host, custody);
  const event = await signInception({
    crypto,
    controlKey,
    nextCommitments: [(await createKeyChain(crypto, next.seed)).commitmentAt(1)],
    recoverySalt: next.recoverySalt,
    nowMs,
  });
  const log = await verifyLog(crypto, [event]);
  const { inboxKey, ...inbox } = await nextGeneration(host, { inboxSecrets: [], destroyed: [] }, settings, nowMs);
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
    inboxKeys: [inboxKey],
    homes: [],
    capabilities: [],
    freshUntilMs: nowMs + settings.recordFreshMs,
    validUntilMs: nowMs + settings.recordValidMs,
    extensions: withSuites([]),
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
    ...inbox,
    next: custody === "together" ? next : undefined,
    extensions: [],
  };
  const path = identityPath(folder);
  const by = passphrase === undefined ? undefined : await newSealingKey(crypto, random, passphrase, costOf(settings));
  const vault = createVault({ files, crypto, random, path, by });
  const { bundle } = await loadState(crypto, kept, path);
  const recovery =
    recoveryPath === undefined ? undefined : { path: recoveryPath, content: { agentId: agentIdText(log.idRaw), ...next }, name };
  await keepFirst({ files, crypto, random, vault, kept, bundle, recovery });
  return await openIdentity({ host, folder, settings, ...(passphrase === undefined ? {} : { passphrase }) });
}

function refuseUnclear({ name, custody, recoveryPath }: CreateIdentity): void {
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
}

export interface OpenIdentity {
  readonly host: Host;
  readonly folder: string;
  readonly passphrase?: string;
  readonly settings: Settings;
}

/**
 * Opens the identity of `folder`, renewing what is due. Throws `no-agent-here`, `key-damaged`, `passphrase-required`,
 * `wrong-passphrase`, `needs-older-version`, `needs-newer-version`; what the disk says only when the certificate has run out and a new one
 * cannot be kept.
 */
export async function openIdentity({ host, folder, passphrase, settings }: OpenIdentity): Promise<OwnIdentity> {
  const { files, crypto, random } = host;
  const opened = await openKept(files, crypto, folder, passphrase);
  if (opened === undefined)
    throw new PerdureError("no-agent-here", `there is no identity in ${folder}`, { hint: "Create one with `perdure init`." });
  const { kept, by } = opened;
  if (kept.version !== WIRE_VERSION) throw otherVersion({ what: `the identity in ${folder}`, found: kept.version, older: FOLDER_OF_OLDER });
  const path = identityPath(folder);
  const first = await loadState(crypto, kept, path);
  await destroyGone(host, first);
  const own = createActingIdentity({ host, settings, first, vault: createVault({ files, crypto, random, path, by }) });
  const nowMs = host.clock.wallMs();
  try {
    await own.renewIfDue(nowMs);
  } catch (error) {
    if (!validAt(first.certificate, nowMs)) throw error;
    host.log.write("warn", "identity.renewal-failed", { folder, why: String(error) });
  }
  return own;
}

/**
 * Reads the identity of `folder` as it lies there, without its lock and without renewing anything: to look at, never to act under.
 * Throws what {@link openIdentity} does.
 */
export async function lookAtIdentity({ host, folder, passphrase, settings }: OpenIdentity): Promise<OwnIdentity> {
  const { files, crypto, random } = host;
  const opened = await openKept(files, crypto, folder, passphrase);
  if (opened === undefined)
    throw new PerdureError("no-agent-here", `there is no identity in ${folder}`, { hint: "Create one with `perdure init`." });
  const path = identityPath(folder);
  const vault = createVault({ files, crypto, random, path, by: opened.by });
  return createActingIdentity({ host, settings, vault, first: await loadState(crypto, opened.kept, path) });
}
