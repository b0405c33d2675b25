/**
 * The lab: whole towns in simulated time, one seed after the other.
 *
 *   npm run lab -- --seeds 200              seeds 1 to 200, each run twice
 *   npm run lab -- --seed 17 --trace        one seed, every fault and fact
 *   npm run lab -- --seeds 200 --without sync   one defence off: some seed must break
 */
import { parseArgs } from "node:util";
import { CONTROLS, huntControls } from "./controls.ts";
import { DISASTERS, type Disaster } from "./disaster.ts";
import { findMistake } from "./mistakes/index.ts";
import { huntPlanted } from "./planted.ts";
import { HOSTILES, type Hostile } from "./scenario.ts";
import { sweep } from "./sweep.ts";
import { DEFENCE_NAMES, type DefenceName } from "./town.ts";
import { describeFault, FAULT_KINDS, type FaultKind } from "./weather.ts";

const HELP = `Simulated towns: a relay, agents, traffic, and everything that can go wrong, from one seed.

  npm run lab -- --seeds 200                 seeds 1 to 200, each run twice, histories compared
  npm run lab -- --seed 17 --trace           one seed with every fault and fact
  npm run lab -- --seeds 50 --without dedupe one defence switched off: the lab must notice

  --seeds N       how many seeds (default 20)
  --from S        first seed (default 1)
  --seed S        only this one
  --relays N      1 to 3 relays in every town (default: drawn by the seed, most have two or three)
  --hostile WHO   ${HOSTILES.join(", ")} (default: drawn by the seed)
  --disaster WHAT ${DISASTERS.join(", ")} (default: drawn by the seed)
  --minutes M     virtual minutes of weather and traffic (default 5)
  --without NAME  switch a defence off: ${DEFENCE_NAMES.join(", ")}
  --plant ID      make one of the mistakes in lab/mistakes: the lab must notice
  --planted       each mistake of lab/mistakes in turn: how many seeds it takes to notice it
  --controls      each defence switched off in turn: the same
  --only A,B      only these mistakes or defences
  --kinds A,B     only these faults: ${FAULT_KINDS.join(", ")}
  --once          do not run each seed a second time
  --trace         print every fault and fact
`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    relays: { type: "string" },
    hostile: { type: "string" },
    disaster: { type: "string" },
    minutes: { type: "string", default: "5" },
    without: { type: "string", multiple: true, default: [] },
    plant: { type: "string" },
    planted: { type: "boolean", default: false },
    controls: { type: "boolean", default: false },
    only: { type: "string" },
    kinds: { type: "string" },
    once: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function whole(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not "${text}"`);
  return value;
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = values.without.find((name) => !DEFENCE_NAMES.includes(name as DefenceName));
  if (unknown !== undefined) throw new Error(`there is no defence "${unknown}"; there are ${DEFENCE_NAMES.join(", ")}`);
  const kinds = values.kinds?.split(",") as FaultKind[] | undefined;
  const strange = kinds?.find((kind) => !FAULT_KINDS.includes(kind));
  if (strange !== undefined) throw new Error(`there is no fault "${strange}"; there are ${FAULT_KINDS.join(", ")}`);
  if (values.hostile !== undefined && !HOSTILES.includes(values.hostile as Hostile))
    throw new Error(`--hostile is one of ${HOSTILES.join(", ")}`);
  if (values.disaster !== undefined && !DISASTERS.includes(values.disaster as Disaster))
    throw new Error(`--disaster is one of ${DISASTERS.join(", ")}`);
  const relays = values.relays === undefined ? undefined : whole(values.relays, "relays");
  if (relays !== undefined && (relays < 1 || relays > 3)) throw new Error("--relays takes 1 to 3");
  const first = values.seed === undefined ? whole(values.from, "from") : whole(values.seed, "seed");
  const count = values.seed === undefined ? whole(values.seeds, "seeds") : 1;
  const minutes = whole(values.minutes, "minutes");
  const options = {
    minutes,
    without: values.without as DefenceName[],
    kinds,
    relays,
    hostile: values.hostile as Hostile | undefined,
    disaster: values.disaster as Disaster | undefined,
  };
  const only = values.only?.split(",");
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  if (values.planted) {
    const all = await huntPlanted({ seeds: count, only: only?.map(findMistake), print });
    return all.every(({ found }) => found !== undefined) ? 0 : 1;
  }
  if (values.controls) {
    const wanted = only === undefined ? CONTROLS : CONTROLS.filter(({ without }) => only.includes(without));
    const all = await huntControls({ only: wanted, print });
    return all.every(({ found }) => found !== undefined) ? 0 : 1;
  }
  const planted = values.plant === undefined ? undefined : findMistake(values.plant);
  if (values.trace) {
    const trace = (line: string): void => void process.stdout.write(`${line}\n`);
    for await (const { result } of sweep([first], options, { twice: false, planted, trace })) {
      process.stdout.write(`${result.broken?.what ?? "nothing broke"}\n`);
      if (result.broken !== undefined) return 1;
    }
    return 0;
  }
  const begun = performance.now();
  const total = {
    seeds: 0,
    broken: 0,
    different: 0,
    promised: 0,
    completed: 0,
    relayed: 0,
    liesSeen: 0,
    clonesSeen: 0,
    repeats: 0,
    crashes: 0,
    faults: 0,
    events: 0,
    virtualMs: 0,
  };
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  for await (const { result, different } of sweep(seeds, options, { twice: !values.once, planted })) {
    const { seed } = result;
    total.seeds++;
    total.promised += result.counts.promised;
    total.completed += result.counts.completed;
    total.relayed += result.counts.relayed;
    total.liesSeen += result.counts.liesSeen;
    total.clonesSeen += result.counts.clonesSeen;
    total.repeats += result.counts.repeats;
    total.crashes += result.counts.crashes;
    total.faults += result.faults.length;
    total.events += result.events;
    total.virtualMs += result.virtualMs;
    if (different) {
      total.different++;
      process.stdout.write(`seed ${seed}: two runs have two histories\n`);
    }
    if (result.broken !== undefined) {
      total.broken++;
      process.stdout.write(`seed ${seed}: broken after ${(result.broken.atMs / 1000).toFixed(3)} s: ${result.broken.what}\n`);
      if (count === 1) for (const fault of result.faults) process.stdout.write(`  ${describeFault(fault)}\n`);
    } else if (count === 1) {
      process.stdout.write(`seed ${seed}: ${JSON.stringify(result.counts)}\n`);
    }
  }
  const seconds = (performance.now() - begun) / 1000;
  process.stdout.write(
    `${total.seeds} seeds, ${(total.virtualMs / 60_000).toFixed(0)} virtual minutes, ${total.events} events, ${total.faults} faults, ${total.crashes} crashes; ` +
      `${total.promised} messages promised, ${total.completed} completed, ${total.repeats} started again; ` +
      `${total.relayed} envelopes between relays, ${total.liesSeen} contradictions of a relay noticed, ${total.clonesSeen} folders found to live twice; ${seconds.toFixed(1)} s\n` +
      `${total.broken} broken, ${total.different} not repeatable\n`,
  );
  return total.broken + total.different === 0 ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
