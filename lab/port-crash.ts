/**
 * A short town in which one process dies within the k-th call of any of its ports, for every k: while it runs, and while it opens its
 * folder again after its power was gone. Between two such calls nothing outside of a process changes, so this is also every prefix of
 * every list of outputs.
 */
import { availableParallelism } from "node:os";
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { createPool, type SweepOptions } from "./pool.ts";
import { MAX_CALLS } from "./strike.ts";
import type { Fault } from "./weather.ts";

export interface PortCrashOptions {
  readonly seed: number;
  /** Who dies: of a town of one relay and two agents. */
  readonly hosts: readonly string[];
  /** Every so many calls. */
  readonly every: number;
  readonly threads?: number | undefined;
  readonly print: (line: string) => void;
}

export interface PortCrashed {
  readonly host: string;
  readonly phase: Phase;
  /** Calls it was let die in. */
  readonly calls: number;
  readonly broken: readonly { readonly call: number; readonly what: string }[];
}

const PHASES = ["running", "opening"] as const;
type Phase = (typeof PHASES)[number];

export const PORT_CRASH_HOSTS = ["relay-0", "anna"] as const;

/** Throws `bad-argument` where nobody of that name dies. */
export function findHost(name: string): string {
  const found = PORT_CRASH_HOSTS.find((host) => host === name);
  if (found === undefined)
    throw new PerdureError("bad-argument", `there is no host "${name}"`, { hint: `There are ${PORT_CRASH_HOSTS.join(", ")}.` });
  return found;
}

/** Virtual minutes: everybody has written to everybody by then. */
const MINUTES = 0.2;
const TOWN: SweepOptions = { minutes: MINUTES, relays: 1, agents: 2, hostile: "nobody", disaster: "none" };

/** The faults of one run. The power goes first where it is the opening that is looked at. */
export function faultsOf(host: string, phase: Phase, call: number): readonly Fault[] {
  // Whether it is killed or loses its power, and whether the others hear of it, follows from the number.
  const crash = { kind: "call-crash", host, other: "", durationMs: 400 + call, amount: (call - 1) / MAX_CALLS } as const;
  if (phase === "running") return [{ ...crash, atMs: 0 }];
  const power = host.startsWith("relay") ? "relay-power" : "agent-power";
  return [
    { atMs: 1000, kind: power, host, other: "", durationMs: 300, amount: 0 },
    { ...crash, atMs: 1100 },
  ];
}

/** Walks through all of them and prints a line each; the last call is the first in which nothing died. */
export async function walkPortCrashes({
  seed,
  hosts,
  every,
  threads = availableParallelism(),
  print,
}: PortCrashOptions): Promise<readonly PortCrashed[]> {
  const all: PortCrashed[] = [];
  await using pool = createPool({ threads });
  for (const host of hosts) {
    for (const phase of PHASES) {
      const broken: { readonly call: number; readonly what: string }[] = [];
      const expected = phase === "running" ? 1 : 2;
      let calls = 0;
      const atOnce = 2 * threads;
      for (let next = 1, over = false; !over && next <= MAX_CALLS; next += atOnce * every) {
        const batch = Array.from({ length: atOnce }, (_, index) => next + index * every).filter((call) => call <= MAX_CALLS);
        const runs = batch.map((call) => pool.run({ seed, options: { ...TOWN, faults: faultsOf(host, phase, call) }, twice: false }));
        for (const [index, { result }] of (await Promise.all(runs)).entries()) {
          const call = batch[index] as number;
          if (result.counts.crashes < expected) over = true;
          else calls++;
          if (result.broken !== undefined) broken.push({ call, what: result.broken.what });
        }
      }
      all.push({ host, phase, calls, broken });
      print(`${host.padEnd(8)} ${phase.padEnd(8)} died in ${countText(calls, "call")} of its ports, ${broken.length} broke something`);
      for (const { call, what } of broken) print(`  call ${call}: ${what}`);
    }
  }
  return all;
}
