import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PART_BYTES } from "../../wire/limits.ts";
import { type Incoming, incomingKey } from "./incoming.ts";
import { bench, complete, deliver, from, HOLE_WAIT, NOW, next, type Part, put, reopen, start, stream } from "./test-inbox.ts";

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
