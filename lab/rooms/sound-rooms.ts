/**
 * Rooms against something that was planted: all seeds of all rooms take seconds, so they come before any town.
 *
 * Every room is gone through with nothing planted first. One that breaks then would notice whatever it is given, and is left out; how long the
 * slowest one takes tells from when on one hangs.
 */
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { Planted } from "../planting.ts";
import { goThroughRooms } from "./room-thread.ts";
import type { RoomWorkerData } from "./room-worker.ts";

/** A room takes at most this much, real milliseconds, besides so many times what the slowest takes with nothing planted; or it hangs. */
const PATIENCE_MS = 45_000;
const PATIENCE_TIMES = 10;
/** And this much at most with nothing planted. */
const FIRST_PATIENCE_MS = 10 * 60_000;
const FIRST_SEEDS = 8;
/** That patience is for so many seeds of one room. */
const SEEDS_AT_ONCE = 200;

/** Rooms that break by nothing but what is planted. */
export interface SoundRooms {
  readonly names: readonly string[];
  readonly patienceMs: number;
}

/** What ended a visit of rooms. */
export interface RoomsEnded {
  readonly seed: number;
  /** `room …`, `hangs` or `crash`. */
  readonly by: string;
  readonly what: string;
  /** Where one broke. */
  readonly room?: string;
}

interface VisitedAll {
  readonly ended: RoomsEnded | undefined;
  readonly slowestSeconds: number;
}

/** Those of the `wanted` that break with no seed up to that one; `leftOut` is told of the others. Throws `bad-argument` when there is none. */
export async function soundRooms(
  seeds: number,
  wanted: readonly string[],
  leftOut: (room: string, seed: number, what: string) => void = () => {},
): Promise<SoundRooms> {
  let names = wanted;
  while (names.length > 0) {
    const { ended, slowestSeconds } = await visitUntilBroken(undefined, seeds, { names, patienceMs: FIRST_PATIENCE_MS });
    if (ended === undefined) return { names, patienceMs: PATIENCE_MS + PATIENCE_TIMES * slowestSeconds * 1000 };
    const { room } = ended;
    if (room === undefined) throw new PerdureError("internal", `the rooms do not run with nothing planted: ${ended.what}`);
    leftOut(room, ended.seed, ended.what);
    names = names.filter((name) => name !== room);
  }
  throw new PerdureError("bad-argument", "there is no room that is sound with nothing planted", {
    hint: "npm run lab -- --rooms shows why.",
  });
}

/** The first room that breaks, with seeds 1 to this one. Throws `internal` where the product cannot be loaded with what is planted. */
export async function visitSoundRooms(planted: Planted, seeds: number, sound: SoundRooms): Promise<RoomsEnded | undefined> {
  return (await visitUntilBroken(planted, seeds, sound)).ended;
}

async function visitUntilBroken(planted: Planted | undefined, seeds: number, { names, patienceMs }: SoundRooms): Promise<VisitedAll> {
  const workerData: RoomWorkerData = { planted, parts: partsOf(seeds), only: names, untilBroken: true };
  let ended: RoomsEnded | undefined;
  let slowestSeconds = 0;
  const end = await goThroughRooms(
    workerData,
    ({ room, seconds, broken }) => {
      slowestSeconds = Math.max(slowestSeconds, seconds);
      if (broken !== undefined) ended = { seed: broken.seed, by: `room ${room}`, what: broken.least.what, room };
    },
    patienceMs,
  );
  if (end.kind === "stuck") ended ??= { seed: seeds, by: "hangs", what: "a room comes to no end" };
  if (end.kind === "broken" && !end.loaded)
    throw new PerdureError("internal", `the product cannot be loaded with what is planted: ${String(end.error)}`, { cause: end.error });
  if (end.kind === "broken") ended ??= { seed: seeds, by: "crash", what: String(end.error) };
  return { ended, slowestSeconds };
}

/** Most of what a room notices it notices soon, and which room will is not known: the first few seeds go through all of them before the rest do. */
function partsOf(seeds: number): readonly (readonly number[])[] {
  const all = Array.from({ length: seeds }, (_, index) => index + 1);
  const parts = [all.slice(0, FIRST_SEEDS)];
  for (let at = FIRST_SEEDS; at < all.length; at += SEEDS_AT_ONCE) parts.push(all.slice(at, at + SEEDS_AT_ONCE));
  return parts;
}
