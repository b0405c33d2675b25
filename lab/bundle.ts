/**
 * A bundle of a real agent or relay (`perdure doctor --bundle`) as a scenario: whoever was seen lives in the town, settings as they were
 * set, a fault where a connection broke, a disk failed, a clock jumped or a process ended, and letters of the same sizes at the same times.
 *
 * What nobody saw stays unknown: the other ends, what else their machines were doing, and in what order things happened within a moment.
 */
import type { RecordedInput } from "../packages/perdure/src/host/input-ring.ts";
import type { InputBundle } from "../packages/perdure/src/protocol/incidents/input-bundle.ts";
import type { Life } from "../packages/perdure/src/protocol/incidents/input-keeper.ts";
import { MAX_MESSAGE_BYTES } from "../packages/perdure/src/wire/limits.ts";
import { createParties, type Parties } from "./parties.ts";
import { type Letter, SCENARIO_FORMAT, type Scenario } from "./scenario.ts";
import type { Fault, FaultKind } from "./weather.ts";

/** The end of what was seen, so long: what broke is behind it or in it. */
const REPLAYED_MS = 10 * 60_000;
/** Time in which nothing came in is cut to this. */
const LONGEST_GAP_MS = 30_000;
/** Before the first input, so that everybody has met. */
const LEAD_MS = 2000;
const TRAIL_MS = 5000;
const LONGEST_FAULT_MS = 60_000;
/** A timer that is later than this was held up by its machine. */
const HELD_UP_MS = 1000;
/** What sealing and padding add to a small message, about. */
const ENVELOPE_BYTES = 700;
/** Letters beyond this are left out, the oldest first. */
const MAX_LETTERS = 2000;
/** Whether a process ended at once or by and by is not seen: from what it last said it lived on for less than this. */
const UNKNOWN_END_MS = 2000;

/** One input at its time in the town. */
export interface Seen {
  readonly atMs: number;
  readonly input: RecordedInput;
}

/** A process that ended, and when the next one began. */
interface Ended {
  readonly atMs: number;
  readonly durationMs: number;
}

/** The town a bundle tells of. Throws `bad-argument` when it tells of nothing. */
export function scenarioOf(bundle: InputBundle, seed: number): Scenario {
  const { seen, ends, lengthMs } = timeOf(bundle.lives);
  const parties = createParties(bundle.role, seen);
  const faults = [...faultsOf(bundle, parties, seen), ...ends.map((end) => fault(endKind(bundle), parties.self, "", end))];
  return {
    format: SCENARIO_FORMAT,
    seed,
    minutes: Math.max(0.1, Number((lengthMs / 60_000).toFixed(3))),
    relays: parties.relays,
    agents: parties.agents,
    hostile: "nobody",
    disaster: "none",
    faults: faults.filter(({ atMs }) => atMs >= 0).toSorted((one, other) => one.atMs - other.atMs),
    traffic: lettersOf(bundle, parties, seen).slice(-MAX_LETTERS),
    settings: Object.fromEntries(bundle.settings.filter(({ origin }) => CHOSEN(origin)).map(({ name, value }) => [name, value])),
    note: `as the inputs of ${bundle.role === "agent" ? "an agent" : "a relay"} tell it`,
  };
}

/** Defaults are made for days; the lab's own stand for them in minutes. */
const CHOSEN = (origin: string): boolean => origin !== "default" && origin !== "negotiated" && origin !== "fixed";

function endKind({ role }: InputBundle): FaultKind {
  return role === "agent" ? "agent-kill" : "relay-kill";
}

/** All inputs on one line of time, long silence cut short, and where processes ended. */
function timeOf(lives: readonly Life[]): { readonly seen: readonly Seen[]; readonly ends: readonly Ended[]; readonly lengthMs: number } {
  const moments = lives
    .flatMap(({ beganMs, inputs }) => inputs.map((input) => ({ wallMs: beganMs + input.atMs, input })))
    .toSorted((one, other) => one.wallMs - other.wallMs);
  const lastMs = Math.max(0, moments.at(-1)?.wallMs ?? 0, ...lives.map((life) => life.lastMs));
  const marks = [...moments.map(({ wallMs }) => wallMs), ...lives.flatMap((life) => [life.beganMs, life.lastMs])]
    .filter((wallMs) => wallMs >= lastMs - REPLAYED_MS)
    .toSorted((one, other) => one - other);
  const places = new Map<number, number>();
  let [atMs, before] = [LEAD_MS, marks[0] ?? 0];
  for (const mark of marks) {
    atMs += Math.min(mark - before, LONGEST_GAP_MS);
    before = mark;
    places.set(mark, atMs);
  }
  const seen = moments.flatMap(({ wallMs, input }) => {
    const place = places.get(wallMs);
    return place === undefined ? [] : [{ atMs: place, input }];
  });
  const ends = lives.slice(0, -1).flatMap((life, index): readonly Ended[] => {
    const [end, next] = [places.get(life.lastMs), places.get((lives[index + 1] as Life).beganMs)];
    if (end === undefined || next === undefined) return [];
    const diedMs = life.closed ? end : Math.min(next, end + UNKNOWN_END_MS);
    return [{ atMs: diedMs, durationMs: Math.max(100, next - diedMs) }];
  });
  return { seen, ends, lengthMs: atMs + TRAIL_MS };
}

