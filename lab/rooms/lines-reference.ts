/** How lines are kept away from limits, by the words of `line-keeper.ts`: what is tried, when a line begins anew, and what is told. */
import type { LimitChange } from "../../packages/perdure/src/protocol/link/lifetimes.ts";
import type { LimitCandidate } from "../../packages/perdure/src/protocol/link/limit-culprits.ts";
import type { LineTimes } from "../../packages/perdure/src/protocol/link/line-meter.ts";
import { MIDDLEBOXES } from "../../packages/perdure/src/settings/middleboxes.ts";
import { createLimitReference, type LimitReference } from "./lifetimes-reference.ts";

export interface KeptLine {
  readonly path: string;
  readonly generation: number;
  readonly openedMs: number;
  readonly renewBeforeMs: number | undefined;
  /** When something is due: a look at it, and its renewal. */
  lookMs: number;
  renewMs: number | undefined;
  planned: boolean;
}

export interface LinesReference {
  readonly limits: LimitReference;
  /** Changes that were told, until they are taken. */
  readonly told: LimitChange[];
  plan(path: string, nowMs: number): { readonly keepAliveMs: number | undefined; readonly trial: boolean };
  begin(path: string, trial: boolean, generation: number, share: number, nowMs: number): KeptLine;
  look(line: KeptLine, times: LineTimes, nowMs: number, wallMs: number): void;
  /** Whether the line begins anew. */
  renewal(line: KeptLine, isQuiet: boolean, nowMs: number): boolean;
  end(line: KeptLine, times: LineTimes, code: string, wallMs: number): void;
}

export interface LinesSettings {
  readonly limitTrialMs: number;
  readonly keepAliveMinMs: number;
  readonly learnLimits: number;
}

const LOOK_EVERY_MS = 600_000;

export function createLinesReference({ limitTrialMs, keepAliveMinMs, learnLimits }: LinesSettings): LinesReference {
  const limits = createLimitReference();
  const told: LimitChange[] = [];
  const ends = new Map<string, { readonly line: Parameters<LimitReference["ended"]>[0] | undefined; readonly generation: number }>();
  const trials = new Map<string, { atMs: number; everyMs: number }>();

  const trialOf = (path: string, nowMs: number): { atMs: number; everyMs: number } => {
    const trial = trials.get(path) ?? { atMs: nowMs + limitTrialMs, everyMs: limitTrialMs };
    trials.set(path, trial);
    return trial;
  };
  const tell = (changes: readonly LimitChange[], nowMs: number): void => {
    for (const change of changes) {
      const { path } = change.finding;
      const trial = trialOf(path, nowMs);
      if (change.change === "confirmed") trial.everyMs = Math.min(2 * trial.everyMs, 8 * limitTrialMs);
      trial.atMs = nowMs + trial.everyMs;
      if (change.change === "withdrawn") trials.delete(path);
      told.push(change);
    }
  };
  return {
    limits,
    told,
    plan: (path, nowMs) => {
      const { keepAliveMs, renewBeforeMs } = limits.advise(path);
      const isKnown = keepAliveMs !== undefined || renewBeforeMs !== undefined;
      const trial = isKnown && nowMs >= trialOf(path, nowMs).atMs;
      return { trial, keepAliveMs: keepAliveMs === undefined || trial ? undefined : Math.max(keepAliveMinMs, keepAliveMs) };
    },
    begin: (path, trial, generation, share, nowMs) => {
      const before = ends.get(path);
      if (before?.line !== undefined && before.generation === generation) tell(limits.ended(before.line), nowMs);
      ends.set(path, { line: undefined, generation });
      const renewBeforeMs = trial ? undefined : limits.advise(path).renewBeforeMs;
      return {
        path,
        generation,
        openedMs: nowMs,
        renewBeforeMs,
        lookMs: learnLimits > 0 ? nowMs + LOOK_EVERY_MS : Number.POSITIVE_INFINITY,
        renewMs: renewBeforeMs === undefined ? undefined : nowMs + renewBeforeMs * (0.8 + share * 0.1),
        planned: false,
      };
    },
    look: (line, { aliveMs, longestQuietMs }, nowMs, wallMs) => {
      tell(limits.living(line.path, aliveMs, longestQuietMs, wallMs), nowMs);
      line.lookMs = nowMs + LOOK_EVERY_MS;
    },
    renewal: (line, isQuiet, nowMs) => {
      const leftMs = (line.renewBeforeMs as number) * 0.96 - (nowMs - line.openedMs);
      line.renewMs = leftMs > 0 && !isQuiet ? nowMs + Math.max(1, Math.min(1000, leftMs)) : undefined;
      line.planned = line.renewMs === undefined;
      return line.planned;
    },
    end: ({ path, generation, planned }, times, code, wallMs) => {
      const { broke, endedHere, slept } = times;
      const lost = !planned && !slept && (broke || (code === "timed-out" && endedHere));
      if (learnLimits > 0) ends.set(path, { line: { ...times, path, endedAtMs: wallMs, lost }, generation });
    },
  };
}

/** Whose it may be, the closest first: of one value those of this machine. */
export function culpritsAgain(
  { kind, valueMs, errorMs }: LimitChange["finding"],
  own: readonly Pick<LimitCandidate, "name" | "valueMs" | "origin">[],
): readonly Pick<LimitCandidate, "name" | "valueMs" | "origin">[] {
  const known = Object.entries(MIDDLEBOXES).flatMap(([name, { value, cuts, source }]) =>
    cuts === kind ? [{ name, valueMs: value, origin: source }] : [],
  );
  const off = (each: { readonly valueMs: number }): number => Math.abs(each.valueMs - valueMs);
  return [...own, ...known]
    .filter((each) => off(each) <= errorMs || off(each) <= valueMs / 200)
    .sort((one, other) => off(one) - off(other));
}
