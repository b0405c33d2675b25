/** A thread that goes through rooms: it plants its mistake, if it has one, and only then loads the product. */
import { parentPort, workerData } from "node:worker_threads";
import { type Planted, plant } from "../planting.ts";
import type { RoomBroken } from "./room.ts";

export interface RoomWorkerData {
  readonly planted: Planted | undefined;
  /** Every room with the first of them, then every room with the next. */
  readonly parts: readonly (readonly number[])[];
  /** Names; every room when it is left out. */
  readonly only: readonly string[] | undefined;
  /** The first room that breaks is the last one, and nobody asks for the fewest steps. */
  readonly untilBroken?: boolean | undefined;
}

/** Before the first room, and behind the last: a mistake may keep the product from loading, or a room from coming to an end. */
export type Stage = "loaded" | "over";

/** One room with the seeds of a part, or up to the first that broke. */
export interface Visited {
  readonly room: string;
  readonly about: string;
  readonly seeds: number;
  readonly seconds: number;
  readonly broken: { readonly seed: number; readonly least: RoomBroken } | undefined;
}

const { planted, parts, only, untilBroken = false } = workerData as RoomWorkerData;
if (planted !== undefined) plant(planted);
const { createNodeCrypto } = await import("../../packages/perdure/src/host/node/crypto.ts");
const { ROOMS } = await import("./index.ts");
const { leastSteps, visit } = await import("./room.ts");
const { hash } = createNodeCrypto();

const visitWith = async (room: (typeof ROOMS)[number], some: readonly number[]): Promise<boolean> => {
  const begun = performance.now();
  let run = 0;
  let broken: Visited["broken"];
  for (const seed of some) {
    run++;
    const found = await visit(room, seed, hash);
    if (found === undefined) continue;
    broken = { seed, least: untilBroken ? found : await leastSteps(room, seed, hash, found) };
    break;
  }
  const seconds = (performance.now() - begun) / 1000;
  parentPort?.postMessage({ room: room.name, about: room.about, seeds: run, seconds, broken } satisfies Visited);
  return broken !== undefined;
};

parentPort?.postMessage("loaded" satisfies Stage);
const rooms = ROOMS.filter(({ name }) => only?.includes(name) ?? true);
visits: for (const some of parts) for (const room of rooms) if ((await visitWith(room, some)) && untilBroken) break visits;
parentPort?.postMessage("over" satisfies Stage);
