import fc from "fast-check";
import { expect, test } from "vitest";
import type { KeptIncoming } from "../../wire/kept-agent.ts";
import type { Incoming } from "./incoming.ts";
import { createMailIndex } from "./mail-index.ts";

const STREAM = new Uint8Array(8).fill(5);
const PLACE = { segment: 1, offset: 0, length: 1 };

function message(seq: number, answers: number | undefined): Incoming {
  const inReplyTo = answers === undefined ? undefined : { stream: STREAM, seq: answers };
  const head = { head: { inReplyTo } } as unknown as KeptIncoming;
  return {
    key: String(seq),
    seq,
    parts: 1,
    have: new Map([[0, { head, at: PLACE }]]),
    box: "contacts",
    arrival: seq,
  } as unknown as Incoming;
}

const change = fc.record({
  which: fc.nat(7),
  what: fc.oneof(
    fc.constant("drop" as const),
    fc.record({
      box: fc.constantFrom("contacts" as const, "failed" as const, "requests" as const),
      arrival: fc.integer({ min: 1, max: 40 }),
      twinOf: fc.option(fc.nat(7)),
    }),
  ),
});

test("gives what looking at every message would give", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const all = Array.from({ length: 8 }, (_, at) => message(at + 1, at % 3 === 0 ? undefined : (at % 3) + 100));
      const here = new Set<Incoming>();
      const index = createMailIndex();
      for (const { which, what } of changes) {
        const incoming = all[which] as Incoming;
        if (what === "drop") {
          here.delete(incoming);
          index.remove(incoming);
          continue;
        }
        Object.assign(incoming, { box: what.box, arrival: what.arrival, twinOf: what.twinOf === null ? undefined : all[what.twinOf] });
        here.add(incoming);
        index.place(incoming);
      }
      for (const box of ["contacts", "requests", "failed"] as const) {
        const expected = [...here].filter((each) => each.box === box && each.twinOf === undefined);
        expect(index.size(box)).toBe(expected.length);
        for (const after of [0, 10, 39]) {
          const later = expected.filter(({ arrival }) => arrival > after).map(({ arrival }) => arrival);
          expect(index.after(box, after, 3).map(({ arrival }) => arrival)).toEqual(later.sort((a, b) => a - b).slice(0, 3));
        }
      }
      for (const of of all)
        expect(new Set(index.twinsOf(of))).toEqual(new Set([...here].filter((each) => each.twinOf === of && each !== of)));
      for (const asked of [101, 102]) {
        const expected = [...here].filter((each) => each.twinOf === undefined && each.have.get(0)?.head.head.inReplyTo?.seq === asked);
        expect(new Set(index.answersTo(`${"05".repeat(8)}.${asked}` as never))).toEqual(new Set(expected));
      }
    }),
  );
});

/** A message whose fields count how often they are read. */
function counting(seq: number, count: () => void): Incoming {
  return new Proxy(message(seq, undefined), {
    get(target, name) {
      count();
      return Reflect.get(target, name);
    },
  });
}

test("a page of a box visits no messages but its own, whatever else waits", () => {
  const reads = (crowd: number): number => {
    let count = 0;
    const index = createMailIndex();
    for (let seq = 1; seq <= crowd; seq++) index.place(counting(seq, () => count++));
    count = 0;
    expect(index.after("contacts", crowd / 2, 16).length).toBe(16);
    expect(index.size("contacts")).toBe(crowd);
    return count;
  };
  expect(reads(10_000)).toBe(reads(100));
});
