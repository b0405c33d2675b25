/** The words of `npm run lab`: what they mean, and what they may be. */
import { parseArgs } from "node:util";
import { isBundle, readBundle } from "../packages/perdure/src/protocol/incidents/input-bundle.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { scenarioOf } from "./bundle.ts";
import { DISASTERS } from "./disaster.ts";
import { HOSTILES, MAX_AGENTS, MAX_RELAYS, readScenario, SCENARIO_FORMAT, type Scenario, writeScenario } from "./scenario.ts";
import { isAbout } from "./story/timeline.ts";
import { DEFENCE_NAMES } from "./town.ts";
import { FAULT_KINDS } from "./weather.ts";

export const HELP = `Simulated towns: relays, agents, traffic, and everything that can go wrong, from one seed.

  npm run lab -- --seeds 200                   seeds 1 to 200, each run twice, histories compared
  npm run lab -- --seed 17 --trace             one seed as a timeline
  npm run lab -- --seed 17 --html 17.html      the same as a page, messages as arrows
  npm run lab -- --seed 17 --shrink            the least that still breaks, as 17.scenario.json
  npm run lab -- --replay 17.scenario.json     the same again, as a file says it
  npm run lab -- --seeds 50 --without dedupe   one defence switched off: the lab must notice

which runs
  --seeds N         how many seeds (default 20)
  --from S          first seed (default 1)
  --seed S          only this one
  --replay FILE     what a scenario file says, or a bundle of perdure doctor; other words replace what it says
  --minutes M       virtual minutes of weather and traffic (default 5)
  --once            do not run each seed a second time

which town (drawn by the seed, where nothing is said)
  --relays N        1 to ${MAX_RELAYS} relays
  --agents N        2 to ${MAX_AGENTS} agents
  --hostile WHO     ${HOSTILES.join(", ")}
  --disaster WHAT   ${DISASTERS.join(", ")}
  --kinds A,B       only these faults: ${wrapped(FAULT_KINDS)}
  --set NAME=VALUE  a setting, instead of that of the lab
  --without NAME    switch a defence off: ${wrapped(DEFENCE_NAMES)}
  --plant ID        make one of the mistakes in lab/mistakes: the lab must notice

what to show of one run
  --trace           a timeline: when, who, what
  --everything      also what is mostly in the way
  --about ID        only what is about this message
  --html FILE       one page with a lane per process
  --shrink          fewer faults, letters, agents and minutes, as long as the same invariant breaks
  --budget-seconds N  how long to shrink (default 300)
  --out FILE        where the shrunk scenario goes (default S.scenario.json)
  --json            a summary, or with --trace every moment, as JSON
`;

/** What stands below the words of every mode. */
export const HELP_END = `
Exit code: 0 nothing broke, or what the file expects; 1 something broke, or two runs differ; 2 or 3 the call is wrong.
docs/lab.md tells what a town is and how to read what comes out.
`;

