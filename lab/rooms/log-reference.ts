/**
 * What a log owes its owner: the list of what was appended, what became of each, and which of it is needed. Nothing here knows how a log
 * works; `owed` compares what a folder says with that list.
 */
import type { RecordAt } from "../../packages/perdure/src/store/log/record-log.ts";
import type { Reading } from "./log-reading.ts";
import { parted } from "./room.ts";

export interface Known {
  readonly id: number;
  readonly lot: Lot;
  readonly payload: Uint8Array;
  /** Where the running program believes it to lie; more than one where it was replayed twice. */
  places: RecordAt[];
  released: boolean;
  /** The log was asked to move it: it may lie in two places, and behind what came later. */
  mayMove: boolean;
  /** It was not there when the log was opened, so it is never there again. */
  gone: boolean;
}

/** What was appended with one call. */
export interface Lot {
  readonly id: number;
  readonly records: Known[];
  readonly orReject: boolean;
  /** Which opening appended it. */
  readonly opening: number;
  /** What was appended in one turn of the owner has the same. */
  turn: number;
  /** What its program had begun to write and written until then. */
  writes: number;
  /** From when on somebody waits for it. */
  dueMs: number;
  /** `left`: its program ended before it was told. */
  state: "pending" | "durable" | "rejected" | "left";
}

const MARK_OF_RECORD = 0x52;
const MARK_OF_STATE = 0x53;
const STATE_HEADER = 5;
/** The shortest record that says which it is. */
export const LEAST_BYTES = 3;

export interface Owner {
  readonly lots: readonly Lot[];
  readonly records: readonly Known[];
  /** The small state as the log is given it; `extra` is what else it holds. */
  snapshot(extra: readonly Uint8Array[]): readonly Uint8Array[];
  lot(sizes: readonly number[], orReject: boolean, opening: number): Lot;
  readonly pending: readonly Lot[];
  /** Throws when a folder that says this breaks a promise. `duringOpening`: of a log whose opening did not end. */
  owed(reading: Reading): void;
  /** An opening ended well: what it told is there for good, and nothing else is. Gives the records that are not needed and are there. */
  opened(reading: Reading): readonly Known[];
  /** The program ended. */
  ended(): void;
}

