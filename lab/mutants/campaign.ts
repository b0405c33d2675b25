/**
 * Mutants against the lab: each goes through the rooms that have a reference with all seeds, and then runs in towns of the seeds that come
 * to it until something breaks. All of them are given a few seeds before any is given all, so that a campaign that is cut short has looked
 * at everything.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { PRODUCT_FOLDER } from "../planting.ts";
import { createPool, type SweepOptions } from "../pool.ts";
import type { Mutant } from "./generate.ts";
import { mutantsInRooms } from "./in-rooms.ts";
import type { Survey, Surveyed } from "./survey.ts";

/** What is known of one mutant. */
export interface Finding {
  readonly id: string;
  readonly outcome: "killed" | "survived" | "open" | "not reached";
  /** Seeds that were run; those that never come to it are not. */
  readonly ran: number;
  /** The seed that noticed it; all seeds up to it count as tried. */
  readonly seed?: number | undefined;
  /** What broke: an invariant, `hangs`, or `crash`. */
  readonly by?: string | undefined;
  readonly what?: string | undefined;
  /** Runs whose history was another one than without the mutant; absent where it met rooms alone, which have none. */
  readonly different?: number;
  /** Real seconds. */
  readonly seconds: number;
}

export interface CampaignOptions {
  readonly mutants: readonly Mutant[];
  readonly survey: Survey;
  readonly townOf: (seed: number) => SweepOptions;
  /** From an earlier campaign on the same source; what is open goes on. */
  readonly known?: ReadonlyMap<string, Finding>;
  readonly jobs?: number | undefined;
  /** No seed begins after it has fired. */
  readonly signal?: AbortSignal | undefined;
  readonly told?: (finding: Finding) => void;
  /** Is told of each room that breaks without a mutant, and is not asked. */
  readonly leftOut?: ((room: string, seed: number, what: string) => void) | undefined;
}

/** How many seeds each is given before the next round; the last has all. */
const ROUNDS = [6, 30, Number.POSITIVE_INFINITY];

/** A run takes at most this much, milliseconds, besides so many times what it takes without a mutant; or it hangs. */
const PATIENCE_MS = 45_000;
const PATIENCE_TIMES = 10;
const MOST_WORDS = 200;

/** In the order of the mutants. */
export async function campaign(options: CampaignOptions): Promise<readonly Finding[]> {
  const { mutants, survey, jobs = availableParallelism(), signal, told } = options;
  const findings = new Map<string, Finding>(options.known);
  const inRooms = await mutantsInRooms({
    mutants: mutants.filter(({ id }) => !findings.has(id)),
    seeds: survey.seeds.length,
    jobs,
    signal,
    ...(options.leftOut === undefined ? {} : { leftOut: options.leftOut }),
    told: (finding) => {
      if (finding.outcome !== "killed") return;
      findings.set(finding.id, finding);
      told?.(finding);
    },
  });
  const asked = new Set(inRooms.map(({ id }) => id));
  for (const { id } of mutants) {
    if (findings.has(id) || !asked.has(id) || (survey.reach[id] ?? "").includes("1")) continue;
    findings.set(id, { id, outcome: "not reached", ran: 0, different: 0, seconds: 0 });
    told?.(findings.get(id) as Finding);
  }
  for (const most of ROUNDS) {
    const waiting = mutants.filter(({ id }) => {
      const finding = findings.get(id);
      return finding === undefined || (finding.outcome === "open" && finding.ran < most);
    });
    const work = async (): Promise<void> => {
      for (let mutant = waiting.shift(); mutant !== undefined && !signal?.aborted; mutant = waiting.shift()) {
        const finding = await go(mutant, findings.get(mutant.id), most, options, seedsOf(mutant, survey));
        findings.set(mutant.id, finding);
        told?.(finding);
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
  }
  return mutants.map(({ id }) => findings.get(id) ?? { id, outcome: "open", ran: 0, different: 0, seconds: 0 });
}

/** Seeds that come to it, and in which nothing breaks without it. */
function seedsOf({ id }: Mutant, { seeds, reach }: Survey): readonly Surveyed[] {
  const reached = reach[id] ?? "";
  return seeds.filter(({ broken }, index) => broken === undefined && reached[index] === "1");
}

async function go(
  mutant: Mutant,
  before: Finding | undefined,
  most: number,
  { townOf, signal }: CampaignOptions,
  seeds: readonly Surveyed[],
): Promise<Finding> {
  const { id, file, start, end, put, was } = mutant;
  if (seeds.length === 0) return { id, outcome: "not reached", ran: 0, different: 0, seconds: 0 };
  if (readFileSync(new URL(file, PRODUCT_FOLDER), "utf8").slice(start, end) !== was) throw new Error(`${file} has changed meanwhile`);
  const begun = performance.now();
  let { ran, different = 0, seconds } = before ?? { ran: 0, different: 0, seconds: 0 };
  const soFar = () => ({ ran, different, seconds: Math.round((seconds + (performance.now() - begun) / 1000) * 10) / 10 });
  await using pool = createPool({ planted: { file, start, end, put }, threads: 1 });
  for (; ran < Math.min(most, seeds.length) && !signal?.aborted; ) {
    const { seed, historyHash, seconds: usual } = seeds[ran] as Surveyed;
    ran++;
    const patience = AbortSignal.timeout(Math.round(PATIENCE_MS + PATIENCE_TIMES * usual * 1000));
    try {
      const { result } = await pool.run({ seed, options: townOf(seed), twice: false }, patience);
      if (result.historyHash !== historyHash) different++;
      const { broken } = result;
      if (broken !== undefined) return { id, outcome: "killed", seed, by: broken.invariant, what: short(broken.what), ...soFar() };
    } catch (error) {
      const by = patience.aborted ? "hangs" : "crash";
      return { id, outcome: "killed", seed, by, what: short(String(error)), ...soFar(), different: different + 1 };
    }
  }
  return { id, outcome: ran === seeds.length ? "survived" : "open", ...soFar() };
}

/** The first line of what went wrong. */
export function short(what: string): string {
  const line = what.split("\n", 1)[0] ?? "";
  return line.length > MOST_WORDS ? `${line.slice(0, MOST_WORDS)}…` : line;
}
