/**
 * Whether all records of a run are what was written, by one checksum over the bytes of the whole run: what that has to be follows from the
 * checksums of the records, which is said in numbers alone. A call for each record would take as long as what it does.
 *
 * It finds what a look at each record finds: of bytes in one record that are others every time, for the checksum of the whole then differs
 * exactly when that of the record does, and of such in several but for one time in 2^32.
 */
import { type Bytes, u32At } from "../../wire/bytes.ts";
import { type Crc32Behind, crc32, crc32Behind } from "./crc32.ts";
import { type BatchPlace, isZero, MANIFEST, placeSums, RECORD_HEADER_BYTES } from "./segment-format.ts";

/** More is summed by the machine's own, where it has one. */
const SHORT_BYTES = 64;
/** Lengths of records that are known; mail is padded to few. */
const KNOWN_LENGTHS = 64;
/** Records of a run for each whose length is not known yet: to get to know one takes as long as to sum up some. */
const RECORDS_OF_NEW_LENGTH = 16;

/** Says it of records that begin at these offsets of a file, in `bytes` that lie at `place`; `undefined` where each has to be looked at. */
export type RunCheck = (place: BatchPlace, bytes: Bytes, offsets: readonly number[], lengths: readonly number[]) => boolean | undefined;

export function createRunCheck(): RunCheck {
  // bound: KNOWN_LENGTHS
  const behind = new Map<number, Crc32Behind>();

  const learn = (lengths: readonly number[]): boolean => {
    const unknown = new Set<number>();
    for (const length of lengths) if (!behind.has(length)) unknown.add(length);
    if (unknown.size > Math.max(1, lengths.length / RECORDS_OF_NEW_LENGTH)) return false;
    if (behind.size + unknown.size > KNOWN_LENGTHS) {
      behind.clear();
      return learn(lengths);
    }
    for (const length of unknown) behind.set(length, crc32Behind(length));
    return true;
  };

  return (place, bytes, offsets, lengths) => {
    if (!learn(lengths)) return undefined;
    const { crc32: sum = crc32 } = place;
    const placeSum = placeSums(place);
    let end = 0;
    let whole = 0;
    for (let index = 0; index < offsets.length; index++) {
      const length = lengths[index] as number;
      const payloadAt = (offsets[index] as number) - place.offset;
      const at = payloadAt - RECORD_HEADER_BYTES;
      const kind = bytes[at + 8] as number;
      if (payloadAt + length > bytes.length || u32At(bytes, at) !== length || kind >= MANIFEST || !isZero(bytes, at + 9, payloadAt))
        return false;
      whole = payloadAt - end > SHORT_BYTES ? sum(bytes.subarray(end, payloadAt), whole >>> 0) : crc32(bytes, whole, end, payloadAt);
      const isBehind = behind.get(length) as Crc32Behind;
      whole = isBehind(whole ^ placeSum(place.offset + payloadAt, kind)) ^ u32At(bytes, at + 4);
      end = payloadAt + length;
    }
    return whole >>> 0 === sum(bytes.subarray(0, end), 0);
  };
}
