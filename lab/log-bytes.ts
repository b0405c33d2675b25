/**
 * What a folder of segments holds, read by the words of `store/log/record-log.ts` and with nothing of the product: what is written and read
 * wrongly alike looks right to who wrote it.
 */
import { crc32 } from "node:zlib";

/** Files of one folder, by the number in their name. */
export type Segments = ReadonlyMap<number, Uint8Array>;

/** A batch of which every checksum is right. */
export interface Batch {
  readonly offset: number;
  readonly number: number;
  /** Without padding, and with it. */
  readonly bodyEnd: number;
  readonly end: number;
  readonly records: readonly { readonly kind: number; readonly payload: Buffer; readonly offset: number }[];
}

export const HEADER = 64;
export const BATCH_HEADER = 32;
const RECORD_HEADER = 12;
const ALIGN = 32;
export const SECTOR = 512;
const PADDING = 0xa5;
export const MANIFEST = 2;
const OF_HEADER = 255;

/** Payloads of records and snapshots in the order of the log; throws where the bytes are not as they are described. */
export function payloadsIn(segments: Segments, kind: string): readonly Buffer[] {
  for (const segment of [...segments.keys()].sort((a, b) => b - a)) {
    const file = Buffer.from(segments.get(segment) as Uint8Array);
    const logId = logIdOf(file, kind, segment);
    if (logId === undefined) continue;
    const first = batchAt(file, logId, segment, HEADER);
    if (first === undefined) continue;
    const parts = [...manifestOf(first, segment), { segment, end: undefined }];
    let last = 0;
    return parts.flatMap((part) => {
      const bytes = segments.get(part.segment);
      if (bytes === undefined) throw new Error(`segment ${part.segment} is missing`);
      const batches = batchesOf(Buffer.from(bytes), logId, kind, part);
      for (const { number } of batches) {
        if (number <= last) throw new Error(`segment ${part.segment}: batch ${number} follows batch ${last}`);
        last = number;
      }
      return batches.flatMap(({ records }) => records.filter((each) => each.kind !== MANIFEST).map(({ payload }) => payload));
    });
  }
  return [];
}

/** `undefined` where nothing was written yet. */
export function logIdOf(file: Buffer, kind: string, segment: number): Buffer | undefined {
  if (file.length < HEADER || file.subarray(0, SECTOR).every((byte) => byte === 0)) return undefined;
  const expected = Buffer.alloc(HEADER);
  expected.write(`prdlog\0\0${kind}`, "latin1");
  file.copy(expected, 16, 16, 24);
  expected.writeUInt32BE(segment, 24);
  expected.writeUInt32BE(isPrepared(file) ? 2 : 1, 28);
  expected.writeUInt32BE(crc32(expected.subarray(0, 60)), 60);
  if (!expected.equals(file.subarray(0, HEADER))) throw new Error(`segment ${segment} begins with another header than it must`);
  return expected.subarray(16, 24);
}

/** Whether the header is that of a file which was prepared: bytes of an earlier life lie behind its end. */
export function isPrepared(file: Buffer): boolean {
  return file.length >= HEADER && file.readUInt32BE(28) === 2;
}

function batchesOf(
  file: Buffer,
  logId: Buffer,
  kind: string,
  { segment, end }: { segment: number; end: number | undefined },
): readonly Batch[] {
  if (logIdOf(file, kind, segment)?.equals(logId) !== true) throw new Error(`segment ${segment} is of another log`);
  const batches: Batch[] = [];
  let at = HEADER;
  while (at < (end ?? file.length)) {
    const batch = wholeBatchAt(file, logId, segment, at);
    // Where the log ends a loss of power may have left a part of a batch.
    if (batch === undefined && end === undefined) break;
    if (batch === undefined) throw new Error(`segment ${segment} has no batch at ${at}, and is to have ${end} bytes`);
    const before = batches.at(-1);
    if (before !== undefined && batch.number !== before.number + 1)
      throw new Error(`segment ${segment}: batch ${batch.number} follows batch ${before.number}`);
    batches.push(batch);
    at = batch.end;
  }
  for (const batch of batches) mustBeAsDescribed(file, segment, batch, isPrepared(file) && batch === batches.at(-1));
  return batches;
}

/**
 * Bytes of the newest segment of a log of which nobody can tell whether they rotted or were never whole: the last batch in a prepared file,
 * unless it is empty or the first.
 */
export function unguarded(file: Buffer, segment: number): { readonly from: number; readonly to: number } | undefined {
  if (!isPrepared(file)) return undefined;
  const logId = file.subarray(16, 24);
  let last: Batch | undefined;
  for (let at = HEADER; ; at = last.end) {
    const batch = wholeBatchAt(file, logId, segment, at);
    if (batch === undefined) break;
    last = batch;
  }
  if (last === undefined || last.offset === HEADER || last.records.length === 0) return undefined;
  return { from: last.offset, to: last.end };
}

