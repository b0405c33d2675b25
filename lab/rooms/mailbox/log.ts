/**
 * The log of a relay's machine in memory: batches that are not durable, segments, a restatement behind the first batch of a segment. A crash
 * leaves what is durable and any number of whole batches after it; a segment nobody needs goes once a restatement after it is durable.
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
}

interface Batch {
  readonly ticket: number;
  readonly held: Held[];
  /** Segments that go with its restatement. */
  gone: readonly number[];
}

/** The folder at one time. */
export type Copy = readonly Held[];

export interface HeldLog {
  append(ticket: number, records: readonly Bytes[]): readonly Place[];
  /** What becomes durable with the first batches; `undefined` when nothing waits. */
  sync(batches: number): { readonly ticket: number; readonly small: ReadonlySet<string> } | undefined;
  /** Begins a segment; with `removing` what nobody needs goes. */
  restate(records: readonly Bytes[], removing: boolean): void;
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
    return { record: record.slice(), place: { segment, offset, length: record.length }, restated };
  };
  const isNeeded = ({ place, restated }: Held): boolean => !restated && !released.has(keyOf(place));
  const all = (): Held[] => [...kept, ...waiting.flatMap(({ held }) => held)];
  const find = (place: Place): Held | undefined => all().find((each) => keyOf(each.place) === keyOf(place));

  return {
    append(ticket, records) {
      const held = records.map((record) => hold(record, false));
      waiting.push({ ticket, held, gone: [] });
      return held.map(({ place }) => place);
    },
    sync(batches) {
      const done = waiting.splice(0, batches);
      const last = done.at(-1);
      if (last === undefined) return undefined;
      const small = new Set<string>();
      for (const { held, gone } of done) {
        kept.push(...held);
        kept = kept.filter(({ place }) => !gone.includes(place.segment));
        for (const { record, place, restated } of held) if (!restated && decodeKept(record).kind !== "mail") small.add(keyOf(place));
      }
      return { ticket: last.ticket, small };
    },
    restate(records, removing) {
      const before = new Set(all().map(({ place }) => place.segment));
      for (const each of all()) if (isNeeded(each)) before.delete(each.place.segment);
      segment++;
      const held = records.map((record) => hold(record, true));
      const gone = removing ? [...before] : [];
      const last = waiting.at(-1);
      if (last === undefined) kept = [...kept, ...held].filter(({ place }) => !gone.includes(place.segment));
      else {
        last.held.push(...held);
        last.gone = [...last.gone, ...gone];
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
      for (const { held, gone } of waiting.slice(0, more)) {
        kept.push(...held);
        kept = kept.filter(({ place }) => !gone.includes(place.segment));
      }
      waiting = [];
    },
    copy: () => [...kept],
    restore(copy) {
      kept = [...copy];
      waiting = [];
    },
    recover(machine, nowMs) {
      released = new Set();
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
