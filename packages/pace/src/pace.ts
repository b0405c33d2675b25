// A program without the types of Node may know no `Disposable`.
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Everything that a program sends to services with limits, by one gate for each quota that is shared.
 *
 *   const pace = createPace();
 *   const answer = await pace.fetch("https://api.example.com/v1/things");
 */
import { checkFunction, checkText, saidOf } from "./argument.ts";
import { judgedAnswer, meaningOf } from "./attempt.ts";
import { type Attempt, type CallPorts, call } from "./call.ts";
import type { BreakerState } from "./control/breaker.ts";
import { createRetryBudget } from "./control/retry-budget.ts";
import { createAskers } from "./degrade/askers.ts";
import type { DegradeEvent } from "./degrade/degrader.ts";
import { fetchLesser } from "./degrade/lesser-fetch.ts";
import { type Described, describe, isReadOnce } from "./described.ts";
import { PaceError } from "./error.ts";
import type { PaceEvent } from "./event.ts";
import { createForesight } from "./foresight.ts";
import { type CallTerms, createGate, type Gate } from "./gate/gate.ts";
import type { Clock } from "./host/clock.ts";
import { quietClock, systemClock } from "./host/node/clock.ts";
import { measureProcess } from "./host/node/process.ts";
import { systemRandom } from "./host/node/random.ts";
import { openRightsFile } from "./host/node/rights-file.ts";
import type { Random } from "./host/random.ts";
import type { Drawn } from "./ladder/crossings.ts";
import type { Standing } from "./ladder/ladder.ts";
import type { Keeper, ReactionFault, Watcher } from "./ladder/reactions.ts";
import type { Tagged } from "./ladder/rules.ts";
import { modelOf, partitionOf } from "./partition.ts";
import { type PartitionState, partitionStateOf } from "./partition-state.ts";
import { createPartitions } from "./partitions.ts";
import { type CallTraits, countable, type PacePolicy } from "./policy.ts";
import { createPolicyAccounts, type PolicyAccount } from "./policy-accounts.ts";
import { checkNamed, checkPolicy, checkPorts, checkRun, checkTraits, knownClass } from "./policy-check.ts";
import { beginningOf } from "./providers/beginning.ts";
import { guessedCost } from "./providers/cost.ts";
import { type CostCorrection, createCostCorrection } from "./providers/cost-correction.ts";
import { createDollars, isOfTokens } from "./providers/dollars.ts";
import { fieldsOf } from "./providers/fields.ts";
import { judgedError } from "./providers/judged-error.ts";
import { knownOf } from "./providers/known.ts";
import { readingsOf } from "./providers/readings.ts";
import { createUsageReader } from "./providers/usage.ts";
import { needsBody } from "./providers/verdict.ts";
import { type Gauge, gaugeOf } from "./quota/gauge.ts";
import { createPool, HERE, type Measure } from "./quota/pool.ts";
import type { Cost } from "./quota/reading.ts";
import { withReadBody } from "./read-body.ts";
import type { RightsStore } from "./rights/rights-store.ts";
import { createSharing } from "./rights/sharing.ts";
import { createThrottles, type Throttle } from "./slowdown/throttle.ts";

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface PacePorts {
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly fetch?: Fetch | undefined;
  /** What others asked for and was accepted, by the name of the quotas whose calls it holds. What it throws is told as a fault, once for each name, and holds nobody. */
  readonly throttle?: ((partition: string) => Throttle | null | undefined) | undefined;
  /** Where quotas are shared with others, in place of a file. */
  readonly rights?: RightsStore | undefined;
  /** Told, once, why the file of `shareAt` cannot be used: until it can, calls leave as if nothing were shared. */
  readonly sharingTrouble?: ((error: PaceError) => void) | undefined;
  /** Memory and cores that this process uses. */
  readonly measure?: Measure | undefined;
  /** Called with all that happens, as it happens, for metrics and logs. What it throws is dropped: no call pays for who looks on. */
  readonly watch?: ((event: PaceEvent) => void) | undefined;
  /** Told of keepers and watchers that failed, or took too long, of a `told` or a `throttle` that failed, and of models without a price where dollars are counted. */
  readonly fault?: ((fault: ReactionFault) => void) | undefined;
  /** Told of all that is done with less, and of strategies that failed. */
  readonly lessened?: ((event: DegradeEvent) => void) | undefined;
}

