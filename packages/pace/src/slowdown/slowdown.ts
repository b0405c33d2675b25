/**
 * What somebody who has too much to do asks of those who send to him, and what they answer. The network carries it; whoever hands a request to this machine has
 * verified who sent it.
 *
 * A request *stands* from when it was accepted until its time is over. One that would take what was promised to its sender is *countered* with the least that is
 * left to him, and stands when this side's owner agrees to it in so many words. Others are *refused*: with an older number than one before, without sense, or too many:
 * too often, or while all that is kept stands. Invariants: a request binds only what goes to its sender; what was accepted holds until its time is over, an hour after it
 * was accepted at the latest; the same request has the same answer and no second effect, as long as it is kept; what is kept of a sender, and the number of senders, are
 * bounded.
 */

/** At most so much, until then. */
export interface SlowdownRequest {
  /** Counts up with each request of a sender, also when it starts anew: an older one is a replay. */
  readonly nth: number;
  /** What of the sender: "*", or a name that he gave it. */
  readonly scope: string;
  /** Calls a second. */
  readonly perSecond?: number;
  readonly mostUnderWay?: number;
  /** The classes that it means; all unless said. */
  readonly classes?: readonly string[];
  readonly forMs: number;
  /** For people. */
  readonly reason: string;
  readonly severity: "hint" | "trouble" | "emergency";
}

export type SlowdownAnswer =
  /** For so long: less than was asked where that was too long. */
  | { readonly kind: "accepted"; readonly nth: number; readonly forMs: number }
  | { readonly kind: "countered"; readonly nth: number; readonly leastPerSecond: number; readonly reason: string }
  | { readonly kind: "refused"; readonly nth: number; readonly reason: "replayed" | "too-many" | "no-sense" };

export type SlowdownInput =
  | { readonly kind: "asked"; readonly from: string; readonly request: SlowdownRequest }
  /** The owner takes a request that was countered as it is. */
  | { readonly kind: "agreed"; readonly from: string; readonly nth: number };

export interface SlowdownOutput {
  readonly to: string;
  readonly answer: SlowdownAnswer;
}

export interface SlowdownSettings {
  /** Calls a second that were promised to somebody: no request takes them by itself. */
  readonly floor: (peer: string) => number;
}

interface Told {
  readonly request: SlowdownRequest;
  readonly answer: SlowdownAnswer;
  /** Of one that stands. */
  readonly untilMs: number | undefined;
}

interface Sender {
  /** The newest at the end. */
  readonly told: readonly Told[];
  readonly highest: number;
  /** Requests that may come at once. */
  readonly credit: number;
  readonly creditMs: number;
}

/** By sender; who was heard last is at the end. */
export type Slowdowns = ReadonlyMap<string, Sender>;

export const NO_SLOWDOWNS: Slowdowns = new Map();

/** Who is in trouble for longer asks again. */
export const MOST_FOR_MS = 3_600_000;
/** Of one sender: more at once are no request but noise. */
const MOST_TOLD = 8;
/** One comes back in so long. */
const ONE_EVERY_MS = 5000;
const MOST_SENDERS = 1000;
const MOST_TEXT = 200;
const MOST_CLASSES = 32;
const SEVERITIES: readonly unknown[] = ["hint", "trouble", "emergency"];

export function slowdownStep(
  before: Slowdowns,
  input: SlowdownInput,
  nowMs: number,
  { floor }: SlowdownSettings,
): { readonly state: Slowdowns; readonly outputs: readonly SlowdownOutput[] } {
  const { from } = input;
  const known = before.get(from) ?? { told: [], highest: 0, credit: MOST_TOLD, creditMs: nowMs };
  const number: unknown = input.kind === "asked" ? (input.request as SlowdownRequest | null | undefined)?.nth : input.nth;
  // What is no number names no request, and is not said again.
  const nth = typeof number === "number" ? number : 0;
  const same = known.told.find(({ request }) => request.nth === nth);

  if (input.kind === "agreed") {
    if (same?.answer.kind !== "countered") return { state: before, outputs: [] };
    const agreed = accepted(same.request, nowMs);
    const told = known.told.map((one) => (one === same ? agreed : one));
    return { state: heard(before, from, { ...known, told }), outputs: [{ to: from, answer: agreed.answer }] };
  }
  if (same !== undefined) return { state: before, outputs: [{ to: from, answer: same.answer }] };

  const credit = Math.min(MOST_TOLD, known.credit + Math.max(0, nowMs - known.creditMs) / ONE_EVERY_MS);
  const refuse = (reason: "replayed" | "too-many" | "no-sense"): ReturnType<typeof slowdownStep> => ({
    state: before,
    outputs: [{ to: from, answer: { kind: "refused", nth, reason } }],
  });
  if (!hasSense(input.request)) return refuse("no-sense");
  if (nth <= known.highest) return refuse("replayed");
  const others = before.has(from) || before.size < MOST_SENDERS ? before : withoutIdle(before, nowMs);
  if (credit < 1 || others === undefined) return refuse("too-many");

  const least = floor(from);
  const { request } = input;
  const wanted = Math.min(request.perSecond ?? Number.POSITIVE_INFINITY, request.mostUnderWay === 0 ? 0 : Number.POSITIVE_INFINITY);
  const next: Told =
    wanted >= least
      ? accepted(request, nowMs)
      : {
          request,
          answer: { kind: "countered", nth, leastPerSecond: least, reason: "so much was promised" },
          untilMs: undefined,
        };
  const kept = known.told.length < MOST_TOLD ? known.told : withoutNeedless(known.told, next, nowMs);
  if (kept === undefined) return refuse("too-many");
  const sender = { told: [...kept, next], highest: nth, credit: credit - 1, creditMs: nowMs };
  return { state: heard(others, from, sender), outputs: [{ to: from, answer: next.answer }] };
}

