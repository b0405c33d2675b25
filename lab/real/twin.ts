/**
 * The same scenario in both worlds: simulated, and on real processes, sockets and disks of this machine, judged by the same ledger. A
 * difference is a mistake of the simulator, of the product where the simulator cannot see it, or of the lines in between.
 *
 *   npm run twin -- lab/scenarios/handed-over-twice.json
 */
import { parseArgs } from "node:util";
import { runCommand, wholeNumber } from "../command.ts";
import { readFile } from "../files.ts";
import { findMistake } from "../mistakes/index.ts";
import { createPool, type Swept } from "../pool.ts";
import { readScenario, type Scenario } from "../scenario.ts";
import { realFaults, whyNotReal } from "./counterparts.ts";
import { mayMount } from "./real-disk.ts";
import { type RealResult, runReal, type WrittenScenario } from "./real-run.ts";
import { differences } from "./two-worlds.ts";

const HELP = `The same scenario files in a simulated town and on real processes, with one ledger for both.

  npm run twin -- FILE…          each once in both worlds
  npm run twin -- --times 3 FILE…  on real processes so many times
  npm run twin -- --json FILE…   what each run came to, as JSON

A line for each: what held or broke and how the messages ended, real first, simulated beside it. Kinds of faults without a real
counterpart are named and left out. Exit code: 0 both worlds agree, 1 they differ, 2 the call is wrong.
docs/lab.md tells what is compared, and what cannot be.
`;

/** Twins of one file. */
interface Compared {
  readonly file: string;
  /** Why there is no real run. */
  readonly notRun?: string;
  readonly leftOut: Readonly<Record<string, string>>;
  readonly simulated: Swept["result"] | undefined;
  readonly real: readonly RealResult[];
  readonly differences: readonly string[];
  /** What broke in the world may be what the faults that were left out break. */
  readonly unjudged: boolean;
}

/** Runs a scenario in a world, and then what that came to as often as asked on real processes. */
export async function compare(file: string, scenario: Scenario, times: number): Promise<Compared> {
  const { result: simulated, recording } = await simulate(scenario);
  const written: WrittenScenario = {
    ...scenario,
    ...simulated.drawn,
    faults: simulated.faults,
    traffic: scenario.traffic ?? recording?.letters ?? [],
  };
  const notRun = whyNotReal(written);
  const { faults, leftOut } = realFaults(written.faults, await mayMount());
  const none = { file, leftOut: Object.fromEntries(leftOut), simulated };
  if (notRun !== undefined) return { ...none, notRun, real: [], differences: [], unjudged: false };
  const real: RealResult[] = [];
  for (let time = 0; time < times; time++) real.push(await runReal({ ...written, faults }));
  const isJudged = ({ broken }: RealResult): boolean => leftOut.size === 0 || simulated.broken === undefined || broken !== undefined;
  const found = real.filter(isJudged).map((each) => differences(written, simulated, each));
  // Which invariant a mistake breaks first, and whether it does each time, is up to the timing.
  const isWrong = scenario.plant !== undefined || (scenario.without ?? []).length > 0;
  const isNoticed = isWrong && simulated.broken !== undefined && real.some(({ broken }) => broken !== undefined);
  return {
    ...none,
    real,
    differences: isNoticed ? [] : found.flat(),
    unjudged: !real.every(isJudged),
  };
}

async function simulate(scenario: Scenario): Promise<Swept> {
  await using pool = createPool({ planted: scenario.plant === undefined ? undefined : findMistake(scenario.plant), threads: 1 });
  const { format: _, seed, ...options } = scenario;
  return await pool.run({ seed, options, twice: false, record: { letters: true } });
}

function tell({ file, notRun, leftOut, simulated, real, differences: found, unjudged }: Compared): readonly string[] {
  const verdictOf = (broken: { readonly invariant: string } | undefined): string =>
    broken === undefined ? "held" : `broken: ${broken.invariant}`;
  const endsOf = (ends: Readonly<Record<string, number>>): string =>
    Object.entries(ends)
      .sort()
      .map(([state, count]) => `${state} ${count}`)
      .join(", ");
  const lines = real.map(
    ({ broken, counts, settledMs, seconds, audits }) =>
      `  real       ${verdictOf(broken)}; promised ${counts.promised}, ${endsOf(counts.byEnd)}; crashes ${counts.crashes}, started again ${counts.repeats}, statements ${counts.statements}; all ended ${(settledMs / 1000).toFixed(1)} s after the weather; disks looked at ${audits}; took ${seconds} s`,
  );
  return [
    `${found.length > 0 ? "DIFFERENT" : notRun !== undefined ? "not run  " : unjudged ? "unjudged " : "same     "} ${file}${notRun === undefined ? "" : `: ${notRun}`}`,
    ...lines,
    ...(simulated === undefined
      ? []
      : [
          `  simulated  ${verdictOf(simulated.broken)}; promised ${simulated.counts.promised}, ${endsOf(simulated.counts.byEnd)}; crashes ${simulated.counts.crashes}, started again ${simulated.counts.repeats}, statements ${simulated.counts.statements}`,
        ]),
    ...Object.entries(leftOut).map(([kind, why]) => `  left out   ${kind}: ${why}`),
    ...found.map((each) => `  differs    ${each}`),
  ];
}

async function main(words: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...words],
    options: { times: { type: "string", default: "1" }, json: { type: "boolean", default: false }, help: { type: "boolean", short: "h" } },
    allowPositionals: true,
  });
  if (values.help === true || positionals.length === 0) {
    process.stdout.write(HELP);
    return values.help === true ? 0 : 2;
  }
  const times = wholeNumber("times", values.times, 1, 100);
  let isDifferent = false;
  // All of them first: a run on real processes takes a while, and the last file may be none.
  const scenarios = positionals.map((file) => [file, readScenario(readFile(file))] as const);
  for (const [file, scenario] of scenarios) {
    const compared = await compare(file, scenario, times);
    isDifferent ||= compared.differences.length > 0;
    for (const line of values.json ? [JSON.stringify(compared)] : tell(compared)) process.stdout.write(`${line}\n`);
  }
  return isDifferent ? 1 : 0;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split("/").at(-1) ?? "")) runCommand("twin", main);
