import { describe, expect, it } from "vitest";
import { type Incoming, incomingKey } from "./incoming.ts";
import { MAX_KEYS, MAX_RUNS } from "./incoming-stream.ts";
import {
  bench,
  complete,
  deliver,
  EXPIRY,
  FORGET,
  from,
  GENERATION,
  HOLE_WAIT,
  NOW,
  next,
  put,
  reopen,
  start,
  stream,
} from "./test-inbox.ts";

describe("inbox: duplicates", () => {
  it("knows a settled message again, also after a restart", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    complete(on, next(on) as Incoming);
    expect(deliver(on, { seq: 1 }, 2)).toBe("settled");
    const again = reopen(on);
    expect(deliver(again, { seq: 1 }, 3)).toBe("settled");
    expect(next(again)).toBeUndefined();
  });

  it("negative control: without dedupe a settled message is handed over again", () => {
    const on = bench({ dedupe: false, floor: true });
    deliver(on, { seq: 1 }, 1);
    complete(on, next(on) as Incoming);
    deliver(on, { seq: 1 }, 2);
    expect(next(on)).toBeDefined();
  });

  it("settles every position of a message that came twice", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    expect(deliver(on, { seq: 1 }, 2)).toBe("pending");
    complete(on, next(on) as Incoming);
    expect(on.cursor.take()?.floor).toBe(2);
  });

  it("sees that an id has two digests, pending or settled", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    expect(deliver(on, { seq: 1, digest: 99 }, 2)).toBe("conflict");
    complete(on, next(on) as Incoming);
    expect(deliver(on, { seq: 1, digest: 99 }, 3)).toBe("conflict");
  });

  it("takes a part that was sealed anew for the one before it, whichever came first, pending, settled and after restarts", () => {
    for (const isOldFirst of [true, false]) {
      const [old, anew] = [
        { seq: 1, digest: 5 },
        { seq: 1, digest: 6, resealed: [4, 5] },
      ];
      const [first, second] = isOldFirst ? [old, anew] : [anew, old];
      const on = bench();
      expect(deliver(on, first, 1)).toBe("new");
      expect(deliver(on, second, 2)).toBe("pending");
      const again = reopen(on);
      expect(deliver(again, second, 3)).toBe("pending");
      complete(again, next(again) as Incoming);
      expect(deliver(again, second, 4)).toBe("settled");
      const later = reopen(again);
      expect([deliver(later, second, 5), deliver(later, first, 6)]).toEqual(["settled", "settled"]);
      // Control: one that nobody named is another message.
      expect(deliver(later, { seq: 1, digest: 7 }, 7)).toBe("conflict");
      expect(next(later)).toBeUndefined();
    }
  });

  it("takes parts of one message that were sealed at different times for one message", () => {
    const on = bench();
    deliver(on, { seq: 1, part: 0, parts: 2 }, 1);
    expect(deliver(on, { seq: 2, part: 1, parts: 2, resealed: [9] }, 2)).toBe("new");
    expect(next(on)?.parts).toBe(2);
  });

  it("takes one message per idempotency key, and both end together", () => {
    const on = bench();
    const other = new Uint8Array(8).fill(3);
    deliver(on, { seq: 1, key: "pay" }, 1);
    deliver(on, { seq: 1, key: "pay", stream: other }, 2);
    const first = next(on) as Incoming;
    start(on, first);
    expect(next(on)).toBeUndefined();
    complete(on, first);
    expect(on.cursor.take()?.floor).toBe(2);
    expect(deliver(on, { seq: 2, key: "pay" }, 3)).toBe("new");
    expect(next(on)).toBeUndefined();
    expect(on.inbox.lateTwins()).toHaveLength(1);
    expect(reopen(on).inbox.lateTwins()).toHaveLength(1);
  });

  it("ends a twin with its message also after a restart, when the first part of the twin came before that", () => {
    const before = bench();
    deliver(before, { seq: 1, part: 0, parts: 2, key: "once" }, 1);
    deliver(before, { seq: 3, key: "once" }, 2);
    deliver(before, { seq: 2, part: 1, parts: 2, key: "once" }, 3);
    const on = reopen(before);
    expect(on.inbox.lateTwins()).toEqual([]);
    expect(on.inbox.twins(on.inbox.find(incomingKey(from, stream, 3)) as Incoming).map(({ seq }) => seq)).toEqual([1]);
  });

  it("does not take a message that is not whole for one that was put back, whatever its sender counted as passed", () => {
    const before = bench();
    const head = { from, stream, seq: 1, digest: new Uint8Array(16), expiresAtMs: EXPIRY, generation: GENERATION, position: 1 };
    before.inbox.apply({ kind: "passed", head }, undefined);
    deliver(before, { seq: 2, part: 1, parts: 2 }, 2);
    expect(next(reopen(before), NOW + HOLE_WAIT)).toBeUndefined();
  });

  it("lets a refused key be taken again, by a twin that came meanwhile too", () => {
    const on = bench();
    deliver(on, { seq: 1, key: "pay" }, 1);
    const first = next(on) as Incoming;
    start(on, first);
    deliver(on, { seq: 2, key: "pay" }, 2);
    on.inbox.apply(
      { kind: "completed", head: { from, stream, seq: 1, parts: 1, attempt: first.attempt, outcome: "refused", atMs: NOW } },
      undefined,
    );
    expect(on.inbox.lateTwins()).toEqual([]);
    expect((next(on) as Incoming).seq).toBe(2);
    expect((next(reopen(on)) as Incoming).seq).toBe(2);
  });

  it("remembers a bounded number of keys and of holes, whatever a sender does", () => {
    const on = bench();
    const last = 2 * (MAX_RUNS + 10);
    let refused = 0;
    for (let seq = 2; seq <= last; seq += 2) {
      if (deliver(on, { seq, key: `key ${seq}` }, seq) === "too-busy") refused++;
      else complete(on, next(on, NOW + HOLE_WAIT) as Incoming);
    }
    expect(refused).toBe(10);
    expect(deliver(on, { seq: 3 }, last + 1)).toBe("new");
    const kept = on.inbox.restate().flatMap(({ kept }) => (kept.kind === "stream" ? [kept.head] : []));
    expect(kept.reduce((sum, { settled }) => sum + settled.length, 0)).toBe(MAX_RUNS);
    expect(kept.reduce((sum, { keys }) => sum + keys.length, 0)).toBeLessThanOrEqual(MAX_KEYS);
  });

  it("does not wait for pauses that a clock reckoned which has gone back since", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    const first = next(on) as Incoming;
    const { arrival } = first;
    on.inbox.apply(
      { kind: "put", head: { from, stream, seq: 1, box: "contacts", arrival, failures: 1, crashes: 0, notBeforeMs: NOW + 1000 } },
      undefined,
    );
    expect(next(on, NOW)).toBeUndefined();
    expect(next(on, NOW - 900_000)?.seq).toBe(1);
    const holed = bench();
    deliver(holed, { seq: 2 }, 1);
    expect(next(holed, NOW)).toBeUndefined();
    expect(next(holed, NOW - 900_000)?.seq).toBe(2);
  });

  it("does not take mail that is expired on arrival", () => {
    const on = bench();
    expect(deliver(on, { seq: 1, expiresAtMs: NOW }, 1)).toBe("expired");
  });

  it("forgets a stream only when a replay of it is expired", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    complete(on, next(on) as Incoming);
    expect(on.inbox.due(EXPIRY + FORGET - 1, EXPIRY + FORGET).records).toEqual([]);
    const { records } = on.inbox.due(EXPIRY + FORGET, EXPIRY + FORGET);
    expect(records.map(({ kind }) => kind)).toEqual(["streamForgotten"]);
    for (const kept of records) on.inbox.apply(kept, undefined);
    expect(deliver(on, { seq: 1 }, 9, EXPIRY + FORGET)).toBe("expired");
  });

  it("bounds the streams of one sender", () => {
    const on = bench();
    for (const value of [1, 2]) deliver(on, { seq: 1, stream: new Uint8Array(8).fill(value) }, value);
    expect(deliver(on, { seq: 1, stream: new Uint8Array(8).fill(3) }, 3)).toBe("too-busy");
  });

  it("refuses parts that do not belong together", () => {
    const on = bench();
    deliver(on, { seq: 1, part: 0, parts: 2 }, 1);
    expect(deliver(on, { seq: 2, part: 1, parts: 3 }, 2)).toBe("malformed");
    expect(deliver(on, { seq: 9, part: 4, parts: 2 }, 3)).toBe("malformed");
  });
});

