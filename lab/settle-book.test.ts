import { expect, test } from "vitest";
import { createSettleBook } from "./settle-book.ts";

function open() {
  const wrong: string[] = [];
  const book = createSettleBook({ isAgent: (id) => id === "desk", fail: (invariant, what) => void wrong.push(`${invariant}: ${what}`) });
  const attached = (epoch: number): void => book.relayFact("relay.attached", { agent: "desk", epoch, generation: "g" });
  const asks = (epoch: number, floor: number, ranges = "", generation = "g"): void =>
    book.asked("desk", { epoch, floor, ranges, generation });
  const releases = (ranges: string, agent = "desk"): void =>
    book.relayFact("relay.settle-applied", { agent, ranges, generation: "g", epoch: 2 });
  attached(1);
  return { wrong, attached, asks, releases };
}

test("what was asked for in the session that reads may go, at once or later", () => {
  const { wrong, asks, releases } = open();
  asks(1, 2, "4-5 8-8");
  releases("1-2,5-5");
  asks(1, 3);
  releases("3-4,8-8");
  expect(wrong).toEqual([]);
});

test("what was asked for in a session before that, in another generation, or not at all, may not", () => {
  for (const ask of [({ asks }: ReturnType<typeof open>) => asks(1, 3), (on: ReturnType<typeof open>) => on.asks(2, 3, "", "h")]) {
    const all = open();
    ask(all);
    all.attached(2);
    ask(all);
    all.asks(2, 1, "3-3");
    all.releases("1-1,3-3");
    expect(all.wrong).toEqual([]);
    all.releases("2-2");
    expect(all.wrong).toEqual(["4 release: position 2 was released, and in epoch 2 of its mailbox nobody has asked for that"]);
  }
});

test("what a relay passes on it lets go of by itself", () => {
  const { wrong, releases } = open();
  releases("1-9", "relay-1");
  expect(wrong).toEqual([]);
});
