/** Runs benchmarks and keeps what they measured in `bench/results/`, one file per run and benchmark. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { benchCrowd } from "./crowd.ts";
import { benchFederation } from "./federation.ts";
import { benchIdentity } from "./identity.ts";
import { benchInputs } from "./inputs.ts";
import { benchLifetimes } from "./lifetimes.ts";
import { benchLimits } from "./limits.ts";
import { benchLog } from "./log.ts";
import { conditionsNow } from "./machine.ts";
import type { Measurement } from "./measure.ts";
import { benchPace, PACE_PEERS, PACE_SCENARIOS, type PaceOptions } from "./pace.ts";
import { benchPaceContext } from "./pace-context.ts";
import { benchPaceProxy } from "./pace-proxy.ts";
import { benchPath } from "./path.ts";
import { benchRelay, RELAY_PACE, RELAY_PEERS, RELAY_QUICK, RELAY_SHAPES, type RelayOptions } from "./relay.ts";
import { benchSealing } from "./sealing.ts";
import { benchStart, START, type StartOptions } from "./start.ts";
import { benchTurboquant, TURBOQUANT_PEERS, TURBOQUANT_SETS, type TurboquantOptions } from "./turboquant.ts";
import { benchTurboquantCells } from "./turboquant-cells.ts";
import { benchTurboquantKept } from "./turboquant-kept.ts";
import { benchTurboquantPapers } from "./turboquant-papers.ts";
import { benchTurboquantThreads } from "./turboquant-threads.ts";

/** Does one benchmark in a folder of its own, says what it finds, and gives what is to be kept. */
type Benchmark = (folder: string, say: (line: string) => void) => Promise<object>;

const HELP = `Benchmarks, each with its conditions; see bench/README.md.

  npm run bench                  all of them: log, identity, sealing, limits, lifetimes, relay, inputs, federation, path, crowd, start, turboquant,
                                 turboquant-papers, turboquant-threads, turboquant-cells, turboquant-kept, pace, pace-context, pace-proxy
  npm run bench -- log           only these
  npm run bench -- --dry log     prints, keeps nothing
  npm run bench -- relay --quick three shapes beside two peers, in about a minute

For relay:
  --shapes A,B   of ${RELAY_SHAPES.join(", ")}
  --peers A,B    of ${RELAY_PEERS.join(", ")}; or none
  --rounds N     rounds of each (${RELAY_PACE.rounds})
  --ms N         milliseconds of a round (${RELAY_PACE.ms})

For start:
  --messages N   that wait (${START.messages})
  --readers N    mailboxes they wait in (${START.readers})
  --synthesised  only what a start reads is written: for more messages than there is time to send

For pace-context (all of it: half an hour; --quick: two minutes): windows of models that fill

For turboquant (all of it: 25 minutes; --quick: two):
  --sets A,B     of ${TURBOQUANT_SETS.join(", ")}
  --peers A,B    of ${TURBOQUANT_PEERS.join(", ")}; or none

For turboquant-papers (all of it: some minutes; --quick: one): the tables of its papers
For turboquant-threads (a minute; --quick: some seconds): one index over several threads
For turboquant-cells (some minutes; --quick: less than one): a million vectors in cells, beside a look at all
For turboquant-kept (two minutes; --quick: some seconds): files of an index, opened, written and read from far away

For pace (all of it: half an hour; --quick: two minutes):
  --traces A,B   of ${PACE_SCENARIOS.join(", ")}
  --peers A,B    of ${PACE_PEERS.join(", ")}; or none
  --seeds N      of each (30)
  --recovery N   nothing but so many seeds of whether all is well a minute after a collapse (1,000: half an hour)
  --calls N      by one gate, while memory is looked at (10,000,000)
`;

const root = fileURLToPath(new URL("..", import.meta.url));
const runtime = join(root, ".runtime", `bench-${process.pid}`);
removeLeftOver();
// Also whoever is interrupted ends and removes what it began.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
process.once("exit", () => rmSync(runtime, { recursive: true, force: true }));

const { values, positionals: named } = readWords();
if (values.help === true) {
  process.stdout.write(HELP);
  process.exit(0);
}
const isMeant = (name: string): boolean => named.length === 0 || named.includes(name);
// All three know --peers, each its own.
const relayOptions = isMeant("relay") ? readRelayOptions() : RELAY_QUICK;
const turboquantOptions = isMeant("turboquant") ? readTurboquantOptions() : { quick: true };
const paceOptions = isMeant("pace") ? readPaceOptions() : { quick: true };
const startOptions = readStartOptions();

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  log: measuring("log", benchLog),
  identity: measuring("identity", benchIdentity),
  sealing: measuring("sealing", benchSealing),
  limits: measuring("limits", benchLimits),
  lifetimes: measuring("lifetimes", benchLifetimes),
  relay: (folder, say) => benchRelay(folder, relayOptions, say),
  inputs: measuring("inputs", benchInputs),
  federation: measuring("federation", benchFederation),
  "pace-context": (_folder, say) => benchPaceContext({ quick: values.quick === true }, say),
  path: measuring("path", benchPath),
  "pace-proxy": measuring("pace-proxy", benchPaceProxy),
  crowd: measuring("crowd", benchCrowd),
  start: (folder, say) => benchStart(folder, startOptions, say),
  turboquant: (folder, say) => benchTurboquant(folder, turboquantOptions, say),
  "turboquant-papers": (_folder, say) => benchTurboquantPapers({ quick: values.quick === true }, say),
  "turboquant-cells": (_folder, say) => benchTurboquantCells({ quick: values.quick === true }, say),
  "turboquant-kept": (folder, say) => benchTurboquantKept(folder, { quick: values.quick === true }, say),
  "turboquant-threads": (_folder, say) => benchTurboquantThreads({ quick: values.quick === true }, say),
  pace: (_folder, say) => benchPace(paceOptions, say),
};

