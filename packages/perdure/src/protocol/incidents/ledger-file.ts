/**
 * The ledger of incidents as it lies in the folder of an agent or a relay: lines that are only added, each signed and each holding the
 * hash of the line before it.
 *
 *   <folder>/incidents/ledger.jsonl   body TAB signature LF, body TAB signature LF, ...
 *     body       JSON without line breaks or tabs: {"n", "prev", "by", "entries"}
 *       n        number of the line, from 1, without gaps
 *       prev     hexadecimal SHA-256 of the line before, without its LF; 64 zeros before the first
 *       by       the instance key that signs, hexadecimal
 *       entries  what happened, all of it durable together; see `incident-book.ts`
 *     signature  Ed25519 over "perdure/incident-ledger/1" LF body, hexadecimal
 *
 * A file that grew too long is replaced as a whole by one whose first line restates everything, with the number and `prev` it would have
 * had. So the last line vouches for all before it: one that was changed, added, or removed from the middle does not fit any more, and who
 * reads it holds every key that signed against the identity, or whoever writes a line between two of ours would have it vouched for. What
 * cannot be seen is that the newest lines are missing.
 *
 * Several processes write, each for the moment it holds the lock of `<folder>/incidents`. Only a line of at most {@link APPENDED_BYTES} is
 * written in place, behind one that is there; the first one and longer ones come with the whole file, by a rename. So a crash leaves at
 * most one such line torn; anything else that does not fit is damage, and the file is put aside as `ledger.damaged`.
 */
import type { SigningKey } from "../../host/crypto.ts";
import { sleep } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import { readWhole, replaceFile } from "../../identity/whole-file.ts";
import { concat, fromHex, fromUtf8, hex, utf8 } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { createIncidentBook, type IncidentBook, type LedgerEntry } from "./incident-book.ts";

const DOMAIN = "perdure/incident-ledger/1";
const NO_LINE = "0".repeat(64);
/** A file longer than this is replaced by one that restates the book. */
export const LEDGER_BYTES: number = 512 * 1024;
/** A longer line comes with the whole file. */
export const APPENDED_BYTES: number = 64 * 1024;
/** What a restated book and the entries behind it take at most; what is beyond is not read. */
const MAX_FILE_BYTES = 16 * LEDGER_BYTES;
/** Instances of one identity that wrote; many more than one has in years. */
const MAX_SIGNERS = 64;
const LF = 10;
const LOCK_TRIES = 100;
const LOCK_PAUSE_MS = 50;

export type LedgerHost = Pick<Host, "files" | "crypto" | "clock">;

export interface LedgerReport {
  readonly book: IncidentBook;
  readonly lines: number;
  /** Number of the first and of the last line; 0 when there is none. */
  readonly first: number;
  readonly last: number;
  /** Why the file is not what was written, if it is not; what lies before that is in the book. */
  readonly damage: string | undefined;
  /** The file ends in a line that does not hold and can be one a process died over. */
  readonly torn: boolean;
  /** The key of the last line, hexadecimal; empty when there is none. */
  readonly signedBy: string;
  /** Every key that signed a line, hexadecimal, by its first one, also of lines that a restated book replaced: who vouches for all of it must know them all. */
  readonly signers: readonly string[];
}

interface Read extends LedgerReport {
  /** Bytes of whole lines. */
  readonly end: number;
  readonly size: number;
  /** Bytes of the first line. */
  readonly firstBytes: number;
  readonly lastHash: string;
}

export function ledgerFolder(folder: string): string {
  return `${folder}/incidents`;
}

/** Reads and verifies the ledger of `folder`, without its lock; one that is not there is empty. */
export async function readLedger(host: Pick<Host, "files" | "crypto">, folder: string): Promise<LedgerReport> {
  return await read(host, pathOf(folder));
}

/** The book after the entries; `damage` when what lay there was not what had been written, and was put aside. */
export interface Added {
  readonly book: IncidentBook;
  readonly damage: string | undefined;
}

/**
 * Adds entries, all or none, each judged by the book as it is then; durable when it resolves. Throws what {@link IncidentBook.apply} does,
 * `folder-in-use` when other processes write all the time, and what the disk says.
 */
export async function addToLedger(host: LedgerHost, folder: string, key: SigningKey, entries: readonly LedgerEntry[]): Promise<Added> {
  const { files } = host;
  const path = pathOf(folder);
  const lock = await take(host, ledgerFolder(folder));
  try {
    const found = await read(host, path);
    const { book, damage, end } = found;
    for (const entry of entries) book.apply(entry);
    const added = await signLine(host, key, found, entries);
    const isLong = end + added.length > LEDGER_BYTES && end > 2 * found.firstBytes;
    if (damage !== undefined || isLong) {
      const damaged = damage === undefined ? undefined : await readWhole(files, path, MAX_FILE_BYTES);
      if (damaged !== undefined) await replaceFile(files, `${ledgerFolder(folder)}/ledger.damaged`, damaged);
      await replaceFile(files, path, await signLine(host, key, found, [restated(found, key, book)]));
    } else if (found.size !== end || end === 0 || added.length > APPENDED_BYTES) {
      // A port cannot cut a file: of a torn line that is longer than the next one something would be left.
      const whole = await readWhole(files, path, end);
      await replaceFile(files, path, whole === undefined ? added : concat(whole, added));
    } else {
      await append(host, path, end, added);
    }
    return { book, damage };
  } finally {
    await lock.release();
  }
}

