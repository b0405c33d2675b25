import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { fromHex, hex } from "../../wire/bytes.ts";
import { createMerkleTree, verifyInclusion } from "./merkle.ts";

const { sha256 } = createNodeCrypto().hash;

/** The leaves and roots that Certificate Transparency implementations test with (RFC 6962 and RFC 9162 have the same tree). */
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(
  (text) => fromHex(text) as Uint8Array,
);
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const someLeaves = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 70 });

describe("a Merkle tree", () => {
  it("has the roots of the published test data", () => {
    expect(ROOTS.map((_, count) => hex(createMerkleTree(sha256, LEAVES.slice(0, count)).root))).toEqual(ROOTS);
  });

  it("proves every leaf", () => {
    fc.assert(
      fc.property(someLeaves, (leaves) => {
        const tree = createMerkleTree(sha256, leaves);
        for (const [index, leaf] of leaves.entries())
          expect(verifyInclusion(sha256, tree.root, leaf, index, leaves.length, tree.path(index))).toBe(true);
      }),
    );
  });

  it("proves nothing with another leaf, place, size or path", () => {
    fc.assert(
      fc.property(someLeaves, fc.nat(), (leaves, draw) => {
        const tree = createMerkleTree(sha256, leaves);
        const index = draw % leaves.length;
        const leaf = leaves[index] as Uint8Array;
        const path = tree.path(index);
        expect(verifyInclusion(sha256, tree.root, Uint8Array.of(...leaf, 1), index, leaves.length, path)).toBe(false);
        expect(verifyInclusion(sha256, tree.root, leaf, index + leaves.length, leaves.length, path)).toBe(false);
        expect(verifyInclusion(sha256, tree.root, leaf, index, leaves.length, [...path, tree.root])).toBe(false);
        if (path.length > 0) expect(verifyInclusion(sha256, tree.root, leaf, index, leaves.length, path.slice(1))).toBe(false);
      }),
    );
  });
});
