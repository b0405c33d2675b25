/**
 * Rooms against something that was planted: all seeds of all rooms take seconds, so they come before any town.
 *
 * Every room is gone through with nothing planted first. One that breaks then would notice whatever it is given, and is left out; how long the
 * slowest one takes tells from when on one hangs.
 */
import { Worker } from "node:worker_threads";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { Planted } from "../planting.ts";
import type { RoomWorkerData, Visited } from "./room-worker.ts";

/** A room takes at most this much, real milliseconds, besides so many times what the slowest takes with nothing planted; or it hangs. */
const PATIENCE_MS = 45_000;
const PATIENCE_TIMES = 10;
/** And this much at most with nothing planted. */
const FIRST_PATIENCE_MS = 10 * 60_000;

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

/** The first room that breaks, with seeds 1 to this one. */
export async function visitSoundRooms(planted: Planted, seeds: number, sound: SoundRooms): Promise<RoomsEnded | undefined> {
  return (await visitUntilBroken(planted, seeds, sound)).ended;
}

function visitUntilBroken(planted: Planted | undefined, seeds: number, { names, patienceMs }: SoundRooms): Promise<VisitedAll> {
  const workerData: RoomWorkerData = {
    planted,
    seeds: Array.from({ length: seeds }, (_, index) => index + 1),
    only: names,
    untilBroken: true,
  };
  return new Promise((resolve) => {
    const worker = new Worker(new URL("room-worker.ts", import.meta.url), { workerData });
    let ended: RoomsEnded | undefined;
    let slowestSeconds = 0;
    const hangs = (): void => {
      ended = { seed: seeds, by: "hangs", what: `a room took more than ${Math.round(patienceMs / 1000)} s` };
      void worker.terminate();
    };
    let patience = setTimeout(hangs, patienceMs);
    worker.on("message", ({ room, seconds, broken }: Visited) => {
      clearTimeout(patience);
      patience = setTimeout(hangs, patienceMs);
      slowestSeconds = Math.max(slowestSeconds, seconds);
      if (broken !== undefined) ended = { seed: broken.seed, by: `room ${room}`, what: broken.least.what, room };
    });
    worker.on("error", (error) => {
      ended ??= { seed: 1, by: "crash", what: String(error) };
    });
    worker.on("exit", () => {
      clearTimeout(patience);
      resolve({ ended, slowestSeconds });
    });
  });
}
