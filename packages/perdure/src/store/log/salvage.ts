/**
 * What can still be told of a batch of which a byte is not what was written. Every record has a checksum over its place and its payload, and
 * the batch has one over the headers of all its records: while that holds, each record stands or falls by itself; else those count that
 * lie one behind the other from the first on, for where the next one begins is then anybody's guess.
 */
import type { Bytes } from "../../wire/bytes.ts";
import { u32At } from "../../wire/bytes.ts";
import { crc32 } from "./crc32.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  type BatchPlace,
  decodeRecord,
  type LogRecord,
  placeSums,
  RECORD,
  RECORD_HEADER_BYTES,
  type RecordKind,
} from "./segment-format.ts";

export interface Salvaged {
  readonly records: readonly LogRecord[];
  /** Where the payload of each begins in the file. */
  readonly offsets: readonly number[];
  /** Records that are not what was written; `undefined` when nobody can say how many. */
  readonly lost: number | undefined;
  /** Every record that is lost is one of its owner's, none of a snapshot or a manifest. */
  readonly onlyRecords: boolean;
}

/** `bytes`: from the beginning of the batch to its end, or, without a header, to where the next one begins. */
export function salvage(place: BatchPlace, header: BatchHeader | undefined, bytes: Bytes): Salvaged {
  return (header && byHeaders(place, header, bytes)) ?? inARow(place, header, bytes);
}

/** The headers of the records are what was written: each record by its own checksum. */
function byHeaders(place: BatchPlace, header: BatchHeader, bytes: Bytes): Salvaged | undefined {
  const end = BATCH_HEADER_BYTES + header.bodyBytes;
  const starts: number[] = [];
  let sum = 0;
  let at = BATCH_HEADER_BYTES;
  for (let index = 0; index < header.count; index++) {
    const payloadAt = at + RECORD_HEADER_BYTES;
    if (payloadAt > end || payloadAt > bytes.length) return undefined;
    sum = crc32(bytes, sum, at, payloadAt);
    starts.push(at);
    at = payloadAt + u32At(bytes, at);
  }
  if (at !== end || sum !== header.recordsCrc) return undefined;
  const placeSum = placeSums(place);
  const records: LogRecord[] = [];
  const offsets: number[] = [];
  let onlyRecords = true;
  for (const start of starts) {
    const kind = bytes[start + 8] as RecordKind;
    const payload = decodeRecord(place, placeSum, bytes, start, Math.min(end, bytes.length));
    if (payload === undefined) onlyRecords &&= kind === RECORD;
    else {
      records.push({ kind, payload });
      offsets.push(place.offset + start + RECORD_HEADER_BYTES);
    }
  }
  return { records, offsets, lost: header.count - records.length, onlyRecords };
}

function inARow(place: BatchPlace, header: BatchHeader | undefined, bytes: Bytes): Salvaged {
  const end = Math.min(bytes.length, BATCH_HEADER_BYTES + (header?.bodyBytes ?? bytes.length));
  const placeSum = placeSums(place);
  const records: LogRecord[] = [];
  const offsets: number[] = [];
  let at = BATCH_HEADER_BYTES;
  while (at + RECORD_HEADER_BYTES <= end) {
    const payload = decodeRecord(place, placeSum, bytes, at, end);
    if (payload === undefined) break;
    records.push({ kind: bytes[at + 8] as RecordKind, payload });
    offsets.push(place.offset + at + RECORD_HEADER_BYTES);
    at += RECORD_HEADER_BYTES + payload.length;
  }
  const lost = header === undefined ? undefined : header.count - records.length;
  return { records, offsets, lost, onlyRecords: false };
}
