/**
 * What a log says: the state that follows from its events, one after the other.
 *
 * Invariants: the state is a function of the event bytes alone. Keys change by `rotate` and `retire` only. Nothing an event of the
 * control keys did outlives a later rotation that voids it, and no key is worth more after it was rotated away than the rotation says.
 */
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import {
  anchorBody,
  EVENT_KINDS,
  type Home,
  homeSetBody,
  type IdentityEvent,
  instanceRevokeBody,
  retireBody,
  rotateBody,
} from "../wire/identity.ts";

export type EventKind = "inception" | "rotate" | "instance-revoke" | "home-set" | "anchor" | "retire";

export interface LogEvent {
  readonly seq: number;
  readonly kind: EventKind;
  readonly claimedAtMs: number;
  /** SHA-256 of the event's bytes. */
  readonly hash: Bytes;
  /** A later rotation says that this counts for nothing. */
  readonly voided: boolean;
}

/** Control keys and how long certificates they signed hold. */
export interface KeyEpoch {
  /** The event that brought these keys into force. */
  readonly fromSeq: number;
  readonly controlKeys: readonly Bytes[];
  /** What was stored later than this under their certificates counts for nothing; `undefined` while they are in force. */
  readonly untilMs: number | undefined;
}

export interface RevokedInstance {
  readonly instanceKey: Bytes;
  /** What a relay stored from then on counts for nothing. */
  readonly voidFromMs: number;
  readonly seq: number;
  readonly reason: string;
}

export interface Anchored {
  readonly root: Bytes;
  readonly about: string;
  readonly seq: number;
  readonly claimedAtMs: number;
}

export interface Retirement {
  /** As the agent claims. */
  readonly atMs: number;
  readonly untilMs: number;
  /** 32 bytes of the agent id to turn to instead. */
  readonly successor: Bytes | undefined;
  readonly reason: string;
}

/** What a verified log says. */
export interface LogState {
  readonly idRaw: Bytes;
  /** SHA-256 of the newest event's bytes. */
  readonly head: Bytes;
  readonly seq: number;
  /** Of all signed events together. */
  readonly sizeBytes: number;
  readonly controlKeys: readonly Bytes[];
  readonly controlThreshold: number;
  readonly nextCommitments: readonly Bytes[];
  readonly nextThreshold: number;
  readonly recoveryCommitment: Bytes;
  readonly events: readonly LogEvent[];
  /** Oldest first; the last is in force unless the agent is retired. */
  readonly epochs: readonly KeyEpoch[];
  readonly revoked: readonly RevokedInstance[];
  /** The only relays that may be homes; `undefined` when the log does not say. */
  readonly homes: readonly Home[] | undefined;
  readonly anchors: readonly Anchored[];
  readonly retired: Retirement | undefined;
}

/** An event with what follows from its bytes. */
export interface ReadEvent {
  readonly event: IdentityEvent;
  readonly kind: EventKind;
  readonly hash: Bytes;
  /** With its signatures. */
  readonly sizeBytes: number;
}

/** The state of an agent after its inception. */
export function stateOfInception({ event, hash, sizeBytes }: ReadEvent, idRaw: Bytes): LogState {
  return {
    idRaw,
    head: hash,
    seq: 0,
    sizeBytes,
    controlKeys: event.controlKeys,
    controlThreshold: event.controlThreshold,
    nextCommitments: event.nextCommitments,
    nextThreshold: event.nextThreshold,
    recoveryCommitment: event.recoveryCommitment,
    events: [{ seq: 0, kind: "inception", claimedAtMs: event.claimedAtMs, hash, voided: false }],
    epochs: [{ fromSeq: 0, controlKeys: event.controlKeys, untilMs: undefined }],
    revoked: [],
    homes: undefined,
    anchors: [],
    retired: undefined,
  };
}

