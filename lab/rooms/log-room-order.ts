/** What must hold of a log when its disk is idle and nothing waits: sizes, files, and what is let go of. */
import type { LogHealth, RecordLog } from "../../packages/perdure/src/store/log/record-log.ts";
import { HEADER, MANIFEST } from "../log-bytes.ts";
import type { Program } from "./log-machine.ts";
import type { Reading } from "./log-reading.ts";
import type { Known, Owner } from "./log-reference.ts";
import { parted } from "./room.ts";

export interface Idle {
  readonly now: {
    /** What was there when it was opened. */
    readonly reading: Reading;
    readonly segmentBytes: number;
    readonly opening: number;
    readonly program: Program;
    readonly health: LogHealth;
    readonly unsure: boolean;
    readonly prepares: boolean;
    readonly plain: boolean;
    readonly emptied: ReadonlySet<number>;
  };
  readonly opened: RecordLog;
  readonly reading: Reading;
  readonly owner: Owner;
  /** Bytes of the files that are ready to be segments. */
  readonly spares: readonly number[];
}

const RECORD_HEADER = 12;
const MOST_READERS = 16;
/** A file is full when it is so many times what it restates. */
const RESTATEMENTS = 3;

export function mustBeInOrder({ now, opened, reading: { parts, entries }, owner, spares }: Idle): void {
  if (now.health.state === "stuck") return;
  // Of a file that failed nobody knows how long it got.
  const isExact = now.program.failed.length === 0 || parts.every(({ prepared }) => !prepared);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const spareBytes = spares.reduce((sum, each) => sum + each, 0);
  const least = bytes + (now.program.failed.length === 0 ? spares.length * now.segmentBytes : 0);
  if (isExact && (opened.bytesOnDisk < least || opened.bytesOnDisk > bytes + spareBytes))
    parted(`the log says it has ${opened.bytesOnDisk} bytes where it has ${bytes} and ${spareBytes}`);
  const gone = [...now.program.openToRead.keys()].find((segment) => !parts.some((part) => part.segment === segment));
  if (gone !== undefined) parted(`segment ${gone} is gone and open to be read`);
  if (now.program.reading > MOST_READERS) parted(`${now.program.reading} files are open to be read`);
  const active = parts.at(-1);
  if (active === undefined) parted("an open log has no segment");
  const fullBytes = parts.map(({ batches }) => Math.max(now.segmentBytes, RESTATEMENTS * restatedIn(batches[0])));
  for (const [index, { segment, batches, end }] of parts.entries()) {
    if (now.reading.parts.some((part) => part.segment === segment)) continue;
    const full = fullBytes[index] as number;
    const late = batches.find(({ offset }) => offset > HEADER && offset >= full);
    if (late !== undefined) parted(`segment ${segment} goes on at ${late.offset} although it is full with ${full}`);
    if (now.plain && segment !== active.segment && end < full) parted(`segment ${segment} was closed with ${end} bytes of ${full}`);
  }
  if (now.program.failed.length === 0) mustBeAsPlanned({ now, reading: { parts, entries }, owner });
  if (now.unsure || !isExact) return;
  const needed = new Map<number, { count: number; bytes: number }>(parts.map(({ segment }) => [segment, { count: 0, bytes: 0 }]));
  for (const { kind, segment, payload } of entries) {
    const record = kind === 0 ? (owner.records[payload.readUInt16BE(0)] as Known) : undefined;
    if (record === undefined || record.released || now.emptied.has(segment)) continue;
    const held = needed.get(segment) as { count: number; bytes: number };
    held.count++;
    held.bytes += payload.length;
  }
  const closed = parts.filter(({ segment }) => segment !== active.segment);
  const share = (part: Reading["parts"][number]): number => (needed.get(part.segment)?.bytes ?? 0) / part.bytes;
  const sparse = closed.filter((part) => needed.get(part.segment)?.count !== 0 && share(part) <= 0.5);
  const leastShare = Math.min(...sparse.map(share));
  const said = opened.sparsest(() => false);
  const fits = sparse.filter((part) => share(part) === leastShare).map(({ segment }) => segment);
  if (said === undefined ? fits.length > 0 : !fits.includes(said))
    parted(`segment ${said} is said to waste most where it is ${fits.join(" or ") || "none"}`);
  const others = opened.sparsest((segment) => segment === said);
  const left = sparse.filter(({ segment }) => segment !== said);
  if ((others === undefined) !== (left.length === 0)) parted(`besides segment ${said}, segment ${others} is said to waste most`);
  const dead = closed.filter(({ segment }) => needed.get(segment)?.count === 0).reduce((sum, { end }) => sum + end, 0);
  const restated = restatedIn(active.batches[0]);
  // Where files are prepared, and there is room for one more, it takes two that are full.
  const full = Math.max(now.segmentBytes, RESTATEMENTS * restated);
  const enough = Math.max(full * (now.prepares ? 2 : 1 / 2), RESTATEMENTS * restated);
  if (dead >= enough) parted(`${dead} bytes hold nothing that is needed, and ${enough} are enough to let go of them`);
}

/** On a disk that never failed: records lie where they were said to, turns share batches, and each batch was synced once. */
function mustBeAsPlanned({ now, reading: { parts, entries }, owner }: Omit<Idle, "opened" | "spares">): void {
  for (const { kind, segment, offset, payload } of entries) {
    const record = kind === 0 ? (owner.records[payload.readUInt16BE(0)] as Known) : undefined;
    if (record === undefined || record.lot.opening !== now.opening || record.mayMove) continue;
    const [place] = record.places;
    if (place?.segment !== segment || place.offset !== offset)
      parted(`record ${record.id} lies at ${segment}:${offset}, not where it was said to`);
  }
  const batches = parts.flatMap(({ batches }) => batches);
  const batchOf = new Map<number, number>();
  for (const { number, records } of batches)
    for (const { kind, payload } of records) {
      const record = kind === 0 ? (owner.records[payload.readUInt16BE(0)] as Known) : undefined;
      if (record === undefined || record.lot.opening !== now.opening || record.mayMove) continue;
      if ((batchOf.get(record.lot.turn) ?? number) !== number)
        parted(`what one turn appended is in batches ${number} and ${batchOf.get(record.lot.turn)}`);
      batchOf.set(record.lot.turn, number);
    }
  const before = now.reading.parts.at(-1)?.batches.at(-1)?.number ?? 0;
  const written = (batches.at(-1)?.number ?? 0) - before + (before === 0 ? 0 : 1);
  if (now.program.syncs !== written) parted(`${now.program.syncs} syncs were asked for where ${written} are enough`);
}

/** Bytes of the snapshot and the manifest a segment begins with. */
function restatedIn(first: Reading["parts"][number]["batches"][number] | undefined): number {
  let bytes = 0;
  for (const { kind, payload } of first?.records ?? []) if (kind === 1 || kind === MANIFEST) bytes += payload.length + RECORD_HEADER;
  return bytes;
}