/** Keys that signed what is replaced are named with it, in their order, or a foreign line would be the owner's by then. */
function restated({ signers }: Read, { publicKey }: SigningKey, book: IncidentBook): LedgerEntry {
  const isForeign = signers.some((each) => each !== hex(publicKey));
  return { ...book.restate(), ...(isForeign ? { signers } : {}) } as LedgerEntry;
}

async function append({ files }: LedgerHost, path: string, at: number, bytes: Uint8Array): Promise<void> {
  const file = await files.open(path, "write");
  try {
    await file.write(at, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function signLine(
  { crypto }: LedgerHost,
  key: SigningKey,
  { last, lastHash }: Read,
  entries: readonly LedgerEntry[],
): Promise<Uint8Array> {
  const body = JSON.stringify({ n: last + 1, prev: lastHash, by: hex(key.publicKey), entries });
  return utf8(`${body}\t${hex(await crypto.signatures.sign(key, signed(body)))}\n`);
}

async function read({ files, crypto }: Pick<Host, "files" | "crypto">, path: string): Promise<Read> {
  const bytes = (await readWhole(files, path, MAX_FILE_BYTES)) ?? new Uint8Array(0);
  const book = createIncidentBook();
  let [lines, first, last, end, firstBytes, lastHash, signedBy] = [0, 0, 0, 0, 0, NO_LINE, ""];
  // bound: MAX_SIGNERS
  const signers = new Set<string>();
  while (end < bytes.length) {
    const stop = bytes.indexOf(LF, end);
    const line = stop < 0 ? undefined : await readLine(crypto, bytes.subarray(end, stop));
    if (line === undefined) {
      const isOne = stop < 0 || stop === bytes.length - 1;
      if (lines > 0 && isOne && bytes.length - end <= APPENDED_BYTES) return report(undefined, true);
      return report(`what is behind line ${last} is not what was written`, false);
    }
    const { n, prev, by, entries } = line;
    const follows = lines === 0 ? (n === 1 ? prev === NO_LINE : entries[0]?.what === "kept") : n === last + 1 && prev === lastHash;
    if (!follows) return report(`line ${n} does not follow line ${last}`, false);
    try {
      for (const entry of entries) applyWritten(book, entry);
      for (const each of [...entries.flatMap(signersOf), by]) if (signers.size < MAX_SIGNERS) signers.add(each);
    } catch (error) {
      return report(`line ${n} cannot be: ${String(error)}`, false);
    }
    if (lines === 0) [first, firstBytes] = [n, stop + 1];
    lines++;
    [last, end, lastHash, signedBy] = [n, stop + 1, line.hash, by];
  }
  return report(undefined, false);

  function report(damage: string | undefined, torn: boolean): Read {
    return { book, lines, first, last, damage, torn, signedBy, signers: [...signers], end, firstBytes, size: bytes.length, lastHash };
  }
}

/** What the owner said was judged when it was written, maybe by a version with other rules of what gives way: one that has no place now is left out. */
function applyWritten(book: IncidentBook, entry: LedgerEntry): void {
  try {
    book.apply(entry);
  } catch (error) {
    if (!isPerdureError(error) || (error.code !== "not-found" && error.code !== "bad-argument")) throw error;
  }
}

function signersOf(entry: LedgerEntry): readonly string[] {
  if (entry.what !== "kept" || entry.signers === undefined) return [];
  if (!entry.signers.every((each) => fromHex(each)?.length === 32)) throw new PerdureError("malformed", "a signer is no key");
  return entry.signers;
}

interface Line {
  readonly n: number;
  readonly prev: string;
  readonly by: string;
  readonly entries: readonly LedgerEntry[];
  readonly hash: string;
}

/** `undefined` for a line that its signer did not write. */
async function readLine({ hash, signatures }: Host["crypto"], bytes: Uint8Array): Promise<Line | undefined> {
  try {
    const [body = "", signature = "", ...rest] = fromUtf8(bytes).split("\t");
    const said = JSON.parse(body) as Omit<Line, "hash">;
    if (!Array.isArray(said.entries)) return undefined;
    const [by, over] = [fromHex(said.by), fromHex(signature)];
    if (rest.length > 0 || by?.length !== 32 || over?.length !== 64) return undefined;
    if (!(await signatures.verify(by, signed(body), over))) return undefined;
    return { ...said, hash: hex(hash.sha256(bytes)) };
  } catch {
    return undefined;
  }
}

function signed(body: string): Uint8Array {
  return utf8(`${DOMAIN}\n${body}`);
}

function pathOf(folder: string): string {
  return `${ledgerFolder(folder)}/ledger.jsonl`;
}

async function take({ files, clock }: LedgerHost, folder: string): ReturnType<Host["files"]["lock"]> {
  for (let tries = 1; ; tries++) {
    try {
      return await files.lock(folder);
    } catch (error) {
      if (!isPerdureError(error) || error.code !== "folder-in-use") throw error;
      if (tries === LOCK_TRIES)
        throw new PerdureError("folder-in-use", "other processes write into the ledger of incidents all the time", {
          retry: "after",
          cause: error,
        });
      await sleep(clock, LOCK_PAUSE_MS);
    }
  }
}
