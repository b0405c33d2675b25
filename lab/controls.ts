/**
 * Negative controls: with any of its defences switched off, the product must break an invariant within so many seeds. Each defence has
 * the kind of weather, or of people, that needs it.
 */
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { type Hunted, hunt, huntedLine, noticedBy, type Quarry } from "./hunt.ts";
import type { SweepOptions } from "./pool.ts";
import type { Letter } from "./scenario.ts";
import { DEFENCE_NAMES, type DefenceName, drawCensus } from "./town.ts";

export interface Control {
  readonly without: DefenceName;
  readonly town: Omit<SweepOptions, "without">;
  /** Some seed from 1 to this one breaks. */
  readonly withinSeeds: number;
}

const WEATHER = ["brownout", "partition", "agent-kill", "relay-kill"] as const;
const QUIET_PEOPLE = { minutes: 2, relays: 1, hostile: "nobody", kinds: WEATHER } as const;
const STRANGER = { minutes: 1, relays: 2, hostile: "stranger", kinds: WEATHER } as const;
/** Sessions end without a word, and their agents are back while the relay believes in the ones before. */
const FORGOTTEN_SESSIONS = {
  minutes: 1,
  relays: 1,
  hostile: "nobody",
  disaster: "none",
  kinds: ["stall", "new-address", "slow-link", "lossy-line"],
} as const;
/** Who is put back writes at once, to whom it wrote at once after the picture. */
const PUT_BACK = {
  minutes: 1,
  relays: 1,
  agents: 3,
  hostile: "nobody",
  disaster: "snapshot-twice",
  kinds: ["slow-link", "slow-disk"],
  traffic: notesInTurn(3, 60_000, 500),
} as const;

// How sure they are: `--controls --rate 40` counts the towns of 40 that notice.
export const CONTROLS: readonly Control[] = [
  { without: "sync", town: QUIET_PEOPLE, withinSeeds: 24 },
  { without: "ack-after-sync", town: QUIET_PEOPLE, withinSeeds: 24 },
  { without: "generation", town: QUIET_PEOPLE, withinSeeds: 8 },
  { without: "settle-clamp", town: QUIET_PEOPLE, withinSeeds: 8 },
  { without: "epoch", town: FORGOTTEN_SESSIONS, withinSeeds: 4 },
  { without: "floor", town: QUIET_PEOPLE, withinSeeds: 8 },
  { without: "dedupe", town: QUIET_PEOPLE, withinSeeds: 24 },
  { without: "pools", town: STRANGER, withinSeeds: 8 },
  { without: "from-check", town: STRANGER, withinSeeds: 24 },
  { without: "no-transit", town: STRANGER, withinSeeds: 24 },
  { without: "contacts", town: STRANGER, withinSeeds: 24 },
  { without: "loop-guard", town: { minutes: 2, relays: 2, hostile: "nobody", kinds: WEATHER }, withinSeeds: 8 },
  { without: "passes", town: { minutes: 1, relays: 1, hostile: "nobody", disaster: "clone", kinds: WEATHER }, withinSeeds: 24 },
  { without: "hedge", town: PUT_BACK, withinSeeds: 4 },
  { without: "prerotation", town: { minutes: 1, relays: 1, hostile: "nobody", disaster: "theft", kinds: WEATHER }, withinSeeds: 24 },
];

/** Each writes a note every so often to the one who comes after it. */
function notesInTurn(agents: number, untilMs: number, everyMs: number): readonly Letter[] {
  const names = drawCensus(1, agents, true).agents;
  return Array.from({ length: Math.ceil(untilMs / everyMs) }, (_, number) =>
    names.map((from, at) => ({
      atMs: number * everyMs,
      from,
      to: names[(at + 1) % names.length] as string,
      sizeBytes: 100 + 7 * (number % 50),
    })),
  ).flat();
}

/** Throws `bad-argument` where no control switches a defence of that name off. */
export function findControl(name: string): Control {
  const found = CONTROLS.find(({ without }) => without === name);
  if (found === undefined)
    throw new PerdureError("bad-argument", `there is no control "${name}"`, {
      hint: `There are ${CONTROLS.map(({ without }) => without).join(", ")}.`,
    });
  return found;
}

/** What a control is hunted as. Silence is what anything that goes wrong comes to in the end; a defence must break by another name. */
export function quarryOf({ without, town }: Control): Quarry {
  return {
    id: without,
    optionsOf: () => ({ ...town, without: [without] }),
    cleanOf: () => town,
    counts: (invariant) => !invariant.startsWith("10"),
  };
}

/** Defences that no control switches off. */
export function uncontrolled(): readonly DefenceName[] {
  return DEFENCE_NAMES.filter((name) => !CONTROLS.some(({ without }) => without === name));
}

export interface ControlOptions {
  /** Only those. */
  readonly only?: readonly Control[] | undefined;
  readonly jobs?: number | undefined;
  readonly print: (line: string) => void;
}

/** Hunts them and prints a table; whether all are noticed within the seeds stated. */
export async function huntControls({ only = CONTROLS, jobs, print }: ControlOptions): Promise<boolean> {
  const most = Math.max(...only.map(({ withinSeeds }) => withinSeeds));
  const all = await hunt(only.map(quarryOf), { seeds: most, jobs, onHunted: (hunted) => print(huntedLine(hunted)) });
  const late = lateOnes(only, all);
  print(`${all.length - late.length} of ${countText(all.length, "defence is", "defences are")} noticed to be off within the seeds stated`);
  for (const { without, withinSeeds } of late) print(`${without}: nobody notices within ${countText(withinSeeds, "seed")} that it is off`);
  return late.length === 0;
}

/** Those nobody noticed within their seeds. */
export function lateOnes(controls: readonly Control[], hunted: readonly Pick<Hunted, "found">[]): readonly Control[] {
  return controls.filter(({ withinSeeds }, index) => (hunted[index]?.found?.seeds ?? Number.POSITIVE_INFINITY) > withinSeeds);
}

/** A control that is missed more often than this, of the seeds stated, is none. */
const MOST_MISSES = 0.01;

/** Counts the towns of so many seeds that notice each, and says how often the seeds stated would all be in vain; whether that is seldom enough. */
export async function rateControls({ only = CONTROLS, jobs, print }: ControlOptions, towns: number): Promise<boolean> {
  let sure = true;
  for (const control of only) {
    const noticed = (await noticedBy(quarryOf(control), towns, jobs)).length;
    const misses = missesOf(noticed, towns, control.withinSeeds);
    sure &&= misses <= MOST_MISSES;
    print(
      `${control.without.padEnd(16)} ${String(noticed).padStart(4)} of ${countText(towns, "town")}; ${(misses * 100).toPrecision(2)} % of ${countText(control.withinSeeds, "seed")} would be in vain`,
    );
  }
  return sure;
}

/** How often none of `withinSeeds` towns notices, when `noticed` of `towns` did; 0 to 1. */
export function missesOf(noticed: number, towns: number, withinSeeds: number): number {
  return (1 - noticed / towns) ** withinSeeds;
}
