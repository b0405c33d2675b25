/**
 * Mutants in the rooms that have a reference: all seeds of all rooms take seconds, so this comes before any town.
 *
 * Every room is gone through without a mutant first. One that breaks then would notice whatever it is given, and is left out; how long the
 * slowest one takes tells from when on a mutant hangs.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { Planted } from "../planting.ts";
import type { RoomWorkerData, Visited } from "../rooms/room-worker.ts";
import { roomNames } from "../rooms/visits.ts";
import { type Finding, short } from "./campaign.ts";
import type { Mutant } from "./generate.ts";

export interface InRoomsOptions {
  readonly mutants: readonly Mutant[];
  /** Seeds 1 to this one, in each room. */
  readonly seeds: number;
  /** Names of rooms; every one when it is left out. */
  readonly only?: readonly string[] | undefined;
  readonly jobs?: number | undefined;
  /** None begins after it has fired. */
  readonly signal?: AbortSignal | undefined;
  readonly told?: (finding: Finding) => void;
  /** Is told of each room that breaks without a mutant. */
  readonly leftOut?: (room: string, seed: number, what: string) => void;
}

/** A room takes at most this much, real milliseconds, besides so many times what the slowest takes without a mutant; or it hangs. */
const PATIENCE_MS = 45_000;
const PATIENCE_TIMES = 10;
/** And this much at most without one. */
const FIRST_PATIENCE_MS = 10 * 60_000;

/** Rooms that break by nothing but what is planted. */
interface SoundRooms {
  readonly names: readonly string[];
  readonly patienceMs: number;
}

/** Those that a room noticed are `killed`, the others have `survived`; of those that were not begun nothing is said. In the order of the mutants. */
export async function mutantsInRooms({
  mutants,
  seeds,
  only,
  jobs = availableParallelism(),
  signal,
  told,
  leftOut,
}: InRoomsOptions): Promise<readonly Finding[]> {
  const findings = new Map<string, Finding>();
  if (mutants.length === 0) return [];
  const sound = await soundRooms(seeds, roomNames(only), leftOut);
  const waiting = [...mutants];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined && !signal?.aborted; mutant = waiting.shift()) {
      const finding = await inRooms(mutant, seeds, sound);
      findings.set(mutant.id, finding);
      told?.(finding);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return mutants.flatMap(({ id }) => findings.get(id) ?? []);
}

/** Throws `bad-argument` when every room breaks without a mutant. */
async function soundRooms(seeds: number, wanted: readonly string[], leftOut: InRoomsOptions["leftOut"]): Promise<SoundRooms> {
  let names = wanted;
  while (names.length > 0) {
    const { ended, slowestSeconds } = await visitUntilBroken(undefined, seeds, { names, patienceMs: FIRST_PATIENCE_MS });
    if (ended === undefined) return { names, patienceMs: PATIENCE_MS + PATIENCE_TIMES * slowestSeconds * 1000 };
    const { room } = ended;
    if (room === undefined) throw new PerdureError("internal", `the rooms do not run without a mutant: ${ended.what}`);
    leftOut?.(room, ended.seed, short(ended.what));
    names = names.filter((name) => name !== room);
  }
  throw new PerdureError("bad-argument", "there is no room that is sound without a mutant", { hint: "npm run lab -- --rooms shows why." });
}

async function inRooms({ id, file, start, end, put }: Mutant, seeds: number, sound: SoundRooms): Promise<Finding> {
  const begun = performance.now();
  const { ended } = await visitUntilBroken({ file, start, end, put }, seeds, sound);
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  if (ended === undefined) return { id, outcome: "survived", ran: seeds, seconds };
  return { id, outcome: "killed", ran: ended.seed, seed: ended.seed, by: ended.by, what: short(ended.what), seconds };
}

interface Ended {
  readonly seed: number;
  readonly by: string;
  readonly what: string;
  /** Where one broke. */
  readonly room?: string;
}

interface VisitedAll {
  readonly ended: Ended | undefined;
  readonly slowestSeconds: number;
}

function visitUntilBroken(planted: Planted | undefined, seeds: number, { names, patienceMs }: SoundRooms): Promise<VisitedAll> {
  const workerData: RoomWorkerData = {
    planted,
    seeds: Array.from({ length: seeds }, (_, index) => index + 1),
    only: names,
    untilBroken: true,
  };
  return new Promise((resolve) => {
    const worker = new Worker(new URL("../rooms/room-worker.ts", import.meta.url), { workerData });
    let ended: Ended | undefined;
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
