import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createForwardQueue, type ForwardFacts, type ForwardItem, type ForwardQueue, type ForwardRefusal } from "./forward-queue.ts";

const FULL: ForwardRefusal = { code: "mailbox-full", retry: "after", afterMs: 5000 };
const NEVER: ForwardRefusal = { code: "malformed", retry: "never", afterMs: 0 };
const FAST: ForwardRefusal = {
  code: "rate-limited",
  retry: "after",
  afterMs: 1000,
  limit: { name: "peerMessagesPerSecond", value: 10, remaining: 0 },
};
const LIMITS = { windowFrames: 4, windowBytes: 1000, pauseMinMs: 500, pauseMaxMs: 60_000, pauseLongestMs: 3_600_000 };

function facts(position: number, bytes = 100): ForwardFacts {
  return { digest: new Uint8Array(16).fill(position), bytes, from: new Uint8Array(32) };
}

function item(position: number, lane = "a"): ForwardItem {
  return { ...facts(position), position, lane };
}

function queueOf(options: Partial<Parameters<typeof createForwardQueue>[0]> = {}): ForwardQueue {
  return createForwardQueue({ ...LIMITS, recall: (position) => facts(position), ...options });
}

/** Sends all that may travel; position by link sequence number. */
function sendAll(queue: ForwardQueue, nowMs = 0): [number, number][] {
  const sent: [number, number][] = [];
  for (let next = queue.next(nowMs); next !== undefined; next = queue.next(nowMs))
    sent.push([next.linkSeq ?? queue.send(next.item), next.item.position]);
  return sent;
}