const OPTIONS = {
  seeds: { type: "string" },
  from: { type: "string" },
  seed: { type: "string" },
  replay: { type: "string" },
  minutes: { type: "string" },
  once: { type: "boolean", default: false },
  relays: { type: "string" },
  agents: { type: "string" },
  hostile: { type: "string" },
  disaster: { type: "string" },
  kinds: { type: "string" },
  set: { type: "string", multiple: true, default: [] as string[] },
  without: { type: "string", multiple: true, default: [] as string[] },
  plant: { type: "string" },
  trace: { type: "boolean", default: false },
  everything: { type: "boolean", default: false },
  about: { type: "string" },
  html: { type: "string" },
  shrink: { type: "boolean", default: false },
  "budget-seconds": { type: "string" },
  out: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export interface Wish {
  /** What every run is; its seed is the first one. */
  readonly scenario: Scenario;
  readonly seeds: readonly number[];
  /** The file the scenario came from, and what that says. */
  readonly replay: { readonly path: string; readonly scenario: Scenario } | undefined;
  readonly twice: boolean;
  readonly trace: boolean;
  readonly everything: boolean;
  readonly about: string | undefined;
  readonly html: string | undefined;
  readonly shrink: boolean;
  readonly budgetMs: number;
  readonly out: string | undefined;
  readonly json: boolean;
}

const MAX_SEEDS = 10_000_000;
/** A week. */
const MAX_BUDGET_SECONDS = 604_800;
const ABOUT = "the id of a message, or how it begins, as in --about 667343.2";

/** What a person asked for. Throws `bad-argument` for words that mean nothing, and what reading the file throws. */
export function readWish(words: readonly string[], readFile: (path: string) => string): Wish {
  const { values, positionals } = parse(words);
  if (positionals.length > 0)
    throw new PerdureError("bad-argument", `"${positionals[0]}" means nothing here`, { hint: "Every word of the lab begins with --." });
  const given: Scenario =
    values.replay === undefined ? { format: SCENARIO_FORMAT, seed: 1, minutes: 5 } : readReplay(readFile(values.replay));
  const seed = number(values.seed ?? values.from, values.seed === undefined ? "from" : "seed") ?? given.seed;
  const isOne = values.seed !== undefined || values.replay !== undefined;
  // Words that would be passed over in silence.
  for (const name of ["seeds", "from"] as const)
    if (values.seed !== undefined && values[name] !== undefined)
      throw new PerdureError("bad-argument", `--${name} and --seed do not go together`, {
        hint: "--seed S is one seed, --from S --seeds N are many.",
      });
  if (values.about !== undefined && !isAbout(values.about)) throw wrong("about", values.about, ABOUT);
  const budgetSeconds = number(values["budget-seconds"], "budget-seconds") ?? 300;
  if (budgetSeconds < 1 || budgetSeconds > MAX_BUDGET_SECONDS)
    throw wrong("budget-seconds", String(values["budget-seconds"]), `a number from 1 to ${MAX_BUDGET_SECONDS}`);
  const count = isOne ? 1 : (number(values.seeds, "seeds") ?? 20);
  if (count < 1 || count > MAX_SEEDS) throw wrong("seeds", String(values.seeds), `a number from 1 to ${MAX_SEEDS}`);
  for (const name of ["html", "about", "out"] as const) if (values[name] !== undefined && count > 1) throw needsOne(`--${name}`);
  for (const name of ["trace", "shrink"] as const) if (values[name] && count > 1) throw needsOne(`--${name}`);
  const said = {
    ...given,
    seed,
    ...some("minutes", number(values.minutes, "minutes")),
    ...some("relays", number(values.relays, "relays")),
    ...some("agents", number(values.agents, "agents")),
    ...some("hostile", values.hostile),
    ...some("disaster", values.disaster),
    ...some("kinds", values.kinds?.split(",")),
    ...(values.set.length === 0 ? {} : { settings: { ...given.settings, ...Object.fromEntries(values.set.map(setting)) } }),
    ...(values.without.length === 0 ? {} : { without: [...(given.without ?? []), ...values.without] }),
    ...some("plant", values.plant),
  };
  // Everything a file may say is checked in one place.
  const scenario = readScenario(writeScenario(said as Scenario));
  return {
    scenario,
    seeds: Array.from({ length: count }, (_, index) => seed + index),
    replay: values.replay === undefined ? undefined : { path: values.replay, scenario: given },
    twice: !values.once,
    trace: values.trace,
    everything: values.everything,
    about: values.about,
    html: values.html,
    shrink: values.shrink,
    budgetMs: Math.round(budgetSeconds * 1000),
    out: values.out,
    json: values.json,
  };
}

/** A scenario, or the bundle of a real agent or relay as one. */
export function readReplay(text: string): Scenario {
  return isBundle(text) ? readScenario(writeScenario(scenarioOf(readBundle(text), 1))) : readScenario(text);
}

/** Fields of a scenario that are words of the same name, with the value behind. */
const SINGLE: ReadonlySet<string> = new Set(["seed", "minutes", "relays", "agents", "hostile", "disaster", "kinds", "plant"]);

/** The words that run one seed of a wish again, without what shows it. */
export function wordsFor({ scenario, replay }: Pick<Wish, "scenario" | "replay">, seed: number): string {
  const said: Partial<Scenario> = replay?.scenario ?? { seed: -1, minutes: -1 };
  const words = Object.entries({ ...scenario, seed }).flatMap(([name, value]) => {
    if (!SINGLE.has(name) || value === undefined || JSON.stringify(value) === JSON.stringify(said[name as keyof Scenario])) return [];
    return `--${name} ${value}`;
  });
  const settings = Object.entries(scenario.settings ?? {}).filter(([name, value]) => said.settings?.[name] !== value);
  const without = (scenario.without ?? []).filter((name) => !said.without?.includes(name));
  return [
    "npm run lab --",
    ...(replay === undefined ? [] : [`--replay ${replay.path}`]),
    ...words,
    ...settings.map(([name, value]) => `--set ${name}=${value}`),
    ...without.map((name) => `--without ${name}`),
  ].join(" ");
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new PerdureError("bad-argument", (error as Error).message.replace(/\. To specify .*$/s, ""), {
      hint: "npm run lab -- --help lists every word.",
      cause: error,
    });
  }
}

function number(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0) || !Number.isFinite(value)) throw wrong(name, text, "a number");
  return value;
}

function setting(text: string): readonly [string, number] {
  const [name = "", value = ""] = text.split("=");
  if (name === "" || value === "" || !Number.isFinite(Number(value))) throw wrong("set", text, "NAME=VALUE, as in --set pingEveryMs=1000");
  return [name, Number(value)];
}

function wrong(name: string, text: string, wanted: string): PerdureError {
  return new PerdureError("bad-argument", `--${name} is "${text}"`, { hint: `It takes ${wanted}.` });
}

function needsOne(word: string): PerdureError {
  return new PerdureError("bad-argument", `${word} shows one run`, { hint: "Say which: --seed S, or --replay FILE." });
}

function some<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [Key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: Value };
}

function wrapped(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length > 78) lines.push(name);
    else lines[lines.length - 1] = `${last}, ${name}`;
  }
  return lines.join(`,\n${" ".repeat(20)}`);
}
