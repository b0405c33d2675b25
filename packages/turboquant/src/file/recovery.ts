/**
 * What a file comes to when it is opened: its header, then its last directory where it ends with one or one is named near its end, then the records
 * behind that. What was durable and cannot be read is damage, and an error unless it is to be skipped. What is not whole behind the
 * last durable place never was: it is told, and a writer cuts it.
 */
import { TurboQuantError } from "../error.ts";
import { badFile } from "./bad-file.ts";
import { applyRecord, type Contents, checkWidths, emptyContents, idsPart, widthName } from "./contents.ts";
import { crc32c } from "./crc32c.ts";
import { decodeEntries, decodeRemoved, ENTRY_BYTES } from "./directory.ts";
import { createHeadScan, type HeadScan } from "./head-scan.ts";
import { centerBytes, decodeHeader } from "./header-record.ts";
import type { RangeSource } from "./index-file.ts";
import { ALIGNMENT, checkBeginning, decodeFoot, decodeHead, FOOT_BYTES, HEAD_BYTES, type Part, type RecordHead } from "./record.ts";
import { type Tail, tailOf } from "./tail.ts";

/** Bytes that could not be read, or did not fit what stands before them. */
export interface Damage {
  readonly at: number;
  readonly bytes: number;
  /** Where it is known. */
  readonly segment?: number;
  readonly why: string;
}

export interface Recovered {
  readonly contents: Contents;
  readonly damage: Damage[];
  readonly tail?: Tail;
}

/** Whether damage is an error, or is passed over and told. */
export type DamageRule = "refuse" | "skip";

const VERIFY_BYTES = 1024 * 1024;

export async function recover(source: RangeSource, rule: DamageRule): Promise<Recovered> {
  const recovered = await recoverRecords(source, rule);
  checkWidths(recovered.contents);
  return recovered;
}

async function recoverRecords(source: RangeSource, rule: DamageRule): Promise<Recovered> {
  const head = await readHeaderHead(source);
  const center = head.parts[0] === undefined ? undefined : await readPart(source, head.parts[0], "the center");
  const fresh = emptyContents(decodeHeader(head, center), head.identity, head.length);
  const scan = createHeadScan(source, head.identity);
  const ending = await endingDirectory(source, fresh);
  if (ending !== undefined) return { contents: ending, damage: [] };
  return await walk(source, scan, (await lastDirectory(source, fresh, scan)) ?? fresh, rule);
}

/** The last record that can be found is a directory, or names the one before it. */
async function lastDirectory(source: RangeSource, fresh: Contents, scan: HeadScan): Promise<Contents | undefined> {
  const last = await scan.lastHead();
  if (last === undefined) return undefined;
  const itself = last.kind === "directory" ? await directoryAt(source, fresh, last.at) : undefined;
  return itself ?? (await directoryAt(source, fresh, last.directory));
}

async function readHeaderHead(source: RangeSource): Promise<RecordHead> {
  const bytes = await source.read(0, Math.min(HEAD_BYTES, source.size));
  checkBeginning(bytes);
  const head = decodeHead(bytes, 0);
  if (head === undefined) throw badFile("the header of the file is damaged");
  centerBytes(head);
  if (head.length > source.size) throw badFile("the file ends within its header");
  return head;
}

async function endingDirectory(source: RangeSource, fresh: Contents): Promise<Contents | undefined> {
  const footAt = source.size - FOOT_BYTES;
  if (footAt < HEAD_BYTES || footAt % ALIGNMENT !== 0) return undefined;
  const at = decodeFoot(await source.read(footAt, FOOT_BYTES), fresh.identity);
  if (at === undefined) return undefined;
  const found = await directoryAt(source, fresh, at);
  return found?.end === source.size ? found : undefined;
}

