import { describe, expect, it } from "vitest";
import { gaugeOf } from "../testing/gauges.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createLadder, type LadderEvent } from "./ladder.ts";
import { createReactions, type ReactionFault } from "./reactions.ts";

function town() {
  const time = createVirtualTime();
  const said: string[] = [];
  const faults: ReactionFault[] = [];
  const reactions = createReactions({}, { clock: time, fault: (fault) => faults.push(fault) });
  const ladder = createLadder({}, time);
  reactions.watch("log", (event) => void said.push(`told ${nameOf(event)}`));
  return { time, said, faults, reactions, use: (used: number) => reactions.tell(ladder.look([gaugeOf({ used })])) };
}

function nameOf(event: LadderEvent): string {
  return event.kind === "step" ? event.to : event.kind;
}

describe("on an emergency", () => {
  it("all is kept before anything of that look is told, the steps before it too", async () => {
    const { time, said, reactions, use } = town();
    reactions.keep("tasks", async () => {
      said.push("tasks begun");
      await new Promise<void>((resolve) => void time.wake(1000, resolve));
      said.push("tasks kept");
    });
    reactions.keep("memory", () => void said.push("memory kept"));
    const told = use(95);
    expect(said).toEqual(["tasks begun", "memory kept"]);
    await time.runSettled(2000);
    await told;
    expect(said.slice(2)).toEqual(["tasks kept", "told warned", "told saving", "told emergency"]);
  });

  it("nothing is kept below it, and what is told is told at once", () => {
    const { said, reactions, use } = town();
    reactions.keep("tasks", () => void said.push("kept"));
    void use(80);
    expect(said).toEqual(["told warned", "told saving"]);
  });

  it("a keeper that fails is told of and stops nobody", async () => {
    const { said, faults, reactions, use } = town();
    reactions.keep("at once", () => {
      throw new RangeError("no disk");
    });
    reactions.keep("later", () => Promise.reject(new RangeError("no disk")));
    reactions.keep("tasks", () => void said.push("kept"));
    await use(95);
    expect(said).toEqual(["kept", "told warned", "told saving", "told emergency"]);
    expect(faults).toMatchObject([
      { kind: "failed", who: "at once" },
      { kind: "failed", who: "later" },
    ]);
  });

  it("a keeper that hangs is told of, told to stop, and holds the others up for so long and no longer", async () => {
    const { time, said, faults, reactions, use } = town();
    let isStopped = false;
    reactions.keep("hangs", (_events, signal) => {
      signal.addEventListener("abort", () => {
        isStopped = true;
      });
      return new Promise(() => undefined);
    });
    reactions.keep("tasks", () => void said.push("kept"));
    void use(95);
    await time.runSettled(4999);
    expect(said).toEqual(["kept"]);
    await time.runSettled(5000);
    expect(said.at(-1)).toBe("told emergency");
    expect(isStopped).toBe(true);
    expect(faults).toEqual([{ kind: "late", who: "hangs", afterMs: 5000 }]);
  });

  it("what is told later waits until the keeping is over", async () => {
    const { time, said, reactions, use } = town();
    reactions.keep("tasks", () => new Promise<void>((resolve) => void time.wake(1000, resolve)));
    void use(95);
    void reactions.tell([{ ...warning(), gauge: gaugeOf({ unit: "usd" }) }]);
    expect(said).toEqual([]);
    await time.runSettled(1000);
    expect(said).toEqual(["told warned", "told saving", "told emergency", "told warning"]);
  });

  it("a second one while the first is kept is kept after it, not beside it", async () => {
    const { time, said, reactions } = town();
    let running = 0;
    reactions.keep("tasks", async () => {
      expect(++running).toBe(1);
      await new Promise<void>((resolve) => void time.wake(time.now() + 1000, resolve));
      running--;
      said.push("kept");
    });
    const emergency: LadderEvent = { ...warning(), kind: "step", from: "saving", to: "emergency", overall: "emergency" };
    void reactions.tell([emergency]);
    void reactions.tell([emergency]);
    await time.runSettled(3000);
    expect(said).toEqual(["kept", "told emergency", "kept", "told emergency"]);
  });

  it("a watcher that fails stops nobody", async () => {
    const { said, faults, reactions, use } = town();
    reactions.watch("bad", () => Promise.reject(new RangeError("late")));
    reactions.watch("worse", () => {
      throw new RangeError("at once");
    });
    reactions.watch("good", () => void said.push("good"));
    await use(60);
    await Promise.resolve();
    expect(said).toEqual(["told warned", "good"]);
    expect(faults.map((fault) => fault.who).sort()).toEqual(["bad", "worse"]);
  });

  it("who was taken out is not told", async () => {
    const { said, reactions, use } = town();
    reactions.keep("tasks", () => void said.push("kept"))();
    await use(95);
    expect(said).not.toContain("kept");
  });
});

function warning(): Extract<LadderEvent, { kind: "warning" }> {
  const gauge = gaugeOf();
  return { kind: "warning", isOver: false, gauge, use: 0.9, atMs: 0, dateMs: 0, forecast: undefined, will: "", choices: [] };
}
