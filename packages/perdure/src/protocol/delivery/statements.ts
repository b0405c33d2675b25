/**
 * Statements of a relay: what was stored since the last one, as leaves; the chain of numbers; the proofs.
 *
 * States of a message of a link: pending (in a leaf no statement has) -> under way (in the leaves of the statement that is
 * being signed and written) -> stated (in a statement that is durable). Inputs: a stored or refused link sequence number, leaves
 * taken for a statement, a statement durable or read. Invariants: numbers are gapless and each statement names the hash
 * of the one before; a leaf covers a run of one link without a gap, refused numbers included in the run and left out of the
 * contents; at most one statement is under way.
 */
import { type Bytes, EMPTY, equalBytes, hex } from "../../wire/bytes.ts";
import { BOUND_HEADER_BYTES, DIGEST_BYTES, FROM_AT } from "../../wire/envelope.ts";
import { AGENT_ID_BYTES } from "../../wire/ids.ts";
import { KEPT_REFUSALS, STATEMENT_LEAVES } from "../../wire/kept-relay.ts";
import { WIRE_VERSION } from "../../wire/limits.ts";
import { LEAF_MESSAGES, PEER_LEAF_MESSAGES, statement, statementProof, storedLeaf } from "../../wire/statement.ts";
import { ByteRows } from "./byte-rows.ts";
import { createMerkleTree, type MerkleTree } from "./merkle.ts";

type Sha256 = (bytes: Bytes) => Bytes;

export interface PendingLeaf {
  readonly sender: Bytes;
  readonly link: Bytes;
  firstSeq: number;
  lastSeq: number;
  /** Link sequence numbers inside that were refused. */
  refused: number[];
  digests: ByteRows;
  /** Who wrote each, when the sender is another relay; else empty. */
  writers: ByteRows;
}

export interface UnderWay {
  readonly bytes: Bytes;
  readonly number: number;
  readonly leaves: readonly Bytes[];
  readonly taken: readonly PendingLeaf[];
  readonly tree: MerkleTree;
  /** Signed and handed to the log. */
  written: boolean;
  /** Of its leaves, when it is signed. */
  proofs: readonly Bytes[];
}

export interface Statements {
  /** Number and hash of the newest statement; 0 and zero bytes before the first. */
  number: number;
  hash: Bytes;
  /** Oldest first. */
  pending: PendingLeaf[];
  /** Per link the leaf that still grows. */
  readonly growing: Map<string, PendingLeaf>;
  underWay: UnderWay | undefined;
  /** While the log is read: how far the statements read so far reach, by link. */
  readonly recalled: Map<string, number>;
}

export function createStatements(): Statements {
  return { number: 0, hash: new Uint8Array(32), pending: [], growing: new Map(), underWay: undefined, recalled: new Map() };
}

/** A link among those of all senders. */
export function linkKey({ sender, link }: { readonly sender: Bytes; readonly link: Bytes }): string {
  return hex(sender) + hex(link);
}

/** Messages in one leaf of that sender: the digests of a peer's travel on, to each of its own senders. */
export function leafMessages(sender: { readonly peer: object | undefined }): number {
  return sender.peer === undefined ? LEAF_MESSAGES : PEER_LEAF_MESSAGES;
}

/**
 * A link sequence number of `carrier` was used up: by mail, or without an envelope by a refusal. Mail of a peer was written by somebody
 * else.
 */
export function addToLeaf(
  statements: Statements,
  carrier: { readonly idRaw: Bytes; readonly peer: object | undefined },
  link: { readonly raw: Bytes; leafKey: string | undefined },
  linkSeq: number,
  envelope: Bytes | undefined,
  limit: number = leafMessages(carrier),
): void {
  link.leafKey ??= linkKey({ sender: carrier.idRaw, link: link.raw });
  const leaf = leafFor(statements, carrier.idRaw, link.raw, linkSeq, envelope !== undefined, limit, link.leafKey);
  if (leaf === undefined) return;
  if (envelope === undefined) return void leaf.refused.push(linkSeq);
  leaf.digests.push(envelope, BOUND_HEADER_BYTES);
  if (carrier.peer !== undefined) leaf.writers.push(envelope, FROM_AT);
}

