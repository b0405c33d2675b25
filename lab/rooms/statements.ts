/**
 * Statements beside lists of what was taken and refused on each link: every message in one leaf, in order, none twice, whatever was given
 * up or read again in between. Leaves are small, and links so many that one statement does not hold them.
 */
import {
  abandonStatement,
  addToLeaf,
  beginStatement,
  createStatements,
  durablePending,
  finishStatement,
  type PendingLeaf,
  proofsOf,
  recallPending,
  recallStatement,
  type UnderWay,
} from "../../packages/perdure/src/protocol/delivery/statements.ts";
import { type Bytes, concat, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { KEPT_REFUSALS, STATEMENT_LEAVES } from "../../packages/perdure/src/wire/kept-relay.ts";
import { statement, statementProof, storedLeaf } from "../../packages/perdure/src/wire/statement.ts";
import { pathOf, rootOf } from "./mailbox/word.ts";
import { parted, type Room } from "./room.ts";

type Step =
  | { readonly do: "use"; readonly sender: number; readonly link: number; readonly count: number; readonly refused: boolean }
  /** One message on each of so many links. */
  | { readonly do: "spread"; readonly count: number }
  | { readonly do: "begin" | "finish" | "abandon" }
  /** Everything is read again: what a restatement says of links that are durable but for the last numbers, before or behind the newest statement. */
  | { readonly do: "restart"; readonly lost: number; readonly statementFirst: boolean };

interface Line {
  /** By number, from 1: the digest, or nothing where it was refused. */
  readonly used: (string | undefined)[];
  readonly stated: Set<number>;
}

const STEPS = 30;
const SENDERS = 3;
const LINKS = 2;

export const statements: Room<Step> = {
  name: "statements",
  about: "leaves and the chain of statements, beside what was taken and refused on each link",
  draw: (draws) =>
    Array.from({ length: STEPS }, (): Step => {
      const kind = draws.below(20);
      if (kind < 11) {
        const refused = draws.chance(0.35);
        const count = refused && draws.chance(0.04) ? KEPT_REFUSALS + draws.below(20) : 1 + draws.below(4);
        return { do: "use", sender: draws.below(SENDERS), link: draws.below(LINKS), count, refused };
      }
      if (kind < 12) return { do: "spread", count: draws.chance(0.08) ? STATEMENT_LEAVES + draws.below(30) : draws.below(5) };
      if (kind < 18) return { do: kind < 15 ? "begin" : kind < 17 ? "finish" : "abandon" };
      return { do: "restart", lost: draws.below(4), statementFirst: draws.chance(0.5) };
    }),
  run: async (steps, { hash: { sha256 }, draws }) => {
    const limit = 2 + draws("limit").below(4);
    const idOf = (sender: number): Bytes => sha256(utf8(`sender ${sender}`));
    const linkOf = (link: number): Bytes => utf8(`link ${String(link).padStart(3, "0")}`);
    const relayId = idOf(99);
    const lines = new Map<string, Line>();
    const keyOf = (sender: Bytes, link: Bytes): string => `${hex(sender)}/${hex(link)}`;
    /** The last sender is another relay: who wrote each message is kept. */
    const writerOf = (sender: number, digest: Bytes): Bytes | undefined => (sender === SENDERS - 1 ? sha256(digest) : undefined);
    const peer = hex(idOf(SENDERS - 1));
    let product = createStatements();
    let underWay: UnderWay | undefined;
    let number = 0;
    let previous = "00".repeat(32);
    let clock = 1000;
    let newest: { readonly bytes: Bytes; readonly leaves: readonly Bytes[] } | undefined;

    const use = (sender: number, link: number, refused: boolean): void => {
      const key = keyOf(idOf(sender), linkOf(link));
      const line = lines.get(key) ?? { used: [], stated: new Set() };
      lines.set(key, line);
      const seq = line.used.length + 1;
      const digest = refused ? undefined : sha256(utf8(`${key} ${seq}`)).slice(0, 16);
      line.used.push(digest === undefined ? undefined : hex(digest));
      addToLeaf(product, idOf(sender), linkOf(link), seq, digest, limit, digest === undefined ? undefined : writerOf(sender, digest));
    };
    /** Messages of that run, as they were taken. */
    const runOf = (line: Line, first: number, last: number): readonly string[] =>
      line.used.slice(first - 1, last).filter((each) => each !== undefined);
    const open = (): number =>
      [...lines.values()].reduce(
        (sum, { used, stated }) => sum + used.filter((each, at) => each !== undefined && !stated.has(at + 1)).length,
        0,
      );

    const judge = ({ sender, link, firstSeq, lastSeq, refused, digests, writers }: PendingLeaf, seen: Set<string>): void => {
      const key = keyOf(sender, link);
      const line = lines.get(key);
      const run = line === undefined ? [] : runOf(line, firstSeq, lastSeq);
      if (line === undefined || lastSeq > line.used.length || digests.map(hex).join() !== run.join())
        return parted(`a leaf from ${firstSeq} to ${lastSeq} holds other mail`);
      const missing = line.used.flatMap((each, at) => (each === undefined && at + 1 >= firstSeq && at + 1 <= lastSeq ? [at + 1] : []));
      if (refused.join() !== missing.join())
        parted(`in ${firstSeq} to ${lastSeq} ${refused.join()} are said to be refused, not ${missing.join()}`);
      if (digests.length > limit || digests.length === 0 || refused.length > KEPT_REFUSALS)
        parted(`a leaf of ${digests.length} messages and ${refused.length} refusals`);
      const wanted = hex(sender) === peer ? digests.map((digest) => hex(sha256(digest))) : [];
      if (writers.map(hex).join() !== wanted.join()) parted("writers of a leaf are other ones");
      for (let seq = firstSeq; seq <= lastSeq; seq++) {
        if (line.used[seq - 1] === undefined) continue;
        if (line.stated.has(seq) || seen.has(`${key} ${seq}`)) parted(`number ${seq} is in two leaves`);
        for (let later = seq + 1; later <= lastSeq; later++) if (seen.has(`${key} ${later}`)) parted("leaves of one link are out of order");
        seen.add(`${key} ${seq}`);
      }
    };
    const begin = (): void => {
      const before = open();
      const begun = beginStatement(product, sha256, relayId, ++clock);
      if ((begun !== undefined) !== (underWay === undefined && before > 0))
        parted(`${begun === undefined ? "nothing" : "something"} is stated`);
      if (begun === undefined) return;
      underWay = begun;
      const said = statement.decode(begun.bytes);
      if (said.number !== number + 1 || hex(said.previous) !== previous || said.timeMs !== clock || hex(said.relayId) !== hex(relayId))
        parted("a statement does not follow the one before");
      const { leaves, taken } = begun;
      if (leaves.length !== taken.length || said.leafCount !== leaves.length || leaves.length > STATEMENT_LEAVES)
        parted(`${leaves.length} leaves`);
      if (hex(said.root) !== hex(rootOf(sha256, leaves))) parted("the root is another one");
      const seen = new Set<string>();
      for (const [index, leaf] of taken.entries()) {
        judge(leaf, seen);
        const { sender, link, firstSeq, lastSeq, contents } = storedLeaf.decode(leaves[index] as Bytes);
        if (keyOf(sender, link) !== keyOf(leaf.sender, leaf.link) || firstSeq !== leaf.firstSeq || lastSeq !== leaf.lastSeq)
          parted("a leaf says something else");
        if (hex(contents) !== hex(sha256(concat(...leaf.digests)))) parted("a leaf is about other mail");
      }
      if (seen.size < before && leaves.length < STATEMENT_LEAVES) parted(`${before - seen.size} messages are in no leaf`);
    };
    const finish = (): void => {
      const done = underWay;
      if (done === undefined) return;
      const signature = new Uint8Array(64).fill(3);
      for (const [index, encoded] of proofsOf(sha256, done.bytes, signature, done.leaves, done.taken).entries()) {
        const proof = statementProof.decode(encoded);
        const leaf = done.taken[index] as PendingLeaf;
        const digests = leaf.writers.length === 0 ? "" : hex(concat(...leaf.digests));
        if (proof.leafIndex !== index || hex(proof.leaf) !== hex(done.leaves[index] as Bytes) || hex(proof.statement) !== hex(done.bytes))
          parted("a proof of something else");
        if (hex(proof.digests) !== digests || hex(proof.writers) !== hex(concat(...leaf.writers))) parted("a leaf is opened, or is not");
        if (index < 9 && proof.path.map(hex).join() !== pathOf(sha256, index, done.leaves).map(hex).join()) parted("a path is another one");
      }
      finishStatement(product, sha256);
      for (const { sender, link, firstSeq, lastSeq } of done.taken)
        for (let seq = firstSeq; seq <= lastSeq; seq++) lines.get(keyOf(sender, link))?.stated.add(seq);
      number++;
      previous = hex(sha256(done.bytes));
      newest = { bytes: done.bytes, leaves: done.leaves };
      underWay = undefined;
    };
    const restart = (lost: number, statementFirst: boolean): void => {
      const tail = (sender: Bytes, link: Bytes): number => Math.max(0, (lines.get(keyOf(sender, link))?.used.length ?? 0) - lost);
      const kept = durablePending(product, tail);
      const again = createStatements();
      const read = (): void => {
        if (newest !== undefined && recallStatement(again, sha256, newest.bytes, newest.leaves) && again.number !== number)
          parted("a statement is lost");
        if (newest !== undefined && recallStatement(again, sha256, newest.bytes, newest.leaves)) parted("a statement is new twice");
      };
      if (statementFirst) read();
      for (const leaf of kept) recallPending(again, leaf, limit);
      for (const leaf of kept) recallPending(again, leaf, limit);
      if (!statementFirst) read();
      product = again;
      underWay = undefined;
      for (const [key, { used, stated }] of lines) {
        const stays = Math.max(used.length - lost, ...stated, 0);
        used.splice(stays);
        if (used.length === 0) lines.delete(key);
      }
    };

    for (const step of steps) {
      if (step.do === "use") for (let count = 0; count < step.count; count++) use(step.sender, step.link, step.refused);
      else if (step.do === "spread") for (let link = 0; link < step.count; link++) use(0, LINKS + link, false);
      else if (step.do === "begin") begin();
      else if (step.do === "finish") finish();
      else if (step.do === "restart") restart(step.lost, step.statementFirst);
      else {
        abandonStatement(product);
        underWay = undefined;
      }
      if (product.number !== number || hex(product.hash) !== previous) parted(`the chain ends at ${product.number}, not ${number}`);
      const seen = new Set<string>();
      for (const leaf of durablePending(product, () => Number.MAX_SAFE_INTEGER)) judge(leaf, seen);
      if (seen.size !== open()) parted(`${seen.size} messages wait to be stated, not ${open()}`);
    }
  },
};
