/**
 * The agent log: who controls an identity, as a chain of signed events that anybody can check.
 *
 * Invariants: the id is the hash of the inception, so an id cannot be taken over by writing another first event. Every event names the one
 * before by its hash. Who may write which event is said in `log-rules.ts`, what follows from it in `log-state.ts`, and which of two
 * logs of one agent counts in `log-ranking.ts`. A log with an event this version does not know is not judged at all:
 * `needs-newer-verifier`.
 */
import type { Crypto, Hash } from "../host/crypto.ts";
import { type Bytes, concat } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { DOMAINS, type IdentityEvent, identityEvent, signedEvent, toBeSigned } from "../wire/identity.ts";
import { checkFollows, checkInception, judgedKind, LOG_DEFENCES, type LogDefences, malformed } from "./log-rules.ts";
import { type LogState, type ReadEvent, stateAfter, stateOfInception } from "./log-state.ts";

export { nextKeyCommitment } from "./log-rules.ts";
export { signControlEvent, signInception, signRetirement, signRotation } from "./log-signing.ts";
export type { LogState } from "./log-state.ts";

/** The 32 bytes of an agent id: SHA-256 over the domain and the inception event. */
export function agentIdOf(hash: Hash, inceptionEvent: Bytes): Bytes {
  return hash.sha256(concat(DOMAINS.agentId, inceptionEvent));
}

/** Verifies a whole log; throws `malformed`, `bad-signature`, `needs-newer-verifier`, `needs-older-version`. */
export async function verifyLog(crypto: Crypto, log: readonly Bytes[], defences: LogDefences = LOG_DEFENCES): Promise<LogState> {
  return (await verifyLogStates(crypto, log, defences)).at(-1) as LogState;
}

/** Verifies a whole log; the state after each of its events, and what {@link verifyLog} throws. */
export async function verifyLogStates(
  crypto: Crypto,
  log: readonly Bytes[],
  defences: LogDefences = LOG_DEFENCES,
): Promise<readonly LogState[]> {
  const states: LogState[] = [];
  const before: ReadEvent[] = [];
  for (const encoded of log) {
    const signed = signedEvent.decode(encoded);
    const event = identityEvent.decode(signed.event);
    const kind = judgedKind(event);
    const read: ReadEvent = { event, kind, hash: crypto.hash.sha256(signed.event), sizeBytes: encoded.length };
    const state = states.at(-1);
    if (state === undefined) checkInception(event, kind);
    else checkFollows(crypto.hash, state, event, kind, defences);
    await verifySignatures(crypto, signed, event, defences);
    states.push(state === undefined ? stateOfInception(read, agentIdOf(crypto.hash, signed.event)) : stateAfter(state, read, before));
    before.push(read);
  }
  if (states.length === 0) throw malformed("it has no events");
  return states;
}

/** Every event is signed by its own control keys: those in force before it, or those it reveals. */
async function verifySignatures(
  crypto: Crypto,
  signed: ReturnType<typeof signedEvent.decode>,
  event: IdentityEvent,
  defences: LogDefences,
): Promise<void> {
  let last = -1;
  for (const { keyIndex, signature } of signed.signatures) {
    const key = event.controlKeys[keyIndex];
    if (key === undefined || keyIndex <= last) throw malformed("its signatures name keys that are not there, twice or out of order");
    last = keyIndex;
    if (!(await crypto.signatures.verify(key, toBeSigned("event", signed.event), signature)))
      throw new PerdureError("bad-signature", `agent log: a signature of event ${event.seq} is wrong`);
  }
  if (signed.signatures.length < event.controlThreshold && defences.threshold)
    throw new PerdureError("bad-signature", `agent log: ${signed.signatures.length} of ${event.controlThreshold} signatures`);
}
