/** Mutants in the rooms that have a reference. */
import { availableParallelism } from "node:os";
import { type SoundRooms, soundRooms, visitSoundRooms } from "../rooms/sound-rooms.ts";
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
  const sound = await soundRooms(seeds, roomNames(only), (room, seed, what) => leftOut?.(room, seed, short(what)));
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

async function inRooms({ id, file, start, end, put }: Mutant, seeds: number, sound: SoundRooms): Promise<Finding> {
  const begun = performance.now();
  // Written so that it does not load at all, it is noticed by whoever starts the product.
  const ended = await visitSoundRooms({ file, start, end, put }, seeds, sound).catch((error: unknown) => ({
    seed: 1,
    by: "crash",
    what: String(error),
  }));
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  if (ended === undefined) return { id, outcome: "survived", ran: seeds, seconds };
  return { id, outcome: "killed", ran: ended.seed, seed: ended.seed, by: ended.by, what: short(ended.what), seconds };
}
