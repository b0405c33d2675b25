import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { hex } from "../../wire/bytes.ts";
import { BOUND_HEADER_BYTES, ENVELOPE_HEADER_BYTES } from "../../wire/envelope.ts";
import { storedLeaf } from "../../wire/statement.ts";
import { leafCovers } from "./statement-proof.ts";
import {
  addToLeaf,
  beginStatement,
  createStatements,
  durablePending,
  finishStatement,
  forgetPending,
  linkKey,
  recallPending,
  recallStatement,
  type Statements,
} from "./statements.ts";

const { sha256 } = createNodeCrypto().hash;
const SENDER = new Uint8Array(32).fill(1);
const LINK = new Uint8Array(8).fill(2);
const CARRIER = { idRaw: SENDER, peer: undefined };
const LINK_STATE = { raw: LINK, leafKey: linkKey({ sender: SENDER, link: LINK }) };
/** Of an envelope only where its digest lies. */
const mailOf = (linkSeq: number): Uint8Array => {
  const header = new Uint8Array(ENVELOPE_HEADER_BYTES);
  header.set(digestOf(linkSeq), BOUND_HEADER_BYTES);
  return header;
};
const digestOf = (linkSeq: number): Uint8Array => new Uint8Array(16).fill(linkSeq);

/** One letter per link sequence number: m mail, r refused. */
function fed(words: string, statements: Statements = createStatements(), from = 1): Statements {
  for (const [index, word] of [...words].entries()) {
    addToLeaf(statements, CARRIER, LINK_STATE, from + index, word === "m" ? mailOf(from + index) : undefined);
  }
  return statements;
}

const digestsOf = (words: string, from = 1): Uint8Array[] =>
  [...words].flatMap((word, index) => (word === "m" ? [digestOf(from + index)] : []));

describe("leaves", () => {
  it("cover each stored message once, in link order, refused ones left out", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[mr]{1,60}$/), (words) => {
        const begun = beginStatement(fed(words), sha256, SENDER, 1);
        const leaves = (begun?.leaves ?? []).map((leaf) => storedLeaf.decode(leaf));
        const covered = leaves.flatMap(({ firstSeq, lastSeq }) => digestsOf(words.slice(firstSeq - 1, lastSeq), firstSeq));
        expect(covered.map(hex)).toEqual(digestsOf(words).map(hex));
        for (const leaf of leaves)
          expect(leafCovers(sha256, leaf, digestsOf(words.slice(leaf.firstSeq - 1, leaf.lastSeq), leaf.firstSeq))).toBe(true);
      }),
    );
  });

  it("read again after a statement hold exactly what it did not state", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[mr]{1,40}$/), fc.stringMatching(/^[mr]{0,40}$/), (before, after) => {
        const stating = fed(before);
        const begun = beginStatement(stating, sha256, SENDER, 1);
        const again = fed(before + after);
        if (begun !== undefined) recallStatement(again, sha256, begun.bytes, begun.leaves);
        expect(again.pending.flatMap((leaf) => [...leaf.digests]).map(hex)).toEqual(digestsOf(after, before.length + 1).map(hex));
      }),
    );
  });

  it("restated hold exactly what is durable", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[mr]{1,40}$/), fc.nat(50), (words, synced) => {
        const durable = durablePending(fed(words), () => synced);
        expect(durable.flatMap((leaf) => [...leaf.digests]).map(hex)).toEqual(digestsOf(words.slice(0, synced)).map(hex));
      }),
    );
  });

  it("restated behind newer mail come before it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), (old, more) => {
        const [leaf] = durablePending(fed("m".repeat(old)), () => old);
        const again = fed("m".repeat(old + more));
        forgetPending(again, { sender: SENDER, link: LINK, lastSeq: old });
        if (leaf !== undefined) recallPending(again, leaf);
        fed("m", again, old + more + 1);
        const begun = beginStatement(again, sha256, SENDER, 1);
        const spans = (begun?.leaves ?? []).map((each) => storedLeaf.decode(each)).map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq]);
        expect(spans).toEqual([
          [1, old],
          [old + 1, old + more + 1],
        ]);
      }),
    );
  });

  it("under way are still restated", () => {
    const statements = fed("mmm");
    beginStatement(statements, sha256, SENDER, 1);
    fed("m", statements, 4);
    expect(durablePending(statements, () => 4).flatMap((leaf) => [...leaf.digests]).length).toBe(4);
    finishStatement(statements, sha256);
    expect(durablePending(statements, () => 4).flatMap((leaf) => [...leaf.digests]).length).toBe(1);
  });
});