describe("inbox: order", () => {
  it("starts a stream in order and waits for a hole only so long", () => {
    const on = bench();
    deliver(on, { seq: 3 }, 1);
    expect(on.inbox.next(NOW, () => true)).toEqual({ atMs: NOW + HOLE_WAIT });
    deliver(on, { seq: 1 }, 2);
    expect(next(on)?.seq).toBe(1);
    complete(on, next(on) as Incoming);
    expect(next(on)).toBeUndefined();
    expect(next(on, NOW + HOLE_WAIT)?.seq).toBe(3);
    deliver(on, { seq: 2 }, 3);
    expect(next(on)?.seq).toBe(2);
  });

  it("does not wait for what the sender's floor says is over", () => {
    const on = bench();
    deliver(on, { seq: 3, floor: 3 }, 1);
    expect(next(on)?.seq).toBe(3);
  });

  it("goes on past a message that somebody works on, and stops at one that is put off", () => {
    const on = bench();
    for (const seq of [1, 2, 3]) deliver(on, { seq }, seq);
    start(on, next(on) as Incoming);
    const second = next(on) as Incoming;
    expect(second.seq).toBe(2);
    put(on, second, "contacts", 1, NOW + 10);
    expect(next(on)).toBeUndefined();
    expect(next(on, NOW + 10)?.seq).toBe(2);
  });

  it("hands over a message of several parts only when it is whole", () => {
    const on = bench();
    deliver(on, { seq: 2, part: 1, parts: 2 }, 1);
    expect(next(on)).toBeUndefined();
    deliver(on, { seq: 1, part: 0, parts: 2 }, 2);
    expect(next(on)?.parts).toBe(2);
  });

  it("does not let a hostile gap cost time", () => {
    const on = bench();
    deliver(on, { seq: Number.MAX_SAFE_INTEGER - 1 }, 1);
    expect(next(on, NOW + HOLE_WAIT)?.seq).toBe(Number.MAX_SAFE_INTEGER - 1);
  });
});

