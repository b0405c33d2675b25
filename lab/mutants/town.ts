/** Towns in which mutants are looked for: short, and with much weather, so that two hundred of them fit into a minute or two. */
import type { SweepOptions } from "../pool.ts";
import type { FaultKind } from "../weather.ts";

/** By the seed, in turn. Without kinds the seed draws them. */
const WEATHERS: readonly (readonly FaultKind[] | undefined)[] = [
  ["brownout", "agent-kill", "relay-kill", "call-crash", "cut"],
  ["cut", "partition", "stall", "one-way", "relay-dead", "agent-power"],
  undefined,
  ["sync-fails", "write-fails", "disk-full", "slow-disk", "relay-power", "agent-power", "relay-kill"],
  ["brownout", "partition", "agent-kill", "relay-kill", "cut", "call-crash"],
];

/** Every other round of the weathers: windows so small that a few messages fill them. */
const NARROW = { windowFrames: 4, peerWindowFrames: 4 };

/** Of so many towns all but the last end with an ordinary while; that one has whoever and whatever its seed draws. */
const ORDINARY_OF = 4;

export function mutantTown(seed: number): SweepOptions {
  const kinds = WEATHERS[seed % WEATHERS.length];
  const isNarrow = Math.floor(seed / WEATHERS.length) % 2 === 1;
  return {
    minutes: 0.15,
    calmMs: 1200,
    ...(seed % ORDINARY_OF === 0 ? {} : { hostile: "nobody", disaster: "none", routine: true }),
    ...(kinds === undefined ? {} : { kinds }),
    ...(isNarrow ? { settings: NARROW } : {}),
  };
}
