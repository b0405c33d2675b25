import { describe, expect, it } from "vitest";
import { hex } from "../../wire/bytes.ts";
import { statement, statementProof, storedLeaf } from "../../wire/statement.ts";
import { verifyInclusion } from "./merkle.ts";
import { leafCovers } from "./statement-proof.ts";
import { createTestRelay, envelope, kindsOf, sha256, type TestRelay } from "./test-relay.ts";

/** Alice (session 1) writes, Bob (session 2) reads. */
function pair(...options: Parameters<typeof createTestRelay>): TestRelay {
  const relay = createTestRelay(...options);
  relay.attach(1, "alice");
  relay.attach(2, "bob");
  relay.take();
  return relay;
}

describe("statements", () => {
  const state = (relay: TestRelay): readonly Uint8Array[] => {
    relay.feed({ kind: "statement-due" });
    relay.feed({ kind: "signed", signature: new Uint8Array(64) });
    return relay.sync().flatMap((output) => (output.kind === "proof" ? [output.proof] : []));
  };

  it("prove to each sender what of it is stored, refused mail left out", () => {
    const relay = pair();
    const kept = [envelope("alice", "bob", 1), envelope("alice", "bob", 3)];
    relay.mail(1, 1, kept[0] as never);
    relay.mail(1, 2, envelope("alice", "nobody", 2));
    relay.mail(1, 3, kept[1] as never);
    relay.mail(2, 1, envelope("bob", "alice", 1));
    const proofs = state(relay).map((proof) => statementProof.decode(proof));
    for (const proof of proofs) {
      const { root, leafCount } = statement.decode(proof.statement);
      expect(verifyInclusion(sha256, root, proof.leaf, proof.leafIndex, leafCount, proof.path)).toBe(true);
    }
    const leaves = proofs.map((proof) => storedLeaf.decode(proof.leaf));
    expect(leaves.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([
      [1, 3],
      [1, 1],
    ]);
    expect(
      leafCovers(
        sha256,
        leaves[0] as never,
        kept.map((each) => each.digest),
      ),
    ).toBe(true);
  });

  it("leave only when they are durable", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.feed({ kind: "statement-due" });
    expect(kindsOf(relay.feed({ kind: "signed", signature: new Uint8Array(64) }))).not.toContain("proof");
  });

  it("are numbered without a gap, each naming the one before, over a crash", () => {
    const relay = pair();
    const said: Uint8Array[] = [];
    for (let seq = 1; seq <= 3; seq++) {
      relay.mail(1, seq, envelope("alice", "bob", seq));
      said.push(statementProof.decode(state(relay)[0] as Uint8Array).statement);
      if (seq !== 2) continue;
      relay.crash();
      relay.attach(1, "alice");
    }
    const read = said.map((each) => statement.decode(each));
    expect(read.map((each) => each.number)).toEqual([1, 2, 3]);
    expect([hex((read[1] as { previous: Uint8Array }).previous), hex((read[2] as { previous: Uint8Array }).previous)]).toEqual([
      hex(sha256(said[0] as Uint8Array)),
      hex(sha256(said[1] as Uint8Array)),
    ]);
  });

  it("cover after a crash what was stored and not yet stated", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.mail(1, 2, envelope("alice", "bob", 2));
    relay.sync();
    relay.crash();
    relay.attach(1, "alice");
    const [proof] = state(relay);
    const leaf = storedLeaf.decode(statementProof.decode(proof as Uint8Array).leaf);
    expect([leaf.firstSeq, leaf.lastSeq]).toEqual([1, 2]);
  });

  it("say nothing a second time of mail that waits over restarts", () => {
    const relay = pair();
    relay.feed({ kind: "detach", session: 2 });
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.mail(1, 2, envelope("alice", "bob", 2));
    state(relay);
    relay.mail(1, 3, envelope("alice", "bob", 3));
    relay.sync();
    relay.rotate();
    relay.crash();
    relay.rotate();
    relay.crash();
    relay.attach(1, "alice");
    const leaves = state(relay).map((proof) => storedLeaf.decode(statementProof.decode(proof).leaf));
    expect(leaves.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([[3, 3]]);
  });

  it("are shown again to a sender that comes back", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.feed({ kind: "detach", session: 1 });
    state(relay);
    relay.crash();
    relay.attach(5, "alice", { link: 1 });
    expect(relay.take().filter((output) => output.kind === "proof").length).toBe(1);
  });

  it("go on when signing failed", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.feed({ kind: "statement-due" });
    relay.feed({ kind: "not-signed" });
    expect(state(relay).length).toBe(1);
  });
});
