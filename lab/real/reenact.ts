/**
 * Whether a bundle is enough: a mistake is planted in real processes until an invariant breaks there, each process tells its inputs as
 * `perdure doctor --bundle` would, and from one such bundle alone the lab must break the same invariant. Simulated towns only choose
 * which scenario the real processes are given.
 *
 *   npm run reenact -- --only dedupe-horizon-too-short,settled-before-it-is-kept --around 50
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readBundle } from "../../packages/perdure/src/protocol/incidents/input-bundle.ts";
import { lookAround } from "../around.ts";
import { scenarioOf } from "../bundle.ts";
import { runCommand, wholeNumber } from "../command.ts";
import { findMistake } from "../mistakes/index.ts";
import { createPool } from "../pool.ts";
import { readScenario, SCENARIO_FORMAT, type Scenario, writeScenario } from "../scenario.ts";
import type { FaultKind } from "../weather.ts";
import { realFaults } from "./counterparts.ts";
import { mayMount } from "./real-disk.ts";
import { runReal, type WrittenScenario } from "./real-run.ts";

const HELP = `A mistake in real processes, the inputs of one of them, and the same mistake found again from those alone.

  npm run reenact                              mistakes that real processes show within a minute
  npm run reenact -- --only A,B                these of lab/mistakes
  npm run reenact -- --around 50               variants of each bundle that are tried (20)
  npm run reenact -- --keep FOLDER             the bundles, and what broke, as files
`;

/** What processes that are killed and lines that are cut bring to light; others need a loss of power, which no process can have alone. */
const SHOWN_BY_KILLS = [
  "dedupe-horizon-too-short",
  "settled-before-it-is-kept",
  "link-sequence-reset",
  "resume-without-what-was-lost",
  "cursor-of-the-reader-off-by-one",
  "have-one-too-far",
  "forwarded-before-the-peer-has-it",
  "given-back-to-nobody",
  "settle-releases-one-more",
  "hold-of-another-generation",
  "attempt-not-durable",
  "statement-number-not-raised",
];
const KINDS: readonly FaultKind[] = ["relay-kill", "agent-kill", "cut"];
const SEEDS = 40;
/** Scenarios the real processes are given, until one breaks there too. */
const REAL_TRIES = 3;

interface Told {
  readonly mistake: string;
  /** What broke with real processes. */
  readonly real: string | undefined;
  /** Of each process that told its inputs: the variant that broke the same, or none. */
  readonly again: readonly { readonly of: string; readonly variant: number | undefined; readonly otherwise: string | undefined }[];
}

/** Scenarios that break in simulated towns, with everything their seeds drew. */
async function* breaking(plant: string): AsyncGenerator<WrittenScenario> {
  await using pool = createPool({ planted: findMistake(plant), threads: 1 });
  for (let seed = 1; seed <= SEEDS; seed++) {
    const calm = { minutes: 0.4, calmMs: 2500, kinds: KINDS, hostile: "nobody", disaster: "none", plant } as const;
    const { result, recording } = await pool.run({ seed, options: calm, twice: false, record: { letters: true } });
    if (result.broken === undefined) continue;
    const { kinds: _, calmMs: __, ...rest } = calm;
    const { faults } = realFaults(result.faults, await mayMount());
    yield { format: SCENARIO_FORMAT, seed, ...rest, ...result.drawn, faults, traffic: recording?.letters ?? [] };
  }
}

async function reenact(plant: string, around: number, keep: (name: string, text: string) => void): Promise<Told> {
  let tries = 0;
  for await (const scenario of breaking(plant)) {
    const bundles = new Map<string, string>();
    const { broken } = await runReal(scenario, (name, bundle) => bundles.set(name, bundle));
    if (broken === undefined) {
      if (++tries === REAL_TRIES) break;
      continue;
    }
    const again: Told["again"][number][] = [];
    for (const [of, text] of bundles) {
      keep(`${plant}.${of}.bundle.json`, text);
      const replayed: Scenario = readScenario(writeScenario({ ...scenarioOf(readBundle(text), 1), plant }));
      const { found } = await lookAround(replayed, around, { invariant: broken.invariant, threads: 1 });
      const any = found ?? (await lookAround(replayed, 0, { threads: 1 })).found;
      again.push({ of, variant: found?.number, otherwise: found === undefined ? any?.result.broken?.invariant : undefined });
      if (found !== undefined) {
        keep(`${plant}.${of}.scenario.json`, writeScenario({ ...found.scenario, expect: { invariant: broken.invariant } }));
        break;
      }
    }
    return { mistake: plant, real: broken.what.split("\n", 1)[0], again };
  }
  return { mistake: plant, real: undefined, again: [] };
}

function tell({ mistake, real, again }: Told): string {
  if (real === undefined) return `not shown   ${mistake}: real processes broke nothing`;
  const found = again.find(({ variant }) => variant !== undefined);
  const how =
    found === undefined
      ? again.map(({ of, otherwise }) => `${of} ${otherwise === undefined ? "nothing" : `only ${otherwise}`}`).join(", ")
      : `from ${found.of}, ${found.variant === 0 ? "as it was" : `variant ${found.variant}`}`;
  return `${found === undefined ? "not again   " : "again       "}${mistake}: ${real.slice(0, 110)}; ${how}`;
}

async function main(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      only: { type: "string" },
      around: { type: "string", default: "20" },
      keep: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const folder = values.keep;
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const keep = (name: string, text: string): void => {
    if (folder !== undefined) writeFileSync(`${folder}/${name}`, text);
  };
  const around = wholeNumber("around", values.around, 0);
  const ids = (values.only?.split(",") ?? SHOWN_BY_KILLS).map((id) => findMistake(id).id);
  const all: Told[] = [];
  for (const id of ids) {
    const told = await reenact(id, around, keep);
    all.push(told);
    process.stdout.write(`${tell(told)}\n`);
  }
  const shown = all.filter(({ real }) => real !== undefined);
  const again = shown.filter((each) => each.again.some(({ variant }) => variant !== undefined));
  process.stdout.write(`${all.length} mistakes, ${shown.length} shown by real processes, ${again.length} of those again from one bundle\n`);
  return shown.length > 0 && again.length === shown.length ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split("/").at(-1) ?? "")) runCommand("reenact", main);
