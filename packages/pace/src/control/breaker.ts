/**
 * When a service refuses again and again nothing is sent to it for a while, and then one call to see.
 *
 * *Closed*: all may leave; so many refusals with no answer between them open it. *Open*, until a moment: none may. *Half open*: one may, and its fate closes
 * or opens it again, for twice as long. A refusal of a call that left before it opened says nothing new.
 */
export interface BreakerSettings {
  /** Refusals in a row. Three: one may be chance, two may have been under way together. */
  readonly refusals: number;
  /** How long it is open the first time, where the service names no time. Half a second: one call to see costs little, and somebody may wait. */
  readonly openMs: number;
  /** Four seconds: what is over is noticed soon, and a service in trouble stands a call in so long. */
  readonly mostOpenMs: number;
  /** One that is to see and is not answered for so long is given up, and another may see: a connection may hang for minutes. */
  readonly probeMs: number;
}

export const BREAKER_SETTINGS: BreakerSettings = { refusals: 3, openMs: 500, mostOpenMs: 4000, probeMs: 10_000 };

export type BreakerState = "closed" | "open" | "half-open";

export interface Breaker {
  state(nowMs: number): BreakerState;
  /** From when on a call may leave: now or before where one may. */
  opensAtMs(nowMs: number): number;
  left(nowMs: number): void;
  answered(sentMs: number): void;
  /** `waitMs`: what the service asks for. */
  refused(nowMs: number, sentMs: number, waitMs?: number): void;
  /** The call that was to tell ended without telling. */
  abandoned(sentMs: number): void;
}

export function createBreaker({ refusals: most, openMs, mostOpenMs, probeMs: patienceMs }: BreakerSettings = BREAKER_SETTINGS): Breaker {
  let refusals = 0;
  let untilMs: number | undefined;
  let openedMs = Number.NEGATIVE_INFINITY;
  let probeMs: number | undefined;
  let times = 0;
  const open = (nowMs: number, waitMs: number | undefined): void => {
    openedMs = nowMs;
    untilMs = nowMs + (waitMs ?? Math.min(mostOpenMs, openMs * 2 ** times));
    probeMs = undefined;
    times++;
  };
  const close = (): void => {
    [refusals, times] = [0, 0];
    untilMs = undefined;
    probeMs = undefined;
  };
  return {
    state: (nowMs) => (untilMs === undefined ? "closed" : nowMs < untilMs ? "open" : "half-open"),
    opensAtMs: (nowMs) => (untilMs === undefined ? nowMs : probeMs === undefined ? untilMs : probeMs + patienceMs),
    left: (nowMs) => {
      if (untilMs !== undefined) probeMs = nowMs;
    },
    answered: (sentMs) => {
      if (sentMs > openedMs || untilMs === undefined) close();
    },
    refused: (nowMs, sentMs, waitMs) => {
      if (untilMs !== undefined) {
        if (sentMs > openedMs) open(nowMs, waitMs);
        else if (waitMs !== undefined) untilMs = Math.max(untilMs, nowMs + waitMs);
        return;
      }
      if (++refusals >= most) open(nowMs, waitMs);
    },
    abandoned: (sentMs) => {
      if (probeMs === sentMs) probeMs = undefined;
    },
  };
}
