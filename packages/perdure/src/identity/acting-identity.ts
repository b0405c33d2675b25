/** The identity a process acts under: keys as handles, the bundle to show, and the few ways it changes. */

import type { DecapsulationKey, SigningKey } from "../host/crypto.ts";
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { Home, InboxKey } from "../wire/identity.ts";
import { type AgentId, agentIdText } from "../wire/ids.ts";
import type { Custody, KeptIdentity } from "../wire/kept-identity.ts";
import { adoptedFromSeq } from "./adopted-events.ts";
import type { LogState } from "./agent-log.ts";
import { BACKDATE_MS, type Scope } from "./certificate.ts";
import { exportFile } from "./export-file.ts";
import { destroyGone } from "./gone-keys.ts";
import { hasDue, isWorn, withoutDue } from "./inbox-keys.ts";
import { type LifeEvent, type Stage, type Standing, stageAfter } from "./life.ts";
import { isBeforeMove } from "./moved-home.ts";
import { createOpenedSecrets, type OpenedSecrets } from "./opened-secrets.ts";
import {
  type Adoption,
  type Changing,
  nextRecord,
  withCertificate,
  withControlEvent,
  withGeneration,
  withHomeMoved,
  withInstanceReplaced,
  withSeen,
} from "./own-changes.ts";
import { lifeStageOf, loadState, type OwnState } from "./own-state.ts";
import { costOf, newSealingKey } from "./passphrase.ts";
import { type Keeping, type RetireWish, type Rotated, type RotateWish, retire, rotate } from "./rotation.ts";
import { saysSuites } from "./suites.ts";
import type { Vault } from "./vault.ts";

/** This folder's instance: what signs for the agent every day. */
export interface OwnInstance {
  /** 32 bytes. */
  readonly publicKey: Bytes;
  readonly scope: Scope;
  readonly notAfterMs: number;
  /** Earlier than `notAfterMs` once the log takes it out of use. */
  readonly validUntilMs: number;
  /** The log revokes it: `replaceInstance` makes another. */
  readonly revoked: boolean;
}

/** One inbox key; `destroyAtMs` is 0 for the one in use. */
export interface InboxGeneration {
  readonly keyId: Bytes;
  readonly generation: number;
  readonly madeAtMs: number;
  readonly destroyAtMs: number;
}

export interface RevokeWish {
  /** 32 bytes; another instance than this one. */
  readonly instanceKey: Bytes;
  /** What it signed and a relay stored from then on counts for nothing. */
  readonly voidFromMs: number;
  readonly reason: string;
  readonly nowMs: number;
}

export interface AnchorWish {
  /** A SHA-256, or the root of a tree of them. */
  readonly root: Bytes;
  /** At most 256 bytes of text. */
  readonly about: string;
  readonly nowMs: number;
}

/**
 * Every change is durable when it resolves, and seen only then. Those of the log throw `identity-forked` while the agent is
 * frozen (but `rotate`, which ends that), `instance-revoked` when its keys were replaced elsewhere, `identity-retired`, and
 * `too-large` for a full log.
 */
