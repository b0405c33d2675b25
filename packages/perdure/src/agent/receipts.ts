/**
 * Receipts both ways. Completions of one batch are told to each sender in one receipt, queued in the same batch; a
 * receipt that arrives raises the messages it names.
 */
import type { Hash } from "../host/crypto.ts";
import type { Host } from "../host/host.ts";
import type { OpenedPart } from "../identity/index.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { envelopeOf, type OutgoingPart } from "../protocol/delivery/outgoing.ts";
import { clipWords } from "../protocol/link/goodbyes.ts";
import { FIXED } from "../settings/fixed.ts";
import { type Bytes, concat, EMPTY, equalBytes, hex } from "../wire/bytes.ts";
import { signedReceipt } from "../wire/evidence.ts";
import { MAX_EXPIRY_MS } from "../wire/limits.ts";
import { RECEIPT_CONTENT_TYPE, type ReceiptEntry, receipt } from "../wire/sealed.ts";
import { evidenceRecords, itemOf } from "./evidence-records.ts";
import { outgoingRecords } from "./outgoing-records.ts";
import type { Planned } from "./planned.ts";

/** Entries in one receipt; more go into the next. */
const ENTRIES_PER_RECEIPT = 64;

export interface Receipts {
  /** Tells the sender with the next batch. */
  add(to: Bytes, entry: ReceiptEntry, messageExpiresAtMs: number): void;
  /** The receipts of this batch as records. */
  closing(): readonly Planned[];
  /** The batch was not kept; its changes will say again what they have to. */
  reopen(): void;
}

export function createReceipts({
  host,
  outbox,
}: {
  readonly host: Pick<Host, "clock" | "random" | "crypto">;
  readonly outbox: Outbox;
}): Receipts {
  // bound: one per sender whose mail ended in the batch that is planned
  const collected = new Map<string, { readonly to: Bytes; readonly entries: ReceiptEntry[]; expiresAtMs: number }>();
  return {
    add(to, entry, messageExpiresAtMs) {
      const key = hex(to);
      const waiting = collected.get(key) ?? { to, entries: [], expiresAtMs: 0 };
      waiting.entries.push(entry);
      waiting.expiresAtMs = Math.max(waiting.expiresAtMs, messageExpiresAtMs + FIXED.receiptMs.value);
      collected.set(key, waiting);
    },
    closing() {
      const nowMs = host.clock.wallMs();
      const records: Planned[] = [];
      for (const { to, entries, expiresAtMs } of collected.values()) {
        for (let first = 0; first < entries.length; first += ENTRIES_PER_RECEIPT) {
          const content = receipt.encode({ version: 1, entries: entries.slice(first, first + ENTRIES_PER_RECEIPT), extensions: [] });
          records.push(
            ...outgoingRecords(outbox, host.crypto.hash, {
              recipient: { idRaw: to, name: "" },
              class: "receipt",
              requestId: EMPTY,
              asks: false,
              thread: host.random.bytes(16),
              depth: 0,
              auto: true,
              inReplyTo: undefined,
              collapseKey: "",
              idempotencyKey: "",
              contentType: RECEIPT_CONTENT_TYPE,
              fileName: "",
              content,
              nowMs,
              expiresAtMs: Math.min(nowMs + MAX_EXPIRY_MS, Math.max(expiresAtMs, nowMs + FIXED.receiptMs.value)),
            }).records,
          );
        }
      }
      collected.clear();
      return records;
    },
    reopen: () => collected.clear(),
  };
}

/**
 * The steps a receipt gives to our messages, and the signed receipt that proves them. An entry about a message we did not send to its
 * writer, or with another digest than those we sent, gives none and is reported through `onForeign`. One that says that its writer had
 * destroyed the inbox key has the part sealed anew, as long as that may help; then it ends the message.
 */
export function receiptSteps(
  outbox: Outbox,
  hash: Hash,
  { sender, signed }: Pick<OpenedPart, "sender" | "signed">,
  entries: readonly ReceiptEntry[],
  onForeign: (entry: ReceiptEntry) => void,
): readonly Planned[] {
  const from = sender.idRaw;
  const records: Planned[] = [];
  const planned = new Set<string>();
  const items = [itemOf(hash, "receipt", signedReceipt.encode(signed)), itemOf(hash, "bundle", sender.bundle)];
  for (const entry of entries) {
    const { stream, seq, digest } = entry;
    const part = outbox.part(stream, seq);
    if (part === undefined) continue;
    const isFirst = part === part.of.parts[0];
    const isCurrent = equalBytes(part.digest, digest);
    const isEarlier = part.earlier.some((each) => equalBytes(each, digest));
    if (!equalBytes(part.to, from) || !(isCurrent || isEarlier)) {
      if (isFirst) onForeign(entry);
      continue;
    }
    const isRetired = entry.outcome === "refused" && entry.code === "key-retired";
    if (isRetired && isCurrent && part.plain !== undefined && !part.again) {
      records.push({ kept: { kind: "keyRetired", head: { stream, seq, digest } } });
      continue;
    }
    // The envelope that took its place is under way, or was taken: nobody minds this one.
    if (isEarlier && (isRetired || entry.code === "id-conflict")) continue;
    // Of another part than the first a receipt says nothing but that it can never be opened.
    if (!isFirst && !isRetired) continue;
    if (isEarlier) records.push(takenAs(part, digest));
    const detail =
      entry.outcome === "done"
        ? entry.attempts > 1
          ? `${entry.attempts} attempts`
          : ""
        : clipWords(`${entry.code}${entry.why === "" ? "" : `: ${entry.why}`}`);
    const evidence = isFirst ? evidenceRecords(outbox.evidence, items, planned) : { records: [], names: EMPTY };
    records.push(...evidence.records, {
      kept: {
        kind: "step",
        head: {
          stream,
          seq: part.of.head.seq,
          state: entry.outcome,
          atMs: entry.atMs,
          by: from,
          proof: isFirst ? "receipt" : "none",
          detail,
          evidence: evidence.names,
        },
      },
    });
  }
  return records;
}

/** The envelope that the recipient took, of several that say the same, is the one to prove. */
function takenAs(part: OutgoingPart, digest: Bytes): Planned {
  const others = [...part.earlier.filter((each) => !equalBytes(each, digest)), part.digest];
  const { stream } = part.of.head;
  return { kept: { kind: "sealedUnder", head: { stream, seq: part.seq, ...envelopeOf(part), digest, earlier: concat(...others) } } };
}