describe("inbox: boxes", () => {
  it("settles what fails for good and takes it back on retry, over restarts", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    deliver(on, { seq: 2 }, 2);
    const first = next(on) as Incoming;
    start(on, first);
    put(on, first, "failed", 5);
    expect(on.cursor.take()?.floor).toBe(1);
    let now = reopen(on);
    expect(now.inbox.listed("failed", 0).map(({ seq }) => seq)).toEqual([1]);
    expect(next(now)?.seq).toBe(2);
    expect(deliver(now, { seq: 1 }, 3)).toBe("settled");
    put(now, now.inbox.listed("failed", 0)[0] as Incoming, "contacts", 0);
    now = reopen(now);
    expect(now.inbox.listed("contacts", 0).map(({ seq }) => seq)).toEqual([2, 1]);
    expect(now.inbox.find(first.key)?.attempt).toBe(1);
    expect(deliver(now, { seq: 1 }, 4)).toBe("settled");
  });

  it("counts a start that was never heard of again", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    start(on, next(on) as Incoming);
    const again = next(reopen(on)) as Incoming;
    expect(again.attempt).toBe(1);
    expect(again.crashes).toBe(1);
  });

  it("releases the content of what is completed", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    complete(on, next(on) as Incoming);
    expect(on.inbox.takeReleases()).toEqual([{ segment: 1, offset: 1, length: 10 }]);
  });

  it("names expired mail, and drops what never became whole", () => {
    const on = bench();
    deliver(on, { seq: 1 }, 1);
    deliver(on, { seq: 2, part: 0, parts: 2 }, 2);
    const { expired, records } = on.inbox.due(EXPIRY, EXPIRY);
    expect(expired.map(({ seq }) => seq)).toEqual([1]);
    expect(records.map(({ kind }) => kind)).toEqual(["passed"]);
    for (const kept of records) on.inbox.apply(kept, undefined);
    expect(on.inbox.takeReleases()).toHaveLength(1);
  });
});