export interface OwnIdentity {
  readonly id: AgentId;
  /** 32 bytes. */
  readonly idRaw: Bytes;
  readonly custody: Custody;
  readonly name: string | undefined;
  /** Another one after `rotate` and `replaceInstance`. */
  readonly instanceKey: SigningKey;
  /** SHA-256 of the certificate in use; changes when it is renewed. */
  readonly certificateHash: Bytes;
  /** The last moment at which what was signed under that certificate of this agent counts; 0 for one that is not shown any more. */
  certificateHoldsUntilMs(hash: Bytes): number;
  /** Whether that certificate is older than the agent's last move: what was sealed under it names another home. */
  isBeforeMove(hash: Bytes): boolean;
  readonly logHead: Bytes;
  readonly log: LogState;
  /** The first event since the last rotation that this folder took over from others; what it claims of its time is their word. */
  readonly adoptedFromSeq: number | undefined;
  readonly standing: Standing;
  /** Where the agent stands in its life. */
  readonly stage: Stage;
  readonly instance: OwnInstance;
  /** This one and those before it whose certificates are still shown, one entry each, oldest first. */
  readonly instances: readonly { readonly publicKey: Bytes; readonly validUntilMs: number }[];
  readonly inboxKey: InboxKey;
  /** Oldest first. */
  readonly generations: readonly InboxGeneration[];
  /** Whether the folder is sealed with a passphrase. */
  readonly isSealed: boolean;
  /** The secret behind one of this agent's inbox keys, or `undefined` when it has no such key. */
  inboxSecret(keyId: Bytes): DecapsulationKey | undefined;
  /** What the inbox keys opened a moment ago; without those of a key that is gone. */
  readonly opened: OpenedSecrets;
  /** Whether an inbox key of this agent had this id and was destroyed. */
  isDestroyed(keyId: Bytes): boolean;
  /** The identity bundle as of the last change. */
  bundle(): Bytes;
  homes(): readonly Home[];
  /**
   * Makes `home` the agent's first home in a new record version, or changes how its relay is reached. `bad-argument` when the log names
   * other relays as the only homes, `wrong-relay` where the agent has another home: see `moveHome`.
   */
  setHome(home: Home, nowMs: number): Promise<void>;
  /**
   * Makes `home`, another relay than the one before, the agent's only home: in a new record version and, when the log names the only homes
   * there may be, in the log. One replacement of the file moves both, and brings another certificate.
   */
  moveHome(home: Home, nowMs: number): Promise<void>;
  /** Renews what is due of certificate, record and inbox key, and destroys old inbox keys; true when others should see it. */
  renewIfDue(nowMs: number): Promise<boolean>;
  /** New control, instance and inbox keys. `bad-argument`, `not-found`, `malformed`, `wrong-recipient`, `wrong-commitment` for the recovery file. */
  rotate(wish: RotateWish): Promise<Rotated>;
  /** Takes another instance out of use; a new inbox key follows. */
  revokeInstance(wish: RevokeWish): Promise<void>;
  /**
   * A new instance in the place of this one, which is revoked: what a restored or copied folder does to be the only one. What the old one
   * signed and a relay stores from `voidFromMs` on counts for nothing; the setting `oldKeysGraceMs` from now when absent.
   */
  replaceInstance(nowMs: number, voidFromMs?: number): Promise<void>;
  /** No relay but these may be a home, whatever an instance says; an empty list lets every relay be one again. */
  setHomesInLog(homes: readonly Home[], nowMs: number): Promise<void>;
  anchor(wish: AnchorWish): Promise<void>;
  /** Ends the agent for ever. What instances signed holds until `oldKeysUntilMs`, so that what waits can still be read. */
  retire(wish: RetireWish): Promise<void>;
  /** Sees what others hold of this agent: takes a log that goes on under the same keys, keeps one that outranks or contradicts its own. */
  adopt(bundle: Bytes, nowMs: number): Promise<Adoption>;
  /** Seals the folder with a passphrase from here on; `undefined`: with none. */
  setPassphrase(passphrase: string | undefined): Promise<void>;
  /** Everything the folder has of the identity as the bytes of an export file, sealed with a passphrase of its own. */
  export(passphrase: string): Promise<Bytes>;
}

export interface ActingOptions {
  readonly host: Pick<Host, "crypto" | "random" | "files" | "log">;
  readonly settings: Settings;
  readonly vault: Vault;
  readonly first: OwnState;
}

