/** What of a scenario real processes have, and what they do not: for each of the latter, why. */
import type { Scenario } from "../scenario.ts";
import type { DefenceName } from "../town.ts";
import type { Fault, FaultKind } from "../weather.ts";

/** Kinds of faults that need what this machine cannot bring about, and what that is. */
const NOT_HERE: Readonly<Partial<Record<FaultKind, string>>> = {
  "relay-power": "the page cache outlives a process: what was not synced is lost with the machine only",
  "agent-power": "the page cache outlives a process: what was not synced is lost with the machine only",
  brownout: "the page cache outlives a process: what was not synced is lost with the machine only",
  "sync-fails": "no file system at hand fails to sync when it is asked to",
  "write-fails": "no file system at hand fails to write when it is asked to, but for want of room",
  "read-fails": "no file system at hand fails to read when it is asked to",
  "slow-disk": "no file system at hand is slow when it is asked to",
  "bit-rot": "nobody mends the file systems of this machine",
};

const WORLDS_OWN: Readonly<Partial<Record<DefenceName, string>>> = {
  sync: "the disk of a world ignores syncs, that of this machine does not",
  prerotation: "the hash of a world opens every commitment",
};

/** Why the whole scenario is not run on real processes; `undefined` when it is. */
export function whyNotReal({ hostile, disaster, without = [] }: Scenario): string | undefined {
  if (hostile !== "nobody") return `hostile: ${hostile} lives in worlds only`;
  if (disaster !== "none") return `disaster: ${disaster} happens in worlds only`;
  const name = without.find((each) => WORLDS_OWN[each] !== undefined);
  return name === undefined ? undefined : `without ${name}: ${WORLDS_OWN[name]}`;
}

export interface RealFaults {
  readonly faults: readonly Fault[];
  /** Kinds that are left out, each with why. */
  readonly leftOut: ReadonlyMap<FaultKind, string>;
}

/** `mayMount`: whether disks that can be full can be made here. */
export function realFaults(faults: readonly Fault[], mayMount: boolean): RealFaults {
  const reasonOf = ({ kind }: Fault): string | undefined =>
    kind === "disk-full" && !mayMount ? "this process may not mount a file system" : NOT_HERE[kind];
  const leftOut = new Map<FaultKind, string>();
  const kept = faults.filter((fault) => {
    const why = reasonOf(fault);
    if (why !== undefined) leftOut.set(fault.kind, why);
    return why === undefined;
  });
  return { faults: kept, leftOut };
}