/** The leaf that grows by that number, a new one if need be; none begins with a refusal, or has more than `limit` messages. */
function leafFor(
  statements: Statements,
  sender: Bytes,
  link: Bytes,
  linkSeq: number,
  isMail: boolean,
  limit: number,
  key: string,
): PendingLeaf | undefined {
  const growing = statements.growing.get(key);
  if (
    growing !== undefined &&
    growing.lastSeq + 1 === linkSeq &&
    growing.digests.length < limit &&
    growing.refused.length < KEPT_REFUSALS
  ) {
    growing.lastSeq = linkSeq;
    return growing;
  }
  if (!isMail) return undefined;
  // A leaf of another relay mostly fills up.
  const room = limit === PEER_LEAF_MESSAGES ? limit : undefined;
  const leaf: PendingLeaf = {
    sender: sender.slice(),
    link: link.slice(),
    firstSeq: linkSeq,
    lastSeq: linkSeq,
    refused: [],
    digests: new ByteRows(DIGEST_BYTES, undefined, room),
    writers: new ByteRows(AGENT_ID_BYTES, undefined, room),
  };
  statements.pending.push(leaf);
  statements.growing.set(key, leaf);
  return leaf;
}

/** Takes the pending leaves and gives the statement to sign, or `undefined` when there is nothing to say or one is under way. */
export function beginStatement(statements: Statements, sha256: Sha256, relayId: Bytes, nowMs: number): UnderWay | undefined {
  if (statements.underWay !== undefined || statements.pending.length === 0) return undefined;
  statements.recalled.clear();
  const taken = statements.pending.slice(0, STATEMENT_LEAVES);
  statements.pending = statements.pending.slice(STATEMENT_LEAVES);
  for (const leaf of taken) {
    const key = linkKey(leaf);
    if (statements.growing.get(key) === leaf) statements.growing.delete(key);
  }
  const leaves = taken.map((leaf) =>
    storedLeaf.encode({
      sender: leaf.sender,
      link: leaf.link,
      firstSeq: leaf.firstSeq,
      lastSeq: leaf.lastSeq,
      contents: sha256(leaf.digests.bytes),
    }),
  );
  const number = statements.number + 1;
  const tree = createMerkleTree(sha256, leaves);
  const bytes = statement.encode({
    version: WIRE_VERSION,
    relayId,
    number,
    previous: statements.hash,
    timeMs: nowMs,
    leafCount: leaves.length,
    root: tree.root,
    extensions: [],
  });
  statements.underWay = { bytes, number, leaves, taken, tree, written: false, proofs: [] };
  return statements.underWay;
}

/** The statement that was under way is durable. */
export function finishStatement(statements: Statements, sha256: Sha256): UnderWay {
  const done = statements.underWay;
  if (done === undefined) throw new RangeError("no statement is under way");
  statements.underWay = undefined;
  statements.number = done.number;
  statements.hash = sha256(done.bytes);
  return done;
}

/** Signing failed: its leaves are pending again, before those that came later. */
export function abandonStatement(statements: Statements): void {
  if (statements.underWay === undefined || statements.underWay.written) return;
  statements.pending = [...statements.underWay.taken, ...statements.pending];
  statements.underWay = undefined;
}

/** Leaves no durable statement covers, as far as `syncedOf` says their link is durable. */
export function durablePending(statements: Statements, syncedOf: (sender: Bytes, link: Bytes) => number): readonly PendingLeaf[] {
  const all = [...(statements.underWay?.taken ?? []), ...statements.pending];
  return all.map((leaf) => upToSeq(leaf, syncedOf(leaf.sender, leaf.link))).filter((leaf) => leaf.digests.length > 0);
}

function upToSeq(leaf: PendingLeaf, lastSeq: number): PendingLeaf {
  if (lastSeq >= leaf.lastSeq) return leaf;
  const refused = leaf.refused.filter((linkSeq) => linkSeq <= lastSeq);
  const messages = Math.max(0, lastSeq - leaf.firstSeq + 1 - refused.length);
  return { ...leaf, lastSeq, refused, digests: leaf.digests.slice(0, messages), writers: leaf.writers.slice(0, messages) };
}

/** A statement was read from the log: its leaves are no longer pending. False when it was known already. */
export function recallStatement(statements: Statements, sha256: Sha256, bytes: Bytes, leaves: readonly Bytes[]): boolean {
  const said = statement.decode(bytes);
  for (const encoded of leaves) {
    const leaf = storedLeaf.decode(encoded);
    forgetPending(statements, leaf);
    const key = linkKey(leaf);
    statements.recalled.set(key, Math.max(leaf.lastSeq, statements.recalled.get(key) ?? 0));
  }
  if (said.number <= statements.number) return false;
  statements.number = said.number;
  statements.hash = sha256(bytes);
  return true;
}

