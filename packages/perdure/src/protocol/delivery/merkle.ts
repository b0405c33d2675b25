/** Merkle trees of RFC 9162 section 2.1: roots, inclusion paths (2.1.3.1) and their verification (2.1.3.2), over SHA-256. */
import { type Bytes, EMPTY, equalBytes } from "../../wire/bytes.ts";

type Sha256 = (bytes: Bytes) => Bytes;

const LEAF = 0;
const NODE = 1;

/** Every level of the tree, leaf hashes first, the root alone last; a level's odd last hash moves up unchanged. */
export interface MerkleTree {
  readonly root: Bytes;
  /** The sibling hashes from leaf `index` up to the root. */
  path(index: number): readonly Bytes[];
}

/** `leaves` are the leaf inputs, not their hashes; the root of none is the hash of nothing. */
export function createMerkleTree(sha256: Sha256, leaves: readonly Bytes[]): MerkleTree {
  const levels: (readonly Bytes[])[] = [leaves.map((leaf) => leafHash(sha256, leaf))];
  for (let level = levels[0] as readonly Bytes[]; level.length > 1; level = levels.at(-1) as readonly Bytes[]) {
    const above: Bytes[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const left = level[index] as Bytes;
      const right = level[index + 1];
      above.push(right === undefined ? left : nodeHash(sha256, left, right));
    }
    levels.push(above);
  }
  return {
    root: levels.at(-1)?.[0] ?? sha256(new Uint8Array(0)),
    path: (index) => {
      const path: Bytes[] = [];
      let at = index;
      for (const level of levels) {
        const sibling = level[at ^ 1];
        if (sibling !== undefined) path.push(sibling);
        at >>>= 1;
      }
      return path;
    },
  };
}

/** Whether `leaf` is number `index` of the `count` leaves under `root`. */
export function verifyInclusion(sha256: Sha256, root: Bytes, leaf: Bytes, index: number, count: number, path: readonly Bytes[]): boolean {
  if (index >= count) return false;
  let at = index;
  let last = count - 1;
  let hash = leafHash(sha256, leaf);
  for (const sibling of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sha256, sibling, hash);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(sha256, hash, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash, root);
}

/** What a hash is made of, made anew for none of thousands: the longest input so far fits. */
let scratch = new Uint8Array(256);

function leafHash(sha256: Sha256, leaf: Bytes): Bytes {
  return hashOf(sha256, LEAF, leaf, EMPTY);
}

function nodeHash(sha256: Sha256, left: Bytes, right: Bytes): Bytes {
  return hashOf(sha256, NODE, left, right);
}

function hashOf(sha256: Sha256, kind: number, first: Bytes, second: Bytes): Bytes {
  const length = 1 + first.length + second.length;
  if (length > scratch.length) scratch = new Uint8Array(length);
  scratch[0] = kind;
  scratch.set(first, 1);
  scratch.set(second, 1 + first.length);
  return sha256(scratch.subarray(0, length));
}
