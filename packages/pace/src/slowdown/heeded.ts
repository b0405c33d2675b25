/**
 * Whether those who were asked to slow down do so, and what is done where they do not.
 *
 * *Asked*, until an answer comes or patience ends; *agreed*, while what comes is no more than was agreed to; *bounded*, when somebody did not answer, refused or sends
 * more than he agreed to: then this side lets in as much as it asked for and no more. All of it ends with the time that was asked for, or
 * that anybody accepts at most, where that is less: then he is free. Who becomes bounded is told once.
 */
import { MOST_FOR_MS, type SlowdownAnswer } from "./slowdown.ts";

export interface Ask {
  readonly peer: string;
  readonly nth: number;
  readonly perSecond: number;
  readonly forMs: number;
  /** Calls a second that this side promised him; he may counter with so many and no more. None unless said. */
  readonly promisedPerSecond?: number;
}

interface Watched {
  readonly state: "asked" | "agreed" | "bounded";
  readonly nth: number;
  readonly perSecond: number;
  readonly promisedPerSecond: number;
  readonly askedMs: number;
  readonly untilMs: number;
  /** Calls that may come at once. */
  readonly credit: number;
  readonly creditMs: number;
}

export type Heeded = ReadonlyMap<string, Watched>;

export type HeededInput =
  | ({ readonly kind: "ask" } & Ask)
  | { readonly kind: "answered"; readonly from: string; readonly answer: SlowdownAnswer }
  | { readonly kind: "came"; readonly from: string };

export interface HeededOutput {
  /** Of what came: whether it is let in. */
  readonly isIn: boolean;
  /** Who does not do as he was asked, where that is new. */
  readonly ignores: string | undefined;
}

export const NOBODY_ASKED: Heeded = new Map();

/** What was on its way, and an answer, take so long. */
const PATIENCE_MS = 5000;
/** What comes at once of an agreed rate: two seconds of it, and a few calls. */
const BURST_MS = 2000;
const FEW_CALLS = 3;
const MOST_PEERS = 1000;

export function heededStep(before: Heeded, input: HeededInput, nowMs: number): { readonly state: Heeded; readonly output: HeededOutput } {
  const peer = input.kind === "ask" ? input.peer : input.from;
  const state = new Map(before);
  const known = state.get(peer);
  const fine = { isIn: true, ignores: undefined };
  if (input.kind === "ask") {
    const { nth, perSecond, forMs, promisedPerSecond = 0 } = input;
    if (known === undefined && state.size >= MOST_PEERS) state.delete([...state.keys()][0] as string);
    const credit = burstOf(perSecond);
    const untilMs = nowMs + forMs;
    state.set(peer, { state: "asked", nth, perSecond, promisedPerSecond, askedMs: nowMs, untilMs, credit, creditMs: nowMs });
    return { state, output: fine };
  }
  if (known === undefined) return { state: before, output: fine };
  if (nowMs >= known.untilMs) {
    state.delete(peer);
    return { state, output: fine };
  }
  const bound = { ...known, state: "bounded" as const };
  if (input.kind === "answered") {
    const { answer } = input;
    // The first answer counts: another would give him time again.
    if (answer.nth !== known.nth || known.state !== "asked") return { state: before, output: fine };
    if (answer.kind === "refused") return { state: state.set(peer, bound), output: { isIn: true, ignores: peer } };
    const isMore = answer.kind === "countered" && answer.leastPerSecond > known.perSecond;
    const perSecond = isMore ? Math.max(known.perSecond, Math.min(answer.leastPerSecond, known.promisedPerSecond)) : known.perSecond;
    const untilMs = Math.min(known.untilMs, known.askedMs + acceptedForMs(answer));
    state.set(peer, { ...known, state: "agreed", perSecond, untilMs, askedMs: nowMs, credit: burstOf(perSecond), creditMs: nowMs });
    return { state, output: fine };
  }
  const most = burstOf(known.perSecond);
  const credit = Math.min(most, known.credit + (known.perSecond * Math.max(0, nowMs - known.creditMs)) / 1000);
  const isIn = credit >= 1;
  const counted = { ...known, credit: isIn ? credit - 1 : credit, creditMs: nowMs };
  if (known.state === "bounded") return { state: state.set(peer, counted), output: { isIn, ignores: undefined } };
  // What was on its way when he was asked is let in.
  if (nowMs < known.askedMs + PATIENCE_MS) return { state: before, output: fine };
  if (known.state === "agreed" && isIn) return { state: state.set(peer, counted), output: fine };
  return { state: state.set(peer, { ...counted, state: "bounded" }), output: { isIn, ignores: peer } };
}

/** Nobody frees himself by accepting for a moment. */
function acceptedForMs(answer: SlowdownAnswer): number {
  const forMs: unknown = answer.kind === "accepted" ? answer.forMs : undefined;
  return typeof forMs === "number" && forMs >= MOST_FOR_MS ? forMs : Number.POSITIVE_INFINITY;
}

function burstOf(perSecond: number): number {
  return FEW_CALLS + (perSecond * BURST_MS) / 1000;
}
