import { describe, expect, it } from "vitest";
import { createKiller, type Death } from "./killer.ts";

function armed(parts: number): {
  readonly killer: ReturnType<typeof createKiller>;
  readonly kills: () => number;
  readonly death: Promise<Death>;
} {
  const killer = createKiller(parts);
  let kills = 0;
  const death = killer.arm({
    kill: () => {
      kills++;
      return 4711;
    },
    soon: (then) => then(),
    nowMs: () => 5,
    moved: () => {},
  });
  return { killer, kills: () => kills, death };
}

describe("the moment the relay is killed", () => {
  it("is at half of the parts acknowledged", async () => {
    const { killer, kills, death } = armed(10);
    for (let upTo = 1; upTo <= 4; upTo++) killer.fact("agent.acked", { upTo });
    expect(kills()).toBe(0);
    killer.fact("agent.acked", { upTo: 5 });
    expect(await death).toMatchObject({ pid: 4711, partsAcknowledged: 5, moment: "part 6 on its way" });
  });

  it("is when a single part has left", async () => {
    const { killer, death } = armed(1);
    killer.fact("agent.sent", { linkSeq: 1 });
    expect(await death).toMatchObject({ partsAcknowledged: 0 });
  });

  it("comes once", () => {
    const { killer, kills } = armed(2);
    killer.fact("agent.acked", { upTo: 1 });
    killer.fact("agent.acked", { upTo: 2 });
    expect(kills()).toBe(1);
  });

  it("never comes before it is armed", () => {
    const killer = createKiller(1);
    killer.fact("agent.sent", { linkSeq: 1 });
    expect(killer.killed()).toBeUndefined();
  });

  it("only a receipt makes the message done", () => {
    const { killer } = armed(1);
    killer.step({ state: "done", atMs: 1, by: "self", proof: "none", detail: "" });
    expect(killer.isDone()).toBe(false);
    killer.step({ state: "done", atMs: 1, by: "self", proof: "receipt", detail: "" });
    expect(killer.isDone()).toBe(true);
  });
});
