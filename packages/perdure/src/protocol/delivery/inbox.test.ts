import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Box, Kept, KeptIncoming, PayloadAt } from "../../wire/kept-agent.ts";
import { decodeKept, encodeKept } from "../../wire/kept-agent.ts";
import { PART_BYTES } from "../../wire/limits.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { type Incoming, incomingKey } from "./incoming.ts";
import { MAX_KEYS, MAX_RUNS } from "./incoming-stream.ts";
import { createMailboxCursor, type MailboxCursor } from "./mailbox-cursor.ts";

const NOW = 1_000_000;
const EXPIRY = NOW + 100_000;
const HOLE_WAIT = 5_000;
const FORGET = 50_000;
const GENERATION = new Uint8Array(8).fill(1);
const from = new Uint8Array(32).fill(7);
const stream = new Uint8Array(8).fill(9);
const limits = { holeWaitMs: HOLE_WAIT, forgetStreamMs: FORGET, liveStreams: 2, retryMaxMs: 60_000 };

interface Bench {
  inbox: Inbox;
  cursor: MailboxCursor;
  places: number;
}

function bench(defences = { dedupe: true, floor: true }): Bench {
  const cursor = createMailboxCursor(defences);
  cursor.begin(GENERATION, []);
  return { inbox: createInbox({ limits, defences, cursor }), cursor, places: 0 };
}

/** What a restart does: everything is restated as bytes and read back. */
function reopen(before: Bench, defences = { dedupe: true, floor: true }): Bench {
  const after = bench(defences);
  after.places = before.places;
  after.inbox.reset(before.inbox.lastArrival);
  for (const { kept, restated } of before.inbox.restate()) {
    const read = decodeKept(encodeKept(kept, undefined, restated));
    after.inbox.apply(read.kept, read.restated, true);
  }
  return after;
}

interface Part {
  readonly seq: number;
  readonly part?: number;
  readonly parts?: number;
  readonly floor?: number;
  readonly key?: string;
  readonly digest?: number;
  readonly expiresAtMs?: number;
  readonly stream?: Uint8Array;
}

function headOf(
  { seq, part = 0, parts = 1, floor = 1, key = "", digest = seq, expiresAtMs = EXPIRY, stream: on = stream }: Part,
  position: number,
  atMs: number,
  arrival: number,
): KeptIncoming {
  const empty = new Uint8Array(32);
  return {
    from,
    stream: on,
    seq,
    digest: new Uint8Array(16).fill(digest),
    generation: GENERATION,
    position,
    storedAtMs: atMs,
    receivedAtMs: atMs,
    expiresAtMs,
    arrival,
    fromName: "",
    head: {
      version: 0,
      thread: new Uint8Array(16),
      depth: 0,
      auto: false,
      inReplyTo: undefined,
      collapseKey: "",
      idempotencyKey: key,
      contentType: "text/plain",
      fileName: "",
      part,
      parts,
      wholeBytes: (parts - 1) * PART_BYTES + 1,
      wholeHash: empty,
      floor,
      sentAtMs: NOW,
      logHead: empty,
      certificateHash: empty,
      bundle: new Uint8Array(0),
      extensions: [],
    },
  };
}

function place(on: Bench): PayloadAt {
  return { segment: 1, offset: ++on.places, length: 10 };
}

/** As arrivals do it: judge, and keep what is new. */
function deliver(on: Bench, part: Part, position: number, atMs = NOW): string {
  const head = headOf(part, position, atMs, on.inbox.nextArrival());
  const judgement = on.inbox.judge(head, atMs);
  if (judgement === "new") on.inbox.apply({ kind: "received", head }, place(on));
  else if (judgement === "pending" && on.inbox.boxOf(from, head.stream, head.seq) === "requests")
    on.cursor.settlePosition(GENERATION, position);
  else if (judgement === "pending") on.cursor.hold(GENERATION, position, incomingKey(from, head.stream, head.seq));
  else if (judgement === "settled") on.cursor.settlePosition(GENERATION, position);
  return judgement;
}

