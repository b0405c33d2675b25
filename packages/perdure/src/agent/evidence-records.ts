/** Evidence as it is kept: one record for each item that is not kept yet, and a step that names the items. */
import type { Hash } from "../host/crypto.ts";
import type { Host } from "../host/host.ts";
import type { VerifiedIdentity } from "../identity/index.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { type Bytes, concat, hex } from "../wire/bytes.ts";
import { type EvidenceKind, evidenceItem, MAX_CONFLICTS, type StatementConflict, statementConflict } from "../wire/evidence.ts";
import type { Planned } from "./planned.ts";

export interface Item {
  readonly hash: Bytes;
  readonly bytes: Bytes;
}

export function itemOf(hash: Hash, kind: EvidenceKind, content: Bytes): Item {
  const bytes = evidenceItem.encode({ kind, content });
  return { hash: hash.sha256(bytes), bytes };
}

/**
 * The records that keep `items`, without those that are kept already or were `planned` before in the same change (it is added to); and
 * what a step says that names them all.
 */
export function evidenceRecords(
  evidence: Pick<Outbox["evidence"], "has">,
  items: readonly Item[],
  planned: Set<string> = new Set(),
): { readonly records: readonly Planned[]; readonly names: Bytes } {
  const fresh = items.filter(({ hash }) => !evidence.has(hash) && !planned.has(hex(hash)));
  for (const { hash } of fresh) planned.add(hex(hash));
  return {
    records: fresh.map(({ hash, bytes }): Planned => ({ kept: { kind: "evidence", head: { hash } }, payload: bytes })),
    names: concat(...items.map(({ hash }) => hash)),
  };
}

/** What keeps two statements of a relay that cannot both be true. */
export function conflictRecords(
  { crypto, clock }: Pick<Host, "crypto" | "clock">,
  outbox: Pick<Outbox, "evidence">,
  relay: VerifiedIdentity,
  number: number,
  conflict: StatementConflict,
): readonly Planned[] {
  if (outbox.evidence.conflicts.length >= MAX_CONFLICTS) return [];
  const item = itemOf(crypto.hash, "conflict", statementConflict.encode(conflict));
  const bundle = itemOf(crypto.hash, "bundle", relay.bundle);
  const { records } = evidenceRecords(outbox.evidence, [item, bundle]);
  const head = { relayId: relay.idRaw, number, atMs: clock.wallMs(), hash: item.hash, bundle: bundle.hash };
  return [...records, { kept: { kind: "conflict", head } }];
}
