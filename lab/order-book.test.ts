import { expect, test } from "vitest";
import { createOrderBook } from "./order-book.ts";

function watched() {
  const broken: string[] = [];
  const fail = (invariant: string, what: string): void => void broken.push(`${invariant}: ${what}`);
  const book = createOrderBook({ holeWaitMs: 5000, isUnreliable: () => false, fail });
  const say = (event: string, seq: number, more = {}) =>
    book.fact("anna", `agent.${event}`, {
      from: "desk",
      id: `ab.${seq}`,
      part: 0,
      parts: 1,
      attempt: 1,
      box: "contacts",
      atMs: 1000,
      ...more,
    });
  return { broken, book, say };
}

test("what comes first is chosen first, and what failed once more before those after it", () => {
  const { broken, say } = watched();
  for (const seq of [1, 2]) say("received", seq);
  say("claimed", 1);
  say("claimed", 2);
  say("completed", 2);
  say("put-off", 1);
  say("received", 3);
  say("claimed", 1, { attempt: 2 });
  say("completed", 1, { attempt: 2 });
  say("claimed", 3);
  expect(broken).toEqual([]);
});

test("what passes another of its stream is noticed", () => {
  const { broken, say } = watched();
  for (const seq of [1, 2]) say("received", seq);
  say("claimed", 2);
  expect(broken).toEqual(["order: ab.2 starts at anna before number 1 of its stream, which lies there"]);
});

test.each([
  ["it is an answer that somebody waits for", () => {}, { asked: true }],
  ["the one before it is a request", (say: ReturnType<typeof watched>["say"]) => say("received", 1, { box: "requests" }), {}],
  ["the one before it is not whole", (say: ReturnType<typeof watched>["say"]) => say("received", 1, { parts: 3 }), {}],
  ["the one before it may be a twin", (say: ReturnType<typeof watched>["say"]) => say("received", 1, { keyed: true }), {}],
])("it may pass when %s", (_, before, how) => {
  const { broken, say } = watched();
  before(say);
  say("received", 2);
  if ("asked" in how) say("received", 1);
  say("claimed", 2, how);
  expect(broken).toEqual([]);
});

test("what did not wait for a hole before it is noticed when that is filled; what waited may go on", () => {
  const { broken, say } = watched();
  say("received", 2);
  say("claimed", 2, { atMs: 6000 });
  say("received", 1);
  say("claimed", 1);
  expect(broken).toEqual([]);
  say("received", 4);
  say("claimed", 4, { atMs: 5999 });
  say("received", 3);
  say("claimed", 3);
  expect(broken).toEqual(["order: number 4 of the stream of ab.3 did not wait for it at anna"]);
});

test("of what a process before it left nothing is asked", () => {
  const { broken, book, say } = watched();
  say("received", 1);
  book.forget("anna");
  say("received", 2);
  say("claimed", 2);
  expect(broken).toEqual([]);
});

test("an attempt that was taken back completes nothing", () => {
  const { broken, say } = watched();
  say("received", 1);
  say("claimed", 1);
  say("put-off", 1);
  say("claimed", 1, { attempt: 2 });
  say("completed", 1, { attempt: 1 });
  expect(broken).toEqual(["3 completion: attempt 1 completed ab.1 at anna, and was over"]);
});