const unknown = named.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) refuse(`no benchmark called ${unknown.join(", ")}`, `there are ${Object.keys(BENCHMARKS).join(", ")}`);

for (const [name, bench] of Object.entries(BENCHMARKS)) {
  if (!isMeant(name)) continue;
  const conditions = conditionsNow(root);
  const folder = join(runtime, name);
  mkdirSync(folder, { recursive: true });
  try {
    const found = await bench(folder, (line) => process.stdout.write(`${line}\n`));
    if (values.dry !== true) {
      mkdirSync(join(root, "bench/results"), { recursive: true });
      const path = join(root, "bench/results", `${conditions.at.slice(0, 19).replaceAll(":", "-")}-${name}.json`);
      const loadAfter = loadavg()[0] ?? 0;
      writeFileSync(path, `${JSON.stringify({ benchmark: name, conditions: { ...conditions, loadAfter }, ...found }, null, 2)}\n`);
      process.stdout.write(`${" ".repeat(9)}kept in ${path.slice(root.length)}\n`);
    }
  } finally {
    rmSync(runtime, { recursive: true, force: true });
  }
}

/** What a run left that could remove nothing at its end. */
function removeLeftOver(): void {
  mkdirSync(runtime, { recursive: true });
  for (const name of readdirSync(dirname(runtime))) {
    const pid = /^bench-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(dirname(runtime), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function measuring(name: string, bench: (folder: string) => Promise<readonly Measurement[]>): Benchmark {
  return async (folder, say) => {
    const measurements = await bench(folder);
    for (const { what, unit, value, latencyMs } of measurements) {
      const times = latencyMs === undefined ? "" : `   p50 ${latencyMs.p50} ms   p99 ${latencyMs.p99} ms`;
      say(`${name.padEnd(8)} ${what.padEnd(70)} ${String(value).padStart(9)} ${unit}${times}`);
    }
    return { measurements };
  };
}

function readWords() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: "boolean" },
        dry: { type: "boolean" },
        quick: { type: "boolean" },
        shapes: { type: "string" },
        peers: { type: "string" },
        rounds: { type: "string" },
        ms: { type: "string" },
        messages: { type: "string" },
        readers: { type: "string" },
        synthesised: { type: "boolean" },
        sets: { type: "string" },
        traces: { type: "string" },
        seeds: { type: "string" },
        recovery: { type: "string" },
        calls: { type: "string" },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), "npm run bench -- --help");
  }
}

function readRelayOptions(): RelayOptions {
  const begin: RelayOptions = values.quick === true ? RELAY_QUICK : { pace: RELAY_PACE };
  return {
    shapes: listOf("shapes", values.shapes, RELAY_SHAPES) ?? begin.shapes,
    peers: values.peers === "none" ? [] : (listOf("peers", values.peers, RELAY_PEERS) ?? begin.peers),
    pace: { rounds: numberOf("rounds", values.rounds) ?? begin.pace.rounds, ms: numberOf("ms", values.ms) ?? begin.pace.ms },
  };
}

function readTurboquantOptions(): TurboquantOptions {
  return {
    sets: listOf("sets", values.sets, TURBOQUANT_SETS),
    peers: values.peers === "none" ? [] : listOf("peers", values.peers, TURBOQUANT_PEERS),
    quick: values.quick === true,
  };
}

function readPaceOptions(): PaceOptions {
  return {
    scenarios: listOf("traces", values.traces, PACE_SCENARIOS),
    peers: values.peers === "none" ? [] : listOf("peers", values.peers, PACE_PEERS),
    seeds: numberOf("seeds", values.seeds),
    recovery: numberOf("recovery", values.recovery),
    calls: numberOf("calls", values.calls),
    quick: values.quick === true,
  };
}

function readStartOptions(): StartOptions {
  return {
    messages: numberOf("messages", values.messages) ?? START.messages,
    readers: numberOf("readers", values.readers) ?? START.readers,
    synthesised: values.synthesised === true,
  };
}

function listOf(option: string, given: string | undefined, known: readonly string[]): readonly string[] | undefined {
  const names = given?.split(",");
  const strange = names?.find((name) => !known.includes(name));
  return strange === undefined ? names : refuse(`--${option} knows no ${strange}`, `there are ${known.join(", ")}`);
}

function numberOf(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  return /^[1-9]\d{0,8}$/.test(given) ? Number(given) : refuse(`--${option} takes a number from 1 to 999999999`, "npm run bench -- --help");
}

function refuse(what: string, hint: string): never {
  process.stderr.write(`perdure: ${what}\n  hint: ${hint}\n`);
  process.exit(2);
}
