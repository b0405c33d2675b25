/**
 * Proofs that relays stored our mail: each statement's signature, its leaf, and the leaf against our own digests. The own relay
 * states what came over our link; another relay what came to it over the own one's link, of which we recognise our envelopes
 * by their digests. The relay of the recipient's mailbox proves `stored`; the own one, when it has to pass mail on, proves custody.
 *
 * Two statements with one number, or neighbours that do not follow from each other, prove that the relay has two histories:
 * that is kept for anybody to see, and proves nothing about mail.
 */
import type { Host } from "../host/host.ts";
import type { VerifiedIdentity } from "../identity/index.ts";
import type { LinkWindow } from "../protocol/delivery/link-window.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { isNewProof, type Outgoing, type OutgoingPart } from "../protocol/delivery/outgoing.ts";
import { leafCovers, type VerifiedStatement, verifyStatementProof } from "../protocol/delivery/statement-proof.ts";
import { type Bytes, concat, EMPTY, equalBytes, hex } from "../wire/bytes.ts";
import { DIGEST_BYTES } from "../wire/envelope.ts";
import { isPerdureError } from "../wire/error.ts";
import { type StatementConflict, storedProof } from "../wire/evidence.ts";
import type { DeliveryState } from "../wire/kept-agent.ts";
import { statement, statementProof } from "../wire/statement.ts";
import { evidenceRecords, type Item, itemOf } from "./evidence-records.ts";
import type { Homes } from "./homes.ts";
import type { Lookups } from "./lookups.ts";
import type { Planned } from "./planned.ts";

/** Statements that are remembered to notice another one with the number, or one that does not follow. */
const REMEMBERED = 256;
/** Statements of each sort waiting to be verified; more are left out, their mail stays unproven. */
const MAX_WAITING = 256;

interface Seen {
  readonly statement: Bytes;
  readonly signature: Bytes;
  readonly hash: Bytes;
  readonly previous: Bytes;
}

export interface StatementChecks {
  /** One statement frame of the own relay, which is about our link or passes another relay's statement on. */
  take(proof: Bytes, relay: VerifiedIdentity, window: LinkWindow<OutgoingPart>, link: Bytes): void;
  idle(): Promise<void>;
}

export interface StatementCheckOptions {
  readonly host: Pick<Host, "crypto" | "log">;
  readonly ownIdRaw: Bytes;
  readonly outbox: Outbox;
  readonly homes: Homes;
  readonly lookups: Pick<Lookups, "relay">;
  /** Steps of messages and the evidence for them; planned when they are kept. */
  readonly onProven: (plan: () => readonly Planned[]) => void;
  /** Two statements of a relay that cannot both be true. */
  readonly onConflict: (relay: VerifiedIdentity, number: number, conflict: StatementConflict) => void;
}

/** What proves one part. */
interface PartProof {
  readonly relayIdRaw: Bytes;
  /** Of the envelope that it proves. */
  readonly digest: Bytes;
  readonly item: Item;
  /** What the relay that signed it was then. */
  readonly bundle: Item;
  readonly number: number;
  readonly timeMs: number;
}

