import { describe, expect, it } from "vitest";
import { createGate, type Gate } from "../gate/gate.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { type Account, createAccount } from "./account.ts";
import { createAccountDoors } from "./account-door.ts";
import { createPool, type Pool } from "./pool.ts";
import type { Cost, Reading } from "./reading.ts";

const MINUTE: Reading = { unit: "tokens", name: "minute", limit: 1000, windowMs: 60_000, remaining: 0, resetInMs: 0, shape: "bucket" };
const SMALL_MS = 1000;
const DAY_MS = 86_400_000;

interface Town {
  readonly time: VirtualTime;
  /** Has always more to do, so much each; says what it took. */
  flood(cost: Cost, rank?: number): () => number;
  /** One call; says when it left. */
  ask(cost: Cost, rank?: number): { leftMs: number | undefined; readonly gate: Gate };
}

interface Ports {
  readonly pool?: () => Pool;
  readonly account?: () => Account;
  /** Calls of floods that are under way. */
  readonly told?: (underWay: number) => void;
}

function town(ports: Ports): Town {
  const time = createVirtualTime();
  let underWay = 0;
  const gate = (): Gate =>
    createGate(
      { mostWaiting: 1000, ranks: 3, rate: { startPerSecond: 1000 }, policy: ports.account === undefined ? [] : [ports.account()] },
      { clock: time, random: () => 0.5, pool: ports.pool?.() },
    );
  const terms = { isGuess: false, isReserved: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY };
  const refuse = (error: Error): never => {
    throw error;
  };
  return {
    time,
    flood: (cost, rank = 1) => {
      const at = gate();
      let left = 0;
      const enter = (): void =>
        void at.enter(
          { ...terms, cost: { ...cost }, rank },
          {
            leave: (pass) => {
              left++;
              ports.told?.(++underWay);
              time.wake(time.now() + SMALL_MS * (0.8 + 0.4 * ((left * 0.618) % 1)), () => {
                ports.told?.(--underWay);
                pass.settle({ kind: "answered" });
              });
              enter();
            },
            refuse,
          },
        );
      for (let nth = 0; nth < 20; nth++) enter();
      return () => left;
    },
    ask: (cost, rank = 1) => {
      const one: ReturnType<Town["ask"]> = { leftMs: undefined, gate: gate() };
      one.gate.enter(
        { ...terms, cost, rank },
        {
          leave: (pass) => {
            one.leftMs = time.now();
            time.wake(time.now() + SMALL_MS, () => pass.settle({ kind: "answered" }));
          },
          refuse,
        },
      );
      return one;
    },
  };
}

const memory = (): Pool => createPool([{ unit: "memory-bytes", limit: 100 }], () => ({}));
/** Its service asked for a long pause, so that it could not leave though there were room. */
function paused(one: { readonly gate: Gate }, time: VirtualTime): void {
  one.gate.enter(
    { cost: { requests: 1 }, isGuess: false, rank: 0, isReserved: true, requester: "", deadlineMs: Number.POSITIVE_INFINITY },
    { leave: (pass) => pass.settle({ kind: "refused", waitMs: 600_000 }), refuse: () => undefined },
  );
  time.run(time.now() + 1);
}

