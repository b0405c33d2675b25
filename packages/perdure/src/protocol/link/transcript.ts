/**
 * What the two sides of a handshake sign and derive.
 *
 *   relay signs    domain handshake | 1 | SHA-256(hello) | SHA-256(challenge with 64 zero bytes as signature)
 *   agent signs    domain handshake | 2 | SHA-256(hello) | SHA-256(challenge) | SHA-256(proof with 64 zero bytes as signature)
 *   transcript     SHA-256 of the three hashes hello, challenge, proof
 *   mac keys       HKDF-SHA256(X25519 of both ephemeral keys, salt = transcript, info = "perdure/session/1", 64 bytes):
 *                  the first 32 for agent to relay, the rest for relay to agent
 *   who joins      domain handshake | 3 | transcript of the connection | channel (u16) | SHA-256(join with 64 zero bytes as signature)
 *
 * Versions and modes offered and chosen, both ids, both nonces and both ephemeral keys are inside those hashes, so nothing of
 * them can be changed on the way without breaking a signature. The transcript of a connection holds a nonce of either side and no
 * channel number comes twice on it, so a join is good for one place alone.
 */
import type { Hash } from "../../host/crypto.ts";
import { type Bytes, concat, utf8 } from "../../wire/bytes.ts";
import { type Challenge, challenge, type Proof, proof } from "../../wire/control.ts";
import { TAG_BYTES, type Tagger } from "../../wire/frame.ts";
import { toBeSigned } from "../../wire/identity.ts";

const SIGNED_BY_RELAY = Uint8Array.of(1);
const SIGNED_BY_AGENT = Uint8Array.of(2);
const NO_SIGNATURE = new Uint8Array(64);
const SESSION_INFO = utf8("perdure/session/1");
const KEY_BYTES = 32;

export function challengeToSign(hash: Hash, helloBytes: Bytes, unsigned: Challenge): Bytes {
  const said = challenge.encode({ ...unsigned, signature: NO_SIGNATURE });
  return toBeSigned("handshake", concat(SIGNED_BY_RELAY, hash.sha256(helloBytes), hash.sha256(said)));
}

export function proofToSign(hash: Hash, helloBytes: Bytes, challengeBytes: Bytes, unsigned: Proof): Bytes {
  const said = proof.encode({ ...unsigned, signature: NO_SIGNATURE });
  return toBeSigned("handshake", concat(SIGNED_BY_AGENT, hash.sha256(helloBytes), hash.sha256(challengeBytes), hash.sha256(said)));
}

/** What one handshake was, for all that is bound to it. */
export function transcriptOf(hash: Hash, helloBytes: Bytes, challengeBytes: Bytes, proofBytes: Bytes): Bytes {
  return hash.sha256(concat(hash.sha256(helloBytes), hash.sha256(challengeBytes), hash.sha256(proofBytes)));
}

export interface SessionTaggers {
  readonly agentToRelay: Tagger;
  readonly relayToAgent: Tagger;
}

/** The tags of both directions of a session in mode mac. */
export function sessionTaggers(hash: Hash, secret: Bytes, transcript: Bytes): SessionTaggers {
  const keys = hash.hkdfSha256(secret, transcript, SESSION_INFO, 2 * KEY_BYTES);
  return { agentToRelay: taggerOf(hash, keys.slice(0, KEY_BYTES)), relayToAgent: taggerOf(hash, keys.slice(KEY_BYTES)) };
}

function taggerOf(hash: Hash, key: Bytes): Tagger {
  return (counted) => hash.hmacSha256(key, counted).subarray(0, TAG_BYTES);
}