/** Takes back what is pending of one link up to `lastSeq`: a statement covers it, or a restatement says anew what of it is pending. */
export function forgetPending(
  statements: Statements,
  stated: { readonly sender: Bytes; readonly link: Bytes; readonly lastSeq: number },
): void {
  const isStated = (leaf: PendingLeaf): boolean =>
    leaf.firstSeq <= stated.lastSeq && equalBytes(leaf.link, stated.link) && equalBytes(leaf.sender, stated.sender);
  for (const leaf of statements.pending.filter(isStated)) {
    const refused = leaf.refused.filter((linkSeq) => linkSeq <= stated.lastSeq).length;
    const messages = Math.min(stated.lastSeq, leaf.lastSeq) - leaf.firstSeq + 1 - refused;
    leaf.digests = leaf.digests.slice(messages);
    leaf.writers = leaf.writers.slice(messages);
    leaf.refused = leaf.refused.filter((linkSeq) => linkSeq > stated.lastSeq);
    leaf.firstSeq = stated.lastSeq + 1;
  }
  statements.pending = statements.pending.filter((leaf) => leaf.digests.length > 0);
  const key = linkKey(stated);
  const growing = statements.growing.get(key);
  if (growing !== undefined && growing.digests.length === 0) statements.growing.delete(key);
}

/** A restated leaf: pending as far as no statement read so far covers it. */
export function recallPending(
  statements: Statements,
  { sender, link, firstSeq, lastSeq, refused, digests, writers }: PendingLeaf,
  limit: number = LEAF_MESSAGES,
): void {
  const overlaps = (leaf: PendingLeaf): boolean =>
    leaf.firstSeq <= lastSeq && leaf.lastSeq >= firstSeq && equalBytes(leaf.link, link) && equalBytes(leaf.sender, sender);
  if (statements.pending.some(overlaps)) return;
  const stated = statements.recalled.get(linkKey({ sender, link })) ?? 0;
  let next = 0;
  for (let linkSeq = firstSeq; linkSeq <= lastSeq; linkSeq++) {
    const row = refused.includes(linkSeq) ? undefined : next++;
    const leaf =
      linkSeq > stated ? leafFor(statements, sender, link, linkSeq, row !== undefined, limit, linkKey({ sender, link })) : undefined;
    if (row === undefined) leaf?.refused.push(linkSeq);
    else leaf?.digests.push(digests.bytes, row * DIGEST_BYTES);
    if (row !== undefined && row < writers.length) leaf?.writers.push(writers.bytes, row * AGENT_ID_BYTES);
  }
  putInOrder(statements, sender, link);
}

/** Mail that is read before a restatement may be newer than what is restated: who is shown the proof of the newer forgets what was older. */
function putInOrder(statements: Statements, sender: Bytes, link: Bytes): void {
  const isOfLink = (leaf: PendingLeaf): boolean => equalBytes(leaf.link, link) && equalBytes(leaf.sender, sender);
  const sorted = statements.pending.filter(isOfLink).sort((one, other) => one.firstSeq - other.firstSeq);
  const newest = sorted.at(-1);
  if (newest === undefined) return;
  let next = 0;
  statements.pending = statements.pending.map((leaf) => (isOfLink(leaf) ? (sorted[next++] as PendingLeaf) : leaf));
  statements.growing.set(linkKey({ sender, link }), newest);
}

/** One encoded proof per leaf of a statement; `tree`: that of its leaves. A leaf of another relay that is still at hand (`taken`) is opened: it says whose mail is in it. */
export function proofsOf(
  sha256: Sha256,
  bytes: Bytes,
  signature: Bytes,
  leaves: readonly Bytes[],
  taken: readonly PendingLeaf[] = [],
  tree: MerkleTree = createMerkleTree(sha256, leaves),
): readonly Bytes[] {
  return leaves.map((leaf, leafIndex) => {
    const opened = taken[leafIndex];
    const isOpened = opened !== undefined && opened.writers.length > 0;
    return statementProof.encode({
      statement: bytes,
      signature,
      leaf,
      leafIndex,
      path: tree.path(leafIndex),
      digests: isOpened ? opened.digests.bytes : EMPTY,
      writers: isOpened ? opened.writers.bytes : EMPTY,
    });
  });
}