export function createActingIdentity({ host, settings, vault, first }: ActingOptions): OwnIdentity {
  const { crypto } = host;
  let state = first;
  const opened = createOpenedSecrets();
  let last: Promise<unknown> = Promise.resolve();

  /** Changes happen one after the other, and are seen only once they are durable. */
  const change = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  const keep: Keeping["keep"] = async (kept) => {
    const next = await loadState(crypto, kept, vault.path);
    await vault.prepare(kept, next.bundle);
    await vault.release();
    state = next;
    opened.forgetUnless((keyId) => next.inboxSecrets.has(hex(keyId)));
    await destroyGone(host, state);
  };
  const keeping: Keeping = { host, settings, state: () => state, keep };
  const changing = (nowMs: number): Changing => ({ host, settings, state, nowMs });
  const isRevoked = (): boolean => state.log.revoked.some(({ instanceKey }) => equalBytes(instanceKey, state.instanceKey.publicKey));

  const changeLog = (event: LifeEvent, nowMs: number, work: (changing: Changing) => Promise<KeptIdentity>): Promise<void> =>
    change(async () => {
      stageAfter(lifeStageOf(state), event);
      await keep(await work(changing(nowMs)));
    });

  const renew = async (nowMs: number): Promise<boolean> => {
    const destroys = hasDue(state.kept, nowMs);
    if (state.standing !== "in-force" || isRevoked()) {
      if (destroys) await keep({ ...state.kept, ...withoutDue(state.kept, nowMs) });
      return false;
    }
    const { notBeforeMs, notAfterMs } = state.certificate;
    const certificateDue = thirdPassed(notBeforeMs, notAfterMs, nowMs);
    const recordDue =
      !saysSuites(state.record) ||
      thirdPassed(state.record.validUntilMs - settings.recordValidMs - BACKDATE_MS, state.record.validUntilMs, nowMs);
    const worn = isWorn(state.kept, settings, nowMs);
    if (!certificateDue && !recordDue && !worn) {
      if (destroys) await keep({ ...state.kept, ...withoutDue(state.kept, nowMs) });
      return false;
    }
    const certificates = certificateDue
      ? await withCertificate(changing(nowMs), state.log, state.controlKey, state.instanceKey.publicKey)
      : state.kept.certificates;
    const kept = worn
      ? await withGeneration(changing(nowMs))
      : { ...state.kept, ...withoutDue(state.kept, nowMs), record: await nextRecord(changing(nowMs), {}) };
    await keep({ ...kept, certificates });
    return true;
  };

  return {
    id: agentIdText(first.log.idRaw),
    idRaw: first.log.idRaw,
    get custody() {
      return state.kept.custody;
    },
    get name() {
      return state.record.name;
    },
    get instanceKey() {
      return state.instanceKey;
    },
    get certificateHash() {
      return state.certificateHashes.at(-1) as Bytes;
    },
    certificateHoldsUntilMs(hash) {
      const { certificates, certificateHashes } = state;
      return certificates[certificateHashes.findIndex((each) => equalBytes(each, hash))]?.validUntilMs ?? 0;
    },
    isBeforeMove: (hash) => isBeforeMove(state.kept, state.certificateHashes, hash),
    get logHead() {
      return state.log.head;
    },
    get log() {
      return state.log;
    },
    get adoptedFromSeq() {
      return adoptedFromSeq(state.kept);
    },
    get standing() {
      return state.standing;
    },
    get stage() {
      return lifeStageOf(state);
    },
    get instance() {
      const { notAfterMs, validUntilMs, scopes } = state.certificate;
      const scope = scopes[0] ?? "mail";
      return { publicKey: state.instanceKey.publicKey, scope, notAfterMs, validUntilMs, revoked: isRevoked() };
    },
    get instances() {
      const all = new Map(
        state.certificates.map(({ instanceKey, validUntilMs }) => [hex(instanceKey), { publicKey: instanceKey, validUntilMs }]),
      );
      return [...all.values()];
    },
    get inboxKey() {
      return state.inboxKey;
    },
    get generations() {
      return state.kept.inboxSecrets.map(({ keyId, generation, madeAtMs, destroyAtMs }) => ({ keyId, generation, madeAtMs, destroyAtMs }));
    },
    get isSealed() {
      return vault.isSealed;
    },
    opened,
    inboxSecret: (keyId) => state.inboxSecrets.get(hex(keyId)),
    isDestroyed: (keyId) => state.kept.destroyed.some((each) => equalBytes(each, keyId)),
    bundle: () => state.bundle,
    homes: () => state.record.homes,
    setHome: (home, nowMs) =>
      change(async () => {
        if (!state.record.homes.some(({ relayId }) => equalBytes(relayId, home.relayId))) stageAfter(lifeStageOf(state), "join");
        const pinned = state.log.homes;
        if (pinned !== undefined && !pinned.some(({ relayId }) => equalBytes(relayId, home.relayId)))
          throw new PerdureError("bad-argument", `the log of this agent allows other homes only, not ${agentIdText(home.relayId)}`, {
            hint: "Pin that relay first: perdure id pin-home.",
          });
        await keep({ ...state.kept, record: await nextRecord(changing(nowMs), { homes: [home] }) });
      }),
    moveHome: (home, nowMs) => changeLog("move", nowMs, (changing) => withHomeMoved(changing, home)),
    renewIfDue: (nowMs) => change(() => renew(nowMs)),
    rotate: (wish) => change(() => rotate(keeping, wish)),
    retire: (wish) => change(() => retire(keeping, wish)),
    revokeInstance: ({ instanceKey, voidFromMs, reason, nowMs }) =>
      changeLog("instance-revoke", nowMs, async (changing) => {
        if (equalBytes(instanceKey, state.instanceKey.publicKey))
          throw new PerdureError("bad-argument", "this is the instance that is asked to revoke itself", {
            hint: "Replace it: perdure id claim.",
          });
        const body = { instanceKey, voidFromMs, reason, extensions: [] };
        const { log } = await withControlEvent(changing, (keys) => ({ kind: "instance-revoke", body, keys, nowMs }));
        return { ...(await withGeneration(changing)), log };
      }),
    replaceInstance: (nowMs, voidFromMs = nowMs + settings.oldKeysGraceMs) =>
      changeLog("claim", nowMs, (changing) => withInstanceReplaced(changing, voidFromMs)),
    setHomesInLog: (homes, nowMs) =>
      changeLog("home-set", nowMs, (changing) =>
        withControlEvent(changing, (keys) => ({ kind: "home-set", body: { homes, extensions: [] }, keys, nowMs })),
      ),
    anchor: ({ root, about, nowMs }) =>
      changeLog("anchor", nowMs, (changing) =>
        withControlEvent(changing, (keys) => ({ kind: "anchor", body: { root, about, extensions: [] }, keys, nowMs })),
      ),
    adopt: (bundle) =>
      change(async () => {
        const { adoption, kept } = await withSeen(host, state, bundle);
        if (adoption !== "nothing") await keep(kept);
        return adoption;
      }),
    setPassphrase: (passphrase) =>
      change(async () => {
        const by = passphrase === undefined ? undefined : await newSealingKey(crypto, host.random, passphrase, costOf(settings));
        const back = vault.sealWith(by);
        try {
          await keep(state.kept);
        } catch (error) {
          back();
          throw error;
        }
      }),
    export: (passphrase) => change(() => exportFile(host, settings, state, passphrase)),
  };
}

/** Also true before the beginning: something made under a clock that was ahead is worth nothing to others yet. */
function thirdPassed(beginMs: number, endMs: number, nowMs: number): boolean {
  return nowMs < beginMs || nowMs >= beginMs + (endMs - beginMs) / 3;
}