describe("a large call among small ones of other services", () => {
  it("has its turn at the memory of the process", () => {
    const pool = memory();
    const { time, flood, ask } = town({ pool: () => pool.door() });
    for (let nth = 0; nth < 3; nth++) flood({ requests: 1, "memory-bytes": 10 });
    time.run(10_000);
    const large = ask({ requests: 1, "memory-bytes": 80 });
    time.run(20_000);
    expect(large.leftMs).toBeLessThan(13_000);
  });

  it("waits for ever where nobody knows whose turn it is", () => {
    const pool = memory();
    const { time, flood, ask } = town({ pool: () => pool });
    for (let nth = 0; nth < 3; nth++) flood({ requests: 1, "memory-bytes": 10 });
    time.run(10_000);
    const large = ask({ requests: 1, "memory-bytes": 80 });
    time.run(600_000);
    expect(large.leftMs).toBeUndefined();
  });

  it.each([
    ["all of them", 100],
    ["nearly", 60],
  ])("has its turn where two of them need %s", (_what, needs) => {
    const pool = memory();
    const { time, flood, ask } = town({ pool: () => pool.door() });
    flood({ requests: 1, "memory-bytes": 10 });
    time.run(10_000);
    const large = [ask({ requests: 1, "memory-bytes": needs }), ask({ requests: 1, "memory-bytes": needs })];
    time.run(30_000);
    for (const { leftMs } of large) expect(leftMs).toBeLessThan(20_000);
  });

  it("keeps nobody more urgent waiting", () => {
    const pool = memory();
    const { time, flood, ask } = town({ pool: () => pool.door() });
    const urgent = flood({ requests: 1, "memory-bytes": 10 }, 0);
    time.run(10_000);
    const before = urgent();
    const large = ask({ requests: 1, "memory-bytes": 80 }, 2);
    time.run(20_000);
    expect(large.leftMs).toBeUndefined();
    expect(urgent() - before).toBeGreaterThan(90);
  });

  it("costs the others little while it could not leave anyway", () => {
    const leftWith = (isThere: boolean): number => {
      const pool = memory();
      const { time, flood, ask } = town({ pool: () => pool.door() });
      const others = flood({ requests: 1, "memory-bytes": 10 });
      time.run(10_000);
      const before = others();
      const large = isThere ? ask({ requests: 1, "memory-bytes": 80 }) : undefined;
      if (large !== undefined) paused(large, time);
      time.run(200_000);
      expect(large?.leftMs).toBeUndefined();
      return others() - before;
    };
    expect(leftWith(true)).toBeGreaterThan(0.9 * leftWith(false));
  });

  it.each([
    ["is measured beside what calls hold", (held: number) => 40 + held],
    ["calls do not really take", () => 40],
  ])("keeps nobody waiting for long for memory that never comes back, and that %s", (_what, measured) => {
    let held = 0;
    const pool = createPool([{ unit: "memory-bytes", limit: 100 }], () => ({ "memory-bytes": measured(held) }));
    const { time, flood, ask } = town({ pool: () => pool.door(), told: (sum) => (held = sum * 10) });
    const others = flood({ requests: 1, "memory-bytes": 10 });
    time.run(10_000);
    const [before, beganMs] = [others(), time.now()];
    time.run(2 * beganMs);
    const alone = others() - before;
    // More than the rest, less than the whole.
    ask({ requests: 1, "memory-bytes": 80 });
    time.run(3 * beganMs);
    expect(others() - before - alone).toBeGreaterThan(0.6 * alone);
  });

  it.each(["bucket", "window"] as const)("has its turn at a quota of the owner's: a %s", (shape) => {
    const account = createAccount(0, { ...MINUTE, shape, resetInMs: 60_000 }, "policy");
    const { flood, ask, time } = town({ account: createAccountDoors(account) });
    const small = [flood({ requests: 1, tokens: 50 }), flood({ requests: 1, tokens: 50 })];
    time.run(120_000);
    const before = small.map((left) => left());
    const large = ask({ requests: 1, tokens: 800 });
    time.run(400_000);
    // As long as twice what it needs comes back in, and a window.
    expect(large.leftMs).toBeLessThan(120_000 + 96_000 + 60_000);
    // Of what is there in 280 s the others have the rest.
    const tokens = small.reduce((sum, left, nth) => sum + (left() - (before[nth] as number)) * 50, 0);
    expect(tokens).toBeGreaterThan((280 / 60) * 1000 - 800 - 1100);
  });

  it.each([
    ["more than half of it", 40, 60, 3, 2],
    ["nearly all of it, where many come", 10, 90, 5, 2],
    // Each of those that wait already has its turn before it.
    ["all of it", 40, 100, 5, 4],
    ["as good as a small one", 50, 60, 4, 3],
  ])("has its turn at a window that small ones empty in a moment, and of which it needs %s", (_what, small, needs, floods, windows) => {
    for (let offsetMs = 0; offsetMs < 6; offsetMs++) {
      const account = createAccount(0, { ...MINUTE, limit: 100, remaining: 100, shape: "window", resetInMs: 60_000 }, "policy");
      const { flood, ask, time } = town({ account: createAccountDoors(account) });
      for (let nth = 0; nth < floods; nth++) flood({ requests: 1, tokens: small });
      time.run(11_000 + offsetMs * 41);
      const large = ask({ requests: 1, tokens: needs });
      time.run(600_000);
      expect(large.leftMs).toBeLessThanOrEqual(windows * 60_000);
    }
  });

  it.each(["bucket", "window"] as const)("that takes all of a %s keeps neither another such nor small ones from their turns", (shape) => {
    const account = createAccount(0, { ...MINUTE, limit: 100, remaining: 100, shape, resetInMs: 60_000 }, "policy");
    const { flood, time } = town({ account: createAccountDoors(account) });
    const [one, other, small] = [100, 100, 1].map((tokens) => flood({ requests: 1, tokens })) as [() => number, () => number, () => number];
    time.run(1_800_000);
    expect(Math.min(one(), other())).toBeGreaterThanOrEqual(10);
    expect(small()).toBeGreaterThanOrEqual(50);
    // Nothing of it lies idle.
    expect((one() + other()) * 100 + small()).toBeGreaterThanOrEqual(30 * 100);
  });

  it("waits for ever for a bucket where nobody knows whose turn it is", () => {
    const account = createAccount(0, MINUTE, "policy");
    const { flood, ask, time } = town({ account: () => account });
    flood({ requests: 1, tokens: 50 });
    flood({ requests: 1, tokens: 50 });
    time.run(110_000);
    const large = ask({ requests: 1, tokens: 800 });
    time.run(3_600_000);
    expect(large.leftMs).toBeUndefined();
  });

  it("is forgotten a second after it was given up", () => {
    const account = createAccount(0, MINUTE, "policy");
    const door = createAccountDoors(account);
    const [one, other] = [door(), door()];
    expect(one.readyMs(0, 800)).toBeGreaterThan(0);
    for (let nth = 0; nth < 10; nth++) other.reserve(nth, 50).settle(nth, 0);
    expect(other.readyMs(500, 50)).toBeGreaterThan(500);
    account.correct(500, -200);
    expect(other.readyMs(1500, 50)).toBe(1500);
  });

  it("has nothing put aside in a window that has too little left for it", () => {
    const leftWith = (needs: number): number => {
      const day = createAccount(
        0,
        { ...MINUTE, unit: "usd", limit: 20, remaining: 14, windowMs: DAY_MS, resetInMs: DAY_MS, shape: "window" },
        "policy",
      );
      const { time, flood, ask } = town({ account: createAccountDoors(day) });
      ask({ requests: 1, usd: needs });
      const small = flood({ requests: 1, usd: 0.1 });
      time.run(600_000);
      return small();
    };
    expect([leftWith(15), leftWith(20)]).toEqual([140, 140]);
  });
});
