/**
 * Which events of the control keys in force a folder did not write itself but took over from what its home shows. The time an event
 * claims is its writer's word, so after a theft these count as the thief's whatever they claim.
 */
import { type Bytes, putU64, u64At } from "../wire/bytes.ts";
import type { KeptIdentity } from "../wire/kept-identity.ts";

/** Extension of a kept identity: the number (u64) of the first such event. */
const ADOPTED_FROM = 1;

export function adoptedFromSeq({ extensions }: Pick<KeptIdentity, "extensions">): number | undefined {
  const noted = extensions.find(({ code }) => code === ADOPTED_FROM)?.bytes;
  return noted?.length === 8 ? u64At(noted, 0) : undefined;
}

/** Notes that events from `seq` on were taken over; an earlier note stays. */
export function noteAdopted(kept: KeptIdentity, seq: number): KeptIdentity {
  if (adoptedFromSeq(kept) !== undefined) return kept;
  const bytes: Bytes = new Uint8Array(8);
  putU64(bytes, 0, seq);
  return { ...kept, extensions: [...withoutNote(kept), { code: ADOPTED_FROM, bytes }].sort((a, b) => a.code - b.code) };
}

/** For keys that nobody has used yet. */
export function withoutNote({ extensions }: Pick<KeptIdentity, "extensions">): KeptIdentity["extensions"] {
  return extensions.filter(({ code }) => code !== ADOPTED_FROM);
}