/** What stands of what goes to a peer in a class: the least of all that he asked for. */
export function standing(
  state: Slowdowns,
  peer: string,
  scope: string,
  className: string,
  nowMs: number,
): { readonly perSecond: number; readonly mostUnderWay: number } {
  let [perSecond, mostUnderWay] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const { request, untilMs } of state.get(peer)?.told ?? []) {
    if (!stands(untilMs, nowMs)) continue;
    if (request.scope !== "*" && request.scope !== scope) continue;
    if (request.classes !== undefined && !request.classes.includes(className)) continue;
    perSecond = Math.min(perSecond, request.perSecond ?? perSecond);
    mostUnderWay = Math.min(mostUnderWay, request.mostUnderWay ?? mostUnderWay);
  }
  return { perSecond, mostUnderWay };
}

function accepted(request: SlowdownRequest, nowMs: number): Told {
  const forMs = Math.min(request.forMs, MOST_FOR_MS);
  return { request, answer: { kind: "accepted", nth: request.nth, forMs }, untilMs: nowMs + forMs };
}

/** Who sends it may have written anything. */
function hasSense(request: unknown): request is SlowdownRequest {
  if (typeof request !== "object" || request === null) return false;
  const {
    nth,
    scope,
    perSecond,
    mostUnderWay,
    classes = [],
    forMs,
    reason,
    severity,
  } = request as { readonly [Name in keyof SlowdownRequest]: unknown };
  if (!Number.isSafeInteger(nth) || (nth as number) < 1 || !(typeof forMs === "number" && forMs > 0)) return false;
  if (perSecond === undefined && mostUnderWay === undefined) return false;
  if (perSecond !== undefined && !(typeof perSecond === "number" && perSecond >= 0)) return false;
  if (mostUnderWay !== undefined && !(Number.isSafeInteger(mostUnderWay) && (mostUnderWay as number) >= 0)) return false;
  if (!Array.isArray(classes) || classes.length > MOST_CLASSES || !SEVERITIES.includes(severity)) return false;
  return [scope, reason, ...(classes as readonly unknown[])].every((text) => typeof text === "string" && text.length <= MOST_TEXT);
}

function stands(untilMs: number | undefined, nowMs: number): boolean {
  return untilMs !== undefined && nowMs < untilMs;
}

/** Without the oldest that does not stand, or that the next one makes needless; nothing where there is none. */
function withoutNeedless(told: readonly Told[], next: Told, nowMs: number): readonly Told[] | undefined {
  const at = told.findIndex((one) => !stands(one.untilMs, nowMs) || covers(next, one));
  return at < 0 ? undefined : told.toSpliced(at, 1);
}

/** Whether all that one holds back until its end is held back as much by the next. */
function covers({ request: next, untilMs = 0 }: Told, { request, untilMs: endMs = 0 }: Told): boolean {
  const most = Number.POSITIVE_INFINITY;
  return (
    untilMs >= endMs &&
    (next.scope === "*" || next.scope === request.scope) &&
    (next.classes === undefined || request.classes?.every((name) => next.classes?.includes(name)) === true) &&
    (next.perSecond ?? most) <= (request.perSecond ?? most) &&
    (next.mostUnderWay ?? most) <= (request.mostUnderWay ?? most)
  );
}

/** Without the sender that was heard first of those of whom nothing stands; nothing where there is none. */
function withoutIdle(before: Slowdowns, nowMs: number): Slowdowns | undefined {
  const idle = [...before].find(([, { told }]) => !told.some(({ untilMs }) => stands(untilMs, nowMs)));
  return idle && new Map([...before].filter((one) => one !== idle));
}

function heard(before: Slowdowns, from: string, sender: Sender): Slowdowns {
  const state = new Map(before);
  state.delete(from);
  return state.set(from, sender);
}
