/**
 * The log of a relay's machine in memory: batches that are not durable, segments, a restatement at the head of a segment, behind what is
 * written with it. A crash leaves what is durable and any number of whole batches after it; a segment nobody needs goes once a restatement
 * after it is durable; what keeps a segment alone is copied to the end, and for a while lies there twice.
 */

import type { Place } from "../../../packages/perdure/src/protocol/delivery/mailbox-state.ts";
import type { Mailboxes } from "../../../packages/perdure/src/protocol/delivery/mailboxes.ts";
import { type Bytes, hex } from "../../../packages/perdure/src/wire/bytes.ts";
import { decodeEnvelope } from "../../../packages/perdure/src/wire/envelope.ts";
import { decodeKept } from "../../../packages/perdure/src/wire/kept-relay.ts";
import { parted } from "../room.ts";

interface Held {
  readonly record: Bytes;
  readonly place: Place;
  /** Of a restatement: nothing releases it, and nothing needs it. */
  readonly restated: boolean;
  /** The place its owner knows: that of the record it was copied from. */
  given: string;
  /** A copy that is durable counts in its stead. */
  moved: boolean;
}

interface Batch {
  readonly ticket: number;
  readonly held: Held[];
  /** Segments that go with its restatement. */
  gone: readonly number[];
  /** Records whose copies are in it. */
  readonly copied: Held[];
}

/** The folder at one time. */
export type Copy = readonly Held[];

export interface HeldLog {
  append(ticket: number, records: readonly Bytes[]): { readonly segment: number; readonly offsets: readonly number[] };
  /** What becomes durable with the first batches; `undefined` when nothing waits. */
  sync(batches: number): { readonly ticket: number; readonly small: ReadonlySet<string> } | undefined;
  /** Begins a segment, behind the first batches that wait; with `removing` what nobody needs goes. */
  restate(records: readonly Bytes[], behind: number, removing: boolean): void;
  /** Copies mail that waits, and is durable, to the end. */
  compact(nth: number): void;
  release(places: readonly Place[]): void;
  /** The mail that lies at these places, as `recipient@position`; records of small state are left out. */
  mailAt(places: readonly Place[]): readonly string[];
  /** Ends this life: what survived, for the next one. */
  crash(more: number): void;
  copy(): Copy;
  restore(copy: Copy): void;
  /** The machine of the next life reads everything; its own first records follow. */
  recover(machine: Mailboxes, nowMs: number): void;
  read(place: Place): Bytes;
  readonly waiting: number;
}

export function keyOf({ segment, offset }: Place): string {
  return `${segment}/${offset}`;
}

export function createHeldLog(): HeldLog {
  let segment = 1;
  let offset = 0;
  let kept: Held[] = [];
  let waiting: Batch[] = [];
  let released = new Set<string>();

  const hold = (record: Bytes, restated: boolean): Held => {
    offset += record.length;
    const place = { segment, offset, length: record.length };
    return { record: record.slice(), place, restated, given: keyOf(place), moved: false };
  };
  const isNeeded = ({ given, restated, moved }: Held): boolean => !restated && !moved && !released.has(given);
  const all = (): Held[] => [...kept, ...waiting.flatMap(({ held }) => held)];
  const find = (place: Place): Held | undefined => all().find(({ given }) => given === keyOf(place));
  const settle = ({ held, gone, copied }: Batch): void => {
    kept.push(...held);
    for (const each of copied) each.moved = true;
    kept = kept.filter(({ place }) => !gone.includes(place.segment));
  };
  const isMail = ({ record, restated }: Held): boolean => !restated && decodeKept(record).kind === "mail";

  return {
    append(ticket, records) {
      const held = records.map((record) => hold(record, false));
      waiting.push({ ticket, held, gone: [], copied: [] });
      return { segment, offsets: held.map(({ place }) => place.offset) };
    },
    sync(batches) {
      const done = waiting.splice(0, batches);
      const last = done.at(-1);
      if (last === undefined) return undefined;
      const small = new Set<string>();
      for (const batch of done) {
        settle(batch);
        for (const each of batch.held) if (!each.restated && !isMail(each)) small.add(each.given);
      }
      return { ticket: last.ticket, small };
    },
    restate(records, behind, removing) {
      const before = new Set(all().map(({ place }) => place.segment));
      for (const each of all()) if (isNeeded(each)) before.delete(each.place.segment);
      segment++;
      const held = records.map((record) => hold(record, true));
      const gone = removing ? [...before] : [];
      const last = waiting[Math.min(behind, waiting.length) - 1];
      if (last === undefined) settle({ ticket: 0, held, gone, copied: [] });
      else {
        last.held.push(...held);
        last.gone = [...last.gone, ...gone];
      }
    },
    compact(nth) {
      const underWay = new Set(waiting.flatMap(({ copied }) => copied));
      const live = kept.filter((each) => isMail(each) && isNeeded(each) && !underWay.has(each));
      const one = live[nth % Math.max(1, live.length)];
      if (one === undefined) return;
      const copy = { ...hold(one.record, false), given: one.given };
      const last = waiting.at(-1);
      if (last === undefined) settle({ ticket: 0, held: [copy], gone: [], copied: [one] });
      else {
        last.held.push(copy);
        last.copied.push(one);
      }
    },
    release(places) {
      for (const place of places) {
        const key = keyOf(place);
        if (released.has(key)) parted(`the record at ${key} is released twice`);
        released.add(key);
      }
    },
    mailAt: (places) =>
      places.flatMap((place) => {
        const found = find(place);
        if (found === undefined) return parted(`nothing lies at ${keyOf(place)}, which is released`);
        const record = decodeKept(found.record);
        return record.kind === "mail" ? [`${hex(decodeEnvelope(record.mail.envelope).to)}@${record.mail.position}`] : [];
      }),
    crash(more) {
      for (const batch of waiting.slice(0, more)) settle(batch);
      waiting = [];
    },
    copy: () => kept.map((each) => ({ ...each })),
    restore(copy) {
      kept = copy.map((each) => ({ ...each }));
      waiting = [];
    },
    recover(machine, nowMs) {
      released = new Set();
      kept = kept.map(({ record, place, restated }) => ({ record, place, restated, given: keyOf(place), moved: false }));
      for (const { record, place } of kept) for (const gone of machine.replay(record, place)) released.add(keyOf(gone));
      segment++;
      for (const record of machine.begin(nowMs)) kept.push(hold(record, true));
      for (const record of machine.snapshot()) kept.push(hold(record, true));
    },
    read: (place) => find(place)?.record ?? parted(`nothing lies at ${keyOf(place)}`),
    get waiting() {
      return waiting.length;
    },
  };
}
