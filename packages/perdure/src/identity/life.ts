/**
 * The stages of an agent's life and what leads from one to another: one table, asked before every change and replayed from the log.
 *
 *   draft -> operating -> (compromised | suspended | superseded) -> operating -> … -> retired
 *
 * What must hold: who has the log, and knows whether its record names a home, comes to the same stage as whoever lived through it. An
 * illegal step is refused with its reason before anything is signed.
 */
import { PerdureError } from "../wire/error.ts";
import type { EventKind, LogState } from "./log-state.ts";

/**
 * `draft`: nobody but its folder knows it. `operating`: a relay is its home. `compromised`: its keys are, or were, in other hands as well.
 * `suspended`: two logs of it contradict each other. `superseded`: other keys are in force than this folder has.
 */
export type Stage = "draft" | "operating" | "compromised" | "suspended" | "superseded" | "retired";

/**
 * Kinds of log events, and what is not one: `join` and `move`: a relay becomes its home. `claim`: a new instance in the place of all
 * others. `theft`: keys are found in other hands. `contradict` and `outrank`: another log of it is seen.
 */
export type LifeEvent = Exclude<EventKind, "inception"> | "join" | "move" | "claim" | "theft" | "contradict" | "outrank";

export const STAGES: readonly Stage[] = ["draft", "operating", "compromised", "suspended", "superseded", "retired"];

const RETIRED = { code: "identity-retired", message: "this agent is retired: nothing follows in its log", hint: undefined } as const;
const SUSPENDED = {
  code: "identity-forked",
  message: "somebody else wrote to this agent's log with a copy of its control key",
  hint: "Take the agent back: perdure id rotate. Nothing else can be changed until then.",
} as const;
const SUPERSEDED = {
  code: "instance-revoked",
  message: "the control key of this agent was replaced elsewhere; this folder no longer has it",
  hint: "Go on in the folder that replaced it. With the recovery file: perdure id rotate --recovery <file>.",
} as const;
const HOMELESS = {
  code: "bad-argument",
  message: "this agent has no home yet",
  hint: "Join a relay: perdure init --relay <address>.",
} as const;
const HOUSED = {
  code: "wrong-relay",
  message: "this agent has a home already",
  hint: "To leave it for another one for good: perdure id move <address>.",
} as const;

/** Why a folder whose keys were replaced elsewhere can change nothing. */
export function notOurs(): PerdureError {
  return refused(SUPERSEDED);
}

type Refusal = typeof RETIRED | typeof SUSPENDED | typeof SUPERSEDED | typeof HOMELESS | typeof HOUSED;

/** Where each event leads, or why it may not be. */
export const LIFE: Readonly<Record<Stage, Readonly<Record<LifeEvent, Stage | Refusal>>>> = {
  draft: {
    join: "operating",
    move: HOMELESS,
    "instance-revoke": "draft",
    "home-set": "draft",
    anchor: "draft",
    claim: "draft",
    rotate: "draft",
    retire: "retired",
    theft: "draft",
    contradict: "suspended",
    outrank: "superseded",
  },
  operating: {
    join: HOUSED,
    move: "operating",
    "instance-revoke": "operating",
    "home-set": "operating",
    anchor: "operating",
    claim: "operating",
    rotate: "operating",
    retire: "retired",
    theft: "compromised",
    contradict: "suspended",
    outrank: "superseded",
  },
  compromised: {
    join: HOUSED,
    move: "compromised",
    "instance-revoke": "compromised",
    "home-set": "compromised",
    anchor: "compromised",
    claim: "operating",
    rotate: "operating",
    retire: "retired",
    theft: "compromised",
    contradict: "suspended",
    outrank: "superseded",
  },
  suspended: {
    join: SUSPENDED,
    move: SUSPENDED,
    "instance-revoke": SUSPENDED,
    "home-set": SUSPENDED,
    anchor: SUSPENDED,
    claim: SUSPENDED,
    rotate: "operating",
    retire: "retired",
    theft: "suspended",
    contradict: "suspended",
    outrank: "superseded",
  },
  superseded: {
    join: SUPERSEDED,
    move: SUPERSEDED,
    "instance-revoke": SUPERSEDED,
    "home-set": SUPERSEDED,
    anchor: SUPERSEDED,
    claim: SUPERSEDED,
    rotate: "operating",
    retire: SUPERSEDED,
    theft: "superseded",
    contradict: "superseded",
    outrank: "superseded",
  },
  retired: {
    join: RETIRED,
    move: RETIRED,
    "instance-revoke": RETIRED,
    "home-set": RETIRED,
    anchor: RETIRED,
    claim: RETIRED,
    rotate: RETIRED,
    retire: RETIRED,
    theft: "retired",
    contradict: "suspended",
    outrank: "superseded",
  },
};

/** The stage that follows; throws the reason, with a hint, where none does. */
export function stageAfter(stage: Stage, event: LifeEvent): Stage {
  const next = LIFE[stage][event];
  if (typeof next === "string") return next;
  throw refused(next);
}

function refused({ code, message, hint }: Refusal): PerdureError {
  return new PerdureError(code, message, hint === undefined ? {} : { hint });
}

/**
 * Of an agent's log, as its folder or a bundle says. `frozen`: another log of it contradicts this one, and neither outranks the other.
 * `superseded`: another log outranks it, with keys that are not in the folder.
 */
export type Standing = "in-force" | "frozen" | "superseded" | "retired";

/** What is known of an agent besides its log. */
export interface Circumstances {
  /** Its record names a home. */
  readonly isHoused: boolean;
  readonly standing: Standing;
}

/** The stage an agent is in. */
export function stageOf({ isHoused, standing }: Circumstances): Stage {
  if (standing === "frozen") return "suspended";
  if (standing === "superseded" || standing === "retired") return standing;
  return isHoused ? "operating" : "draft";
}

/** One step of a life, as the log tells it afterwards. */
export interface LifeStep {
  /** The event of the log that shows it; for what is seen beside the log, the newest one. */
  readonly seq: number;
  readonly event: LifeEvent | "inception";
  readonly stage: Stage;
}

/**
 * An agent's life from its log. A log does not say when a relay became its home: that counts from its inception on. What a later rotation
 * took back was the work of a thief, and shows when he was at it.
 */
export function lifeOf(log: LogState, { isHoused, standing }: Circumstances): readonly LifeStep[] {
  const steps: LifeStep[] = [{ seq: 0, event: "inception", stage: "draft" }];
  const step = (seq: number, event: LifeEvent): void => {
    steps.push({ seq, event, stage: stageAfter((steps.at(-1) as LifeStep).stage, event) });
  };
  if (isHoused) step(0, "join");
  for (const { seq, kind, claimedAtMs, voided } of log.events) {
    if (kind === "inception") continue;
    const untilMs = log.epochs.findLast(({ fromSeq }) => fromSeq < seq)?.untilMs ?? Number.POSITIVE_INFINITY;
    if (voided || claimedAtMs > untilMs) step(seq, "theft");
    step(seq, kind);
  }
  if (standing === "frozen") step(log.seq, "contradict");
  if (standing === "superseded") step(log.seq, "outrank");
  return steps;
}

/** The stage an agent was in after event `seq` of its log, by what that says by now; of an event it does not have, its last one. */
export function stageAt(log: LogState, seq: number, circumstances: Circumstances): Stage {
  return stageIn(lifeOf(log, circumstances), seq);
}

export function stageIn(life: readonly LifeStep[], seq: number): Stage {
  return life.findLast((each) => each.seq <= seq)?.stage ?? "draft";
}
