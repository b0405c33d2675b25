/** What a relay signs, looked at: every statement follows the one before, every leaf is about exactly what was taken, every proof leads to its root. */
import { verifyInclusion } from "../../../packages/perdure/src/protocol/delivery/merkle.ts";
import { type Bytes, concat, equalBytes, hex } from "../../../packages/perdure/src/wire/bytes.ts";
import { decodeKept } from "../../../packages/perdure/src/wire/kept-relay.ts";
import { type Statement, statement, statementProof, storedLeaf } from "../../../packages/perdure/src/wire/statement.ts";
import { parted } from "../room.ts";
import type { Taken } from "./books.ts";
import type { Leaf } from "./sessions.ts";

type Sha256 = (bytes: Bytes) => Bytes;

interface Said {
  readonly bytes: Bytes;
  readonly said: Statement;
  signature: Bytes;
  leaves: readonly Bytes[];
}

export interface Word {
  /** Of the newest statement that was signed, in hexadecimal digits. */
  readonly newest: string;
  sign(bytes: Bytes): string;
  /** What went into the log with the signature, and what must be in it. */
  written(
    records: readonly Bytes[],
    signature: Bytes,
    covers: readonly Taken[],
    digestOf: (agent: string, link: number, seq: number) => string | undefined,
  ): readonly Leaf[];
  proof(bytes: Bytes): string;
}

export function createWord(sha256: Sha256, relayId: Bytes, nameOf: (idRaw: Bytes) => string | undefined): Word {
  const statements = new Map<string, Said>();
  let newest = "";

  return {
    get newest() {
      return newest;
    },
    sign(bytes) {
      const said = statement.decode(bytes);
      if (!equalBytes(said.relayId, relayId)) parted("a statement of another relay is to be signed");
      newest = hex(sha256(bytes));
      statements.set(newest.slice(0, 16), { bytes: bytes.slice(), said, signature: new Uint8Array(0), leaves: [] });
      return `sign ${said.number} after ${hex(said.previous)} at ${said.timeMs}`;
    },
    written(records, signature, covers, digestOf) {
      const all = records.map((record) => decodeKept(record));
      const [kept] = all;
      const said = statements.get(newest.slice(0, 16));
      if (kept?.kind !== "statement" || all.length !== 1 || said === undefined)
        return parted("something else than the statement is written");
      const { leaves } = kept.value;
      if (!equalBytes(kept.value.statement, said.bytes) || !equalBytes(kept.value.signature, signature))
        parted("another statement is written");
      if (said.said.leafCount !== leaves.length || !equalBytes(said.said.root, rootOf(sha256, leaves)))
        parted("the root is not that of the leaves");
      Object.assign(said, { signature, leaves: leaves.map((leaf) => leaf.slice()) });
      const left = new Set(covers.map(({ agent, link, seq }) => `${agent} ${link} ${seq}`));
      const decoded = leaves.map((each) => {
        const leaf = storedLeaf.decode(each);
        const [agent, link] = [nameOf(leaf.sender) ?? "nobody", leaf.link[0] ?? 0];
        const digests: string[] = [];
        for (let seq = leaf.firstSeq; seq <= leaf.lastSeq; seq++) {
          const digest = digestOf(agent, link, seq);
          if (digest !== undefined && !left.delete(`${agent} ${link} ${seq}`))
            parted(`number ${seq} of link ${link} of ${agent} is stated again`);
          if (digest !== undefined) digests.push(digest);
        }
        if (digests.length === 0) parted("a leaf is about nothing");
        if (hex(leaf.contents) !== hex(sha256(bytesOf(digests.join("")))))
          parted(`numbers ${leaf.firstSeq} to ${leaf.lastSeq} of ${agent} are other mail`);
        return { agent, link, first: leaf.firstSeq, last: leaf.lastSeq };
      });
      if (left.size > 0) parted(`no leaf is about ${[...left].join(", ")}`);
      return decoded;
    },
    proof(bytes) {
      const proof = statementProof.decode(bytes);
      const key = hex(sha256(proof.statement)).slice(0, 16);
      const said = statements.get(key);
      const { leaf, leafIndex, path, signature } = proof;
      if (said === undefined) return parted("a proof of a statement that was never made");
      if (!equalBytes(signature, said.signature)) parted("a proof with another signature");
      if (!equalBytes(leaf, said.leaves[leafIndex] ?? new Uint8Array(0))) parted("a proof of another leaf");
      if (proof.digests.length + proof.writers.length > 0) parted("a leaf of an agent is opened");
      const { root, leafCount } = said.said;
      if (path.map(hex).join() !== pathOf(sha256, leafIndex, said.leaves).map(hex).join()) parted("a proof with another path");
      if (!verifyInclusion(sha256, root, leaf, leafIndex, leafCount, path)) parted("a proof that does not verify");
      if (verifyInclusion(sha256, root, concat(leaf, new Uint8Array(1)), leafIndex, leafCount, path))
        parted("a proof verifies for anything");
      return `${key}.${leafIndex}`;
    },
  };
}

export function bytesOf(digits: string): Bytes {
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16));
}

/** The largest power of two below `count`. */
function half(count: number): number {
  let size = 1;
  while (size * 2 < count) size *= 2;
  return size;
}

/** RFC 9162, section 2.1.1, as it stands there. */
export function rootOf(sha256: Sha256, leaves: readonly Bytes[]): Bytes {
  const [first] = leaves;
  if (first === undefined) return sha256(new Uint8Array(0));
  if (leaves.length === 1) return sha256(concat(Uint8Array.of(0), first));
  const size = half(leaves.length);
  return sha256(concat(Uint8Array.of(1), rootOf(sha256, leaves.slice(0, size)), rootOf(sha256, leaves.slice(size))));
}

/** Section 2.1.3.1. */
export function pathOf(sha256: Sha256, index: number, leaves: readonly Bytes[]): readonly Bytes[] {
  if (leaves.length <= 1) return [];
  const size = half(leaves.length);
  if (index < size) return [...pathOf(sha256, index, leaves.slice(0, size)), rootOf(sha256, leaves.slice(size))];
  return [...pathOf(sha256, index - size, leaves.slice(size)), rootOf(sha256, leaves.slice(0, size))];
}
