import { describe, expect, it } from "vitest";
import { isPaceError } from "./error.ts";
import type { Gate } from "./gate/gate.ts";
import { createPace } from "./pace.ts";
import { createPartitions, MOST, MOST_HELD } from "./partitions.ts";
import { createAccount } from "./quota/account.ts";
import { createVirtualTime } from "./testing/virtual-time.ts";

type State = ReturnType<Gate["state"]>;

const CALM: State = { waiting: 0, underWay: 0, mostUnderWay: 4, perSecond: 1, breaker: "closed", pausedMs: 0, accounts: [] };

function town() {
  const closed: string[] = [];
  let now = 0;
  const partitions = createPartitions(() => now);
  const add = (name: string, state: Partial<State> = {}): void => {
    const gate = { state: () => ({ ...CALM, ...state }), close: () => closed.push(name) } as unknown as Gate;
    partitions.of(name, () => ({ gate }));
  };
  const many = (count: number, kind: string, state: Partial<State> = {}): void => {
    for (let nth = 0; nth < count; nth++) add(`${kind} ${nth}`, state);
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { partitions, closed, add, many, pass, size: () => partitions.values().length };
}

describe("of too many gates", () => {
  it("the calm one goes that was not used for longest", () => {
    const { closed, add, many, size } = town();
    many(MOST, "calm");
    add("calm 0");
    many(2, "new");
    expect(closed).toEqual(["calm 1", "calm 2"]);
    expect(size()).toBe(MOST);
  });

  const day = createAccount(
    0,
    { unit: "requests", name: "hour", limit: 60, windowMs: 3_600_000, remaining: 0, resetInMs: 3_600_000, shape: "window" },
    "header",
  );
  it.each<[string, Partial<State>]>([
    ["has a call that waits", { waiting: 1 }],
    ["has a call under way", { underWay: 1 }],
    ["is paused", { pausedMs: 60_000 }],
    ["has an open breaker", { breaker: "open" }],
    ["was told that nothing is left", { accounts: [day] }],
  ])("one that %s stays, however many come after it", (_what, state) => {
    const { closed, add, many, size } = town();
    add("held", state);
    many(10 * MOST, "calm");
    expect(closed).not.toContain("held");
    expect(size()).toBe(MOST);
  });

  it("of which all are held the one goes that is held the shortest, once there are twice as many", () => {
    const { closed, add, many, size } = town();
    many(MOST_HELD - 1, "long", { pausedMs: 3_600_000 });
    add("short", { pausedMs: 1000 });
    expect(closed).toEqual([]);
    many(1, "new");
    expect(closed).toEqual(["short"]);
    expect(size()).toBe(MOST_HELD);
  });

  it("one that was held goes when its pause is over, and one that was used again is looked at again", () => {
    const { closed, add, many, pass } = town();
    const state = { pausedMs: 1000 };
    many(MOST, "paused", state);
    add("another", state);
    expect(closed).toEqual([]);
    pass(500);
    add("paused 0", state);
    state.pausedMs = 0;
    // Of those that were not used since it is known until when they are held.
    add("new");
    expect(closed).toEqual(["another", "paused 0"]);
    pass(500);
    add("newer");
    expect(closed).toEqual(["another", "paused 0", "paused 1"]);
  });

  describe("where none is made after all", () => {
    const fails = (partitions: ReturnType<typeof town>["partitions"]): void =>
      expect(() =>
        partitions.of("bad", () => {
          throw new Error("bad");
        }),
      ).toThrow("bad");

    it("the one that was used last and made room is not given out closed", () => {
      const { partitions, closed, add, many } = town();
      many(MOST - 1, "held", { pausedMs: 60_000 });
      add("last");
      fails(partitions);
      expect(closed).toEqual(["last"]);
      const gate = { state: () => CALM, close: () => undefined } as unknown as Gate;
      expect(partitions.of("last", () => ({ gate })).gate).toBe(gate);
    });

    it("the one that was used last does not go while it is busy", () => {
      const { partitions, closed, add, many, pass } = town();
      const state = { pausedMs: 1000, underWay: 0 };
      many(MOST - 1, "held", { pausedMs: 60_000 });
      add("last", state);
      fails(partitions);
      add("last", state);
      state.underWay = 1;
      pass(2000);
      add("new");
      expect(closed).toEqual([]);
    });
  });

  it("of which all are busy none goes, and no other is let in", () => {
    const { closed, add, many } = town();
    many(MOST_HELD, "busy", { underWay: 1 });
    expect(() => add("new")).toThrow(/wait or are under way/);
    expect(() => add("busy 7")).not.toThrow();
    expect(closed).toEqual([]);
  });
});

it("a service that asked for a pause is not knocked at before, though thousands of others are asked meanwhile", async () => {
  const time = createVirtualTime();
  const asked: string[] = [];
  const pace = createPace(
    {},
    {
      clock: time,
      random: () => 0.5,
      fetch: async (input) => {
        const url = String(input);
        asked.push(url);
        return url.includes("paused") ? new Response("", { status: 429, headers: { "retry-after": "600" } }) : new Response("{}");
      },
    },
  );
  const ask = async (url: string): Promise<string> => {
    const ended = pace.fetch(url).then(
      ({ status }) => String(status),
      (error: unknown) => (isPaceError(error) ? error.code : "?"),
    );
    await time.runSettled(time.now() + 1);
    return ended;
  };
  expect(await ask("https://paused.example/")).toBe("429");
  for (let nth = 0; nth < 2500; nth++) await ask(`https://host-${nth}.example/`);
  expect(await ask("https://paused.example/")).toBe("too-late");
  expect(asked.filter((url) => url.includes("paused"))).toHaveLength(1);
  pace.close();
});
