/** The steps of the room of the log, drawn so that each seed has habits of its own. */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";

export type LogStep =
  /** `odd` is the chance of what is legal and rare; `within`: files are prepared, and so many segments fit into the space there is. */
  | { readonly do: "open"; readonly segmentBytes: number; readonly retryMs: number; readonly odd: number; readonly within?: number }
  | {
      readonly do: "append";
      /** Records of each append; all are made in one turn. */
      readonly lots: readonly (readonly number[])[];
      readonly orReject: boolean;
      /** Nobody waits for it. */
      readonly laterMs?: number;
    }
  /** `nth` and `from` are shares of what there is. */
  | { readonly do: "release"; readonly from: number; readonly count: number }
  | { readonly do: "release-again"; readonly nth: number }
  | { readonly do: "read"; readonly from: number; readonly count: number; readonly wrongly?: "place" | "length" }
  /** A byte of a record is not what was written, for as long as the step takes. */
  | { readonly do: "rot"; readonly nth: number; readonly at: number; readonly header: boolean; readonly moving: boolean }
  | { readonly do: "tick"; readonly nth: number }
  | { readonly do: "run" | "hurry" | "compact" | "compact-all" | "heal" }
  | { readonly do: "wait"; readonly ms: number; readonly held: boolean }
  | { readonly do: "fault"; readonly kind: FaultKind; readonly count: number }
  /** Before there is a log: an empty file, with the name of a segment or of nothing. */
  | { readonly do: "leave"; readonly name: string }
  | { readonly do: "state"; readonly bytes: readonly number[] }
  | { readonly do: "end"; readonly how: "close" | "close-held" | "kill" | "power"; readonly keep: number }
  /** What is on the disk is compared; `keep` is the chance of each sector that is not durable. */
  | { readonly do: "look"; readonly keep: number }
  | {
      readonly do: "damage";
      readonly how: DamageKind;
      readonly file: number;
      readonly at: number;
      readonly bit: number;
      readonly keep: number;
    };

export type FaultKind =
  | "failWrites"
  | "failSyncs"
  | "failReads"
  | "failOpens"
  | "failRemoves"
  | "failCloses"
  | "failRenames"
  | "tearWrites"
  | "full"
  | "readOnly";

export type DamageKind = "flip" | "cut" | "blank" | "drop" | "swap" | "grow" | "kind" | "version" | "none";

const STEPS = 220;
const NO_SEGMENTS: readonly string[] = ["notes.txt", "1.log", "0000001.log", "000000.log", "000001.log.old"];
/** The newest of any number of files. */
const NEWEST = 0.999;
/** Chance that an append has more records than are moved with one sync. */
const MANY = 0.004;
const FAULTS: readonly FaultKind[] = [
  "failWrites",
  "failSyncs",
  "failReads",
  "failOpens",
  "failRemoves",
  "failCloses",
  "failRenames",
  "tearWrites",
  "tearWrites",
  "full",
  "full",
  "readOnly",
];
const DAMAGES: readonly DamageKind[] = ["flip", "flip", "flip", "cut", "blank", "blank", "drop", "swap", "grow", "kind", "version", "none"];
const SEGMENT_BYTES: readonly number[] = [300, 700, 1500, 4000];

interface Habits {
  readonly fault: number;
  readonly end: number;
  readonly later: number;
  readonly orReject: number;
  readonly large: number;
  readonly compacts: boolean;
  /** Of every opening. */
  readonly segmentBytes: number | undefined;
  /** The least size of a record. */
  readonly least: number;
  readonly release: number;
  readonly patient: number;
  /** Chance that an opening prepares files. */
  readonly prepares: number;
  /** Chance that a segment is filled, and something happens as the next is begun. */
  readonly turns: number;
}

/** Segments that are a little larger than they may be, so that their files are used again as soon as they are let go of. */
const CHURNING = {
  segmentBytes: 4000,
  least: 200,
  large: 0.05,
  release: 0.2,
  prepares: 1,
  later: 0,
  compacts: false,
  turns: 0.12,
} as const;

