/** The evidence file of one sent message: its trail, everything that proves it, and the sender's signature over all of it. */
import type { Crypto } from "../host/crypto.ts";
import type { OwnIdentity } from "../identity/index.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { type Outgoing, type OutgoingPart, trailOf } from "../protocol/delivery/outgoing.ts";
import { type Bytes, compareBytes, concat, EMPTY, hex } from "../wire/bytes.ts";
import { DIGEST_BYTES } from "../wire/envelope.ts";
import { EVIDENCE_FORMAT, evidence, evidenceItem, MAX_EVIDENCE_ITEMS, signedEvidence, storedProof } from "../wire/evidence.ts";
import { toBeSigned } from "../wire/identity.ts";
import type { KeptStep, PayloadAt } from "../wire/kept-agent.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { type Item, itemOf } from "./evidence-records.ts";

export interface EvidenceFileOptions {
  readonly crypto: Crypto;
  readonly own: OwnIdentity;
  readonly evidence: Pick<Outbox["evidence"], "at" | "conflicts">;
  readonly read: (at: PayloadAt) => Promise<Bytes>;
  readonly outgoing: Outgoing;
  /** Whom it was sent to, and what is pinned of them; empty when that was never found out. */
  readonly to: Bytes;
  readonly toBundle: Bytes | undefined;
}

/** The same state gives the same bytes. */
export async function evidenceFile({ crypto, own, evidence: shelf, read, outgoing, to, toBundle }: EvidenceFileOptions): Promise<Bytes> {
  const items = new Map<string, Item>();
  const add = (item: Item): void => void items.set(hex(item.hash), item);
  /** The items behind hashes; `undefined` when one is gone. */
  const gather = async (hashes: Bytes): Promise<readonly string[] | undefined> => {
    const keys: string[] = [];
    for (let at = 0; at < hashes.length; at += 32) {
      const hash = hashes.slice(at, at + 32);
      const place = shelf.at(hash);
      if (place === undefined) return undefined;
      if (!items.has(hex(hash))) add({ hash, bytes: await read(place) });
      keys.push(hex(hash));
    }
    return keys;
  };

  add(itemOf(crypto.hash, "bundle", own.bundle()));
  if (toBundle !== undefined) add(itemOf(crypto.hash, "bundle", toBundle));
  const steps: { readonly step: KeptStep; readonly keys: readonly string[] | undefined }[] = [];
  const { parts } = outgoing;
  for (const step of trailOf(outgoing)) {
    const keys = step.proof === "none" ? [] : await gather(step.evidence);
    const isOfOthers =
      step.proof === "statement" &&
      keys !== undefined &&
      !lists(
        keys.map((key) => items.get(key)),
        parts,
      );
    steps.push({ step, keys: isOfOthers ? undefined : keys });
  }
  const conflicts: string[] = [];
  for (const { hash, bundle } of shelf.conflicts) {
    const keys = items.size + 2 > MAX_EVIDENCE_ITEMS ? undefined : await gather(concat(hash, bundle));
    if (keys?.[0] !== undefined) conflicts.push(keys[0]);
  }
  const sorted = [...items.values()].sort((a, b) => compareBytes(a.hash, b.hash));
  const places = new Map(sorted.map(({ hash }, index) => [hex(hash), index]));
  const placesOf = (keys: readonly string[]): number[] => keys.map((key) => places.get(key) as number).sort((a, b) => a - b);
  const { head } = outgoing;
  const encoded = evidence.encode({
    format: EVIDENCE_FORMAT,
    version: WIRE_VERSION,
    from: own.idRaw,
    to,
    toName: head.toName,
    stream: head.stream,
    seq: head.seq,
    digests: parts.every((part) => part.bytes > 0) ? concat(...parts.map((part) => part.digest)) : EMPTY,
    sentAtMs: head.sentAtMs,
    expiresAtMs: head.expiresAtMs,
    steps: steps.map(({ step: { state, atMs, by, proof }, keys }) => ({
      state,
      atMs,
      by,
      proof: keys === undefined ? "none" : proof,
      items: placesOf(keys ?? []),
    })),
    items: sorted.map(({ bytes }) => bytes),
    conflicts: placesOf(conflicts),
    extensions: [],
  });
  return signedEvidence.encode({
    evidence: encoded,
    signature: await crypto.signatures.sign(own.instanceKey, toBeSigned("evidence", encoded)),
  });
}

/** Whether those statements are of the envelopes that count: of a message that was sealed anew they may be of others. */
function lists(items: readonly (Item | undefined)[], parts: readonly OutgoingPart[]): boolean {
  if (parts.every(({ earlier }) => earlier.length === 0)) return true;
  const listed = new Set<string>();
  for (const item of items) {
    if (item === undefined) continue;
    const { kind, content } = evidenceItem.decode(item.bytes);
    if (kind !== "stored") continue;
    const { digests } = storedProof.decode(content);
    for (let at = 0; at < digests.length; at += DIGEST_BYTES) listed.add(hex(digests.subarray(at, at + DIGEST_BYTES)));
  }
  return parts.every(({ digest }) => listed.has(hex(digest)));
}
