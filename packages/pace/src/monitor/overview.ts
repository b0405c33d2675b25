/**
 * Snapshots of a pace, with what only time tells: how calls ended since it began, and when quotas will run out. Forecasts are fed once a second whether or not anybody
 * looks, as they would tell nothing to who looks once.
 */
import type { PaceEvent } from "../event.ts";
import { createForecaster, type Forecaster } from "../forecast/forecast.ts";
import type { Clock } from "../host/clock.ts";
import type { Pace } from "../pace.ts";
import type { PartitionState } from "../partition-state.ts";
import type { Gauge } from "../quota/gauge.ts";
import { NO_TOTALS, type QuotaView, type Snapshot, type Totals } from "./snapshot.ts";

export interface Overview extends Disposable {
  /** For `PacePorts.watch`. */
  readonly watch: (event: PaceEvent) => void;
  /** From then on quotas are looked at. */
  follow(pace: Pick<Pace, "state" | "gauges">): void;
  snapshot(): Snapshot;
}

const EVERY_MS = 1000;

export function createOverview(targets: readonly string[], clock: Clock): Overview {
  const beganMs = clock.now();
  const totals = new Map<string, Totals>();
  let forecasts = new Map<string, { readonly forecaster: Forecaster; runsOutInMs: number | undefined }>();
  let followed: Pick<Pace, "state" | "gauges"> | undefined;
  let forget: (() => void) | undefined;

  const look = (): void => {
    const now = clock.now();
    const seen: typeof forecasts = new Map();
    for (const gauge of followed?.gauges() ?? []) {
      const key = keyOf(gauge.partition, gauge);
      const forecast = forecasts.get(key) ?? { forecaster: createForecaster(), runsOutInMs: undefined };
      const told = forecast.forecaster.look(now, gauge);
      forecast.runsOutInMs = told?.exhaustsInMs !== undefined && told.exhaustsInMs < told.horizonMs ? told.exhaustsInMs : undefined;
      seen.set(key, forecast);
    }
    // What pace has forgotten is forgotten here.
    forecasts = seen;
    const known = followed?.state();
    for (const name of totals.keys()) if (known?.has(name) === false) totals.delete(name);
    forget = clock.wake(now + EVERY_MS, look);
  };

  return {
    watch: (event) => {
      if (event.kind === "breaker" || event.kind === "left" || event.kind === "used") return;
      const before = totals.get(event.partition) ?? NO_TOTALS;
      const key = event.kind === "turned-away" ? "turnedAway" : event.kind;
      totals.set(event.partition, { ...before, [key]: before[key] + 1 });
    },
    follow: (pace) => {
      forget?.();
      followed = pace;
      look();
    },
    snapshot: () => {
      const states = followed?.state() ?? new Map<string, PartitionState>();
      const [own, shared] = [new Map<string, QuotaView[]>(), new Map<string, QuotaView[]>()];
      for (const { partition, ...gauge } of followed?.gauges() ?? []) {
        const views = gauge.source === "policy" || !states.has(partition) ? shared : own;
        const view = { ...gauge, runsOutInMs: forecasts.get(keyOf(partition, gauge))?.runsOutInMs };
        views.set(partition, [...(views.get(partition) ?? []), view]);
      }
      return {
        upMs: clock.now() - beganMs,
        targets,
        shared: [...shared].map(([name, quotas]) => ({ name, quotas })),
        // In an order that stays, so that whoever looks finds it again.
        partitions: [...states]
          .map(([name, { accounts: _, ...state }]) => ({
            name,
            ...state,
            totals: totals.get(name) ?? NO_TOTALS,
            quotas: own.get(name) ?? [],
          }))
          .sort((one, other) => (one.name < other.name ? -1 : 1)),
      };
    },
    [Symbol.dispose]: () => forget?.(),
  };
}

function keyOf(partition: string, { unit, name, source }: Pick<Gauge, "unit" | "name" | "source">): string {
  return `${source} ${unit} ${name} ${partition}`;
}