/** `undefined` when what lies there is no whole batch; throws when a batch is whole and yet not as described. */
function batchAt(file: Buffer, logId: Buffer, segment: number, offset: number): Batch | undefined {
  const batch = wholeBatchAt(file, logId, segment, offset);
  if (batch !== undefined) mustBeAsDescribed(file, segment, batch);
  return batch;
}

/** The header of a batch that begins there, whole or not; `undefined` when there is none. */
export function batchHeaderAt(file: Buffer, logId: Buffer, segment: number, offset: number): Buffer | undefined {
  const header = file.subarray(offset, offset + BATCH_HEADER);
  if (header.length < BATCH_HEADER || header.toString("latin1", 0, 4) !== "PBAT") return undefined;
  return header.readUInt32BE(28) === placed(header.subarray(0, 28), logId, segment, offset, OF_HEADER) ? header : undefined;
}

/** `undefined` when what lies there is no batch, or a byte of its records is not what was written. */
export function wholeBatchAt(file: Buffer, logId: Buffer, segment: number, offset: number): Batch | undefined {
  const header = batchHeaderAt(file, logId, segment, offset);
  if (header === undefined) return undefined;
  const bodyEnd = offset + BATCH_HEADER + header.readUInt32BE(4);
  const end = Math.ceil(bodyEnd / ALIGN) * ALIGN;
  if (end > file.length) return undefined;
  const records: { kind: number; payload: Buffer; offset: number }[] = [];
  let headersCrc = 0;
  let at = offset + BATCH_HEADER;
  for (; at + RECORD_HEADER <= bodyEnd; ) {
    const payloadAt = at + RECORD_HEADER;
    const [kind, payload] = [file[at + 8] as number, file.subarray(payloadAt, payloadAt + file.readUInt32BE(at))];
    if (file.readUInt32BE(at + 4) !== placed(payload, logId, segment, payloadAt, kind)) return undefined;
    headersCrc = crc32(file.subarray(at, payloadAt), headersCrc);
    records.push({ kind, payload, offset: payloadAt });
    at = payloadAt + payload.length;
  }
  if (headersCrc !== header.readUInt32BE(24)) return undefined;
  return { offset, number: Number(header.readBigUInt64BE(8)), bodyEnd: at, end, records };
}

/**
 * Throws when a whole batch is not as it is described. `mayLack`: a sector of it may be what it was before, where that makes no difference to
 * its records; so it is for the last one of a prepared file, whose padding may be of an earlier life.
 */
export function mustBeAsDescribed(file: Buffer, segment: number, { offset, end, bodyEnd: at, records }: Batch, mayLack = false): void {
  const header = file.subarray(offset, offset + BATCH_HEADER);
  const bodyEnd = offset + BATCH_HEADER + header.readUInt32BE(4);
  const where = `segment ${segment}, batch at ${offset}`;
  if (at !== bodyEnd || records.length !== header.readUInt32BE(16)) throw new Error(`${where}: its records are not what its header says`);
  if (mayLack) return;
  if (file.subarray(bodyEnd, end).some((byte) => byte !== PADDING)) throw new Error(`${where}: its padding is not`);
  if (header.readUInt32BE(20) !== zeroPieces(file, offset, end)) throw new Error(`${where}: it counts its pieces of zeroes wrongly`);
}

export function manifestOf({ records }: Batch, segment: number): readonly { readonly segment: number; readonly end: number | undefined }[] {
  const manifest = records.at(-1);
  if (manifest?.kind !== MANIFEST) throw new Error(`segment ${segment} begins without a manifest`);
  const { payload } = manifest;
  const count = payload.readUInt32BE(0);
  if (payload.length !== 4 + count * 12) throw new Error(`segment ${segment}: its manifest of ${count} has ${payload.length} bytes`);
  return Array.from({ length: count }, (_, index) => ({
    segment: payload.readUInt32BE(4 + index * 12),
    end: Number(payload.readBigUInt64BE(8 + index * 12)),
  }));
}

function placed(bytes: Buffer, logId: Buffer, segment: number, offset: number, kind: number): number {
  const place = Buffer.allocUnsafe(21);
  logId.copy(place);
  place.writeUInt32BE(segment, 8);
  place.writeUIntBE(0, 12, 2);
  place.writeUIntBE(offset, 14, 6);
  place[20] = kind;
  return crc32(bytes, crc32(place));
}

export function zeroPieces(file: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at = at - (at % SECTOR) + SECTOR) {
    if (file.subarray(at, Math.min(to, at - (at % SECTOR) + SECTOR)).every((byte) => byte === 0)) count++;
  }
  return count;
}
