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
  forgetPending,
  linkKey,
  type PendingLeaf,
  proofsOf,
  recallPending,
  recallStatement,
  type Statements,
  type UnderWay,
} from "../../packages/perdure/src/protocol/delivery/statements.ts";
import { type Bytes, concat, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { BOUND_HEADER_BYTES, ENVELOPE_HEADER_BYTES, FROM_AT } from "../../packages/perdure/src/wire/envelope.ts";
import { KEPT_REFUSALS, STATEMENT_LEAVES } from "../../packages/perdure/src/wire/kept-relay.ts";
import { statement, statementProof, storedLeaf } from "../../packages/perdure/src/wire/statement.ts";
import { bytesOf, pathOf, rootOf } from "./mailbox/word.ts";
import { parted, type Room } from "./room.ts";

type Step =
  | { readonly do: "use"; readonly sender: number; readonly link: number; readonly count: number; readonly refused: boolean }
  /** One message on each of so many links. */
  | { readonly do: "spread"; readonly count: number }
  | { readonly do: "begin" | "finish" | "abandon" }
  | { readonly do: "restate"; readonly lag: number }
  /** Everything is read again: mail that waits, of each link every so manieth, then the restatement, then what came behind it but for the last. */
  | { readonly do: "restart"; readonly lost: number; readonly every: number };

interface Line {
  /** By number, from 1: the digest, or nothing where it was refused. */
  readonly used: (string | undefined)[];
  readonly stated: Set<number>;
}

/** The newest restatement, and what was written behind it. */
interface Base {
  readonly pending: readonly PendingLeaf[];
  readonly upTo: ReadonlyMap<string, number>;
  readonly number: number;
  readonly previous: string;
}

type Behind =
  | {
      readonly kind: "used";
      readonly sender: Bytes;
      readonly link: Bytes;
      readonly seq: number;
      readonly digest: Bytes | undefined;
      readonly writer: Bytes | undefined;
    }
  | { readonly kind: "stated"; readonly bytes: Bytes; readonly leaves: readonly Bytes[] };

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
      return draws.chance(0.5)
        ? { do: "restate", lag: draws.below(4) }
        : { do: "restart", lost: draws.below(4), every: 1 + draws.below(4) };
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
    let base: Base = { pending: [], upTo: new Map(), number, previous };
    let behind: Behind[] = [];

    /** Of an envelope a leaf has no more than its digest and who wrote it. */
    const take = (by: Statements, sender: Bytes, link: Bytes, seq: number, digest: Bytes | undefined, writer: Bytes | undefined): void => {
      const envelope = new Uint8Array(ENVELOPE_HEADER_BYTES);
      envelope.set(digest ?? [], BOUND_HEADER_BYTES);
      envelope.set(writer ?? [], FROM_AT);
      const carrier = { idRaw: sender, peer: hex(sender) === peer ? {} : undefined };
      addToLeaf(by, carrier, { raw: link, leafKey: linkKey({ sender, link }) }, seq, digest && envelope, limit);
    };
    const copyOf = (leaf: PendingLeaf): PendingLeaf => ({
      ...leaf,
      refused: [...leaf.refused],
      digests: leaf.digests.slice(0),
      writers: leaf.writers.slice(0),
    });
    const use = (sender: number, link: number, refused: boolean): void => {
      const key = keyOf(idOf(sender), linkOf(link));
      const line = lines.get(key) ?? { used: [], stated: new Set() };
      lines.set(key, line);
      const seq = line.used.length + 1;
      const digest = refused ? undefined : sha256(utf8(`${key} ${seq}`)).slice(0, 16);
      line.used.push(digest === undefined ? undefined : hex(digest));
      const writer = digest === undefined ? undefined : writerOf(sender, digest);
      take(product, idOf(sender), linkOf(link), seq, digest, writer);
      behind.push({ kind: "used", sender: idOf(sender), link: linkOf(link), seq, digest, writer });
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
      if (line === undefined || lastSeq > line.used.length || [...digests].map(hex).join() !== run.join())
        return parted(`a leaf from ${firstSeq} to ${lastSeq} holds other mail`);
      const missing = line.used.flatMap((each, at) => (each === undefined && at + 1 >= firstSeq && at + 1 <= lastSeq ? [at + 1] : []));
      if (refused.join() !== missing.join())
        parted(`in ${firstSeq} to ${lastSeq} ${refused.join()} are said to be refused, not ${missing.join()}`);
      if (digests.length > limit || digests.length === 0 || refused.length > KEPT_REFUSALS)
        parted(`a leaf of ${digests.length} messages and ${refused.length} refusals`);
      const wanted = hex(sender) === peer ? [...digests].map((digest) => hex(sha256(digest))) : [];
      if ([...writers].map(hex).join() !== wanted.join()) parted("writers of a leaf are other ones");
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
      behind.push({ kind: "stated", bytes: done.bytes, leaves: done.leaves });
      underWay = undefined;
    };
    /** What is restated, as bytes that nothing changes any more: the last numbers of each link are not durable, and stand behind it. */
    const restate = (lag: number): void => {
      const upTo = new Map([...lines].map(([key, { used, stated }]) => [key, Math.max(used.length - lag, 0, ...stated)]));
      const durable = durablePending(product, (sender, link) => upTo.get(keyOf(sender, link)) ?? 0);
      base = { pending: durable.map(copyOf), upTo, number, previous };
      behind = [...lines].flatMap(([key, { used }]) => {
        const [sender, link] = key.split("/").map(bytesOf) as [Bytes, Bytes];
        return used.slice(upTo.get(key)).map((each, at): Behind => {
          const digest = each === undefined ? undefined : bytesOf(each);
          const writer = digest !== undefined && hex(sender) === peer ? sha256(digest) : undefined;
          return { kind: "used", sender, link, seq: (upTo.get(key) ?? 0) + at + 1, digest, writer };
        });
      });
    };
    const restart = (lost: number, every: number): void => {
      for (let left = lost; left > 0 && behind.at(-1)?.kind === "used"; left--) {
        const last = behind.pop();
        if (last?.kind === "used") lines.get(keyOf(last.sender, last.link))?.used.pop();
      }
      const again = createStatements();
      for (const [key, line] of lines)
        for (let seq = every; seq <= (base.upTo.get(key) ?? 0); seq += every) {
          const digest = line.used[seq - 1];
          const [sender, link] = key.split("/").map(bytesOf) as [Bytes, Bytes];
          if (digest !== undefined)
            take(again, sender, link, seq, bytesOf(digest), hex(sender) === peer ? sha256(bytesOf(digest)) : undefined);
        }
      for (const [key, lastSeq] of base.upTo) {
        const [sender, link] = key.split("/").map(bytesOf) as [Bytes, Bytes];
        forgetPending(again, { sender, link, lastSeq });
      }
      Object.assign(again, { number: base.number, hash: bytesOf(base.previous) });
      for (const leaf of [...base.pending, ...base.pending]) recallPending(again, copyOf(leaf), limit);
      for (const each of behind) {
        if (each.kind === "used") take(again, each.sender, each.link, each.seq, each.digest, each.writer);
        else if (!recallStatement(again, sha256, each.bytes, each.leaves)) parted("a statement that is read is not new");
        else if (recallStatement(again, sha256, each.bytes, each.leaves)) parted("a statement is new twice");
      }
      product = again;
      underWay = undefined;
      for (const [key, { used }] of lines) if (used.length === 0) lines.delete(key);
    };

    for (const step of steps) {
      if (step.do === "use") for (let count = 0; count < step.count; count++) use(step.sender, step.link, step.refused);
      else if (step.do === "spread") for (let link = 0; link < step.count; link++) use(0, LINKS + link, false);
      else if (step.do === "begin") begin();
      else if (step.do === "finish") finish();
      else if (step.do === "restate") restate(step.lag);
      else if (step.do === "restart") restart(step.lost, step.every);
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
