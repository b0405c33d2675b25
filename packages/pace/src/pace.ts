/**
 * Everything that a program sends to services with limits, by one gate for each quota that is shared.
 *
 *   const pace = createPace();
 *   const answer = await pace.fetch("https://api.example.com/v1/things");
 */
import { type Attempt, call } from "./call.ts";
import type { BreakerState } from "./control/breaker.ts";
import { createRetryBudget, type RetryBudget } from "./control/retry-budget.ts";
import { PaceError } from "./error.ts";
import type { PaceEvent } from "./event.ts";
import { createGate, type Gate, type GateState } from "./gate/gate.ts";
import type { Clock } from "./host/clock.ts";
import { systemClock } from "./host/node/clock.ts";
import { systemRandom } from "./host/node/random.ts";
import type { Random } from "./host/random.ts";
import { type Asked, guessedCost, partitionOf } from "./partition.ts";
import { beginningOf } from "./providers/beginning.ts";
import { readingsOf } from "./providers/readings.ts";
import { needsBody, type Verdict, verdictOf } from "./providers/verdict.ts";
import type { Gauge } from "./quota/gauge.ts";
import type { Reading, Unit } from "./quota/reading.ts";

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** A limit that its owner knows, or sets. */
export interface PolicyQuota {
  /** `requests` unless said. */
  readonly unit?: Unit;
  readonly limit: number;
  readonly windowMs: number;
  /** A bucket, that fills all the time, unless said. */
  readonly shape?: Reading["shape"];
}

export interface PacePolicy {
  /** Who leaves first: `heartbeat`, `interactive`, `normal`, `background` unless said. */
  readonly classes?: readonly string[];
  /** Of these, whom pauses that a guess began do not hold: `heartbeat` unless said. */
  readonly reserved?: readonly string[];
  /** Of calls that name none: `normal` unless said, or the last. */
  readonly usualClass?: string;
  /** Until the last attempt of a call has left, which is then not ended; 120,000 unless said: longer than a person waits, shorter than most clients' ten minutes. */
  readonly deadlineMs?: number;
  /** Attempts of a call; 20 unless said. Deadlines end most before. */
  readonly attempts?: number;
  /** Calls that may wait for one quota; 10,000 unless said: some MB. */
  readonly mostWaiting?: number;
  /** By the origin of the service, as "https://api.example.com". */
  readonly quotas?: Readonly<Record<string, readonly PolicyQuota[]>>;
  /** Names the quotas that a request takes of; by address, credentials and model unless said. */
  readonly partitionOf?: (asked: Asked) => string;
}

export interface PacePorts {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly fetch?: Fetch;
  /** Called with all that happens, as it happens, for metrics and logs. What it throws is dropped: no call pays for who looks on. */
  readonly watch?: (event: PaceEvent) => void;
}

/** What calls have in common. */
export interface CallTraits {
  readonly class?: string;
  /** As in the policy. */
  readonly deadlineMs?: number;
  /** For whom: those of one class take turns. */
  readonly requester?: string;
}

export interface Pace extends Disposable {
  /** `fetch`, and what is refused for its rate is asked again when there is room. Throws `PaceError` for what cannot leave in time. */
  readonly fetch: Fetch;
  /** The same gates, for calls of a kind: hand its `fetch` to a client. */
  with(traits: CallTraits): Pace;
  /** By the name of its quotas. */
  state(): ReadonlyMap<string, GateState>;
  /** Every quota that is known of, at this moment. */
  gauges(): readonly Gauge[];
  /** What waits is refused. */
  close(): void;
}

