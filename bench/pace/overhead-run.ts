/**
 * A process that measures what a call costs when nothing holds it back: processor time beyond the call alone, contestants in turns, and what memory is
 * held after so many calls. Run with `--expose-gc`.
 */
import process from "node:process";
import { createGate } from "../../packages/pace/src/gate/gate.ts";
import { systemClock } from "../../packages/pace/src/host/node/clock.ts";
import { systemRandom } from "../../packages/pace/src/host/node/random.ts";
import { createPace } from "../../packages/pace/src/pace.ts";
import { readingsOf } from "../../packages/pace/src/providers/readings.ts";
import { median } from "../measure.ts";
import { AT_ONCE } from "./contestant.ts";
import { bottleneckHeaders } from "./contestants/bottleneck.ts";
import { CONTESTANTS, OURS } from "./contestants.ts";
import type { Overhead } from "./overhead.ts";

const ROUNDS = 5;
const CALLS = 2000;
/** Before the first round, so that what is compiled while it runs is. */
const WARM_UP_CALLS = 40_000;
const WARM_UP_MS = 3000;
/** A limit that nobody comes near. */
const PER_SECOND = 1e9;
const SAMPLES = 10;

const FIELDS = {
  "x-ratelimit-limit-requests": String(PER_SECOND * 60),
  "x-ratelimit-remaining-requests": String(PER_SECOND * 60),
  "x-ratelimit-reset-requests": "1ms",
};
const answer = { status: 200, headers: new Headers(FIELDS), body: null };
const ask = async (): Promise<typeof answer> => answer;

function gateCall(): () => void {
  const gate = createGate({ mostWaiting: 100, ranks: 1 }, { clock: systemClock, random: systemRandom });
  const readings = readingsOf(answer.headers, Date.now());
  const terms = { cost: { requests: 1 }, isGuess: false, rank: 0, isReserved: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY };
  const waiter = {
    leave: (pass: { settle(outcome: { readonly kind: "answered"; readonly readings: typeof readings }): void }) =>
      pass.settle({ kind: "answered", readings }),
    refuse: (error: Error) => {
      throw error;
    },
  };
  return () => void gate.enter(terms, waiter);
}

/** Processor time of one call, all threads, in microseconds, the median of all rounds: some wait for timers, which is no work. */
async function inTurns(calls: ReadonlyMap<string, () => unknown>): Promise<ReadonlyMap<string, number>> {
  const found = new Map([...calls.keys()].map((name) => [name, [] as number[]]));
  for (let round = -1; round < ROUNDS; round++)
    for (const [name, call] of calls) {
      const before = process.cpuUsage();
      const count = round < 0 ? WARM_UP_CALLS : CALLS;
      const untilMs = round < 0 ? performance.now() + WARM_UP_MS : Number.POSITIVE_INFINITY;
      const lane = async (): Promise<void> => {
        for (let nth = 0; nth < count / AT_ONCE && performance.now() < untilMs; nth++) await call();
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) found.get(name)?.push((user + system) / CALLS);
    }
  return new Map([...found].map(([name, rounds]) => [name, median(rounds)]));
}

function heldMb(): number {
  globalThis.gc?.();
  return Number((process.memoryUsage().heapUsed / 2 ** 20).toFixed(2));
}

async function measure(calls: number): Promise<Overhead> {
  const job = { class: "normal", requester: "", deadlineMs: 600_000, ask } as const;
  const all = new Map<string, () => unknown>([["nothing", ask]]);
  const one = createPace({}, { fetch: ask as unknown as typeof fetch });
  all.set("pace.fetch", () => one.fetch("https://service.example/"));
  all.set("the gate", gateCall());
  for (const { name, open } of CONTESTANTS) {
    if (name === OURS || name === bottleneckHeaders.name) continue;
    const client = await open({ perSecond: Number.POSITIVE_INFINITY, instances: 1 });
    all.set(name, () => client.do(job));
  }
  const found = await inTurns(all);
  const alone = found.get("nothing") ?? 0;

  const call = gateCall();
  const memory = [{ calls: 0, heapMb: heldMb() }];
  const startedAt = performance.now();
  for (let sample = 1; sample <= SAMPLES; sample++) {
    for (let nth = 0; nth < calls / SAMPLES; nth++) call();
    memory.push({ calls: Math.round((calls * sample) / SAMPLES), heapMb: heldMb() });
  }
  return {
    addedUs: Object.fromEntries(
      [...found].filter(([name]) => name !== "nothing").map(([name, us]) => [name, Number((us - alone).toFixed(2))]),
    ),
    aloneUs: alone,
    memory,
    memorySeconds: Number(((performance.now() - startedAt) / 1000).toFixed(1)),
  };
}

process.once("message", (calls: number) => {
  void measure(calls).then((found) => process.send?.(found, () => process.exit(0)));
});
