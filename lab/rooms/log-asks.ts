/** What an owner asks an open log, beside what it is owed. */
import type { RecordAt, RecordLog } from "../../packages/perdure/src/store/log/record-log.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { settle } from "./log-machine.ts";
import { type Running, type Scene, saidBy, stuckCodeOf } from "./log-opening.ts";
import type { Known, Lot } from "./log-reference.ts";
import { mustBeInOrder } from "./log-room-order.ts";
import type { LogStep } from "./log-steps.ts";
import { parted } from "./room.ts";

/** Rounds after which nothing is half empty any more, besides one for each record. */
const MOST_ROUNDS = 10;
const LEAST_OF_FILE = 1500;
const LEAST_OF_RECORD = 100;
const RECORD_HEADER = 12;

export function appendOne(
  scene: Scene,
  now: Running,
  opened: RecordLog,
  sizes: readonly number[],
  orReject: boolean,
  laterMs: number | undefined,
): void {
  if (sizes.length === 0) {
    if (opened.append([], { orReject }).at.length !== 0) parted("nothing was appended and lies somewhere");
    return;
  }
  const { health } = opened;
  const lot = scene.owner.lot(sizes, orReject, now.opening);
  lot.dueMs = scene.machine.nowMs + (laterMs ?? 0);
  lot.turn = scene.turns;
  lot.writes = now.program.writes + now.program.begun;
  const given = lot.records.map(({ payload }) => payload);
  const { at, synced } = opened.append(given, { ...(orReject ? { orReject } : {}), ...(laterMs === undefined ? {} : { laterMs }) });
  if (at.some(({ length }, index) => length !== given[index]?.length) || at.length !== given.length) parted("places have other lengths");
  if (orReject && health.state === "stuck") lot.state = "rejected";
  else for (const [index, record] of lot.records.entries()) record.places = [at[index] as RecordAt];
  // What is appended takes along what waited; what is refused at once takes nothing.
  if (laterMs === undefined && lot.state === "pending")
    for (const each of scene.owner.pending) each.dueMs = Math.min(each.dueMs, scene.machine.nowMs);
  synced.then(
    () => scene.noting(() => durable(scene, now, lot)),
    (error: unknown) => scene.noting(() => refused(scene, now, lot, error, orReject && health.state === "stuck" ? health.code : undefined)),
  );
}

function durable(scene: Scene, now: Running, lot: Lot): void {
  if (scene.running !== now) return;
  if (lot.state !== "pending") parted(`append ${lot.id} is durable and ${lot.state}`);
  lot.state = "durable";
  scene.unproven ??= "durable";
}

function refused(scene: Scene, now: Running, lot: Lot, error: unknown, stuckWith: string | undefined): void {
  if (scene.running !== now) return;
  if (!isPerdureError(error)) parted(`append ${lot.id} fails with ${String(error)}`);
  const { code, retry, afterMs } = error;
  if (code === "aborted") {
    lot.state = "left";
    if (scene.closing === undefined) parted(`append ${lot.id} was aborted although the log is open`);
    return;
  }
  if (!lot.orReject) parted(`append ${lot.id} was given up with ${code}`);
  const explained = stuckWith === undefined ? now.program.failed.some((call) => stuckCodeOf(call.code) === code) : code === stuckWith;
  if (!explained || retry !== "after" || afterMs !== now.retryMs)
    parted(`append ${lot.id} was given up with ${code}, ${retry}, ${afterMs}`);
  lot.state = "rejected";
  scene.unproven = "refused";
}
/** Records of which something may be asked. */
export function atHand(scene: Scene): readonly Known[] {
  return scene.owner.records.filter(({ places, released, lot }) => places.length > 0 && !released && lot.state !== "rejected");
}

export function release(opened: RecordLog, record: Known): void {
  record.released = true;
  for (const place of record.places) opened.release(place);
}

export function readOne(scene: Scene, now: Running, opened: RecordLog, record: Known, place: RecordAt): void {
  const failedBefore = now.program.failed.length;
  opened.read(place).then(
    (bytes) =>
      scene.noting(() => {
        if (scene.running === now && !Buffer.from(bytes).equals(record.payload) && !record.released)
          parted(`record ${record.id} reads as something else`);
      }),
    (error: unknown) =>
      scene.noting(() => {
        if (scene.running !== now || record.released || record.lot.state === "rejected" || scene.closing === now) return;
        const code = isPerdureError(error) ? error.code : String(error);
        if (!saidBy(now.program, failedBefore, code)) parted(`record ${record.id} cannot be read: ${String(error)}`);
      }),
  );
}

export function readWrongly(scene: Scene, now: Running, opened: RecordLog, record: Known, wrongly: "place" | "length"): void {
  const [place] = record.places;
  // A place that was given for a batch that failed stands for another.
  if (record.lot.opening === now.opening || record.mayMove || place === undefined) return;
  const failedBefore = now.program.failed.length;
  const other = wrongly === "length" ? { ...place, length: place.length - 1 } : { ...place, offset: place.offset + 1 };
  opened.read(other).then(
    () => scene.noting(() => scene.running === now && parted(`record ${record.id} is read by another ${wrongly} as well`)),
    (error: unknown) =>
      scene.noting(() => {
        const code = isPerdureError(error) ? error.code : String(error);
        if (scene.running === now && code !== "log-damaged" && !saidBy(now.program, failedBefore, code) && scene.closing !== now)
          parted(`a place where no record is says ${code}`);
      }),
  );
}