describe("a forward queue", () => {
  it("sends in order inside the window, and says what is done when that is acknowledged", () => {
    const queue = queueOf();
    for (let position = 1; position <= 6; position++) queue.add(item(position));
    expect(sendAll(queue)).toEqual([1, 2, 3, 4].map((each) => [each, each]));
    expect(queue.acked(3)).toEqual([1, 2, 3]);
    expect(sendAll(queue)).toEqual([5, 6].map((each) => [each, each]));
    expect([queue.acked(6), queue.waiting, queue.inFlight, queue.addedUpTo]).toEqual([[4, 5, 6], 0, 0, 6]);
  });

  it("takes no acknowledgement of what it never sent", () => {
    expect(queueOf().acked(1)).toBeUndefined();
  });

  it("parks the lane of what was refused and lets every other lane go on", () => {
    const queue = queueOf({ windowFrames: 100 });
    queue.add(item(1, "full"));
    sendAll(queue);
    queue.refused(1, FULL, 0, 0);
    for (let position = 2; position <= 9; position++) queue.add(item(position, position % 2 === 0 ? "full" : "open"));
    expect(sendAll(queue).map(([, position]) => position)).toEqual([3, 5, 7, 9]);
    expect(queue.acked(1)).toEqual([]);
  });

  it("tries a parked lane with one message, and sends the rest once that was taken", () => {
    const queue = queueOf({ windowFrames: 100 });
    for (let position = 1; position <= 4; position++) queue.add(item(position));
    sendAll(queue);
    for (let linkSeq = 1; linkSeq <= 4; linkSeq++) queue.refused(linkSeq, FULL, 0, 0);
    expect([queue.wakeAtMs(), sendAll(queue, 4999)]).toEqual([5000, []]);
    expect(sendAll(queue, 5000)).toEqual([[5, 1]]);
    expect(queue.acked(5)).toEqual([1]);
    expect(sendAll(queue, 5001).map(([, position]) => position)).toEqual([2, 3, 4]);
    expect(queue.parkedLanes).toBe(0);
  });

  it("tries few of very many parked lanes at once, before what can travel, and all of them in the end", () => {
    const lanes = 1000;
    const queue = queueOf({ windowFrames: 10_000, windowBytes: 10_000_000 });
    for (let position = 1; position <= lanes; position++) queue.add(item(position, `nobody ${position}`));
    for (const [linkSeq] of sendAll(queue)) queue.refused(linkSeq, FULL, 0, 0);
    queue.acked(lanes);
    queue.add(item(lanes + 1, "somebody"));
    const first = sendAll(queue, 60_000);
    expect([first.length, first.at(-1)?.[1], queue.wakeAtMs()]).toEqual([65, lanes + 1, Number.POSITIVE_INFINITY]);
    const tried = new Set(first.map(([, position]) => position));
    for (let under = first; under.length > 0; ) {
      for (const [linkSeq] of under) queue.refused(linkSeq, { ...FULL, afterMs: 100_000 }, 60_000, 0);
      under = sendAll(queue, 60_000);
      for (const [, position] of under) tried.add(position);
    }
    expect([tried.size, queue.parkedLanes, queue.inFlight]).toEqual([lanes + 1, lanes + 1, 0]);
  });

  it("waits longer after each refusal, and never longer than an hour and a half", () => {
    const queue = queueOf({ pauseMaxMs: 1_000_000 });
    queue.add(item(1));
    let nowMs = 0;
    const pauses: number[] = [];
    for (let round = 1; round <= 12; round++) {
      const [[linkSeq] = [0]] = sendAll(queue, nowMs);
      queue.refused(linkSeq, { code: "mailbox-full", retry: "after", afterMs: round === 12 ? 1e12 : 0 }, nowMs, 1);
      queue.acked(linkSeq);
      pauses.push(queue.wakeAtMs() - nowMs);
      nowMs = queue.wakeAtMs();
    }
    expect(pauses.slice(0, 4)).toEqual([800, 1500, 3000, 6000].map((pause) => expect.closeTo(pause, -3)));
    expect(pauses.at(-1)).toBeLessThanOrEqual(1.5 * 3_600_000 + 100);
  });

  it("parks what is wrong with one message alone, also when it is the one a lane is tried with", () => {
    const queue = queueOf({ windowFrames: 100 });
    for (let position = 1; position <= 3; position++) queue.add(item(position));
    sendAll(queue);
    for (let linkSeq = 1; linkSeq <= 3; linkSeq++) queue.refused(linkSeq, FULL, 0, 0);
    const [[probe] = [0]] = sendAll(queue, 5000);
    queue.refused(probe, NEVER, 5000, 0);
    const [[second] = [0]] = sendAll(queue, 5000);
    expect(queue.acked(second)).toEqual([2]);
    expect(sendAll(queue, 5000).map(([, position]) => position)).toEqual([3]);
    expect(queue.wakeAtMs()).toBe(5000 + LIMITS.pauseMaxMs);
    expect(sendAll(queue, queue.wakeAtMs()).map(([, position]) => position)).toEqual([1]);
  });

  it("forgets what ended here while it was parked", () => {
    const gone = new Set<number>();
    const queue = queueOf({ recall: (position) => (gone.has(position) ? undefined : facts(position)) });
    for (let position = 1; position <= 3; position++) queue.add(item(position));
    sendAll(queue);
    for (let linkSeq = 1; linkSeq <= 3; linkSeq++) queue.refused(linkSeq, FULL, 0, 0);
    for (let position = 1; position <= 3; position++) gone.add(position);
    expect([sendAll(queue, 60_000), queue.parkedLanes, queue.wakeAtMs()]).toEqual([[], 0, Number.POSITIVE_INFINITY]);
  });

  it("tries the next of a lane when what it was tried with is gone before it was read", () => {
    const queue = queueOf();
    queue.add(item(1));
    queue.add(item(2));
    sendAll(queue);
    queue.refused(1, FULL, 0, 0);
    queue.refused(2, FULL, 0, 0);
    const first = queue.next(5000);
    queue.drop(first?.item as ForwardItem);
    expect(queue.next(5000)?.item.position).toBe(2);
  });

  it("sends after a break what the other side lacks, under the same numbers", () => {
    const queue = queueOf();
    for (let position = 1; position <= 4; position++) queue.add(item(position));
    sendAll(queue);
    expect(queue.resume(2, [], 0)).toEqual({ done: [1, 2], whole: true });
    expect(sendAll(queue)).toEqual([
      [3, 3],
      [4, 4],
    ]);
  });

  it("is at the end of its link when the other side knows another history, or lacks what is gone", () => {
    const gone = new Set<number>();
    const queue = queueOf({ recall: (position) => (gone.has(position) ? undefined : facts(position)) });
    for (let position = 1; position <= 3; position++) queue.add(item(position));
    sendAll(queue);
    expect(queue.resume(7, [], 0).whole).toBe(false);
    gone.add(2);
    expect(queue.resume(1, [], 0)).toEqual({ done: [1], whole: false });
    queue.renew();
    expect(sendAll(queue).map(([linkSeq]) => linkSeq)).toEqual([1, 2]);
  });

  it("passes every message on, once for each time it had to, whatever the other relay refuses and however often they part", () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant("add" as const), lane: fc.integer({ min: 0, max: 3 }) }) },
      { weight: 5, arbitrary: fc.record({ do: fc.constant("send" as const) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("hear" as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("shut" as const), lane: fc.integer({ min: 0, max: 3 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("part" as const), forgets: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("end" as const), position: fc.integer({ min: 1, max: 20 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const gone = new Set<number>();
        const queue = queueOf({ recall: (position) => (gone.has(position) ? undefined : facts(position)) });
        const laneOf = new Map<number, string>();
        const shut = new Set<string>();
        const taken = new Set<number>();
        const done = new Set<number>();
        const named = new Map<number, number>();
        const answers: (() => void)[] = [];
        let peer = { upTo: 0, refused: [] as number[] };
        let nowMs = 0;
        let added = 0;
        const finish = (positions: readonly number[] | undefined): void => {
          expect(positions).toBeDefined();
          for (const position of positions ?? []) {
            expect(taken.has(position), `${position} is done and was never taken`).toBe(true);
            expect(done.has(position), `${position} is done twice`).toBe(false);
            done.add(position);
          }
        };
        const arrive = (linkSeq: number, position: number): void => {
          expect(named.get(linkSeq) ?? position, `${linkSeq} names two messages`).toBe(position);
          named.set(linkSeq, position);
          if (linkSeq <= peer.upTo) return;
          expect(linkSeq).toBe(peer.upTo + 1);
          peer.upTo = linkSeq;
          const refused = shut.has(laneOf.get(position) as string);
          if (refused) {
            peer.refused.push(linkSeq);
            answers.push(() => void queue.refused(linkSeq, FULL, nowMs, 0));
          } else taken.add(position);
          const { upTo } = peer;
          answers.push(() => finish(queue.acked(upTo)));
        };
        const sendSome = (): void => {
          for (const [linkSeq, position] of sendAll(queue, nowMs)) arrive(linkSeq, position);
        };
        const part = (forgets: boolean): void => {
          answers.length = 0;
          if (forgets) peer = { upTo: 0, refused: [] };
          const { done: more, whole } = queue.resume(peer.upTo, peer.refused, nowMs);
          finish(more);
          if (whole) return;
          peer = { upTo: 0, refused: [] };
          named.clear();
          queue.renew();
        };
        for (const each of steps) {
          if (each.do === "add") {
            const position = ++added;
            laneOf.set(position, String(each.lane));
            queue.add(item(position, String(each.lane)));
          } else if (each.do === "send") sendSome();
          else if (each.do === "hear") answers.shift()?.();
          else if (each.do === "shut") shut.has(String(each.lane)) ? shut.delete(String(each.lane)) : shut.add(String(each.lane));
          else if (each.do === "part") part(each.forgets);
          else if (each.do === "end" && each.position <= added) gone.add(each.position);
          else if (each.do === "pass") nowMs += each.ms;
          expect(queue.inFlight).toBeLessThanOrEqual(LIMITS.windowFrames);
        }
        shut.clear();
        for (let round = 0; round < 50 && queue.waiting + queue.inFlight + queue.parkedLanes > 0; round++) {
          sendSome();
          for (const answer of answers.splice(0)) answer();
          nowMs += 3_600_000;
        }
        expect([queue.waiting, queue.waitingBytes, queue.inFlight, queue.parkedLanes]).toEqual([0, 0, 0, 0]);
        for (let position = 1; position <= added; position++)
          expect(done.has(position) || gone.has(position), `${position} was neither passed on nor ended`).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("rests as a whole where the link is too fast, and then goes on in its order", () => {
    const queue = queueOf();
    for (let position = 1; position <= 6; position++) queue.add(item(position, position % 2 === 0 ? "even" : "odd"));
    sendAll(queue);
    for (let linkSeq = 2; linkSeq <= 4; linkSeq++) queue.refused(linkSeq, FAST, 0, 0);
    expect([queue.acked(4), queue.parkedLanes, queue.waiting, queue.wakeAtMs()]).toEqual([[1], 0, 5, 1000]);
    expect(sendAll(queue, 999)).toEqual([]);
    expect(sendAll(queue, 1000).map(([, position]) => position)).toEqual([2, 3, 4, 5]);
    expect(queue.acked(8)).toEqual([2, 3, 4, 5]);
    expect(sendAll(queue, 1000).map(([, position]) => position)).toEqual([6]);
  });

  it("sends what was too fast again under its number when the link is taken up before that was acknowledged", () => {
    const queue = queueOf();
    for (let position = 1; position <= 3; position++) queue.add(item(position));
    sendAll(queue);
    queue.refused(2, FAST, 0, 0);
    expect(queue.resume(1, [], 0)).toEqual({ done: [1], whole: true });
    expect(sendAll(queue, 5000)).toEqual([
      [2, 2],
      [3, 3],
    ]);
    expect([queue.waiting, queue.waitingBytes]).toEqual([0, 0]);
  });

  it("parks one lane where its recipient's strangers are too many", () => {
    const queue = queueOf();
    queue.add(item(1, "a"));
    queue.add(item(2, "b"));
    sendAll(queue);
    queue.refused(1, { ...FAST, limit: { name: "strangerMessagesPerHour", value: 1, remaining: 0 } }, 0, 0);
    queue.add(item(3, "b"));
    expect([queue.parkedLanes, sendAll(queue).map(([, position]) => position)]).toEqual([1, [3]]);
  });

  it("sends what waits to be tried once, under the number it had, when the link is taken up before its refusal was acknowledged", () => {
    const queue = queueOf({ windowFrames: 2 });
    queue.add(item(1));
    queue.add(item(2, "b"));
    queue.add(item(3, "b"));
    expect(sendAll(queue)).toEqual([
      [1, 1],
      [2, 2],
    ]);
    queue.refused(1, FULL, 0, 0);
    expect([sendAll(queue, 6000), queue.waiting]).toEqual([[], 2]);
    expect(queue.resume(0, [], 6000)).toEqual({ done: [], whole: true });
    expect([sendAll(queue, 6000), queue.waiting]).toEqual([
      [
        [1, 1],
        [2, 2],
      ],
      1,
    ]);
    expect([queue.acked(2), sendAll(queue, 6000)]).toEqual([[1, 2], [[3, 3]]]);
  });

  it("asks for no wake when what was parked is under way again", () => {
    const queue = queueOf();
    queue.add(item(1));
    sendAll(queue);
    queue.refused(1, FULL, 0, 0);
    expect(queue.wakeAtMs()).toBe(5000);
    queue.resume(0, [], 0);
    expect([queue.parkedLanes, queue.wakeAtMs()]).toEqual([0, Number.POSITIVE_INFINITY]);
  });
});
