/**
 * Negative controls: with any of its defences switched off, the product must break an invariant within so many seeds. Each defence has
 * the kind of weather, or of people, that needs it.
 */
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { type Hunted, hunt, huntedLine, type Quarry } from "./hunt.ts";
import type { SweepOptions } from "./pool.ts";
import { DEFENCE_NAMES, type DefenceName } from "./town.ts";

export interface Control {
  readonly without: DefenceName;
  readonly town: Omit<SweepOptions, "without">;
  /** Some seed from 1 to this one breaks. */
  readonly withinSeeds: number;
}

const WEATHER = ["brownout", "partition", "agent-kill", "relay-kill"] as const;
const QUIET_PEOPLE = { minutes: 2, relays: 1, hostile: "nobody", kinds: WEATHER } as const;
const STRANGER = { minutes: 1, relays: 2, hostile: "stranger", kinds: WEATHER } as const;

export const CONTROLS: readonly Control[] = [
  { without: "sync", town: QUIET_PEOPLE, withinSeeds: 24 },
  { without: "ack-after-sync", town: QUIET_PEOPLE, withinSeeds: 24 },
  { without: "generation", town: QUIET_PEOPLE, withinSeeds: 8 },
  { without: "settle-clamp", town: QUIET_PEOPLE, withinSeeds: 8 },
  // One town in eight: a settle of a session that another one took over from must come late, and be about what was not settled since.
  { without: "epoch", town: QUIET_PEOPLE, withinSeeds: 32 },
  { without: "floor", town: QUIET_PEOPLE, withinSeeds: 8 },
  { without: "dedupe", town: QUIET_PEOPLE, withinSeeds: 24 },
  { without: "pools", town: STRANGER, withinSeeds: 8 },
  { without: "from-check", town: STRANGER, withinSeeds: 24 },
  { without: "no-transit", town: STRANGER, withinSeeds: 24 },
  { without: "contacts", town: STRANGER, withinSeeds: 24 },
  { without: "loop-guard", town: { minutes: 2, relays: 2, hostile: "nobody", kinds: WEATHER }, withinSeeds: 8 },
  { without: "passes", town: { minutes: 1, relays: 1, hostile: "nobody", disaster: "clone", kinds: WEATHER }, withinSeeds: 24 },
  { without: "hedge", town: { minutes: 1, relays: 1, hostile: "nobody", disaster: "snapshot", kinds: WEATHER }, withinSeeds: 16 },
  { without: "prerotation", town: { minutes: 1, relays: 1, hostile: "nobody", disaster: "theft", kinds: WEATHER }, withinSeeds: 24 },
];

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
  /** How many seeds at most, instead of those stated. */
  readonly seeds?: number | undefined;
  readonly jobs?: number | undefined;
  readonly print: (line: string) => void;
}

/** Hunts them and prints a table. */
export async function huntControls({ only = CONTROLS, seeds, jobs, print }: ControlOptions): Promise<readonly Hunted[]> {
  const most = seeds ?? Math.max(...only.map(({ withinSeeds }) => withinSeeds));
  const all = await hunt(only.map(quarryOf), { seeds: most, jobs, onHunted: (hunted) => print(huntedLine(hunted)) });
  const late = only.filter(({ withinSeeds }, index) => (all[index]?.found?.seeds ?? Number.POSITIVE_INFINITY) > withinSeeds);
  print(`${all.length - late.length} of ${countText(all.length, "defence is", "defences are")} noticed to be off within the seeds stated`);
  for (const { without, withinSeeds } of late) print(`${without}: nobody notices within ${countText(withinSeeds, "seed")} that it is off`);
  return all;
}