export function drawSteps(draws: Draws): readonly LogStep[] {
  const hoards = draws.chance(0.15);
  const drawn: Habits = {
    fault: [0, 0.05, 0.15][draws.below(3)] as number,
    end: draws.chance(0.7) ? 0.05 : 0.01,
    later: [0, 0.3, 0.8][draws.below(3)] as number,
    orReject: draws.chance(0.6) ? 0.5 : 0,
    large: draws.chance(0.5) ? 0.2 : 0.03,
    compacts: true,
    segmentBytes: [300, 4000, undefined, undefined][draws.below(4)],
    least: draws.chance(0.3) ? 100 : 0,
    release: draws.below(3) * 0.1,
    patient: draws.fraction() * 0.6,
    prepares: [0, 0.9, 1][draws.below(3)] as number,
    turns: 0,
  };
  // More files than are kept open to be read.
  const churns = !hoards && draws.chance(0.6);
  const habits: Habits = churns
    ? { ...drawn, ...CHURNING, end: 0.005 }
    : hoards
      ? { ...drawn, end: 0.005, large: 0.03, least: 200, release: 0, segmentBytes: 300, compacts: false }
      : drawn;
  const leave: readonly LogStep[] = draws.chance(0.3)
    ? [
        { do: "leave", name: `${draws.chance(0.7) ? 999_990 + draws.below(9) : `00000${1 + draws.below(5)}`}.log` },
        { do: "leave", name: NO_SEGMENTS[draws.below(NO_SEGMENTS.length)] as string },
      ]
    : [];
  const steps: LogStep[] = [...leave, open(draws, habits), { do: "run" }];
  while (steps.length < STEPS) steps.push(...next(draws, habits));
  return steps;
}

function next(draws: Draws, habits: Habits): readonly LogStep[] {
  if (draws.chance(habits.turns)) return turnOver(draws, habits);
  if (draws.chance(habits.end)) return endAndOpen(draws, habits);
  if (draws.chance(habits.fault)) {
    if (draws.chance(0.6)) return [fault(draws)];
    // One trouble after the other.
    return [fault(draws), append(draws, habits), { do: "run" }, fault(draws), { do: "wait", ms: draws.below(300), held: false }];
  }
  if (habits.fault > 0 && draws.chance(0.05)) return [{ do: "heal" }];
  if (draws.chance(habits.release)) {
    if (draws.chance(0.15)) return [{ do: "release-again", nth: draws.fraction() }];
    return [{ do: "release", from: draws.chance(0.6) ? 0 : draws.fraction(), count: 1 + draws.below(draws.chance(0.2) ? 20 : 4) }];
  }
  const which = draws.fraction();
  if (which < 0.4) return [append(draws, habits), ...progress(draws, habits)];
  if (which < 0.6) return progress(draws, habits);
  if (which < 0.68) return [{ do: "wait", ms: draws.below(draws.chance(0.3) ? 400 : 60), held: draws.chance(0.2) }];
  if (which < 0.78) {
    const wrongly = draws.chance(0.15) ? ({ wrongly: draws.chance(0.5) ? "place" : "length" } as const) : {};
    return [{ do: "read", from: draws.fraction(), count: 1 + draws.below(draws.chance(0.2) ? 60 : 5), ...wrongly }];
  }
  if (which < 0.82) return [{ do: "hurry" }];
  if (which < 0.87 && !habits.compacts) return [{ do: "read", from: 0, count: STEPS }];
  if (which < 0.87) return [{ do: draws.chance(0.3) ? "compact-all" : "compact" }];
  if (which < 0.89)
    return [{ do: "rot", nth: draws.fraction(), at: draws.fraction(), header: draws.chance(0.3), moving: draws.chance(0.4) }];
  if (which < 0.9) return [{ do: "state", bytes: Array.from({ length: draws.below(3) }, () => draws.below(draws.chance(0.2) ? 900 : 30)) }];
  if (which < 0.95) return [{ do: "look", keep: draws.below(5) / 4 }];
  return Array.from({ length: 2 }, () => damage(draws));
}