export function createStatementChecks(options: StatementCheckOptions): StatementChecks {
  const { ownIdRaw, outbox, homes, lookups, onProven, onConflict } = options;
  const { crypto, log } = options.host;
  const { sha256 } = crypto.hash;
  const proven = new WeakMap<OutgoingPart, readonly PartProof[]>();
  // bound: REMEMBERED
  const seen = new Map<string, Seen>();
  const own = createQueue();
  const foreign = createQueue();

  /** The remembered statement that this one contradicts, earlier number first; `undefined` when it fits. */
  const contradiction = (relay: VerifiedIdentity, { statement: said, proof }: VerifiedStatement): readonly [Seen, Seen] | undefined => {
    const at = (number: number): Seen | undefined => seen.get(`${relay.id} ${number}`);
    const one: Seen = {
      statement: proof.statement.slice(),
      signature: proof.signature.slice(),
      hash: sha256(proof.statement),
      previous: said.previous.slice(),
    };
    const same = at(said.number);
    const before = at(said.number - 1);
    const after = at(said.number + 1);
    if (same !== undefined) return equalBytes(same.hash, one.hash) ? undefined : [same, one];
    if (before !== undefined && !equalBytes(before.hash, one.previous)) return [before, one];
    if (after !== undefined && !equalBytes(after.previous, one.hash)) return [one, after];
    seen.set(`${relay.id} ${said.number}`, one);
    for (const oldest of seen.keys()) {
      if (seen.size <= REMEMBERED) break;
      seen.delete(oldest);
    }
    return undefined;
  };

  const isFork = (relay: VerifiedIdentity, verified: VerifiedStatement): boolean => {
    const pair = contradiction(relay, verified);
    if (pair === undefined) return false;
    const [first, second] = pair;
    const { number } = verified.statement;
    log.write("error", "agent.relay-equivocates", { relay: relay.id, statement: number });
    onConflict(relay, number, {
      first: first.statement,
      firstSignature: first.signature,
      second: second.statement,
      secondSignature: second.signature,
    });
    return true;
  };

  /** What a relay's statement says about a message it has on disk; nothing when that is no relay of this message. */
  const stateBy = (relayIdRaw: Bytes, to: Bytes): DeliveryState | undefined => {
    const isOwn = homes.isOwn(relayIdRaw);
    if (isOwn) return homes.elsewhere(to) === undefined ? "stored" : "accepted";
    return homes.isOf(relayIdRaw, to) ? "stored" : undefined;
  };

  const prove = (relay: VerifiedIdentity, verified: VerifiedStatement, digests: readonly Bytes[], parts: readonly OutgoingPart[]): void => {
    const { statement: said, leaf, proof } = verified;
    const content = storedProof.encode({
      proof: statementProof.encode({ ...proof, digests: EMPTY, writers: EMPTY }),
      digests: concat(...digests),
    });
    const item = itemOf(crypto.hash, "stored", content);
    const bundle = itemOf(crypto.hash, "bundle", relay.bundle);
    const touched = new Set<Outgoing>();
    for (const part of parts) {
      const before = (proven.get(part) ?? []).filter(({ relayIdRaw }) => !equalBytes(relayIdRaw, relay.idRaw));
      proven.set(part, [
        ...before,
        { relayIdRaw: relay.idRaw, digest: part.digest, item, bundle, number: said.number, timeMs: said.timeMs },
      ]);
      if (part.of.head.class === "mail") touched.add(part.of);
    }
    log.write("debug", "agent.statement", {
      relay: relay.id,
      statement: said.number,
      hash: hex(sha256(proof.statement)),
      link: hex(leaf.link),
      first: leaf.firstSeq,
      last: leaf.lastSeq,
    });
    if (touched.size === 0) return;
    onProven(() => {
      const planned = new Set<string>();
      return [...touched].flatMap((outgoing) => planStep(outgoing, relay, planned));
    });
  };

  /** All that a step says is said by what proves its parts when it is planned: a later statement may have come of them since the one that asked for it. */
  const planStep = (outgoing: Outgoing, relay: VerifiedIdentity, planned: Set<string>): readonly Planned[] => {
    const proofs: PartProof[] = [];
    for (const part of outgoing.parts) {
      const isOf = (each: PartProof): boolean => equalBytes(each.relayIdRaw, relay.idRaw) && equalBytes(each.digest, part.digest);
      const proof = proven.get(part)?.find(isOf);
      if (proof === undefined) return [];
      proofs.push(proof);
    }
    const newest = proofs.reduce((one, other) => (other.number > one.number ? other : one));
    const items = new Map([...proofs, { item: newest.bundle }].map(({ item }) => [hex(item.hash), item]));
    const state = stateBy(relay.idRaw, outgoing.parts[0]?.to ?? EMPTY);
    if (state === undefined || !isNewProof(outgoing, { state, proof: "statement", by: relay.idRaw })) return [];
    const { stream, seq } = outgoing.head;
    const { records, names } = evidenceRecords(outbox.evidence, [...items.values()], planned);
    const head = {
      stream,
      seq,
      state,
      atMs: newest.timeMs,
      by: relay.idRaw,
      proof: "statement",
      detail: `statement ${newest.number}`,
      evidence: names,
    } as const;
    return [...records, { kept: { kind: "step", head } }];
  };

  const mismatch = (relay: VerifiedIdentity, { statement: said, leaf }: VerifiedStatement): void =>
    log.write("error", "agent.statement-mismatch", { relay: relay.id, statement: said.number, first: leaf.firstSeq, last: leaf.lastSeq });

  const checkOwn = async (encoded: Bytes, relay: VerifiedIdentity, window: LinkWindow<OutgoingPart>, link: Bytes): Promise<void> => {
    const verified = await verifyStatementProof(crypto, relay, encoded);
    if (isFork(relay, verified)) return;
    const { leaf } = verified;
    if (!equalBytes(leaf.sender, ownIdRaw) || !equalBytes(leaf.link, link)) return;
    const parts = window.covered(leaf.firstSeq, leaf.lastSeq);
    const digests = window.coveredDigests(leaf.firstSeq, leaf.lastSeq);
    if (parts === undefined || digests === undefined) return;
    if (!leafCovers(sha256, leaf, digests)) return mismatch(relay, verified);
    window.prove(leaf.firstSeq, leaf.lastSeq);
    // Of a part that has another envelope since then this proves nothing.
    prove(
      relay,
      verified,
      digests,
      parts.filter((part, index) => equalBytes(part.digest, digests[index] ?? EMPTY)),
    );
  };

  /** By what is pinned of the relay, or by what the own relay shows of it now: its certificate may be newer. */
  const verifyForeign = async (
    encoded: Bytes,
    idRaw: Bytes,
  ): Promise<{ readonly relay: VerifiedIdentity; readonly verified: VerifiedStatement } | undefined> => {
    const pinned = await lookups.relay(idRaw);
    if (pinned === undefined) return undefined;
    try {
      return { relay: pinned, verified: await verifyStatementProof(crypto, pinned, encoded) };
    } catch (error) {
      if (!isPerdureError(error) || (error.code !== "bad-signature" && error.code !== "certificate-expired")) throw error;
      const relay = await lookups.relay(idRaw, true);
      if (relay === undefined || equalBytes(relay.bundle, pinned.bundle)) throw error;
      return { relay, verified: await verifyStatementProof(crypto, relay, encoded) };
    }
  };

  const checkForeign = async (encoded: Bytes, idRaw: Bytes): Promise<void> => {
    const digests = split(statementProof.decode(encoded).digests);
    const ours = digests
      .map((digest) => outbox.byDigest(digest))
      .filter((part) => part !== undefined && stateBy(idRaw, part.to) !== undefined);
    if (ours.length === 0) return;
    const found = await verifyForeign(encoded, idRaw);
    if (found === undefined) return log.write("warn", "agent.statement-unjudged", { relay: hex(idRaw) });
    const { relay, verified } = found;
    if (isFork(relay, verified)) return;
    if (!leafCovers(sha256, verified.leaf, digests)) return mismatch(relay, verified);
    prove(relay, verified, digests, ours as readonly OutgoingPart[]);
  };

  return {
    take(proof, relay, window, link) {
      const failed = (error: unknown): void =>
        log.write("error", "agent.statement-refused", {
          relay: relay.id,
          code: isPerdureError(error) ? error.code : "internal",
          why: String(error),
        });
      try {
        const { relayId } = statement.decode(statementProof.decode(proof).statement);
        if (equalBytes(relayId, relay.idRaw)) own.add(() => checkOwn(proof, relay, window, link), failed);
        else foreign.add(() => checkForeign(proof, relayId.slice()), failed);
      } catch (error) {
        failed(error);
      }
    },
    async idle() {
      await own.idle();
      await foreign.idle();
    },
  };
}

/** One after the other, at most {@link MAX_WAITING}: a lookup for another relay holds up no statement of the own one. */
function createQueue(): { add(work: () => Promise<void>, failed: (error: unknown) => void): void; idle(): Promise<void> } {
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    add(work, failed) {
      if (waiting >= MAX_WAITING) return;
      waiting++;
      last = last
        .then(work)
        .catch(failed)
        .finally(() => {
          waiting--;
        });
    },
    idle: () => last,
  };
}

function split(digests: Bytes): readonly Bytes[] {
  return Array.from({ length: Math.floor(digests.length / DIGEST_BYTES) }, (_, index) =>
    digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
  );
}
