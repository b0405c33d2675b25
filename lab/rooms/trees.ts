/** Hash trees beside RFC 9162 as it stands there, and proofs that must not verify: of other leaves, places, sizes, paths. */
import { createMerkleTree, verifyInclusion } from "../../packages/perdure/src/protocol/delivery/merkle.ts";
import { type Bytes, equalBytes, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { pathOf, rootOf } from "./mailbox/word.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly leaves: number;
  readonly index: number;
  readonly other: number;
}

const STEPS = 8;
const MOST = 20;

export const trees: Room<Step> = {
  name: "trees",
  about: "hash trees and their proofs, beside RFC 9162 word by word",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => {
      const leaves = draws.chance(0.05) ? 0 : 1 + draws.below(MOST);
      return { leaves, index: draws.below(Math.max(1, leaves)), other: draws.below(MOST + 4) };
    }),
  run: async (steps, { hash: { sha256 } }) => {
    for (const { leaves: count, index, other } of steps) {
      const leaves = Array.from({ length: count }, (_, at) => utf8(`leaf ${at} of ${count}`));
      const tree = createMerkleTree(sha256, leaves);
      const root = rootOf(sha256, leaves);
      if (!equalBytes(tree.root, root)) parted(`the root over ${count} leaves is another one`);
      const leaf = leaves[index];
      if (leaf === undefined) continue;
      const path = tree.path(index);
      const wanted = pathOf(sha256, index, leaves);
      if (path.length !== wanted.length || path.some((each, at) => !equalBytes(each, wanted[at] as Bytes)))
        parted(`the path of ${index} of ${count}`);
      const verifies = (of: Bytes, at: number, size: number, way: readonly Bytes[], top = root): boolean =>
        verifyInclusion(sha256, top, of, at, size, way);
      if (!verifies(leaf, index, count, path)) parted(`the proof of ${index} of ${count} does not verify`);
      const another = leaves[other % count] as Bytes;
      if (other % count !== index && verifies(another, index, count, path)) parted("a proof verifies for another leaf");
      if (other !== index && verifies(leaf, other, count, path)) parted(`a proof for place ${index} verifies for ${other} of ${count}`);
      if (verifies(leaf, index, count, path, sha256(root))) parted("a proof verifies under another root");
      if (verifies(leaf, index, count, [...path, root])) parted("a proof verifies with a longer path");
      if (path.length > 0 && verifies(leaf, index, count, path.slice(0, -1))) parted("a proof verifies with a shorter path");
      if (path.length > 1 && verifies(leaf, index, count, path.toReversed())) parted("a proof verifies with its path turned round");
      // Under a size that gives the place another depth, the way up is another one.
      const size = other + 1;
      if (
        size > index &&
        pathOf(
          sha256,
          index,
          Array.from({ length: size }, () => leaf),
        ).length !== path.length &&
        verifies(leaf, index, size, path)
      )
        parted(`a proof of ${index} of ${count} verifies as one of ${size}`);
      // A node is no leaf.
      const inner = path.length > 0 ? createMerkleTree(sha256, leaves.slice(0, 2)).root : root;
      if (count > 1 && verifies(inner, 0, 1, [], root)) parted("a node is taken for a leaf");
    }
  },
};