export interface RunOptions<Result = unknown> {
  readonly signal?: AbortSignal | undefined;
  /** What it will take, as far as can be told; one request unless said. What is known well stands in `cost` of the traits. */
  readonly guess?: Cost | undefined;
  /** The model that it asks: its tokens have a price where `prices` of the policy name it. */
  readonly model?: string | undefined;
  /** Whether doing it twice does no harm, so that it may be done again when the service failed; not unless said. */
  readonly isIdempotent?: boolean | undefined;
  /** What the result tells: the fields of the answer, as `Headers` or as a record, of which levels are read, and what it took; what is no number from zero tells nothing, and what it throws is told as a fault. */
  readonly told?: ((result: Result) => Said) | undefined;
}

interface Said {
  readonly headers?: unknown;
  /** Or a promise of it, of what is known later; one that fails tells nothing. */
  readonly used?: Cost | undefined | Promise<Cost | undefined>;
}

export interface Pace extends Disposable {
  /** `fetch`, and what is refused for its rate is asked again when there is room. Throws `PaceError` for what cannot leave in time. */
  readonly fetch: Fetch;
  /**
   * The same for what is no `fetch`: `work` begins when there is room in the quotas of that name. Where it throws an error with the `status` and `headers` of an
   * answer, as clients of services do, a refusal is asked again like one of `fetch`; the last error is thrown.
   */
  run<Result>(partition: string, work: () => PromiseLike<Result>, options?: RunOptions<Result>): Promise<Result>;
  /** The same gates, for calls of a kind: hand its `fetch` to a client. */
  with(traits: CallTraits): Pace;
  /** By the name of its quotas. */
  state(): ReadonlyMap<string, PartitionState>;
  /** Every quota that is known of, at this moment, and what the process has of its own. */
  gauges(): readonly Gauge[];
  /** How short each of them is, and when it will be used up. */
  standings(): readonly Standing[];
  /**
   * When something comes to *emergency*, `keeper` writes what must not be lost where it outlives the process, before anybody else is told. Ends by the function returned.
   * Throws `bad-argument` where nobody would hear that it failed: `createPace(policy, { fault })`.
   */
  keep(name: string, keeper: Keeper): () => void;
  /** Told of each threshold that is crossed, in order and once, and of each quota that will run out. As `keep`. */
  on(name: string, watcher: Watcher): () => void;
  /** Gauges of something else, as of a model's window, are looked at with the others. */
  include(gauges: () => readonly Gauge[]): () => void;
  /** What waits is refused. */
  close(): void;
}

const CLASSES = ["heartbeat", "interactive", "normal", "background"];
const DEADLINE_MS = 120_000;
const ATTEMPTS = 20;
const MOST_WAITING = 10_000;
/** RFC 9110, section 9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

const CLIENT_ERROR = 400;
/** What a model's call takes that ended in an error. */
const UNCHARGED: Cost = { "input-tokens": 0, "output-tokens": 0, tokens: 0, usd: 0 };

interface Partition {
  readonly gate: Gate;
  readonly ports: CallPorts;
  readonly correction: CostCorrection;
  readonly policy: readonly PolicyAccount[];
}

