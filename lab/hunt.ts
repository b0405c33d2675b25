/** Looking for a seed that notices that something is wrong: a mistake that was planted, or a defence that was switched off. */
import { availableParallelism } from "node:os";
import type { Planted } from "./planting.ts";
import { createPool, type Pool, type SweepOptions } from "./pool.ts";
import { type SoundRooms, soundRooms, visitSoundRooms } from "./rooms/sound-rooms.ts";
import { roomNames } from "./rooms/visits.ts";

/** Something that must be noticed. */
export interface Quarry {
  readonly id: string;
  readonly planted?: Planted | undefined;
  readonly optionsOf: (seed: number) => SweepOptions;
  /** The same town without what must be noticed; for what is planted it is the town itself. */
  readonly cleanOf?: ((seed: number) => SweepOptions) | undefined;
  /** Whether a broken invariant of that name is the one that is looked for; every one is when it is left out. */
  readonly counts?: ((invariant: string) => boolean) | undefined;
}

export interface Hunted {
  readonly id: string;
  /** How many seeds it took, and what broke in the last of them; `undefined` when all were in vain. */
  readonly found: { readonly seeds: number; readonly invariant: string; readonly what: string } | undefined;
  /** Real seconds. */
  readonly seconds: number;
}

export interface HuntOptions {
  /** Seeds 1 to this one. */
  readonly seeds: number;
  /** How many quarries are hunted at once; as many as there are cores when it is left out. */
  readonly jobs?: number | undefined;
  /** What is planted goes through the rooms that have a reference first, with the same seeds. */
  readonly rooms?: boolean | undefined;
  /** Called with each as soon as it is over. */
  readonly onHunted?: (hunted: Hunted) => void;
}

/** A town that takes longer than this, real milliseconds, hangs, however much else the machine does. */
const PATIENCE_MS = 9 * 60_000;

/** In the order of the quarries. */
export async function hunt(quarries: readonly Quarry[], options: HuntOptions): Promise<readonly Hunted[]> {
  const { seeds, jobs = availableParallelism(), rooms = false, onHunted = () => {} } = options;
  const sound = rooms ? await soundRooms(seeds, roomNames(undefined)) : undefined;
  const results: Hunted[] = [];
  const waiting = [...quarries.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, quarry] = next;
      const begun = performance.now();
      const found = (await huntInRooms(quarry, seeds, sound)) ?? (await huntOne(quarry, seeds));
      const hunted: Hunted = { id: quarry.id, found, seconds: (performance.now() - begun) / 1000 };
      results[index] = hunted;
      onHunted(hunted);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, quarries.length) }, work));
  return results;
}

async function huntInRooms({ planted }: Quarry, seeds: number, sound: SoundRooms | undefined): Promise<Hunted["found"]> {
  if (planted === undefined || sound === undefined) return undefined;
  const ended = await visitSoundRooms(planted, seeds, sound);
  return ended && { seeds: ended.seed, invariant: ended.by, what: ended.what };
}

/** Tried one after the other. */
async function huntOne(quarry: Quarry, seeds: number): Promise<Hunted["found"]> {
  await using pool = createPool({ planted: quarry.planted, threads: 1 });
  for (let seed = 1; seed <= seeds; seed++) {
    const found = await notice(pool, quarry, seed);
    if (found !== undefined) return { seeds: seed, ...found };
  }
  return undefined;
}

/** Those of seeds 1 to `seeds` that notice. */
export async function noticedBy(quarry: Quarry, seeds: number, jobs = availableParallelism()): Promise<readonly number[]> {
  await using pool = createPool({ planted: quarry.planted, threads: jobs });
  const found: number[] = [];
  let last = 0;
  const work = async (): Promise<void> => {
    while (last < seeds) {
      const seed = ++last;
      if ((await notice(pool, quarry, seed)) !== undefined) found.push(seed);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, work));
  return found.sort((a, b) => a - b);
}

/** A seed notices when it breaks, and does not without what is hunted: towns that are meant to be bad may break by themselves. */
async function notice(
  pool: Pool,
  { planted, optionsOf, counts = () => true, ...quarry }: Quarry,
  seed: number,
): Promise<{ readonly invariant: string; readonly what: string } | undefined> {
  const cleanOf = quarry.cleanOf ?? (planted === undefined ? undefined : optionsOf);
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    const { result } = await pool.run({ seed, options: optionsOf(seed), twice: false }, patience);
    const { broken } = result;
    if (broken === undefined || !counts(broken.invariant)) return undefined;
    if (cleanOf !== undefined && !(await isClean(seed, cleanOf(seed)))) return undefined;
    return { invariant: broken.invariant, what: broken.what };
  } catch (error) {
    return { invariant: patience.aborted ? "hangs" : "crash", what: String(error) };
  }
}

async function isClean(seed: number, options: SweepOptions): Promise<boolean> {
  await using pool = createPool({ threads: 1 });
  const { result } = await pool.run({ seed, options, twice: false }, AbortSignal.timeout(PATIENCE_MS));
  return result.broken === undefined;
}

/** One line of a table of what was hunted. */
export function huntedLine({ id, found, seconds }: Hunted): string {
  const after = found === undefined ? "not found" : `${found.seeds} ${found.seeds === 1 ? "seed" : "seeds"}`;
  return `${id.padEnd(44)} ${after.padStart(11)}  ${(found?.invariant ?? "").padEnd(14)} ${seconds.toFixed(1).padStart(7)} s`;
}
