/**
 * All the control keys an agent will ever have after its first, from one secret. Each is committed to together with everything that
 * follows it:
 *
 *   commitment of key i = SHA-256("perdure/next-key/1" | public key i | commitment of key i + 1), after the last one 32 zero bytes
 *   seed of key i       = HKDF-SHA256(secret, salt = 32 zero bytes, info = "perdure/next-key-seed/1" | i (4), 32 bytes)
 *
 * So who reveals a key cannot choose what follows it. Key 1 is the first to be revealed, by the first rotation or retirement.
 *
 * On a machine that keeps keys unreadable the secret may be a name, and the seeds are then the names its keys lie under.
 */
import type { Crypto, Hash, SigningKey } from "../host/crypto.ts";
import { type Bytes, concat, putU32, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { MAX_LOG_EVENTS } from "../wire/limits.ts";
import { nextKeyCommitment } from "./log-rules.ts";
import { isNextKeyKind, type LogState } from "./log-state.ts";

/** Keys of a chain: more than a log has events to reveal them, so that its end is never reached. */
export const KEY_CHAIN = MAX_LOG_EVENTS;
/** What the last key is followed by. No key opens it. */
export const CHAIN_END: Bytes = new Uint8Array(32);

const SEED_DOMAIN = utf8("perdure/next-key-seed/1");
const SEED_BYTES = 32;
const SALT = new Uint8Array(32);

export interface KeyChain {
  /** What the key at a position, from 1 on, and all that follow it are committed to by. */
  commitmentAt(position: number): Bytes;
  keyAt(position: number): SigningKey;
}

/** The keys behind `secret` from a position on: all of them by default. */
export async function createKeyChain(crypto: Crypto, secret: Bytes, first = 1): Promise<KeyChain> {
  const positions = Array.from({ length: KEY_CHAIN + 1 - first }, (_, index) => first + index);
  const keys = await Promise.all(positions.map((position) => crypto.signatures.load(chainSeed(crypto.hash, secret, position))));
  // bound: KEY_CHAIN.
  const commitments: Bytes[] = [];
  let following = CHAIN_END;
  for (const { publicKey } of keys.toReversed()) {
    following = nextKeyCommitment(crypto.hash, publicKey, following);
    commitments.unshift(following);
  }
  const at = <Value>(values: readonly Value[], position: number): Value => {
    const value = values[position - first];
    if (value === undefined) throw new PerdureError("internal", `keys ${first} to ${KEY_CHAIN} of a chain have no number ${position}`);
    return value;
  };
  return { commitmentAt: (position) => at(commitments, position), keyAt: (position) => at(keys, position) };
}

export function chainSeed(hash: Hash, secret: Bytes, position: number): Bytes {
  const number = new Uint8Array(4);
  putU32(number, 0, position);
  return hash.hkdfSha256(secret, SALT, concat(SEED_DOMAIN, number), SEED_BYTES);
}

/** Where in its chain the key is that `log` committed to: it has revealed those before. */
export function nextPosition({ events }: Pick<LogState, "events">): number {
  return 1 + events.filter(({ kind }) => isNextKeyKind(kind)).length;
}
