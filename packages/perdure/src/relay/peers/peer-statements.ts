/**
 * What another relay proves about mail that was passed on to it: checked here, filled with the digests of the leaf, and given to
 * each sender whose mail is in it. What does not fit is never believed, and what only a lie explains is kept in the log.
 */
import type { Clock } from "../../host/clock.ts";
import type { Crypto } from "../../host/crypto.ts";
import type { Log } from "../../host/log.ts";
import type { VerifiedIdentity } from "../../identity/verify.ts";
import { ByteRows } from "../../protocol/delivery/byte-rows.ts";
import type { ForwardItem } from "../../protocol/delivery/forward-queue.ts";
import { KEPT_PEER_PROOFS } from "../../protocol/delivery/proof-shelf.ts";
import { leafCovers, type VerifiedStatement, verifyStatementProof } from "../../protocol/delivery/statement-proof.ts";
import { type Bytes, EMPTY, equalBytes, hex } from "../../wire/bytes.ts";
import { DIGEST_BYTES } from "../../wire/envelope.ts";
import { isPerdureError } from "../../wire/error.ts";
import { AGENT_ID_BYTES } from "../../wire/ids.ts";
import { PEER_LEAF_MESSAGES, type StatementProof, statementProof } from "../../wire/statement.ts";
import type { Incidents } from "../incidents.ts";

export interface PeerStatements {
  /** Takes one encoded proof of `peer`. Proofs are checked one after the other, in the order they came. */
  take(peer: VerifiedIdentity, encoded: Bytes): void;
}

export interface PeerStatementsOptions {
  readonly crypto: Crypto;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly log: Log;
  readonly incidents: Incidents;
  /** This relay, 32 bytes. */
  readonly ownId: Bytes;
  /** The link mail is passed on over now, and what a run of its numbers was. */
  readonly link: () => Bytes;
  readonly covered: (first: number, last: number) => readonly ForwardItem[] | undefined;
  readonly proven: (first: number, last: number) => void;
  readonly vouch: (senders: readonly Bytes[], number: number, proof: Bytes) => void;
  /** The certificate behind a signature is not in what the peer showed: it is to show its bundle again. */
  readonly outdated: () => void;
}

/** Statements remembered of one relay, to be compared with later ones. */
const REMEMBERED = 64;
/**
 * Writers that are handed a proof on the peer's word alone: as many as it may show after this relay was started again, and from
 * then on so many a second. Each costs a record in the log here and a place on a shelf.
 */
const UNCHECKED_BURST = KEPT_PEER_PROOFS * PEER_LEAF_MESSAGES;
const UNCHECKED_PER_SECOND = 32;
/** Proofs that wait to be checked; more are left to be shown again at the next session. */
const MOST_WAITING = 256;

interface Stated {
  readonly digest: Bytes;
  readonly from: Bytes;
}

interface Seen {
  readonly hash: Bytes;
  readonly previous: Bytes;
  readonly proof: Bytes;
}