/** What a directory says, or `undefined` where there is none that can be read. Throws `bad-file` where what it says cannot be. */
async function directoryAt(source: RangeSource, fresh: Contents, at: number): Promise<Contents | undefined> {
  if (at % ALIGNMENT !== 0 || at < fresh.end || at + HEAD_BYTES > source.size) return undefined;
  const head = decodeHead(await source.read(at, HEAD_BYTES), at);
  if (head?.kind !== "directory" || head.identity !== fresh.identity || at + head.length > source.size) return undefined;
  const [entries, lists] = head.parts;
  if (head.durable !== at || entries === undefined || lists === undefined) return undefined;
  const bytes = await source.read(entries.at, lists.at + lists.length - entries.at);
  const entryBytes = bytes.subarray(0, entries.length);
  const listBytes = bytes.subarray(lists.at - entries.at);
  if (crc32c(entryBytes) !== entries.crc || crc32c(listBytes) !== lists.crc) return undefined;
  const [count, next, listCount] = [0, 4, 8].map((field) => head.fields.getUint32(field, true)) as [number, number, number];
  const segments = count * ENTRY_BYTES === entries.length ? decodeEntries(fresh.header, entryBytes, at) : undefined;
  const lastNumber = segments?.at(-1)?.number ?? -1;
  if (segments === undefined || next <= lastNumber) throw badFile("the directory has not as many segments as it says");
  return {
    ...fresh,
    segments: new Map(segments.map((segment) => [segment.number, segment])),
    widths: new Set(segments.map(widthName)),
    removed: decodeRemoved({ count: listCount, bytes: listBytes }),
    next,
    end: at + head.length,
    directory: at,
    directoryEnd: at + head.length,
  };
}

/** Bytes in which no record could be found, up to the next or to the end. */
interface Gap {
  readonly gap: true;
  readonly at: number;
  readonly length: number;
}

async function walk(source: RangeSource, scan: HeadScan, contents: Contents, rule: DamageRule): Promise<Recovered> {
  const found = await listRecords(source, scan, contents.end);
  const durable = found.reduce((most, record) => ("gap" in record ? most : Math.max(most, record.durable)), contents.directory);
  const damage: Damage[] = [];
  for (const record of found) {
    const settled = record.at < durable;
    if (!settled && ("gap" in record || !(await isWhole(source, record)))) break;
    const fault = "gap" in record ? "no record can be read" : await applied(source, contents, record);
    if (fault === undefined) continue;
    if (rule === "refuse") throw badFile(`the file is damaged at byte ${record.at}: ${fault}`);
    damage.push({ at: record.at, bytes: record.length, why: fault });
    contents.end = record.at + record.length;
  }
  const tail = await tailOf(source, contents.identity, contents.end);
  return { contents, damage, ...(tail === undefined ? {} : { tail }) };
}

async function listRecords(source: RangeSource, scan: HeadScan, from: number): Promise<readonly (RecordHead | Gap)[]> {
  const found: (RecordHead | Gap)[] = [];
  for (let at = from; at < source.size; ) {
    const head = (await scan.headAt(at)) ?? (await scan.headFrom(at + ALIGNMENT));
    const next = head?.at ?? source.size;
    if (next > at) found.push({ gap: true, at, length: next - at });
    if (head !== undefined) found.push(head);
    at = next + (head?.length ?? 0);
  }
  return found;
}

/** Takes a record into account, or says why that cannot be. */
async function applied(source: RangeSource, contents: Contents, head: RecordHead): Promise<string | undefined> {
  try {
    const ids = idsPart(head);
    const part = ids === undefined ? undefined : head.parts[ids];
    applyRecord(contents, head, part === undefined ? undefined : await readPart(source, part, "a list of removed ids"));
    return undefined;
  } catch (error) {
    if (error instanceof TurboQuantError && error.code === "bad-file") return error.message;
    throw error;
  }
}

/** Whether all bytes of a record are what was written. */
async function isWhole(source: RangeSource, { parts }: RecordHead): Promise<boolean> {
  for (const { at, length, crc } of parts) {
    let sum = 0;
    for (let done = 0; done < length; done += VERIFY_BYTES)
      sum = crc32c(await source.read(at + done, Math.min(VERIFY_BYTES, length - done)), sum);
    if (sum !== crc) return false;
  }
  return true;
}

/** Throws `bad-file` where the bytes are not what was written. */
export async function readPart(source: RangeSource, { at, length, crc }: Part, name: string): Promise<Uint8Array> {
  const bytes = await source.read(at, length);
  if (crc32c(bytes) !== crc) throw badFile(`${name} at byte ${at} is damaged`);
  return bytes;
}
