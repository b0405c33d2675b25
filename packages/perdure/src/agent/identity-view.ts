/** An agent's own identity as its owner sees it: plain data, for the SDK, the local socket and the command line alike. */
import { type Circumstances, lifeOf, type Stage, stageAfter, stageIn } from "../identity/life.ts";
import type { LogState } from "../identity/log-state.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { type AgentId, agentIdText } from "../wire/ids.ts";

/** One event of the log. */
export interface IdentityEventView {
  readonly seq: number;
  readonly kind: string;
  /** By the clock of whoever wrote it. */
  readonly claimedAtMs: number;
  /** SHA-256, hexadecimal. */
  readonly hash: string;
  /** A later rotation says that it counts for nothing. */
  readonly voided: boolean;
  /** Where the agent stood in its life after this, by what is known by now. */
  readonly stage: Stage;
}

export interface InstanceView {
  /** Public key, hexadecimal. */
  readonly key: string;
  readonly isThis: boolean;
  /** The last moment at which what it signs counts. */
  readonly validUntilMs: number;
  readonly revoked: boolean;
}

export interface InboxKeyView {
  readonly id: string;
  readonly generation: number;
  readonly madeAtMs: number;
  /** `undefined` for the one in use. */
  readonly destroyAtMs: number | undefined;
}

export interface IdentityView {
  readonly id: AgentId;
  readonly name: string | undefined;
  /** Where the next control keys are: `split`: in the recovery file and nowhere else; `together`: in the folder. */
  readonly custody: "split" | "together";
  /** The folder is sealed with a passphrase. */
  readonly sealed: boolean;
  /**
   * `frozen`: somebody else wrote to the log with the same control key, and nobody can tell who is right: `rotate`.
   * `superseded`: other keys were brought into force elsewhere; this folder can no longer act for the agent.
   */
  readonly standing: "in-force" | "frozen" | "superseded" | "retired";
  /** Where it stands in its life: by what is signed, and, of an agent that is open, by whether its relay found a copy of its folder. */
  readonly stage: Stage;
  /** Public keys, hexadecimal. */
  readonly controlKeys: readonly string[];
  readonly log: readonly IdentityEventView[];
  /** Newest last; those whose certificates the agent still shows. */
  readonly instances: readonly InstanceView[];
  /** Oldest first. */
  readonly inboxKeys: readonly InboxKeyView[];
  /** The only relays that may be homes; `undefined`: any. */
  readonly pinnedHomes: readonly { readonly relay: AgentId; readonly url: string }[] | undefined;
  readonly anchors: readonly { readonly root: string; readonly about: string; readonly seq: number; readonly claimedAtMs: number }[];
  readonly retired: { readonly untilMs: number; readonly successor: AgentId | undefined; readonly reason: string } | undefined;
  /** What others verify it by. */
  readonly bundle: Bytes;
}

export function identityView(own: OwnIdentity, isCopied = false): IdentityView {
  const { log } = own;
  const circumstances = { isHoused: own.homes().length > 0, standing: own.standing };
  const isRevoked = (key: Bytes): boolean => log.revoked.some(({ instanceKey }) => equalBytes(instanceKey, key));
  return {
    id: own.id,
    name: own.name,
    custody: own.custody,
    sealed: own.isSealed,
    standing: own.standing,
    stage: isCopied ? stageAfter(own.stage, "theft") : own.stage,
    controlKeys: log.controlKeys.map(hex),
    log: eventViews(log, circumstances),
    instances: own.instances.map(({ publicKey, validUntilMs }) => ({
      key: hex(publicKey),
      isThis: equalBytes(publicKey, own.instance.publicKey),
      validUntilMs,
      revoked: isRevoked(publicKey),
    })),
    inboxKeys: own.generations.map(({ keyId, generation, madeAtMs, destroyAtMs }) => ({
      id: hex(keyId),
      generation,
      madeAtMs,
      destroyAtMs: destroyAtMs === 0 ? undefined : destroyAtMs,
    })),
    pinnedHomes: log.homes?.map(({ relayId, url }) => ({ relay: agentIdText(relayId), url })),
    anchors: log.anchors.map(({ root, about, seq, claimedAtMs }) => ({ root: hex(root), about, seq, claimedAtMs })),
    retired:
      log.retired === undefined
        ? undefined
        : {
            untilMs: log.retired.untilMs,
            successor: log.retired.successor === undefined ? undefined : agentIdText(log.retired.successor),
            reason: log.retired.reason,
          },
    bundle: own.bundle(),
  };
}

/** The events of a log, with what each made of the agent. */
export function eventViews(log: LogState, circumstances: Circumstances): readonly IdentityEventView[] {
  const life = lifeOf(log, circumstances);
  return log.events.map(({ seq, kind, claimedAtMs, hash, voided }) => ({
    seq,
    kind,
    claimedAtMs,
    hash: hex(hash),
    voided,
    stage: stageIn(life, seq),
  }));
}
