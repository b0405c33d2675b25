/**
 * Keeps lines away from the limits on their way: measures each, learns from how it ends, keeps the next one alive more often than an
 * idle limit asks for, and begins anew, at a quiet moment, before a maximum age.
 *
 * What must hold: what a line died of is judged only when the next one shows that the other side is the same process as before; a limit
 * that is avoided is tried out again after `limitTrialMs` (twice as long each time it is still there), so that none is avoided for ever.
 */
import type { Clock } from "../../host/clock.ts";
import type { Log } from "../../host/log.ts";
import type { Random } from "../../host/random.ts";
import type { Settings } from "../../settings/register.ts";
import { type Bytes, equalBytes, u32At } from "../../wire/bytes.ts";
import type { Goodbye } from "../../wire/control.ts";
import { createLifetimes, type EndedLine, type LimitChange, type LimitFinding, MOST_PATHS } from "./lifetimes.ts";
import { culpritsOf, type LimitCandidate } from "./limit-culprits.ts";
import type { LineMeter } from "./line-meter.ts";

/** A limit that was found, for people. */
export interface FoundLimit extends LimitFinding {
  /** Whose it may be, the closest first. */
  readonly culprits: readonly LimitCandidate[];
}

/** How the next line to one place is kept. */
export interface LinePlan {
  readonly path: string;
  /** Something is to be sent at least this often; undefined: as the settings say. */
  readonly keepAliveMs: number | undefined;
  /** Nothing that was found is avoided: whether it is still there is to be seen. */
  readonly trial: boolean;
}

export interface OpenLine {
  readonly meter: LineMeter;
  /** Of the relay at the other end: another one is another process. */
  readonly generation: Bytes;
  /** Nothing is under way, and nothing would wait for a new line. */
  quiet(): boolean;
  /** Ends the line; the next one follows at once. */
  renew(why: string): void;
}

export interface LineKeeper {
  plan(path: string): LinePlan;
  /** A line is open. Returned is what to call at its end; it says whether the end was planned. */
  begin(plan: LinePlan, line: OpenLine): (reason: Goodbye) => boolean;
  readonly limits: readonly FoundLimit[];
  stop(): void;
}

export interface LineKeeperOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: Pick<Settings, "limitTrialMs" | "keepAliveMinMs" | "learnLimits">;
  /** First word of what it logs. */
  readonly owner: "agent" | "relay";
  /** Own settings and what is known of libraries and the system. */
  readonly candidates: () => readonly LimitCandidate[];
  readonly known: readonly LimitFinding[];
  readonly changed: (limits: readonly FoundLimit[], change: LimitChange) => void;
}

/** Where in the life that is left to it a line begins anew: drawn from the first two, or at the first quiet moment before the third. */
const RENEW_FROM = 0.8;
const RENEW_TO = 0.9;
const RENEW_BY = 0.96;
const QUIET_LOOK_MS = 1_000;
/** How often a line that lives is looked at. */
const LOOK_EVERY_MS = 600_000;
const LONGEST_TRIAL_PAUSE = 8;