function fault(kind: FaultKind, host: string, other: string, { atMs, durationMs }: Ended, amount = 0.5): Fault {
  return { atMs: Math.round(atMs), kind, host, other, durationMs: Math.round(Math.min(durationMs, LONGEST_FAULT_MS)), amount };
}

function faultsOf(bundle: InputBundle, parties: Parties, seen: readonly Seen[]): readonly Fault[] {
  const { self } = parties;
  return seen.flatMap(({ atMs, input }, index): readonly Fault[] => {
    const byMs = Number(input["byMs"] ?? 0);
    const tookMs = Number(input["tookMs"] ?? 0);
    switch (input.what) {
      case "closed":
        return bundle.role === "agent" ? ofAgentsConnection(self, seen, index) : ofRelaysConnection(parties, seen, index);
      case "late":
        return byMs < HELD_UP_MS ? [] : [fault("pause", self, "", { atMs, durationMs: byMs })];
      case "clock-jump":
        return [fault("wall-jump", self, "", { atMs, durationMs: 20_000 }, Math.min(1, Math.max(0, 0.5 + byMs / 20_000)))];
      case "disk-slow":
        return [fault("slow-disk", self, "", { atMs, durationMs: tookMs + 100 }, Math.min(1, tookMs / 300))];
      case "disk-failed": {
        const kind = input["code"] === "disk-full" ? "disk-full" : DISK_FAULTS[String(input["op"])];
        return kind === undefined ? [] : [fault(kind, self, "", { atMs: atMs - 5, durationMs: 1000 }, 0)];
      }
      default:
        return [];
    }
  });
}

const DISK_FAULTS: Readonly<Record<string, FaultKind>> = {
  sync: "sync-fails",
  write: "write-fails",
  open: "write-fails",
  read: "read-fails",
};

/** The relay may have died, be out of reach, or be there all the time; how dialling went tells which. */
function ofAgentsConnection(self: string, seen: readonly Seen[], index: number): readonly Fault[] {
  const { atMs, input } = seen[index] as Seen;
  const later = seen.slice(index + 1);
  const back = later.findIndex((each) => each.input.what === "dialled");
  const failed = later.slice(0, back < 0 ? later.length : back).filter((each) => each.input.what === "not-dialled");
  const durationMs = (later[back]?.atMs ?? (later.at(-1)?.atMs ?? atMs) + TRAIL_MS) - atMs;
  const span = { atMs, durationMs };
  if (failed.some((each) => each.input["code"] === "timed-out")) return [fault("partition", self, "relay-0", span)];
  if (failed.length > 0) return [fault("relay-kill", "relay-0", "", span)];
  if (input["by"] !== "here") return [fault("cut", self, "relay-0", span)];
  const near = seen.slice(Math.max(0, index - 3), index + 4).map((each) => each.input);
  return near.some((each) => each["event"] === "agent.apart" && each["code"] === "timed-out")
    ? [fault("stall", self, "relay-0", span)]
    : [];
}

/** Who says goodbye and comes back soon was started again; who is lost lost the line. */
function ofRelaysConnection({ agentOf, self }: Parties, seen: readonly Seen[], index: number): readonly Fault[] {
  const { atMs, input } = seen[index] as Seen;
  const agent = agentOf(Number(input["connection"]), index);
  if (agent === undefined || input["by"] === "here") return [];
  const back = seen.slice(index + 1).find((each) => each.input["event"] === "relay.attached" && agentOf(undefined, index, each) === agent);
  if (back === undefined) return [];
  const span = { atMs, durationMs: Math.max(100, back.atMs - atMs) };
  return [input["by"] === "there" ? fault("agent-kill", agent, "", span) : fault("cut", agent, self, span)];
}

/** What was written, by whoever did: the agent itself and those who wrote to it, or all whose mail a relay took. */
function lettersOf({ role }: InputBundle, { self, named }: Parties, seen: readonly Seen[]): readonly Letter[] {
  const ids = new Set<unknown>();
  return seen.flatMap(({ atMs, input }): readonly Letter[] => {
    const bytes = Number(input["bytes"] ?? 0) * Number(input["parts"] ?? 1);
    const letter = (from: string | undefined, to: string | undefined, sizeBytes: number): readonly Letter[] => {
      if (from === undefined || to === undefined || from === to || ids.has(input["id"])) return [];
      ids.add(input["id"]);
      const size = Math.round(Math.min(Math.max(sizeBytes, 1), MAX_MESSAGE_BYTES));
      return [{ atMs: Math.max(0, Math.round(atMs)), from, to, sizeBytes: size }];
    };
    if (role === "agent" && input["event"] === "agent.queued") return letter(self, named(input["to"]), bytes);
    if (role === "agent" && input["event"] === "agent.received") return letter(named(input["from"]), self, bytes);
    if (role === "relay" && input["event"] === "relay.mail-appended" && input["class"] === "mail")
      return letter(named(input["author"] ?? input["from"]), named(input["to"] ?? input["agent"]), bytes - ENVELOPE_BYTES);
    return [];
  });
}
