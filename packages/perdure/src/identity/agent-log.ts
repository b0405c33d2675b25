/**
 * The agent log: who controls an identity. In this version it is one event, the inception.
 *
 * Invariants: the id is the hash of the inception, so an id cannot be taken over by writing another first event; the
 * inception is signed by at least `controlThreshold` of its own control keys; it commits to the next keys before they
 * are ever used. A log with any other kind of event is not judged at all: `needs-newer-verifier`.
 */
import type { Crypto, Hash, SigningKey } from "../host/crypto.ts";
import { type Bytes, concat, EMPTY, equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { DOMAINS, EVENT_KINDS, type IdentityEvent, identityEvent, signedEvent, toBeSigned } from "../wire/identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";

export const INCEPTION: number = EVENT_KINDS.indexOf("inception");
const NO_PREVIOUS: Bytes = new Uint8Array(32);

/** What a verified log says. */
export interface LogState {
  readonly idRaw: Bytes;
  /** SHA-256 of the newest event's bytes. */
  readonly head: Bytes;
  readonly seq: number;
  readonly controlKeys: readonly Bytes[];
  readonly nextCommitments: readonly Bytes[];
  readonly recoveryCommitment: Bytes;
}

/** The 32 bytes of an agent id: SHA-256 over the domain and the inception event. */
export function agentIdOf(hash: Hash, inceptionEvent: Bytes): Bytes {
  return hash.sha256(concat(DOMAINS.agentId, inceptionEvent));
}

/** What an event says of a key that is not used yet. */
export function nextKeyCommitment(hash: Hash, publicKey: Bytes): Bytes {
  return hash.sha256(concat(DOMAINS.nextKey, publicKey));
}

export function recoveryCommitment(hash: Hash, recoverySalt: Bytes): Bytes {
  return hash.sha256(concat(DOMAINS.recovery, recoverySalt));
}

export interface Inception {
  readonly crypto: Crypto;
  readonly controlKey: SigningKey;
  readonly nextPublicKey: Bytes;
  readonly recoverySalt: Bytes;
  readonly nowMs: number;
}

/** The signed first event of a new agent with one control key. */
export async function signInception({ crypto, controlKey, nextPublicKey, recoverySalt, nowMs }: Inception): Promise<Bytes> {
  const event = identityEvent.encode({
    version: WIRE_VERSION,
    kind: INCEPTION,
    agentId: EMPTY,
    seq: 0,
    previous: NO_PREVIOUS,
    controlKeys: [controlKey.publicKey],
    controlThreshold: 1,
    nextCommitments: [nextKeyCommitment(crypto.hash, nextPublicKey)],
    nextThreshold: 1,
    recoveryCommitment: recoveryCommitment(crypto.hash, recoverySalt),
    witnessThreshold: 0,
    witnesses: [],
    body: EMPTY,
    claimedAtMs: nowMs,
    extensions: [],
  });
  const signature = await crypto.signatures.sign(controlKey, toBeSigned("event", event));
  return signedEvent.encode({ event, signatures: [{ keyIndex: 0, signature }] });
}

/** Verifies a whole log; throws `malformed`, `bad-signature` or `needs-newer-verifier`. */
export async function verifyLog(crypto: Crypto, log: readonly Bytes[]): Promise<LogState> {
  const [first, ...rest] = log;
  if (first === undefined) throw malformed("it has no events");
  const signed = signedEvent.decode(first);
  const event = identityEvent.decode(signed.event);
  checkInception(event);
  for (const later of rest) refuseLater(later);
  await verifyEventSignatures(crypto, signed.event, event, signed.signatures);
  return {
    idRaw: agentIdOf(crypto.hash, signed.event),
    head: crypto.hash.sha256(signed.event),
    seq: event.seq,
    controlKeys: event.controlKeys,
    nextCommitments: event.nextCommitments,
    recoveryCommitment: event.recoveryCommitment,
  };
}

function checkInception(event: IdentityEvent): void {
  if (event.version !== WIRE_VERSION) throw newer(`event version ${event.version}`);
  if (event.kind === 0) throw malformed("its first event is of the reserved kind");
  if (event.kind !== INCEPTION)
    throw EVENT_KINDS[event.kind] === undefined ? newer(`event kind ${event.kind}`) : malformed("it does not start with an inception");
  if (event.agentId.length !== 0 || event.seq !== 0 || !equalBytes(event.previous, NO_PREVIOUS))
    throw malformed("its inception names something before it");
  if (event.witnesses.length > 0 || event.witnessThreshold !== 0) throw newer("an inception with witnesses");
  if (event.body.length !== 0) throw newer("an inception with a body");
  checkThreshold(event.controlKeys, event.controlThreshold, "control keys");
  checkThreshold(event.nextCommitments, event.nextThreshold, "next commitments");
}

function checkThreshold(items: readonly Bytes[], threshold: number, what: string): void {
  if (threshold < 1 || threshold > items.length) throw malformed(`${threshold} of ${items.length} ${what} cannot be a threshold`);
  items.forEach((item, index) => {
    if (items.slice(0, index).some((other) => equalBytes(item, other))) throw malformed(`one of its ${what} is there twice`);
  });
}

function refuseLater(encoded: Bytes): never {
  const event = identityEvent.decode(signedEvent.decode(encoded).event);
  if (event.kind === INCEPTION || event.kind === 0) throw malformed("an inception or reserved event follows its inception");
  throw newer(`a ${EVENT_KINDS[event.kind] ?? `kind ${event.kind}`} event`);
}

async function verifyEventSignatures(
  crypto: Crypto,
  bytes: Bytes,
  event: IdentityEvent,
  signatures: readonly { readonly keyIndex: number; readonly signature: Bytes }[],
): Promise<void> {
  let last = -1;
  for (const { keyIndex, signature } of signatures) {
    const key = event.controlKeys[keyIndex];
    if (key === undefined || keyIndex <= last) throw malformed("its signatures name keys that are not there, twice or out of order");
    last = keyIndex;
    if (!(await crypto.signatures.verify(key, toBeSigned("event", bytes), signature)))
      throw new PerdureError("bad-signature", "agent log: an event's signature is wrong");
  }
  if (signatures.length < event.controlThreshold)
    throw new PerdureError("bad-signature", `agent log: ${signatures.length} of ${event.controlThreshold} signatures`);
}

function malformed(why: string): PerdureError {
  return new PerdureError("malformed", `agent log: ${why}`);
}

function newer(what: string): PerdureError {
  return new PerdureError("needs-newer-verifier", `agent log: ${what} is from a newer version`, {
    hint: "Update perdure to judge this identity.",
  });
}