const next = (on: Bench, atMs = NOW): Incoming | undefined => {
  const found = on.inbox.next(atMs, () => true);
  return "incoming" in found ? found.incoming : undefined;
};
const start = (on: Bench, incoming: Incoming): void => {
  const attempt = incoming.attempt + 1;
  on.inbox.apply({ kind: "started", head: { from, stream: incoming.stream, seq: incoming.seq, attempt } }, undefined);
  incoming.claim = { client: "c", attempt };
};
const completion = (incoming: Incoming): Kept => ({
  kind: "completed",
  head: { from, stream: incoming.stream, seq: incoming.seq, parts: incoming.parts, attempt: incoming.attempt, outcome: "done", atMs: NOW },
});
const complete = (on: Bench, incoming: Incoming): void => {
  for (const twin of on.inbox.twins(incoming)) on.inbox.apply(completion(twin), undefined);
  on.inbox.apply(completion(incoming), undefined);
};
const put = (on: Bench, incoming: Incoming, box: Box, failures: number, notBeforeMs = 0): void => {
  on.inbox.apply(
    {
      kind: "put",
      head: { from, stream: incoming.stream, seq: incoming.seq, box, arrival: on.inbox.nextArrival(), failures, crashes: 0, notBeforeMs },
    },
    undefined,
  );
  incoming.claim = undefined;
};

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

describe("inbox: requests", () => {
  it("hold up nothing, are handed to nobody, and free their positions at the relay", () => {
    const on = bench();
    for (const seq of [1, 2, 3]) deliver(on, { seq }, seq);
    for (const incoming of on.inbox.listed("contacts", 0).slice(0, 2)) put(on, incoming, "requests", 0);
    expect(on.inbox.listed("requests", 0).map(({ seq }) => seq)).toEqual([1, 2]);
    expect([on.inbox.waiting, on.inbox.requests, next(on)?.seq]).toEqual([1, 2, 3]);
    expect(on.cursor.take()).toMatchObject({ floor: 2 });
    expect(reopen(on).cursor.take()).toMatchObject({ floor: 2 });
  });

  it("taken in start in the order of their stream, before what came later", () => {
    const on = bench();
    for (const seq of [1, 2]) {
      deliver(on, { seq }, seq);
      put(on, on.inbox.listed("contacts", 0)[0] as Incoming, "requests", 0);
    }
    deliver(on, { seq: 3 }, 3);
    for (const incoming of on.inbox.listed("requests", 0)) put(on, incoming, "contacts", 0);
    const order: number[] = [];
    for (let incoming = next(on); incoming !== undefined; incoming = next(on)) {
      order.push(incoming.seq);
      start(on, incoming);
      complete(on, incoming);
    }
    expect(order).toEqual([1, 2, 3]);
  });

  it("are weighed by sender, each once, also after a restart, and no longer when they end", () => {
    const on = bench();
    deliver(on, { seq: 1, part: 0, parts: 2 }, 1);
    const incoming = on.inbox.find(incomingKey(from, stream, 1)) as Incoming;
    put(on, incoming, "requests", 0);
    deliver(on, { seq: 2, part: 1, parts: 2 }, 2);
    put(on, incoming, "requests", 0);
    const held = { messages: 1, bytes: PART_BYTES + 1 };
    for (const each of [on, reopen(on)]) expect([each.inbox.requested(), each.inbox.requested(from)]).toEqual([held, held]);
    expect(on.inbox.requested(new Uint8Array(32))).toEqual({ messages: 0, bytes: 0 });
    complete(on, incoming);
    expect(on.inbox.requested()).toEqual({ messages: 0, bytes: 0 });
  });
});