/** Throws `bad-argument`. */
export function createPace(policy: PacePolicy = {}, ports: PacePorts = {}): Pace {
  checkPolicy(policy, CLASSES);
  checkPorts(ports);
  const { clock = systemClock, random = systemRandom, fetch: send = fetch } = ports;
  const { measure, rights, throttle, sharingTrouble, watch: look, fault, lessened } = ports;
  const classes = policy.classes ?? CLASSES;
  const usual = policy.usualClass ?? (classes.includes("normal") ? "normal" : (classes.at(-1) ?? ""));
  const usualRank = knownClass(classes, usual);
  const reserved = new Set(policy.reserved ?? ["heartbeat"]);
  const { partitionOf: named } = policy;
  const nameOf = ({ asked, at }: Described, model: string | undefined): string => {
    if (named === undefined) return partitionOf(at, asked, model);
    const name: unknown = named(asked);
    checkText("what partitionOf gives", name);
    return name as string;
  };
  const partitions = createPartitions<Partition>(clock.now);
  const askers = createAskers();
  let isClosed = false;
  const told = look && quiet(look);
  const watch = (event: PaceEvent, drawn?: () => readonly Drawn[]): void => {
    told?.(event);
    foresight.noticed(drawn);
  };
  const pool = policy.here === undefined ? undefined : createPool(policy.here, measure ?? measureProcess(clock));

  const renewing = clock === systemClock ? quietClock : clock;
  // What is wrong with the policy is told before a file is opened.
  const foresight = createForesight(
    {
      ladder: policy.ladder,
      reactions: policy.keepMs === undefined ? {} : { keepMs: policy.keepMs },
      lesser: policy.lesser,
      rules: policy.rules,
    },
    { clock, quietClock: renewing, gauges: () => gauges(), isMeasured: pool !== undefined, critical: [...reserved], fault, lessened },
  );
  const strategies = policy.lesser?.map(({ name }) => name) ?? [];

  const { shareAt } = policy;
  const store = rights ?? (shareAt === undefined ? undefined : openRightsFile(shareAt, sharingTrouble));
  const sharing = store && createSharing(policy.weight ?? 1, { clock: renewing, random, store });
  const accounts = createPolicyAccounts(policy.quotas ?? {}, clock, sharing?.purse);
  const dollars = createDollars(policy.prices ?? {}, (error) => quietly(fault, { kind: "failed", who: "quotas of usd", error }));
  const metered = createUsageReader();

  const throttles =
    throttle && createThrottles(throttle, (name, error) => quietly(fault, { kind: "failed", who: `throttle of "${name}"`, error }));

  const partitionNamed = (name: string, origin: string, model?: string): Partition => {
    return partitions.of(name, () => made(name, origin, model));
  };

  const made = (name: string, origin: string, model: string | undefined): Partition => {
    if (isClosed) throw new PaceError("closed", "it was closed", "Make another with createPace().");
    const ofPolicy = accounts.of(origin, model);
    const refusedTakes = URL.canParse(origin) ? knownOf(new URL(origin).host)?.refusedTakes : undefined;
    const settings = {
      chargesRefused: refusedTakes === undefined ? undefined : refusedTakes > 0,
      mostWaiting: policy.mostWaiting ?? MOST_WAITING,
      ranks: classes.length,
      policy: ofPolicy.map(({ door }) => door()),
    };
    const turned = (state: BreakerState): void => watch({ kind: "breaker", partition: name, state });
    const gate = createGate(settings, {
      clock,
      random,
      pool: pool?.door(),
      hold: sharing?.hold(name),
      throttle: throttles?.(name),
      turned,
    });
    const drawn = (): readonly Drawn[] => gate.accounts.map((account, nth) => ({ partition: ofPolicy[nth]?.scope ?? name, account }));
    const watchHere = (event: PaceEvent): void => watch(event, drawn);
    const ports: CallPorts = {
      gate,
      budget: createRetryBudget(clock),
      clock,
      // What nobody hears is not put together.
      get watch() {
        return told === undefined && !foresight.isWanted ? undefined : watchHere;
      },
    };
    return { gate, ports, correction: createCostCorrection(), policy: ofPolicy };
  };

  const termsOf = (traits: CallTraits, guessed: Cost, bare?: Cost): CallTerms => {
    const name = traits.class ?? usual;
    const rank = knownClass(classes, name);
    return {
      cost: traits.cost === undefined ? guessed : { ...guessed, ...traits.cost },
      isGuess: true,
      bare,
      sure: traits.cost,
      rank,
      isReserved: reserved.has(name),
      isUrgent: rank < usualRank,
      requester: traits.requester ?? "",
      deadlineMs: clock.now() + (traits.deadlineMs ?? policy.deadlineMs ?? DEADLINE_MS),
      operation: traits.operation,
    };
  };

  const taggedOf = ({ tags = [], operation, cost }: CallTraits, guessed: () => Cost): Tagged => {
    const all = operation === undefined ? tags : [...tags, operation.name];
    // Nobody guesses for calls that no rule can be about.
    return { tags: all, cost: all.length === 0 ? {} : { ...guessed(), ...cost } };
  };

  const withLess = async (traits: CallTraits, input: string | URL | Request, given: RequestInit = {}): Promise<Response> => {
    foresight.noticed();
    const reading = withReadBody(input, given);
    const init = reading instanceof Promise ? await reading : reading;
    const described = describe(input, init);
    const { asked, at } = described;
    const model = modelOf(asked, at);
    const partition = nameOf(described, model);
    const { correction, policy: taken } = partitionNamed(partition, at.origin, model);
    const scopes = new Set([partition, HERE, ...taken.map(({ scope }) => scope)]);
    const tagged = taggedOf(traits, () => correction.corrected(dollars.guessed(guessedCost(asked), model)));
    const degrader = foresight.degraderFor(tagged, (gauge) => scopes.has(gauge.partition));
    const { class: ofClass = usual, isDeferrable, isQuestion, lessenedBy } = traits;
    const scope = `${partition} ${askers.of(asked.headers)}`;
    const lesser = { class: ofClass, scope, ...saidOf({ isDeferrable, isQuestion, lessenedBy }) };
    return await fetchLesser(degrader, lesser, (other, more) => gated(traits, other, more), input, init);
  };

  const gated = async (traits: CallTraits, input: string | URL | Request, given: RequestInit = {}): Promise<Response> => {
    foresight.noticed();
    const reading = withReadBody(input, given);
    const init = reading instanceof Promise ? await reading : reading;
    const described = describe(input, init);
    const { asked, at, method } = described;
    const model = modelOf(asked, at);
    const partition = nameOf(described, model);
    const { ports, correction, policy: taken } = partitionNamed(partition, at.origin, model);
    const isCounted = taken.some(({ account }) => account.unit !== "requests");
    const mustBePriced = isInDollars(traits, taken);
    const guess = dollars.guessed(guessedCost(asked), model);
    if (mustBePriced) dollars.checkGuess(guess, model);
    const signal = init.signal === undefined && input instanceof Request ? input.signal : init.signal;
    const isRepeatable = !isReadOnce(init.body);
    const mayFail = isRepeatable && (IDEMPOTENT.has(method) || asked.headers.has("idempotency-key"));
    const attempts = isRepeatable ? (policy.attempts ?? ATTEMPTS) : 1;
    let before: Response | undefined;
    const options = { attempts, signal: signal ?? undefined, named: { partition, class: traits.class ?? usual } };
    const corrected = correction.corrected(guess);
    return await call(ports, termsOf(traits, corrected, guess), options, async () => {
      // Nobody reads it any more, and its connection is held until somebody says so.
      if (before !== undefined) await before.body?.cancel().catch(() => undefined);
      before = await send(input instanceof Request && (init.body ?? null) === null ? input.clone() : input, init);
      const dateMs = clock.date();
      const text = needsBody(before.status) ? await beginningOf(before, clock) : "";
      const judgement = judgedAnswer(before, text, dateMs, mayFail);
      // Only models take more than a request; whether it is one is not known of a body that nobody can look into, as that of a stream.
      if (judgement.outcome.kind !== "answered" || (guess["input-tokens"] === undefined && !isCounted)) return judgement;
      const { answer, used, said } = metered(before);
      const cost = used.then((usage) => {
        const spoken = usage === undefined ? said() : undefined;
        // No correction is learned from it: thoughts that were kept back are not in it, and it would be drawn below what was told.
        if (usage === undefined) return spoken && { ...dollars.said(spoken, corrected, model), ...traits.cost };
        const took = dollars.taken(usage, model);
        if (mustBePriced) dollars.lookAtTaken(took, usage.model ?? model);
        correction.learned(guess, took);
        return took;
      });
      // Unless it tells otherwise: an hour of 500s, or of 400s for a mistake, would use up the dollars of a day.
      const isUncharged = before.status >= CLIENT_ERROR && traits.cost === undefined;
      const outcome = isUncharged ? { ...judgement.outcome, used: UNCHARGED } : judgement.outcome;
      return { ...judgement, outcome, result: answer, used: cost };
    });
  };

  const runWith = async <Result>(
    traits: CallTraits,
    partition: string,
    work: () => PromiseLike<Result>,
    given: RunOptions<Result> = {},
  ): Promise<Result> => {
    checkRun(partition, work, given);
    const { signal, guess: said = { requests: 1 }, model, isIdempotent = false, told } = given;
    foresight.noticed();
    const { ports, policy: taken } = partitionNamed(partition, partition);
    const guess = said.usd === undefined ? dollars.guessed(said, model) : said;
    const mustBePriced = isInDollars(traits, taken);
    if (mustBePriced) dollars.checkWork(guess, model);
    foresight.admit(taggedOf(traits, () => guess));
    const options = { attempts: policy.attempts ?? ATTEMPTS, signal, named: { partition, class: traits.class ?? usual } };
    const end = await call(ports, termsOf(traits, { ...guess }), options, async (): Promise<Attempt<Ended<Result>>> => {
      let result: Result;
      try {
        result = await work();
      } catch (error) {
        const judged = judgedError(error, clock.date());
        if (judged === undefined) throw error;
        const meaning = meaningOf(judged.verdict, judged.readings, isIdempotent);
        const { outcome } = meaning;
        const isUncharged = outcome.kind === "answered" && traits.cost === undefined;
        return { result: { error }, ...meaning, outcome: isUncharged ? { ...outcome, used: UNCHARGED } : outcome };
      }
      return { result: { result }, ...whatIsTold(partition, given, mustBePriced, () => told?.(result)) };
    });
    if ("error" in end) throw end.error;
    return end.result;
  };

  /** The work is done, and its result is its caller's: what `told` throws is told, and takes nothing away. */
  const whatIsTold = (
    partition: string,
    { model, guess = {} }: Pick<RunOptions, "model" | "guess">,
    mustBePriced: boolean,
    told: () => Said | undefined,
  ): Omit<Attempt<unknown>, "result"> => {
    const counted = (cost: unknown): Cost | undefined => {
      const known = countable(cost);
      if (known === undefined || known.usd !== undefined) return known;
      // Of what is not told the guess stands, here as in quotas of tokens.
      const { usd } = dollars.guessed({ ...guess, ...known }, model);
      if (!isOfTokens(known)) return known;
      if (usd !== undefined) return { ...known, usd };
      if (mustBePriced && guess.usd === undefined) dollars.lookAtTaken(known, model);
      return known;
    };
    try {
      const { headers, used } = told() ?? {};
      const answered = { kind: "answered", readings: readingsOf(fieldsOf(headers), clock.date()) } as const;
      if (used instanceof Promise) return { outcome: answered, again: "never", used: used.then(counted, () => undefined) };
      const took = counted(used);
      return { outcome: took === undefined ? answered : { ...answered, used: took }, again: "never" };
    } catch (error) {
      quietly(fault, { kind: "failed", who: `told of "${partition}"`, error });
      return { outcome: { kind: "answered", readings: [] }, again: "never" };
    }
  };

  const gauges = (): readonly Gauge[] => [
    ...accounts.all.map(({ scope, account }) => {
      const waiting = partitions
        .values()
        .filter(({ policy: taken }) => taken.some((one) => one.account === account))
        .reduce((sum, { gate }) => sum + gate.waiting(account.unit), 0);
      return gaugeOf(account, clock.now(), { partition: scope, waiting, confidence: 1, chargesRefused: undefined });
    }),
    ...partitions.entries().flatMap(([name, { gate }]) => gate.gauges(name)),
    ...(pool?.gauges((unit) => partitions.values().reduce((sum, { gate }) => sum + gate.waiting(unit), 0)) ?? []),
  ];

  const close = (): void => {
    isClosed = true;
    foresight.close();
    for (const { gate, ports } of partitions.values()) {
      gate.close();
      ports.budget.close();
    }
    sharing?.close();
    // Who handed a store over has it.
    if (rights === undefined) store?.close();
  };

  const paceOf = (traits: CallTraits): Pace => ({
    // As of the platform's, null is nothing.
    fetch: foresight.isLessening
      ? (input, init) => withLess(traits, input, init ?? undefined)
      : (input, init) => gated(traits, input, init ?? undefined),
    run: (partition, work, options) => runWith(traits, partition, work, options),
    with: (more) => {
      checkTraits(classes, strategies, more);
      return paceOf({ ...traits, ...saidOf(more) });
    },
    state: () => new Map(partitions.entries().map(([name, { gate }]) => [name, partitionStateOf(gate.state(), clock.now())])),
    gauges,
    keep: (name, keeper) => {
      checkNamed("keep", name, keeper);
      return foresight.keep(name, keeper);
    },
    on: (name, watcher) => {
      checkNamed("on", name, watcher);
      return foresight.watch(name, watcher);
    },
    include: (of) => {
      checkFunction("what include is given", of);
      return foresight.include(of);
    },
    standings: () => foresight.standings,
    close,
    [Symbol.dispose]: close,
  });
  return paceOf({});
}

/** What became of work that is no `fetch`. */
type Ended<Result> = { readonly result: Result } | { readonly error: unknown };

/** Whether a budget in dollars has to count a call of which its caller does not say what it costs. */
function isInDollars({ cost }: CallTraits, taken: readonly PolicyAccount[]): boolean {
  return cost?.usd === undefined && taken.some(({ account }) => account.unit === "usd");
}

function quietly(fault: PacePorts["fault"], told: ReactionFault): void {
  try {
    fault?.(told);
  } catch {
    // Nobody is left to tell.
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