const CLASSES = ["heartbeat", "interactive", "normal", "background"];
const DEADLINE_MS = 120_000;
const ATTEMPTS = 20;
const MOST_WAITING = 10_000;
/** Partitions that are remembered: keys and models of one program. The one that was not used for longest makes room. */
const MOST_PARTITIONS = 1000;
/** RFC 9110, section 9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

interface Partition {
  readonly gate: Gate;
  readonly budget: RetryBudget;
}

/** Throws `bad-argument`. */
export function createPace(
  policy: PacePolicy = {},
  { clock = systemClock, random = systemRandom, fetch: send = fetch, watch: look }: PacePorts = {},
): Pace {
  const classes = policy.classes ?? CLASSES;
  const usual = policy.usualClass ?? (classes.includes("normal") ? "normal" : (classes.at(-1) ?? ""));
  rankOf(classes, usual);
  const reserved = new Set(policy.reserved ?? ["heartbeat"]);
  const nameOf = policy.partitionOf ?? partitionOf;
  const partitions = new Map<string, Partition>();
  const watch = look && quiet(look);

  const partitionNamed = (name: string, origin: string): Partition => {
    const known = partitions.get(name);
    if (known !== undefined) {
      // The last in a map is the one that was used last.
      partitions.delete(name);
      partitions.set(name, known);
      return known;
    }
    for (const [other, { gate }] of partitions) {
      if (partitions.size < MOST_PARTITIONS) break;
      const { waiting, underWay } = gate.state();
      if (waiting + underWay > 0) continue;
      gate.close();
      partitions.delete(other);
    }
    const settings = {
      mostWaiting: policy.mostWaiting ?? MOST_WAITING,
      ranks: classes.length,
      policy: (policy.quotas?.[origin] ?? []).map(readingOf),
    };
    const turned = (state: BreakerState): void => watch?.({ kind: "breaker", partition: name, state });
    const partition = { gate: createGate(settings, { clock, random, turned }), budget: createRetryBudget() };
    partitions.set(name, partition);
    return partition;
  };

  const fetchWith = async (traits: CallTraits, input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { url, headers, method } = describe(input, init);
    const body = typeof init.body === "string" ? init.body : undefined;
    const asked: Asked = { url, headers, body };
    const partition = nameOf(asked);
    const { gate, budget } = partitionNamed(partition, new URL(url).origin);
    const name = traits.class ?? usual;
    const terms = {
      cost: guessedCost(asked),
      isGuess: true,
      rank: rankOf(classes, name),
      isReserved: reserved.has(name),
      requester: traits.requester ?? "",
      deadlineMs: clock.now() + (traits.deadlineMs ?? policy.deadlineMs ?? DEADLINE_MS),
    };
    const signal = init.signal ?? (input instanceof Request ? input.signal : undefined);
    const isRepeatable = !(init.body instanceof ReadableStream);
    const mayFail = isRepeatable && (IDEMPOTENT.has(method) || headers.has("idempotency-key"));
    const attempts = isRepeatable ? (policy.attempts ?? ATTEMPTS) : 1;
    let before: Response | undefined;
    const options = { attempts, signal: signal ?? undefined, named: { partition, class: name } };
    return await call({ gate, budget, clock, watch }, terms, options, async () => {
      // Nobody reads it any more, and its connection is held until somebody says so.
      await before?.body?.cancel().catch(() => undefined);
      before = await send(input instanceof Request ? input.clone() : input, init);
      return await judged(before, clock, mayFail);
    });
  };

  const paceOf = (traits: CallTraits): Pace => ({
    fetch: (input, init) => fetchWith(traits, input, init),
    with: (more) => {
      if (more.class !== undefined) rankOf(classes, more.class);
      return paceOf({ ...traits, ...more });
    },
    state: () => new Map([...partitions].map(([name, { gate }]) => [name, gate.state()])),
    gauges: () => [...partitions].flatMap(([name, { gate }]) => gate.gauges(name)),
    close: () => {
      for (const { gate } of partitions.values()) gate.close();
    },
    [Symbol.dispose]: () => {
      for (const { gate } of partitions.values()) gate.close();
    },
  });
  return paceOf({});
}

async function judged(answer: Response, clock: Clock, mayFail: boolean): Promise<Attempt<Response>> {
  const dateMs = clock.date();
  const readings = readingsOf(answer.headers, dateMs);
  const text = needsBody(answer.status) ? await beginningOf(answer, clock) : "";
  const verdict = verdictOf(answer.status, answer.headers, text, dateMs);
  return { result: answer, ...meaning(verdict, readings, mayFail) };
}

function meaning(verdict: Verdict, readings: readonly Reading[], mayFail: boolean): Omit<Attempt<Response>, "result"> {
  switch (verdict.kind) {
    case "answered":
      return { outcome: { kind: "answered", readings }, again: "never" };
    case "failed":
      return { outcome: { kind: "answered", readings }, again: mayFail ? "in-budget" : "never" };
    case "spent":
      return { outcome: { kind: "refused", readings }, again: "never" };
    case "refused":
      return { outcome: { ...verdict, readings }, again: "in-turn" };
    case "overloaded":
      return { outcome: { ...verdict, readings }, again: "in-budget" };
  }
}

function quiet(watch: (event: PaceEvent) => void): (event: PaceEvent) => void {
  return (event) => {
    try {
      watch(event);
    } catch {
      // As PacePorts says.
    }
  };
}

function describe(input: string | URL | Request, init: RequestInit): { url: string; headers: Headers; method: string } {
  const request = input instanceof Request ? input : undefined;
  const url = request?.url ?? String(input);
  if (!URL.canParse(url))
    throw new PaceError("bad-argument", `"${url.slice(0, 80)}" is no address`, 'It begins with the scheme: "https://…".');
  return { url, headers: new Headers(init.headers ?? request?.headers), method: (init.method ?? request?.method ?? "GET").toUpperCase() };
}

function rankOf(classes: readonly string[], name: string): number {
  const rank = classes.indexOf(name);
  if (rank < 0) throw new PaceError("bad-argument", `"${name}" is no class of calls`, `They are: ${classes.join(", ")}.`);
  return rank;
}

function readingOf({ unit = "requests", limit, windowMs, shape = "bucket" }: PolicyQuota): Reading {
  if (!(limit > 0) || !(windowMs > 0))
    throw new PaceError("bad-argument", `a quota has ${limit} in ${windowMs} ms`, "Both are numbers above zero.");
  return { unit, name: unit, limit, windowMs, remaining: limit, resetInMs: windowMs, shape };
}