export function createPeerStatements(options: PeerStatementsOptions): PeerStatements {
  const { crypto, clock, log, incidents } = options;
  // bound: REMEMBERED
  const seen = new Map<number, Seen>();
  // bound: MOST_WAITING
  const queue: { readonly peer: VerifiedIdentity; readonly encoded: Bytes }[] = [];
  let working = false;
  let latest: VerifiedStatement | undefined;

  let unchecked = UNCHECKED_BURST;
  let countedAtMs = clock.monotonicMs();

  /** Whether so many writers may be told on the peer's word now. */
  const mayTell = (count: number): boolean => {
    const nowMs = clock.monotonicMs();
    unchecked = Math.min(UNCHECKED_BURST, unchecked + ((nowMs - countedAtMs) * UNCHECKED_PER_SECOND) / 1000);
    countedAtMs = nowMs;
    if (unchecked < count) return false;
    unchecked -= count;
    return true;
  };

  const accuse = (peer: VerifiedIdentity, why: string, evidence: readonly Bytes[]): void => {
    incidents.add("link", `relay ${peer.id} ${why}`);
    log.write("error", "relay.peer-lied", { peer: peer.id, why, evidence: evidence.map(hex).join(" ") });
  };

  /** False when what the peer signs does not fit together. */
  const fitsTheChain = (peer: VerifiedIdentity, { statement: said, proof }: VerifiedStatement, encoded: Bytes): boolean => {
    const now: Seen = { hash: crypto.hash.sha256(proof.statement), previous: said.previous, proof: encoded };
    const same = seen.get(said.number);
    if (same !== undefined && !equalBytes(same.hash, now.hash)) {
      accuse(peer, `signed two statements with number ${said.number}`, [same.proof, encoded]);
      return false;
    }
    const before = seen.get(said.number - 1);
    const after = seen.get(said.number + 1);
    const broken = before !== undefined && !equalBytes(before.hash, now.previous) ? before : undefined;
    const breaks = after !== undefined && !equalBytes(after.previous, now.hash) ? after : undefined;
    const other = broken ?? breaks;
    if (other !== undefined) {
      accuse(peer, `signed statement ${said.number} outside its chain`, [other.proof, encoded]);
      return false;
    }
    seen.set(said.number, now);
    for (const number of seen.keys()) {
      if (seen.size <= REMEMBERED) break;
      seen.delete(number);
    }
    return true;
  };

  const check = async (peer: VerifiedIdentity, encoded: Bytes): Promise<void> => {
    const verified = await verifyStatementProof(crypto, peer, encoded, latest);
    latest = verified;
    const { leaf, statement: said, proof } = verified;
    if (!fitsTheChain(peer, verified, encoded)) return;
    if (!equalBytes(leaf.sender, options.ownId)) return;
    const sent = equalBytes(leaf.link, options.link()) ? options.covered(leaf.firstSeq, leaf.lastSeq) : undefined;
    const messages = sent ?? messagesOf(proof);
    if (messages.length === 0) return;
    const digests = digestsOf(messages);
    if (!leafCovers(crypto.hash.sha256, leaf, [digests])) {
      return accuse(peer, `stated something else than what it was sent as ${leaf.firstSeq} to ${leaf.lastSeq}`, [encoded]);
    }
    const filled = statementProof.encode({ ...proof, digests, writers: EMPTY });
    const senders = writersOf(messages);
    if (sent === undefined && !mayTell(senders.length)) return;
    options.vouch(senders, said.number, filled);
    if (sent !== undefined) options.proven(leaf.firstSeq, leaf.lastSeq);
  };

  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { peer, encoded } = next;
      try {
        await check(peer, encoded);
      } catch (error) {
        if (!isPerdureError(error)) throw error;
        if (error.code === "certificate-expired") options.outdated();
        else incidents.add("link", `a statement of relay ${peer.id} does not check: ${error.code}, ${error.message}`);
      }
    }
  };

  const begin = (): void => {
    if (working) return;
    working = true;
    work()
      .catch((error: unknown) => incidents.add("internal", `checking a statement failed: ${String(error)}`))
      .finally(() => {
        working = false;
        if (queue.length > 0) begin();
      });
  };

  return {
    take: (peer, encoded) => {
      if (queue.length >= MOST_WAITING) return;
      queue.push({ peer, encoded: encoded.slice() });
      begin();
    },
  };
}

function digestsOf(messages: readonly Stated[]): Bytes {
  const digests = new ByteRows(DIGEST_BYTES, undefined, messages.length);
  for (const { digest } of messages) digests.push(digest);
  return digests.bytes;
}

/** Each of them once. Most of what is remembered has the very id of its writer, which is looked at before it is read. */
function writersOf(messages: readonly Stated[]): readonly Bytes[] {
  const ids = new Set(messages.map(({ from }) => from));
  return [...new Map([...ids].map((id) => [hex(id), id])).values()];
}

/**
 * What the peer says its leaf is about, where this relay has forgotten: it was started again, or the link was begun anew. To whom it
 * is handed rests on the peer's word alone, which does no harm: each sender looks for its own digests.
 */
function messagesOf({ digests, writers }: StatementProof): readonly Stated[] {
  const count = digests.length / DIGEST_BYTES;
  if (writers.length !== count * AGENT_ID_BYTES) return [];
  return Array.from({ length: count }, (_, at) => ({
    digest: digests.slice(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES),
    from: writers.slice(at * AGENT_ID_BYTES, (at + 1) * AGENT_ID_BYTES),
  }));
}