function damage(draws: Draws): LogStep {
  return {
    do: "damage",
    how: DAMAGES[draws.below(DAMAGES.length)] as DamageKind,
    file: draws.chance(0.5) ? NEWEST : draws.fraction(),
    at: draws.fraction(),
    bit: draws.below(8),
    keep: draws.below(3) / 2,
  };
}

function append(draws: Draws, habits: Habits): LogStep {
  const size = (): number => habits.least + (draws.chance(habits.large) ? draws.below(1400) : draws.below(40));
  const lot = (): readonly number[] => Array.from({ length: draws.chance(0.7) ? 1 : draws.below(5) }, size);
  if (draws.chance(MANY)) return { do: "append", lots: [Array.from({ length: 270 }, () => 0)], orReject: false };
  const lots = Array.from({ length: draws.chance(0.8) ? 1 : 1 + draws.below(4) }, lot);
  const later = draws.chance(habits.later) ? { laterMs: 10 + draws.below(10) * 10 } : {};
  return { do: "append", lots, orReject: draws.chance(habits.orReject), ...later };
}

/** The disk gets some way. */
function progress(draws: Draws, { patient }: Habits): readonly LogStep[] {
  if (!draws.chance(patient)) return [{ do: "run" }];
  return Array.from({ length: draws.below(4) }, () => ({ do: "tick", nth: draws.below(4) }) as const);
}

/** Ends in one of four ways, and is opened again; once in a while that is cut off too. */
function endAndOpen(draws: Draws, habits: Habits): readonly LogStep[] {
  const steps: LogStep[] = [];
  do {
    const how = (["close", "close-held", "kill", "power", "power"] as const)[draws.below(5)] as "close";
    // What is under way when it ends is lost in parts.
    if (draws.chance(0.6)) {
      steps.push(append(draws, { ...habits, large: 0.5, later: 0 }));
      for (let ticks = draws.below(4); ticks > 0; ticks--) steps.push({ do: "tick", nth: 0 });
    }
    steps.push({ do: "end", how, keep: draws.below(5) / 4 }, open(draws, habits));
    if (draws.chance(0.15)) steps.push(fault(draws));
    const ticks = draws.chance(0.4) ? draws.below(12) : 0;
    for (let tick = 0; tick < ticks; tick++) steps.push({ do: "tick", nth: 0 });
  } while (draws.chance(0.3));
  return [...steps, { do: "run" }];
}

/** What is oldest is let go of, a segment is filled, and the disk is part of the way into the next when something else comes, or the end. */
function turnOver(draws: Draws, habits: Habits): readonly LogStep[] {
  const one = (): LogStep => ({ do: "append", lots: [[700 + draws.below(300)]], orReject: draws.chance(habits.orReject) });
  const steps: LogStep[] = [{ do: "release", from: 0, count: 2 + draws.below(8) }];
  for (let batches = 2 + draws.below(4); batches > 0; batches--) steps.push(one(), { do: "run" });
  steps.push(one());
  for (let ticks = draws.below(8); ticks > 0; ticks--) steps.push({ do: "tick", nth: draws.below(3) });
  const what = draws.fraction();
  if (what < 0.15) steps.push({ do: "end", how: draws.chance(0.5) ? "kill" : "power", keep: draws.below(5) / 4 }, open(draws, habits));
  else if (what < 0.4) steps.push(fault(draws), one());
  return [...steps, { do: "run" }, ...(draws.chance(0.5) ? [damage(draws)] : [])];
}

function open(draws: Draws, habits: Habits): LogStep {
  return {
    do: "open",
    segmentBytes: habits.segmentBytes ?? (SEGMENT_BYTES[draws.below(SEGMENT_BYTES.length)] as number),
    retryMs: 20 + draws.below(3) * 40,
    odd: draws.chance(0.3) ? 0.2 : 0,
    ...(draws.chance(habits.prepares) ? { within: [8, 40, 1e9][draws.below(3)] as number } : {}),
  };
}

function fault(draws: Draws): LogStep {
  const kind = FAULTS[draws.below(FAULTS.length)] as FaultKind;
  return { do: "fault", kind, count: kind === "full" ? draws.below(900) : 1 + draws.below(3) };
}
