/** Runs benchmarks and keeps what they measured in `bench/results/`, one file per run and benchmark. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { benchCrowd } from "./crowd.ts";
import { benchFederation } from "./federation.ts";
import { benchIdentity } from "./identity.ts";
import { benchLifetimes } from "./lifetimes.ts";
import { benchLimits } from "./limits.ts";
import { benchLog } from "./log.ts";
import { conditionsNow } from "./machine.ts";
import type { Measurement } from "./measure.ts";
import { benchPath } from "./path.ts";
import { benchInputs, benchRelay } from "./relay.ts";
import { benchSealing } from "./sealing.ts";

const BENCHMARKS: Readonly<Record<string, (folder: string) => Promise<readonly Measurement[]>>> = {
  log: benchLog,
  identity: benchIdentity,
  sealing: benchSealing,
  limits: benchLimits,
  lifetimes: benchLifetimes,
  relay: benchRelay,
  inputs: benchInputs,
  federation: benchFederation,
  path: benchPath,
  crowd: benchCrowd,
};

const HELP = `Benchmarks, each with its conditions; see bench/README.md.

  npm run bench               all of them: ${Object.keys(BENCHMARKS).join(", ")}
  npm run bench -- log        only these
  npm run bench -- --dry log  prints, keeps nothing
`;

const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2);
if (words.includes("--help")) {
  process.stdout.write(HELP);
  process.exit(0);
}
const strange = words.find((word) => word.startsWith("--") && word !== "--dry");
const named = words.filter((word) => !word.startsWith("--"));
const unknown = named.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (strange !== undefined) {
  process.stderr.write(`perdure: no option called ${strange}\n  hint: npm run bench -- --help\n`);
  process.exit(2);
}
if (unknown.length > 0) {
  process.stderr.write(`perdure: no benchmark called ${unknown.join(", ")}\n  hint: there are ${Object.keys(BENCHMARKS).join(", ")}\n`);
  process.exit(2);
}

for (const [name, bench] of Object.entries(BENCHMARKS)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const conditions = conditionsNow(root);
  const folder = join(root, ".runtime", `bench-${process.pid}`, name);
  mkdirSync(folder, { recursive: true });
  try {
    const measurements = await bench(folder);
    for (const { what, unit, value, latencyMs } of measurements) {
      const times = latencyMs === undefined ? "" : `   p50 ${latencyMs.p50} ms   p99 ${latencyMs.p99} ms`;
      process.stdout.write(`${name.padEnd(8)} ${what.padEnd(70)} ${String(value).padStart(9)} ${unit}${times}\n`);
    }
    if (!words.includes("--dry")) {
      mkdirSync(join(root, "bench/results"), { recursive: true });
      const path = join(root, "bench/results", `${conditions.at.slice(0, 19).replaceAll(":", "-")}-${name}.json`);
      writeFileSync(path, `${JSON.stringify({ benchmark: name, conditions, measurements }, null, 2)}\n`);
      process.stdout.write(`${" ".repeat(9)}kept in ${path.slice(root.length)}\n`);
    }
  } finally {
    rmSync(join(root, ".runtime", `bench-${process.pid}`), { recursive: true, force: true });
  }
}