export function createLineKeeper(options: LineKeeperOptions): LineKeeper {
  const { clock, random, log, settings, owner } = options;
  const lifetimes = createLifetimes();
  // bound: MOST_PATHS
  const ends = new Map<string, { readonly line: EndedLine | undefined; readonly generation: Bytes }>();
  // bound: MOST_PATHS
  const trials = new Map<string, { atMs: number; everyMs: number }>();
  // bound: two per open line
  const cancels = new Set<() => void>();
  let stopped = false;
  if (settings.learnLimits > 0) lifetimes.restore(options.known);

  /** Candidates are gathered once for all: what the machine has in force is looked up for each gathering. */
  const shown = (findings: readonly LimitFinding[]): readonly FoundLimit[] => {
    if (findings.length === 0) return [];
    const candidates = options.candidates();
    return findings.map((finding) => ({ ...finding, culprits: culpritsOf(finding, candidates) }));
  };

  const trialOf = (path: string): { atMs: number; everyMs: number } => {
    const trial = trials.get(path) ?? { atMs: clock.monotonicMs() + settings.limitTrialMs, everyMs: settings.limitTrialMs };
    trials.set(path, trial);
    if (trials.size > MOST_PATHS) trials.delete(trials.keys().next().value as string);
    return trial;
  };

  const tell = (changes: readonly LimitChange[]): void => {
    for (const change of changes) {
      const { path, kind, valueMs, errorMs, occurrences } = change.finding;
      const trial = trialOf(path);
      if (change.change === "confirmed") trial.everyMs = Math.min(trial.everyMs * 2, settings.limitTrialMs * LONGEST_TRIAL_PAUSE);
      trial.atMs = clock.monotonicMs() + trial.everyMs;
      if (change.change === "withdrawn") trials.delete(path);
      log.write(change.change === "found" ? "warn" : "info", `${owner}.limit-${change.change}`, {
        path,
        kind,
        valueMs: Math.round(valueMs),
        errorMs: Math.round(errorMs),
        occurrences,
        culprit: shown([change.finding])
          .flatMap(({ culprits }) => culprits.map(({ name }) => name))
          .join(", "),
      });
      options.changed(shown(lifetimes.findings), change);
    }
  };

  const timer = (): { readonly after: (delayMs: number, then: () => void) => void; readonly stop: () => void } => {
    let cancel = (): void => {};
    const stop = (): void => cancel();
    cancels.add(stop);
    return {
      after: (delayMs, then) => {
        cancel();
        if (!stopped) cancel = clock.after(Math.max(1, delayMs), then);
      },
      stop: () => {
        cancel();
        cancels.delete(stop);
      },
    };
  };

  return {
    plan(path) {
      const { keepAliveMs, renewBeforeMs } = lifetimes.advise(path);
      const known = keepAliveMs !== undefined || renewBeforeMs !== undefined;
      const trial = known && clock.monotonicMs() >= trialOf(path).atMs;
      return {
        path,
        keepAliveMs: keepAliveMs === undefined || trial ? undefined : Math.max(settings.keepAliveMinMs, keepAliveMs),
        trial,
      };
    },
    begin({ path, trial }, { meter, generation, quiet, renew }) {
      const before = ends.get(path);
      if (before?.line !== undefined && equalBytes(before.generation, generation)) tell(lifetimes.ended(before.line));
      ends.set(path, { line: undefined, generation });
      if (ends.size > MOST_PATHS) ends.delete(ends.keys().next().value as string);
      let planned = false;
      const renewBeforeMs = trial ? undefined : lifetimes.advise(path).renewBeforeMs;
      const [renewal, look] = [timer(), timer()];
      if (renewBeforeMs !== undefined) {
        const share = u32At(random.bytes(4), 0) / 2 ** 32;
        const tryRenewal = (): void => {
          const leftMs = renewBeforeMs * RENEW_BY - meter.times().ageMs;
          if (leftMs > 0 && !quiet()) return renewal.after(Math.min(QUIET_LOOK_MS, leftMs), tryRenewal);
          planned = true;
          meter.giveUp?.();
          renew(`lines of this way end when they are ${Math.round((renewBeforeMs / 60_000) * 10) / 10} min old; a new one begins before`);
        };
        renewal.after(renewBeforeMs * (RENEW_FROM + share * (RENEW_TO - RENEW_FROM)) - meter.times().ageMs, tryRenewal);
      }
      const lookOnce = (): void => {
        tell(lifetimes.living(path, meter.times(), clock.wallMs()));
        look.after(LOOK_EVERY_MS, lookOnce);
      };
      if (settings.learnLimits > 0) look.after(LOOK_EVERY_MS, lookOnce);
      return (reason) => {
        renewal.stop();
        look.stop();
        const times = meter.times();
        const lost = !planned && (times.broke || (reason.code === "timed-out" && times.endedHere)) && !times.slept;
        const line = { ...times, path, endedAtMs: clock.wallMs(), lost };
        if (settings.learnLimits > 0) ends.set(path, { line, generation });
        return planned;
      };
    },
    get limits() {
      return shown(lifetimes.findings);
    },
    stop() {
      stopped = true;
      for (const cancel of cancels) cancel();
      cancels.clear();
    },
  };
}
