/**
 * What goes wrong in a world: a list of faults, drawn from the seed. Each seed enables a random subset of the kinds, so
 * that rare combinations come up; the list is data, so that it can be shown, kept and shortened.
 */
import type { Draws } from "../packages/perdure/src/host/simulated/index.ts";
import type { Census } from "./town.ts";

/**
 * Every kind, and what it happens to: a relay, an agent, a line, or anybody, which is a relay so often. The order is part of what a seed
 * draws.
 */
const STRIKES = {
  "relay-kill": "relay",
  "relay-power": "relay",
  "relay-dead": "relay",
  "agent-kill": "agent",
  "agent-power": "agent",
  cut: "line",
  stall: "line",
  partition: "line",
  "one-way": "line",
  middlebox: "line",
  "slow-link": "line",
  "narrow-line": "line",
  "lossy-line": "line",
  "slow-reader": "line",
  "idle-limit": "line",
  "new-address": 0.2,
  "sync-fails": 0.6,
  "write-fails": 0.6,
  "read-fails": 0.6,
  "disk-full": 0.6,
  "slow-disk": 0.6,
  brownout: 0.6,
  "bit-rot": 0.6,
  pause: 0.3,
  suspend: 0.2,
  "call-crash": 0.5,
  "wall-jump": 0.3,
  "age-limit": "line",
  relapse: 0.4,
} as const satisfies Readonly<Record<string, "relay" | "agent" | "line" | number>>;

export type FaultKind = keyof typeof STRIKES;
export const FAULT_KINDS = Object.keys(STRIKES) as readonly FaultKind[];

const STORMS: readonly (readonly FaultKind[] | undefined)[] = [
  ["brownout", "agent-kill", "relay-kill", "call-crash", "relapse"],
  ["cut", "partition", "stall", "one-way", "relay-dead", "agent-power"],
  undefined,
  ["sync-fails", "write-fails", "read-fails", "disk-full", "slow-disk", "relay-power", "agent-power", "relapse"],
  ["brownout", "partition", "agent-kill", "relay-kill", "cut", "call-crash"],
];

/** For towns that live too short for all kinds: a few that go together, by the seed, in turn; `undefined` where the seed is to draw them. */
export function stormOf(seed: number): readonly FaultKind[] | undefined {
  return STORMS[seed % STORMS.length];
}

export interface Fault {
  readonly atMs: number;
  readonly kind: FaultKind;
  /** The host it happens to; with two ends, the first. */
  readonly host: string;
  /** The other end, where there are two. */
  readonly other: string;
  readonly durationMs: number;
  /** A chance, an offset, a factor: what the kind makes of it. */
  readonly amount: number;
}

export interface WeatherOptions {
  readonly draws: Draws;
  readonly census: Census;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Only these, every one of them; otherwise a subset is drawn. */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** None of these, whatever else. */
  readonly never?: readonly FaultKind[];
  /** Mean pause between two faults, milliseconds. */
  readonly calmMs?: number | undefined;
}

/** Mean pause between two faults while there is weather, where nothing else is said. */
const CALM_MS = 9000;
const LONGEST_MS = 20_000;
/** A relay that is dead is gone for longer than anybody waits before trying again. */
const DEAD_MS = 40_000;

export function drawWeather({ draws, census, fromMs, untilMs, kinds, never = [], calmMs = CALM_MS }: WeatherOptions): readonly Fault[] {
  const enabled = (kinds ?? FAULT_KINDS.filter(() => draws.chance(0.4))).filter((kind) => !never.includes(kind));
  const { relays, agents, homes } = census;
  const faults: Fault[] = [];
  if (enabled.length === 0) return faults;
  for (let atMs = fromMs + draws.wait(calmMs); atMs < untilMs; atMs += draws.wait(calmMs)) {
    const kind = enabled[draws.below(enabled.length)] as FaultKind;
    const whom = STRIKES[kind];
    const onRelay = whom === "relay" || draws.chance(typeof whom === "number" ? whom : 0);
    const relay = relays[draws.below(relays.length)] as string;
    const agent = agents[draws.below(agents.length)] as string;
    const betweenRelays = relays.length > 1 && draws.chance(0.4);
    faults.push({
      atMs: Math.round(atMs),
      kind,
      ...(whom === "line"
        ? betweenRelays
          ? { host: relay, other: relays[(relays.indexOf(relay) + 1 + draws.below(relays.length - 1)) % relays.length] as string }
          : { host: agent, other: homes.get(agent) as string }
        : { host: onRelay ? relay : agent, other: "" }),
      durationMs: 50 + draws.below(draws.chance(0.2) ? LONGEST_MS : LONGEST_MS / 10) + (kind === "relay-dead" ? DEAD_MS : 0),
      amount: draws.below(1000) / 1000,
    });
  }
  return faults;
}

export function describeFault(fault: Fault): string {
  const where = fault.other === "" ? fault.host : `${fault.host} - ${fault.other}`;
  return `${(fault.atMs / 1000).toFixed(1).padStart(6)} s  ${fault.kind.padEnd(12)} ${where.padEnd(8)} for ${fault.durationMs} ms, ${fault.amount}`;
}
