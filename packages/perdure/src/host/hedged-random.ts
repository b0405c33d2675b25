/**
 * Random bytes that differ although the machine's repeat: a snapshot of a virtual machine that is started twice draws the same numbers
 * twice. Mixed in are the date, the time since the machine started and a counter, so that links, streams and keys drawn after the
 * second start are others. No weaker than what the host draws: 32 bytes of it go into every result.
 */
import { concat, utf8, viewOf, writeU64 } from "../wire/bytes.ts";
import type { Clock } from "./clock.ts";
import type { Hash } from "./crypto.ts";
import type { Host } from "./host.ts";
import type { Random } from "./random.ts";

const DOMAIN = utf8("perdure/hedged-random/1");
const SECRET_BYTES = 32;
/** What one derivation gives (RFC 5869). */
const PIECE_BYTES = 255 * 32;

/** The same machine with hedged random bytes. */
export function hedgedHost(host: Host): Host {
  const { random, clock, crypto } = host;
  return { ...host, random: createHedgedRandom({ random, clock, hash: crypto.hash }) };
}

export function createHedgedRandom({
  random,
  clock,
  hash,
}: {
  readonly random: Random;
  readonly clock: Clock;
  readonly hash: Hash;
}): Random {
  let draws = 0;
  const piece = (count: number): Uint8Array => {
    const when = new Uint8Array(24);
    const view = viewOf(when);
    writeU64(view, 0, Math.max(0, Math.floor(clock.wallMs())));
    view.setFloat64(8, clock.monotonicMs());
    writeU64(view, 16, draws++);
    return hash.hkdfSha256(random.bytes(SECRET_BYTES), when, DOMAIN, count);
  };
  return {
    bytes: (count) => {
      const pieces: Uint8Array[] = [];
      for (let left = count; left > 0; left -= PIECE_BYTES) pieces.push(piece(Math.min(left, PIECE_BYTES)));
      return concat(...pieces);
    },
  };
}
