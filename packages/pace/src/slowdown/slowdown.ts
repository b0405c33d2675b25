/**
 * What somebody who has too much to do asks of those who send to him, and what they answer. The network carries it; whoever hands a request to this machine has
 * verified who sent it.
 *
 * A request *stands* from when it was accepted until its time is over. One that would take what was promised to its sender is *countered* with the least that is
 * left to him, and stands when this side's owner agrees to it in so many words. Others are *refused*: with an older number than one before, too many, or without sense.
 * Invariants: a request binds only what goes to its sender; it ends, an hour after it came at the latest; the same request has the same answer and no second effect;
 * what is kept of a sender, and the number of senders, are bounded.
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
  /** The last ones, the newest at the end. */
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
const MOST_FOR_MS = 3_600_000;
/** Of one sender: more at once are no request but noise. */
const MOST_TOLD = 8;
/** One comes back in so long. */
const ONE_EVERY_MS = 5000;
const MOST_SENDERS = 1000;
const MOST_TEXT = 200;
const MOST_CLASSES = 32;

export function slowdownStep(
  before: Slowdowns,
  input: SlowdownInput,
  nowMs: number,
  { floor }: SlowdownSettings,
): { readonly state: Slowdowns; readonly outputs: readonly SlowdownOutput[] } {
  const { from } = input;
  const known = before.get(from) ?? { told: [], highest: 0, credit: MOST_TOLD, creditMs: nowMs };
  const nth = input.kind === "asked" ? numberOf(input.request) : input.nth;
  const same = known.told.find(({ request }) => request.nth === nth);

  if (input.kind === "agreed") {
    if (same?.answer.kind !== "countered") return { state: before, outputs: [] };
    const agreed = accepted(same.request, nowMs);
    const told = known.told.map((one) => (one === same ? agreed : one));
    return { state: heard(before, from, { ...known, told }, nowMs), outputs: [{ to: from, answer: agreed.answer }] };
  }
  if (same !== undefined) return { state: before, outputs: [{ to: from, answer: same.answer }] };

  const credit = Math.min(MOST_TOLD, known.credit + Math.max(0, nowMs - known.creditMs) / ONE_EVERY_MS);
  const refuse = (reason: "replayed" | "too-many" | "no-sense"): ReturnType<typeof slowdownStep> => ({
    state: before,
    outputs: [{ to: from, answer: { kind: "refused", nth, reason } }],
  });
  if (!hasSense(input.request)) return refuse("no-sense");
  if (nth <= known.highest) return refuse("replayed");
  if (credit < 1) return refuse("too-many");

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
  const told = [...known.told, next].slice(-MOST_TOLD);
  const sender = { told, highest: nth, credit: credit - 1, creditMs: nowMs };
  return { state: heard(before, from, sender, nowMs), outputs: [{ to: from, answer: next.answer }] };
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
    if (untilMs === undefined || nowMs >= untilMs) continue;
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

/** What came over a network may be anything. */
function numberOf(request: unknown): number {
  const { nth } = (request ?? {}) as { readonly nth?: unknown };
  return typeof nth === "number" ? nth : 0;
}

function hasSense(request: SlowdownRequest): boolean {
  const { nth, scope, perSecond, mostUnderWay, classes = [], forMs, reason } = (request ?? {}) as SlowdownRequest;
  if (typeof forMs !== "number" || !Array.isArray(classes)) return false;
  if (!Number.isSafeInteger(nth) || nth < 1 || !(forMs > 0) || (perSecond === undefined && mostUnderWay === undefined)) return false;
  if (perSecond !== undefined && !(typeof perSecond === "number" && perSecond >= 0)) return false;
  if (mostUnderWay !== undefined && !(Number.isSafeInteger(mostUnderWay) && mostUnderWay >= 0)) return false;
  const texts = [scope, reason, ...classes];
  return classes.length <= MOST_CLASSES && texts.every((text) => typeof text === "string" && text.length <= MOST_TEXT);
}

/** A sender of whom something stands is not forgotten for one who comes anew, but where all are such. */
function heard(before: Slowdowns, from: string, sender: Sender, nowMs: number): Slowdowns {
  const state = new Map(before);
  state.delete(from);
  if (state.size >= MOST_SENDERS) {
    const idle = [...state].find(([, { told }]) => !told.some(({ untilMs }) => untilMs !== undefined && nowMs < untilMs));
    state.delete((idle ?? ([...state][0] as [string, Sender]))[0]);
  }
  state.set(from, sender);
  return state;
}