describe("inbox: any history", () => {
  const actions = fc.array(
    fc.oneof(
      fc.record({ do: fc.constantFrom("deliver" as const, "knock" as const), seq: fc.integer({ min: 1, max: 12 }) }),
      fc.record({
        do: fc.constantFrom(
          "admit" as const,
          "start" as const,
          "complete" as const,
          "fail" as const,
          "park" as const,
          "restart" as const,
          "wait" as const,
        ),
        seq: fc.constant(0),
      }),
    ),
    { maxLength: 120 },
  );
  /** Messages 1-2 and 7-9 have several parts; half of the others wait for no hole. */
  const partOf = (seq: number): Part =>
    seq <= 2
      ? { seq, part: seq - 1, parts: 2 }
      : seq >= 7 && seq <= 9
        ? { seq, part: seq - 7, parts: 3 }
        : seq % 2 === 0
          ? { seq, floor: seq }
          : { seq };

  const run = (
    script: readonly { readonly do: string; readonly seq: number }[],
    defences: { readonly dedupe: boolean; readonly floor: boolean },
  ): void => {
    let on = bench(defences);
    let position = 0;
    let nowMs = NOW;
    const over = new Set<number>();
    const lies = new Map<number, number>();
    /** What was put into requests is on the agent's own disk: the relay may let go of it. */
    const parked = new Set<number>();
    const mayRelease = (at: number): boolean => over.has(lies.get(at) as number) || parked.has(lies.get(at) as number);
    let running: Incoming[] = [];
    for (const action of script) {
      if (action.do === "deliver") {
        lies.set(++position, action.seq);
        const part = partOf(action.seq);
        const before = on.inbox.boxOf(from, stream, part.seq - (part.part ?? 0));
        if (deliver(on, part, position, nowMs) === "new" && before === "requests") parked.add(part.seq);
      } else if (action.do === "knock") {
        lies.set(++position, action.seq);
        const part = partOf(action.seq);
        const first = part.seq - (part.part ?? 0);
        // As admission does it: a message stays in the box where its first part came to lie.
        const before = on.inbox.boxOf(from, stream, first);
        if (deliver(on, part, position, nowMs) !== "new" || before === "contacts") continue;
        put(on, on.inbox.find(incomingKey(from, stream, first)) as Incoming, "requests", 0);
        parked.add(part.seq);
      } else if (action.do === "admit") {
        for (const incoming of on.inbox.listed("requests", 0)) put(on, incoming, "contacts", 0);
      } else if (action.do === "start") {
        const incoming = next(on, nowMs);
        if (incoming === undefined) continue;
        expect(incoming.box, "nobody is handed what waits in requests").not.toBe("requests");
        start(on, incoming);
        running.push(incoming);
      } else if (action.do === "wait") nowMs += HOLE_WAIT;
      else if (action.do === "restart") {
        on = reopen(on, defences);
        running = [];
      } else {
        const incoming = running.shift();
        if (incoming === undefined) continue;
        if (action.do === "complete") {
          for (let seq = incoming.seq; seq < incoming.seq + incoming.parts; seq++) {
            expect(over.has(seq), `${seq} is completed once`).toBe(false);
            over.add(seq);
          }
          complete(on, incoming);
        } else put(on, incoming, "contacts", incoming.failures + 1, action.do === "park" ? nowMs + 1 : 0);
      }
      const said = on.cursor.take();
      if (said === undefined) continue;
      for (let at = 1; at <= said.floor; at++) expect(mayRelease(at), `position ${at} is released after its completion`).toBe(true);
      for (const [first, last] of said.ranges) for (let at = first; at <= last; at++) expect(mayRelease(at)).toBe(true);
      const requests = on.inbox.listed("requests", 0);
      expect(on.inbox.requested().messages).toBeGreaterThanOrEqual(requests.length);
      expect(on.inbox.requested(from)).toEqual(on.inbox.requested());
    }
    for (const box of ["contacts", "requests"] as const)
      for (const incoming of on.inbox.listed(box, 0)) expect(over.has(incoming.seq)).toBe(false);
    for (const incoming of on.inbox.listed("requests", 0)) complete(on, incoming);
    expect(on.inbox.listed("requests", 0)).toEqual([]);
  };

  it("completes each message once and releases only what is completed", () => {
    fc.assert(
      fc.property(actions, (script) => run(script, { dedupe: true, floor: true })),
      { numRuns: 500 },
    );
  });

  it("negative control: turns red without dedupe", () => {
    expect(() =>
      fc.assert(
        fc.property(actions, (script) => run(script, { dedupe: false, floor: true })),
        { numRuns: 2000, seed: 1 },
      ),
    ).toThrow();
  });

  it("negative control: turns red without the settle floor", () => {
    expect(() =>
      fc.assert(
        fc.property(actions, (script) => run(script, { dedupe: true, floor: false })),
        { numRuns: 500, seed: 1 },
      ),
    ).toThrow();
  });
});

describe("inbox: a crowd", () => {
  it("looks at one message of a stream to start the next, however many wait", () => {
    const on = bench();
    const crowd = 10_000;
    for (let seq = 1; seq <= crowd; seq++) deliver(on, { seq }, seq);
    let looks = 0;
    for (let seq = 1; seq <= crowd; seq++) {
      const found = on.inbox.next(NOW, () => ++looks > 0);
      expect("incoming" in found && found.incoming.seq).toBe(seq);
      start(on, (found as { readonly incoming: Incoming }).incoming);
      complete(on, (found as { readonly incoming: Incoming }).incoming);
    }
    expect(looks).toBe(crowd);
    expect(on.inbox.waiting).toBe(0);
  });
});
