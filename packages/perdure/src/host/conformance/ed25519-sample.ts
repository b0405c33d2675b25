/** A random sample of signatures, most of them crafted to be judged differently, made again from the same `random`. */

import { fromHex, hex } from "../../wire/bytes.ts";
import type { Random } from "../random.ts";
import type { Keys, Shown } from "./ed25519-craft.ts";
import { keysFrom, L, signCrafted, smallOrderEncodings, withLargerS } from "./ed25519-craft.ts";

/** A signature of the sample. `expected` is undefined where chance decides, which is never for `honest` and the torsioned. */
export interface Sampled {
  readonly kind: SampleKind;
  readonly shown: Shown;
  readonly expected: boolean | undefined;
}
export type SampleKind = (typeof KINDS)[number];

/** In the order they take turns: one of two is torsioned. */
const KINDS = [
  "honest",
  "torsion in the key",
  "a flipped bit",
  "torsion in R",
  "S beyond the order",
  "torsion in both",
  "random bytes",
  "torsion in the key",
  "a point of small order",
  "torsion in both",
] as const;
const KEYS_OF_A_KIND = 64;

export function* sampleSignatures(random: Random, count: number): Generator<Sampled> {
  const name = hex(random.bytes(16));
  const clean = Array.from({ length: KEYS_OF_A_KIND }, (_, at) => keysFrom(`${name} ${at}`, 0));
  const torsioned = Array.from({ length: KEYS_OF_A_KIND }, (_, at) => keysFrom(`${name} ${at}`, 1 + (at % 7)));
  const [below, bytes] = [(limit: number) => random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0) % limit, random.bytes];
  const nonce = (): bigint => BigInt(`0x${hex(bytes(40))}`) % L;
  const pick = (keys: readonly Keys[]): Keys => keys[below(keys.length)] as Keys;
  const sign = (keys: Keys, torsion: number): Shown => signCrafted(keys, bytes(below(80)), torsion, nonce());

  const make: Readonly<Record<SampleKind, () => Omit<Sampled, "kind">>> = {
    honest: () => ({ shown: sign(pick(clean), 0), expected: true }),
    "torsion in the key": () => ({ shown: sign(pick(torsioned), 0), expected: false }),
    "torsion in R": () => ({ shown: sign(pick(clean), 1 + below(7)), expected: false }),
    "torsion in both": () => ({ shown: sign(pick(torsioned), 1 + below(7)), expected: false }),
    "a flipped bit": () => ({ shown: flipped(sign(pick(clean), 0), below), expected: undefined }),
    "S beyond the order": () => ({ shown: withLargerS(sign(pick(clean), 0), 1 + below(15)), expected: false }),
    "random bytes": () => ({ shown: { key: bytes(32), message: bytes(below(80)), signature: bytes(64) }, expected: undefined }),
    "a point of small order": () => ({ shown: smallOrder(sign(pick(clean), 0), below), expected: false }),
  };
  for (let at = 0; at < count; at++) {
    const kind = KINDS[at % KINDS.length] as SampleKind;
    yield { kind, ...make[kind]() };
  }
}

/** One bit of key, message or signature; of an empty message one of the key. */
function flipped(shown: Shown, below: (limit: number) => number): Shown {
  const [key, message, signature] = [shown.key.slice(), shown.message.slice(), shown.signature.slice()];
  const whole = [key, message, signature][below(3)] as Uint8Array;
  const target = whole.length > 0 ? whole : key;
  const at = below(target.length);
  target[at] = (target[at] as number) ^ (1 << below(8));
  return { key, message, signature };
}

/** One of the encodings in place of the key, of R, or of both, with S = 0 half the time. */
function smallOrder(shown: Shown, below: (limit: number) => number): Shown {
  const encodings = smallOrderEncodings();
  const point = (): Uint8Array => fromHex(encodings[below(encodings.length)] as string) as Uint8Array;
  const [where, signature] = [below(3), shown.signature.slice()];
  if (where !== 0) signature.set(point());
  if (below(2) === 0) signature.fill(0, 32);
  return { ...shown, key: where === 1 ? shown.key : point(), signature };
}