/** The state after one more event, which the caller has found to be authorised. Throws what the decoder of its body does. */
export function stateAfter(state: LogState, read: ReadEvent, before: readonly ReadEvent[]): LogState {
  const { event, kind, hash } = read;
  const { seq, claimedAtMs } = event;
  const next: LogState = {
    ...state,
    head: hash,
    seq,
    sizeBytes: state.sizeBytes + read.sizeBytes,
    events: [...state.events, { seq, kind, claimedAtMs, hash, voided: false }],
  };
  switch (kind) {
    case "inception":
      return next;
    case "instance-revoke":
    case "home-set":
    case "anchor":
      return withControlEvent(next, read);
    case "rotate": {
      const { voidFromSeq, oldKeysUntilMs } = rotateBody.decode(event.body);
      const keys = withNextKeys(next, event, oldKeysUntilMs);
      const rotated: LogState = {
        ...keys,
        epochs: [...keys.epochs, { fromSeq: seq, controlKeys: event.controlKeys, untilMs: undefined }],
      };
      return voidFromSeq < seq ? withoutVoided(rotated, voidFromSeq, before) : rotated;
    }
    case "retire": {
      const { successor, reason, oldKeysUntilMs } = retireBody.decode(event.body);
      return {
        ...withNextKeys(next, event, oldKeysUntilMs),
        retired: { atMs: claimedAtMs, untilMs: oldKeysUntilMs, successor: successor.length === 0 ? undefined : successor, reason },
      };
    }
  }
}

function withControlEvent(state: LogState, { event, kind }: ReadEvent): LogState {
  const { seq, claimedAtMs } = event;
  if (kind === "instance-revoke") {
    const { instanceKey, voidFromMs, reason } = instanceRevokeBody.decode(event.body);
    return { ...state, revoked: [...state.revoked, { instanceKey, voidFromMs, seq, reason }] };
  }
  if (kind === "home-set") {
    const { homes } = homeSetBody.decode(event.body);
    return { ...state, homes: homes.length === 0 ? undefined : homes };
  }
  const { root, about } = anchorBody.decode(event.body);
  return { ...state, anchors: [...state.anchors, { root, about, seq, claimedAtMs }] };
}

/** Earlier keys of every epoch hold no longer than this says, so that a later word can only take away. */
function withNextKeys(state: LogState, event: IdentityEvent, untilMs: number): LogState {
  return {
    ...state,
    controlKeys: event.controlKeys,
    controlThreshold: event.controlThreshold,
    nextCommitments: event.nextCommitments,
    nextThreshold: event.nextThreshold,
    recoveryCommitment: event.recoveryCommitment,
    epochs: state.epochs.map((each) => ({ ...each, untilMs: Math.min(untilMs, each.untilMs ?? untilMs) })),
  };
}

/** What the control events that are left say, when those from `voidFromSeq` on do not count. */
function withoutVoided(state: LogState, voidFromSeq: number, before: readonly ReadEvent[]): LogState {
  const events = state.events.map((each) => (isControlKind(each.kind) && each.seq >= voidFromSeq ? { ...each, voided: true } : each));
  const left = before.filter(({ kind, event }) => isControlKind(kind) && events[event.seq]?.voided === false);
  return left.reduce<LogState>((said, read) => withControlEvent(said, read), {
    ...state,
    events,
    revoked: [],
    homes: undefined,
    anchors: [],
  });
}

/** Signed by the control keys in force. */
export function isControlKind(kind: EventKind): boolean {
  return kind === "instance-revoke" || kind === "home-set" || kind === "anchor";
}

/** Signed by the keys that the log committed to before. */
export function isNextKeyKind(kind: EventKind): boolean {
  return kind === "rotate" || kind === "retire";
}

/** The kind of an event this version judges; `undefined` for reserved and unknown ones. */
export function kindOf(event: Pick<IdentityEvent, "kind">): EventKind | undefined {
  const kind = EVENT_KINDS[event.kind];
  switch (kind) {
    case "inception":
    case "rotate":
    case "instance-revoke":
    case "home-set":
    case "anchor":
    case "retire":
      return kind;
    default:
      return undefined;
  }
}

/** The keys in force at one event of the log, and how long what they signed holds; `undefined` for an event the log does not have. */
export function epochAt(state: LogState, seq: number): KeyEpoch | undefined {
  return seq > state.seq ? undefined : state.epochs.findLast((each) => each.fromSeq <= seq);
}

/** The earliest time from which what an instance key signed counts for nothing; `undefined` while it is not revoked. */
export function revokedFromMs(state: LogState, instanceKey: Bytes): number | undefined {
  const times = state.revoked.filter((each) => equalBytes(each.instanceKey, instanceKey)).map((each) => each.voidFromMs);
  return times.length === 0 ? undefined : Math.min(...times);
}