export function createOwner(): Owner {
  const lots: Lot[] = [];
  const records: Known[] = [];
  /** Each small state that was ever asked for. */
  const stated: { readonly bytes: Uint8Array; readonly records: number }[] = [];

  /** Records, in the order they are told; the same one twice where it was moved. */
  const recordsIn = ({ entries }: Reading): readonly { readonly record: Known; readonly at: RecordAt }[] =>
    entries
      .filter(({ kind }) => kind === 0)
      .map(({ payload, segment, offset }) => {
        const record = payload.length < LEAST_BYTES || payload[2] !== MARK_OF_RECORD ? undefined : records[payload.readUInt16BE(0)];
        if (record === undefined || !payload.equals(record.payload)) parted(`a record at ${segment}:${offset} was never appended`);
        return { record, at: { segment, offset, length: payload.length } };
      });

  /** Which records were released, as far as the snapshots say that are there. */
  const statedIn = ({ entries }: Reading): ReadonlySet<number> => {
    const released = new Set<number>();
    let before = -1;
    for (const { kind, payload, segment } of entries) {
      if (kind !== 1 || payload[2] !== MARK_OF_STATE) continue;
      const serial = payload.readUInt16BE(0);
      const said = stated[serial];
      if (said === undefined || !payload.equals(said.bytes)) parted(`the small state in segment ${segment} was never said`);
      if (serial <= before) parted(`the small state in segment ${segment} is older than the one before`);
      before = serial;
      for (const [index, byte] of payload.subarray(STATE_HEADER).entries())
        for (let bit = 0; bit < 8; bit++) if ((byte >> bit) % 2 === 1) released.add(index * 8 + bit);
    }
    return released;
  };

  /** Nothing comes before a snapshot's segment that was appended only after it was asked for, and what was appended before is not behind it. */
  const mustStandBehind = ({ entries }: Reading): void => {
    let known = 0;
    for (const { kind, payload, segment } of entries) {
      if (kind === 1 && payload[2] === MARK_OF_STATE) known = Math.max(known, payload.readUInt16BE(3));
      if (kind !== 0) continue;
      const record = records[payload.readUInt16BE(0)] as Known;
      if (!record.mayMove && record.id < known) parted(`record ${record.id} in segment ${segment} comes behind a snapshot taken later`);
    }
  };

  const owed = (reading: Reading): void => {
    const there = recordsIn(reading);
    const released = statedIn(reading);
    const seen = new Set<Known>();
    let before = -1;
    for (const { record } of there) {
      if (record.lot.state === "rejected") parted(`record ${record.id} was given up and is back`);
      if (record.gone) parted(`record ${record.id} was gone and is back`);
      if (!record.mayMove && seen.has(record)) parted(`record ${record.id} is there twice`);
      if (!record.mayMove && record.id < before) parted(`record ${record.id} comes behind record ${before}`);
      if (!record.mayMove) before = record.id;
      seen.add(record);
    }
    mustStandBehind(reading);
    let later: Lot | undefined;
    for (const lot of [...lots].reverse()) {
      const count = lot.records.filter((record) => seen.has(record)).length;
      const moved = lot.records.some(({ mayMove }) => mayMove);
      if (!moved && count !== 0 && count !== lot.records.length)
        parted(`${count} of ${lot.records.length} records of append ${lot.id} are there`);
      const missing = lot.records.find((record) => !seen.has(record) && !record.gone && !released.has(record.id));
      if (lot.state === "durable" && missing !== undefined) parted(`record ${missing.id} was durable and is lost`);
      if (missing !== undefined && later?.opening === lot.opening && !lot.orReject && lot.state !== "rejected")
        parted(`append ${lot.id} is missing before append ${later.id}`);
      if (count > 0 && !moved) later = lot;
    }
  };

  return {
    lots,
    records,
    get pending() {
      return lots.filter(({ state }) => state === "pending");
    },
    snapshot: (extra) => {
      const released = records.filter((record) => record.released);
      const last = released.at(-1)?.id ?? -1;
      const bytes = Buffer.alloc(STATE_HEADER + Math.ceil((last + 1) / 8));
      bytes.writeUInt16BE(stated.length, 0);
      bytes[2] = MARK_OF_STATE;
      bytes.writeUInt16BE(records.length, 3);
      for (const { id } of released) bytes[STATE_HEADER + (id >> 3)] = (bytes[STATE_HEADER + (id >> 3)] as number) | (1 << (id % 8));
      stated.push({ bytes, records: records.length });
      return [bytes, ...extra];
    },
    lot: (sizes, orReject, opening) => {
      const lot: Lot = { id: lots.length, records: [], orReject, opening, turn: 0, writes: 0, dueMs: 0, state: "pending" };
      for (const size of sizes) {
        const id = records.length;
        const record = { id, lot, payload: payloadOf(id, size), places: [], released: false, mayMove: false, gone: false };
        records.push(record);
        lot.records.push(record);
      }
      lots.push(lot);
      return lot;
    },
    owed,
    opened: (reading) => {
      owed(reading);
      const released = statedIn(reading);
      const there = recordsIn(reading);
      for (const record of records) {
        record.places = [];
        record.released = released.has(record.id);
      }
      for (const { record, at } of there) record.places.push(at);
      for (const record of records) {
        if (record.places.length === 0) record.gone = true;
        else record.lot.state = "durable";
      }
      return records.filter((record) => record.released && !record.gone);
    },
    ended: () => {
      for (const lot of lots) if (lot.state === "pending") lot.state = "left";
    },
  };
}

/** Says which it is, and what follows looks like anything: noise, pieces of zeroes, or the beginnings of batches. */
function payloadOf(id: number, size: number): Uint8Array {
  const payload = Buffer.alloc(Math.max(LEAST_BYTES, size));
  if (id % 4 === 1) payload.fill("PBAT");
  if (id % 4 > 1) for (let at = LEAST_BYTES; at < payload.length; at++) payload[at] = (at * (id + 7)) >>> 2;
  payload.writeUInt16BE(id, 0);
  payload[2] = MARK_OF_RECORD;
  return payload;
}
