/** Writing events of an agent log. What comes out still has to be kept, read back and released by the caller, in that order. */
import type { Crypto, SigningKey } from "../host/crypto.ts";
import { type Bytes, concat, EMPTY, equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import {
  anchorBody,
  DOMAINS,
  EVENT_KINDS,
  homeSetBody,
  type IdentityEvent,
  identityEvent,
  instanceRevokeBody,
  retireBody,
  rotateBody,
  signedEvent,
  toBeSigned,
} from "../wire/identity.ts";
import { MAX_LOG_EVENTS, WIRE_VERSION } from "../wire/limits.ts";
import type { ShapeValue } from "../wire/shape.ts";
import { NO_PREVIOUS, nextKeyCommitment } from "./log-rules.ts";
import type { EventKind, LogState } from "./log-state.ts";

export interface Inception {
  readonly crypto: Crypto;
  readonly controlKey: SigningKey;
  /** Of the first key of each chain. */
  readonly nextCommitments: readonly Bytes[];
  /** Keys needed for every rotation; all unless given. */
  readonly nextThreshold?: number;
  readonly recoverySalt: Bytes;
  readonly nowMs: number;
}

/** The signed first event of a new agent with one control key. */
export async function signInception({
  crypto,
  controlKey,
  nextCommitments,
  nextThreshold = nextCommitments.length,
  recoverySalt,
  nowMs,
}: Inception): Promise<Bytes> {
  return await signEvent(
    crypto,
    {
      ...unsigned("inception", nowMs),
      agentId: EMPTY,
      seq: 0,
      previous: NO_PREVIOUS,
      controlKeys: [controlKey.publicKey],
      controlThreshold: 1,
      nextCommitments,
      nextThreshold,
      recoveryCommitment: crypto.hash.sha256(concat(DOMAINS.recovery, recoverySalt)),
      body: EMPTY,
    },
    [controlKey],
  );
}

/** An event of the keys in force: its kind, its body, and at least as many of those keys as the threshold says. */
export type ControlEvent = (
  | { readonly kind: "instance-revoke"; readonly body: ShapeValue<typeof instanceRevokeBody> }
  | { readonly kind: "home-set"; readonly body: ShapeValue<typeof homeSetBody> }
  | { readonly kind: "anchor"; readonly body: ShapeValue<typeof anchorBody> }
) & { readonly keys: readonly SigningKey[]; readonly nowMs: number };

/**
 * The signed event that follows `log`. Throws `identity-retired`, `too-large` when only a rotation or retirement has room left,
 * and `bad-argument` when the keys are not those in force or too few.
 */
export async function signControlEvent(crypto: Crypto, log: LogState, said: ControlEvent): Promise<Bytes> {
  refuseAfterEnd(log);
  refuseFull(log, "control", LEAVE_ROOM);
  const { controlKeys, controlThreshold, nextCommitments, nextThreshold, recoveryCommitment } = log;
  const event = {
    ...unsigned(said.kind, said.nowMs),
    ...after(log),
    controlKeys,
    controlThreshold,
    nextCommitments,
    nextThreshold,
    recoveryCommitment,
    body: encodeBody(said),
  };
  const signed = await signEvent(crypto, event, said.keys);
  if (log.sizeBytes + signed.length >= ROOM.rotate.bytes) throw noRoom(log, LEAVE_ROOM);
  return signed;
}

export interface Rotation {
  /** The keys the log committed to: all of them, in that order. */
  readonly revealed: readonly SigningKey[];
  /** What each of them was committed to with: the commitments to the keys after them. */
  readonly following: readonly Bytes[];
  /** 32 bytes. */
  readonly recoverySalt: Bytes;
  readonly body: ShapeValue<typeof rotateBody>;
  readonly nowMs: number;
}

/** The signed rotation that follows `log`; throws `identity-retired`, `too-large`, and `bad-argument` for keys not committed to. */
export async function signRotation(crypto: Crypto, log: LogState, rotation: Rotation): Promise<Bytes> {
  const { revealed, following, recoverySalt, body, nowMs } = rotation;
  refuseAfterEnd(log);
  refuseFull(log, "rotate", "Only retiring has room left.");
  if (body.voidFromSeq < 1 || body.voidFromSeq > log.seq + 1)
    throw new PerdureError("bad-argument", `a rotation cannot void from event ${body.voidFromSeq}`, {
      hint: `Name an event from 1 to ${log.seq + 1}; the last means that none is voided.`,
    });
  return await signNextKeyEvent(crypto, log, revealed, following, {
    ...unsigned("rotate", nowMs),
    recoveryCommitment: crypto.hash.sha256(concat(DOMAINS.recovery, recoverySalt)),
    body: rotateBody.encode(body),
  });
}

export interface RetirementEvent {
  readonly revealed: readonly SigningKey[];
  readonly following: readonly Bytes[];
  readonly body: ShapeValue<typeof retireBody>;
  readonly nowMs: number;
}

/** The signed last event of `log`; throws `identity-retired`, `too-large`, and `bad-argument` for keys not committed to. */
export async function signRetirement(crypto: Crypto, log: LogState, { revealed, following, body, nowMs }: RetirementEvent): Promise<Bytes> {
  refuseAfterEnd(log);
  refuseFull(log, "retire", "Nothing more can be written to this log.");
  return await signNextKeyEvent(crypto, log, revealed, following, {
    ...unsigned("retire", nowMs),
    recoveryCommitment: log.recoveryCommitment,
    body: retireBody.encode(body),
  });
}

/**
 * How far a log may grow before an event is added, by who signs it. A bundle of more than 16 KiB is not published and travels with no
 * message, and needs room for certificates and records; who fills a log with events of the control keys can still rotate and retire.
 */
const ROOM = {
  control: { bytes: 11 * 1024, events: MAX_LOG_EVENTS - 2 },
  rotate: { bytes: 12 * 1024 + 512, events: MAX_LOG_EVENTS - 1 },
  retire: { bytes: 13 * 1024, events: MAX_LOG_EVENTS },
} as const;

function refuseAfterEnd(log: LogState): void {
  if (log.retired !== undefined) throw new PerdureError("identity-retired", "this agent is retired: nothing follows in its log");
}

const LEAVE_ROOM = "Rotate or retire still have room; an agent that writes this much needs a successor.";

/** Whether an event of that kind may follow. Somebody with the keys in force need not heed what is kept free for it. */
export function hasRoom({ sizeBytes, seq }: LogState, kind: keyof typeof ROOM): boolean {
  return sizeBytes < ROOM[kind].bytes && seq + 1 < ROOM[kind].events;
}

function refuseFull(log: LogState, room: keyof typeof ROOM, hint: string): void {
  if (!hasRoom(log, room)) throw noRoom(log, hint);
}

function noRoom({ seq, sizeBytes }: LogState, hint: string): PerdureError {
  return new PerdureError("too-large", `the log has ${seq + 1} events of ${sizeBytes} bytes: there is no room for this one`, { hint });
}

async function signNextKeyEvent(
  crypto: Crypto,
  log: LogState,
  revealed: readonly SigningKey[],
  nextCommitments: readonly Bytes[],
  event: Omit<IdentityEvent, "agentId" | "seq" | "previous" | "controlKeys" | "controlThreshold" | "nextCommitments" | "nextThreshold">,
): Promise<Bytes> {
  const committed = log.nextCommitments;
  const opens =
    revealed.length === committed.length &&
    nextCommitments.length === committed.length &&
    revealed.every(({ publicKey }, index) =>
      equalBytes(nextKeyCommitment(crypto.hash, publicKey, nextCommitments[index] as Bytes), committed[index] as Bytes),
    );
  if (!opens) throw new PerdureError("bad-argument", "these are not the next keys that the log committed to");
  const { nextThreshold } = log;
  const controlKeys = revealed.map(({ publicKey }) => publicKey);
  const said = { ...event, ...after(log), controlKeys, controlThreshold: nextThreshold, nextCommitments, nextThreshold };
  return await signEvent(crypto, said, revealed);
}

function after(log: LogState): Pick<IdentityEvent, "agentId" | "seq" | "previous"> {
  return { agentId: log.idRaw, seq: log.seq + 1, previous: log.head };
}

function unsigned(
  kind: EventKind,
  nowMs: number,
): Pick<IdentityEvent, "version" | "kind" | "witnessThreshold" | "witnesses" | "claimedAtMs" | "extensions"> {
  return {
    version: WIRE_VERSION,
    kind: EVENT_KINDS.indexOf(kind),
    witnessThreshold: 0,
    witnesses: [],
    claimedAtMs: nowMs,
    extensions: [],
  };
}

function encodeBody(said: ControlEvent): Bytes {
  switch (said.kind) {
    case "instance-revoke":
      return instanceRevokeBody.encode(said.body);
    case "home-set":
      return homeSetBody.encode(said.body);
    case "anchor":
      return anchorBody.encode(said.body);
  }
}

async function signEvent(crypto: Crypto, said: IdentityEvent, keys: readonly SigningKey[]): Promise<Bytes> {
  const event = identityEvent.encode(said);
  const signatures: { keyIndex: number; signature: Bytes }[] = [];
  for (const [keyIndex, publicKey] of said.controlKeys.entries()) {
    const key = keys.find((each) => equalBytes(each.publicKey, publicKey));
    if (key !== undefined) signatures.push({ keyIndex, signature: await crypto.signatures.sign(key, toBeSigned("event", event)) });
  }
  if (signatures.length < said.controlThreshold)
    throw new PerdureError("bad-argument", `${signatures.length} of the ${said.controlThreshold} keys that must sign are there`);
  return signedEvent.encode({ event, signatures });
}
