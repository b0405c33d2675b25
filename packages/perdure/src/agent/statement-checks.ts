/**
 * Proofs that the relay stored our mail: each statement's signature, its leaf, and the leaf against our own digests.
 * Two statements with one number, or neighbours that do not follow from each other, prove that the relay has two histories:
 * that is reported and proves nothing about mail.
 */
import type { Host } from "../host/host.ts";
import type { VerifiedIdentity } from "../identity/index.ts";
import { rank } from "../protocol/delivery/delivery-lattice.ts";
import type { LinkWindow } from "../protocol/delivery/link-window.ts";
import type { Outgoing, OutgoingPart } from "../protocol/delivery/outgoing.ts";
import { leafCovers, verifyStatementProof } from "../protocol/delivery/statement-proof.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { isPerdureError } from "../wire/error.ts";
import type { Statement } from "../wire/statement.ts";
import type { Planned } from "./planned.ts";

/** Statement numbers whose hash is remembered to notice a second one. */
const REMEMBERED = 256;
/** Statements waiting to be verified; more are left out, their mail stays unproven. */
const MAX_WAITING = 256;

interface Seen {
  readonly hash: Bytes;
  readonly previous: Bytes;
}

export interface StatementChecks {
  take(proof: Bytes, relay: VerifiedIdentity, window: LinkWindow<OutgoingPart>, link: Bytes): void;
  idle(): Promise<void>;
}

export interface StatementCheckOptions {
  readonly host: Pick<Host, "crypto" | "log">;
  readonly ownIdRaw: Bytes;
  /** The steps of messages that are now proven stored. */
  readonly onProven: (steps: readonly Planned[]) => void;
}

export function createStatementChecks({ host, ownIdRaw, onProven }: StatementCheckOptions): StatementChecks {
  const { crypto, log } = host;
  const proven = new WeakSet<OutgoingPart>();
  const seen = new Map<string, Seen>();
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  /** False when another statement has the same number, or a neighbour does not follow from this one or the other way round. */
  const fits = (relay: VerifiedIdentity, { number, previous }: Statement, hash: Bytes): boolean => {
    const at = (each: number): Seen | undefined => seen.get(`${relay.id} ${each}`);
    const before = at(number - 1);
    const after = at(number + 1);
    const same = at(number);
    if (same !== undefined) return equalBytes(same.hash, hash);
    if (before !== undefined && !equalBytes(before.hash, previous)) return false;
    if (after !== undefined && !equalBytes(after.previous, hash)) return false;
    seen.set(`${relay.id} ${number}`, { hash, previous: previous.slice() });
    for (const oldest of seen.keys()) {
      if (seen.size <= REMEMBERED) break;
      seen.delete(oldest);
    }
    return true;
  };

  const check = async (encoded: Bytes, relay: VerifiedIdentity, window: LinkWindow<OutgoingPart>, link: Bytes): Promise<void> => {
    const { statement, leaf, proof } = await verifyStatementProof(crypto, relay, encoded);
    if (!fits(relay, statement, crypto.hash.sha256(proof.statement))) {
      log.write("error", "agent.relay-equivocates", { relay: relay.id, statement: statement.number });
      return;
    }
    if (!equalBytes(leaf.sender, ownIdRaw) || !equalBytes(leaf.link, link)) return;
    const parts = window.covered(leaf.firstSeq, leaf.lastSeq);
    if (parts === undefined) return;
    if (
      !leafCovers(
        crypto.hash.sha256,
        leaf,
        parts.map((part) => part.digest),
      )
    ) {
      log.write("error", "agent.statement-mismatch", {
        relay: relay.id,
        statement: statement.number,
        first: leaf.firstSeq,
        last: leaf.lastSeq,
      });
      return;
    }
    window.prove(leaf.lastSeq);
    const touched = new Set<Outgoing>();
    for (const part of parts) {
      proven.add(part);
      touched.add(part.of);
    }
    const steps: Planned[] = [];
    for (const outgoing of touched) {
      if (outgoing.head.class !== "mail" || rank(outgoing.state) >= rank("stored") || !outgoing.parts.every((part) => proven.has(part)))
        continue;
      const { stream, seq } = outgoing.head;
      steps.push({
        kept: {
          kind: "step",
          head: {
            stream,
            seq,
            state: "stored",
            atMs: statement.timeMs,
            by: relay.idRaw,
            proof: "statement",
            detail: `statement ${statement.number}`,
            evidence: encoded.slice(),
          },
        },
      });
    }
    log.write("debug", "agent.statement", {
      relay: relay.id,
      statement: statement.number,
      hash: hex(crypto.hash.sha256(proof.statement)),
      first: leaf.firstSeq,
      last: leaf.lastSeq,
    });
    if (steps.length > 0) onProven(steps);
  };

  return {
    take(proof, relay, window, link) {
      if (waiting >= MAX_WAITING) return;
      waiting++;
      last = last
        .then(() => check(proof, relay, window, link))
        .catch((error: unknown) =>
          log.write("error", "agent.statement-refused", {
            relay: relay.id,
            code: isPerdureError(error) ? error.code : "internal",
            why: String(error),
          }),
        )
        .finally(() => {
          waiting--;
        });
    },
    idle: () => last,
  };
}
