/** Towns in which mutants are looked for: short, and with much weather, so that two hundred of them fit into a minute or two. */
import type { SweepOptions } from "../pool.ts";
import { stormOf } from "../weather.ts";

/** By the seed, in turn: small windows, boxes and rates, so that a few messages fill them. Log files are the smallest there are in all towns. */
const LIMITS: readonly Readonly<Record<string, number>>[] = [
  {},
  { windowFrames: 4, peerWindowFrames: 4 },
  { mailboxMessages: 50, storeMessages: 150 },
  {},
  { windowFrames: 4, peerWindowFrames: 4 },
  { agentMessagesPerSecond: 4, agentMessagesBurst: 6, peerMessagesPerSecond: 6, peerMessagesBurst: 8 },
  {},
];
const SMALLEST_SEGMENT_BYTES = 64 * 1024;

/** Of so many towns all but the last end with an ordinary while; that one has whoever and whatever its seed draws. */
const ORDINARY_OF = 4;
const PEOPLE: readonly { readonly relays: number; readonly agents: number }[] = [
  { relays: 1, agents: 2 },
  { relays: 2, agents: 3 },
  { relays: 2, agents: 2 },
];

export function mutantTown(seed: number): SweepOptions {
  const kinds = stormOf(seed);
  return {
    minutes: 0.1,
    calmMs: 900,
    ...(seed % ORDINARY_OF === 0 ? {} : { hostile: "nobody", disaster: "none", routine: true, ...PEOPLE[seed % PEOPLE.length] }),
    ...(kinds === undefined ? {} : { kinds }),
    settings: { segmentBytes: SMALLEST_SEGMENT_BYTES, ...LIMITS[seed % LIMITS.length] },
  };
}
