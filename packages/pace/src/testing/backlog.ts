/** Gates that always have more to do than a service lets in, against one service, in virtual time. */
import { createGate, type Gate, type GateSettings } from "../gate/gate.ts";
import type { Outcome } from "../gate/outcome.ts";
import type { Clock } from "../host/clock.ts";
import { readingsOf } from "../providers/readings.ts";
import { verdictOf } from "../providers/verdict.ts";
import { createHolding, type HoldingGate } from "../rights/holding.ts";
import type { RightsStore } from "../rights/rights-store.ts";
import { seededRandom } from "./draws.ts";
import { createProvider, type ProviderAnswer, type ProviderSettings } from "./provider.ts";
import { type Trace, unitsOf } from "./traces.ts";
import { createVirtualTime } from "./virtual-time.ts";

export interface BacklogOptions {
  readonly trace: Trace;
  readonly instances: number;
  readonly seed: number;
  readonly provider?: Partial<ProviderSettings>;
  readonly gate?: Partial<GateSettings>;
  /** Where the gates share the limit by agreement. */
  readonly share?: (clock: Clock) => RightsStore;
  /** Only calls answered from here on count. */
  readonly countFromMs?: number;
  readonly countToMs?: number;
}

export interface BacklogResult {
  /** Of what the service would have let in. */
  readonly goodput: number;
  readonly refusalsPerSuccess: number;
  /** Jain's index of what each got: one where all got the same. */
  readonly fairness: number;
}

/** Calls that wait at each gate. */
const WAITING = 40;
const FIRST_WITHIN_MS = 500;

export function playBacklog({
  trace,
  instances,
  seed,
  provider,
  gate,
  share,
  countFromMs = 0,
  countToMs = trace.endMs,
}: BacklogOptions): BacklogResult {
  const time = createVirtualTime();
  const random = seededRandom(seed);
  const service = createProvider(time, random, { perSecond: trace.perSecond, ...provider });
  const store = share?.(time);
  const answered = new Float64Array(instances);

  const feed = (one: Gate, nth: number): void => {
    const terms = {
      cost: { requests: 1 },
      isGuess: false,
      rank: 0,
      isReserved: false,
      requester: "",
      deadlineMs: Number.POSITIVE_INFINITY,
    };
    one.enter(terms, {
      leave: (pass) => {
        service.ask(1, (answer) => {
          if (answer.status === 200 && time.now() >= countFromMs && time.now() < countToMs) answered[nth] = (answered[nth] as number) + 1;
          pass.settle(outcomeOf(answer, time.date()));
          feed(one, nth);
        });
      },
      refuse: (error) => {
        throw error;
      },
    });
  };

  for (let nth = 0; nth < instances; nth++)
    time.wake(random() * FIRST_WITHIN_MS, () => {
      const holderOf = (store: RightsStore) => (face: HoldingGate) =>
        createHolding({ partition: "service", holder: `gate ${nth}`, weight: 1 }, face, { clock: time, random, store });
      const one = createGate({ mostWaiting: 2 * WAITING, ranks: 1, ...gate }, { clock: time, random, hold: store && holderOf(store) });
      for (let call = 0; call < WAITING; call++) feed(one, nth);
    });
  time.run(Math.min(countToMs, trace.endMs));

  const sum = answered.reduce((total, one) => total + one, 0);
  const squares = answered.reduce((total, one) => total + one * one, 0);
  return {
    goodput: sum / unitsOf(trace, countFromMs, countToMs),
    refusalsPerSuccess: service.refused / Math.max(1, service.accepted),
    fairness: squares === 0 ? 0 : (sum * sum) / (instances * squares),
  };
}

function outcomeOf({ status, fields }: ProviderAnswer, dateMs: number): Outcome {
  const headers = { get: (name: string) => fields[name] ?? null };
  const readings = readingsOf(headers, dateMs);
  const verdict = verdictOf(status, headers, "", dateMs);
  return verdict.kind === "refused" ? { ...verdict, readings } : { kind: "answered", readings };
}
