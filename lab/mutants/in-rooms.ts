/** Mutants in the rooms that have a reference: all seeds of all rooms take about a second, so this comes before any town. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Planted } from "../planting.ts";
import type { RoomWorkerData, Visited } from "../rooms/room-worker.ts";
import type { Finding } from "./campaign.ts";
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
}

/** Without a mutant all rooms are through long before that; the first visit also loads the product. Real milliseconds. */
const PATIENCE_MS = 90_000;
const MOST_WORDS = 200;

/** Those that a room noticed are `killed`, the others have `survived`; of those that were not begun nothing is said. In the order of the mutants. */
export async function mutantsInRooms({
  mutants,
  seeds,
  only,
  jobs = availableParallelism(),
  signal,
  told,
}: InRoomsOptions): Promise<readonly Finding[]> {
  const findings = new Map<string, Finding>();
  const waiting = [...mutants];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined && !signal?.aborted; mutant = waiting.shift()) {
      const finding = await inRooms(mutant, seeds, only);
      findings.set(mutant.id, finding);
      told?.(finding);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return mutants.flatMap(({ id }) => findings.get(id) ?? []);
}

async function inRooms({ id, file, start, end, put }: Mutant, seeds: number, only: readonly string[] | undefined): Promise<Finding> {
  const begun = performance.now();
  const ended = await visitUntilBroken({ file, start, end, put }, seeds, only);
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  if (ended === undefined) return { id, outcome: "survived", ran: seeds, different: 0, seconds };
  return { id, outcome: "killed", ran: ended.seed, seed: ended.seed, by: ended.by, what: short(ended.what), different: 1, seconds };
}

interface Ended {
  readonly seed: number;
  readonly by: string;
  readonly what: string;
}

function visitUntilBroken(planted: Planted, seeds: number, only: readonly string[] | undefined): Promise<Ended | undefined> {
  const workerData: RoomWorkerData = {
    planted,
    seeds: Array.from({ length: seeds }, (_, index) => index + 1),
    only,
    untilBroken: true,
  };
  return new Promise((resolve) => {
    const worker = new Worker(new URL("../rooms/room-worker.ts", import.meta.url), { workerData });
    let ended: Ended | undefined;
    const patience = setTimeout(() => {
      ended = { seed: seeds, by: "hangs", what: `a room took more than ${PATIENCE_MS / 1000} s` };
      void worker.terminate();
    }, PATIENCE_MS);
    worker.on("message", ({ room, broken }: Visited) => {
      if (broken !== undefined) ended = { seed: broken.seed, by: `room ${room}`, what: broken.least.what };
    });
    worker.on("error", (error) => {
      ended ??= { seed: 1, by: "crash", what: String(error) };
    });
    worker.on("exit", () => {
      clearTimeout(patience);
      resolve(ended);
    });
  });
}

function short(what: string): string {
  const line = what.split("\n", 1)[0] ?? "";
  return line.length > MOST_WORDS ? `${line.slice(0, MOST_WORDS)}…` : line;
}