export async function compact(scene: Scene, now: Running, opened: RecordLog, before = scene.readingOf()): Promise<boolean | undefined> {
  if (now.compacting) return undefined;
  const quiet =
    scene.machine.nowMs >= now.lateUntilMs &&
    scene.machine.outstanding === 0 &&
    scene.owner.pending.length === 0 &&
    !now.unsure &&
    now.health.state === "good";
  const sparse = opened.sparsest(() => false);
  if (quiet) mustBeInOrder({ now, opened, reading: before, owner: scene.owner, spares: scene.machine.spares() });
  for (const { segment, payload, kind } of before.entries)
    if (kind === 0 && (segment === sparse || now.unsure)) (scene.owner.records[payload.readUInt16BE(0)] as Known).mayMove = true;
  const failedBefore = now.program.failed.length;
  const wasUnsure = now.unsure;
  now.compacting = true;
  now.plain = false;
  const work = opened.compact().then(
    (moved) => {
      now.compacting = false;
      const failed = now.program.failed.length > failedBefore;
      if (failed) now.unsure = true;
      else if (moved && sparse !== undefined) now.emptied.add(sparse);
      scene.noting(() => {
        if (scene.running !== now || scene.closing === now) return;
        const unread = wasUnsure || now.program.failed.slice(failedBefore).some(({ call }) => call === "read" || call === "open");
        if (moved && !unread && opened.sparsest((segment) => segment !== sparse) !== undefined)
          parted(`compacting says that segment ${sparse} was emptied`);
        if (failed) return;
        if (quiet && moved !== (sparse !== undefined)) parted(`compacting says ${moved} where segment ${sparse} is half empty`);
      });
      return moved;
    },
    (error: unknown) => {
      now.compacting = false;
      scene.noting(() => parted(`compacting fails with ${String(error)}`));
      return false;
    },
  );
  await settle();
  return await Promise.race([work, settle().then(() => undefined)]);
}

export async function compactAll(scene: Scene, now: Running, opened: RecordLog): Promise<void> {
  if (now.compacting || now.health.state === "stuck") return;
  const needed = scene.owner.records.filter(({ released, places }) => !released && places.length > 0);
  // Of small files and small records headers are more than half.
  const ends = now.segmentBytes >= LEAST_OF_FILE && needed.every(({ payload }) => payload.length >= LEAST_OF_RECORD);
  const failedBefore = now.program.failed.length;
  for (let rounds = 0; scene.running === now && scene.wrong === undefined && now.program.failed.length === failedBefore; rounds++) {
    if (rounds > MOST_ROUNDS + needed.length) {
      if (ends) parted("what is copied out of sparse files is copied again without end");
      return;
    }
    if (opened.sparsest(() => false) === undefined) return;
    const moved = await compact(scene, now, opened);
    await scene.machine.finishAll();
    // A file in which a record could not be read once stays as it is.
    if (now.compacting || moved === false) return;
  }
}

/** A damaged record is not read as if it were whole, and stays where it is. */
export async function rot(scene: Scene, { nth, at, header, moving }: LogStep & { readonly do: "rot" }): Promise<void> {
  const now = scene.running;
  const opened = now?.log;
  if (now === undefined || opened === undefined) return;
  await scene.machine.finishAll();
  const there = atHand(scene).filter(({ lot, mayMove, places }) => lot.opening !== now.opening && !mayMove && places.length === 1);
  const sparse = moving ? opened.sparsest(() => false) : undefined;
  const inSparse = there.filter(({ places }) => places[0]?.segment === sparse);
  const from = inSparse.length > 0 ? inSparse : there;
  const record = from[Math.floor(nth * from.length)];
  const [place] = record?.places ?? [];
  if (record === undefined || place === undefined || now.compacting) return;
  const offset = place.offset - RECORD_HEADER + Math.floor(at * (header ? RECORD_HEADER : place.length + RECORD_HEADER));
  const before = scene.readingOf();
  scene.machine.rot(place.segment, offset, 1 << (nth * 8));
  scene.rotten = true;
  const read = opened.read(place).then(
    () => "whole",
    (error: unknown) => (isPerdureError(error) ? error.code : String(error)),
  );
  const failedBefore = now.program.failed.length;
  await scene.machine.finishAll();
  const said = await read;
  if (said !== "log-damaged" && !saidBy(now.program, failedBefore, said)) parted(`a record with a damaged byte is ${said}`);
  if (moving) {
    now.unsure = true;
    await compact(scene, now, opened, before);
    await scene.machine.finishAll();
  }
  scene.machine.rot(place.segment, offset, 1 << (nth * 8));
  scene.rotten = false;
  readOne(scene, now, opened, record, place);
  await scene.machine.finishAll();
}
