import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMailboxCursor, type MailboxCursor } from "./mailbox-cursor.ts";

const generation = (value: number): Uint8Array => new Uint8Array(8).fill(value);
const cursorOf = (floor = true): MailboxCursor => {
  const cursor = createMailboxCursor({ floor });
  cursor.begin(generation(1), []);
  cursor.attach();
  return cursor;
};

describe("mailbox cursor", () => {
  it("settles a floor and the ranges above it", () => {
    const cursor = cursorOf();
    for (const position of [1, 2, 3, 4, 5]) cursor.hold(generation(1), position, `m${position}`);
    for (const position of [1, 2, 4]) cursor.settleSeq(`m${position}`);
    expect(cursor.take()).toEqual({ generation: generation(1), floor: 2, ranges: [[4, 4]] });
    expect(cursor.take()).toBeUndefined();
  });

  it("says everything above the relay's floor once more after an attach", () => {
    const cursor = cursorOf();
    for (const position of [1, 3]) cursor.settlePosition(generation(1), position);
    cursor.take();
    cursor.attach();
    cursor.relaySettled(generation(1), 1);
    expect(cursor.take()).toEqual({ generation: generation(1), floor: 1, ranges: [[3, 3]] });
  });

  it("ignores positions of another generation", () => {
    const cursor = cursorOf();
    cursor.hold(generation(2), 1, "m");
    cursor.settleSeq("m");
    cursor.settlePosition(generation(2), 1);
    expect(cursor.take()).toBeUndefined();
  });

  it("forgets all positions with a new generation", () => {
    const cursor = cursorOf();
    cursor.hold(generation(1), 1, "m");
    cursor.begin(generation(2), []);
    cursor.settleSeq("m");
    expect(cursor.take()).toBeUndefined();
    expect(cursor.have()).toEqual({ generation: generation(2), position: 0 });
  });

  it("has nothing above an unknown position", () => {
    const cursor = cursorOf();
    for (const position of [1, 2, 4]) cursor.hold(generation(1), position, `m${position}`);
    expect(cursor.have().position).toBe(2);
  });

  it("settles every position at which a message lies", () => {
    const cursor = cursorOf();
    cursor.hold(generation(1), 1, "m");
    cursor.hold(generation(1), 2, "m");
    cursor.settleSeq("m");
    expect(cursor.take()?.floor).toBe(2);
  });

  const neverReleasesUnsettled = (floor: boolean): void => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 150 }), fc.integer({ min: 1, max: 9 }), (order, every) => {
        const cursor = cursorOf(floor);
        for (let position = 1; position <= 200; position++) cursor.hold(generation(1), position, `m${position}`);
        const settled = new Set<number>();
        const released = new Set<number>();
        order.forEach((position, index) => {
          cursor.settleSeq(`m${position}`);
          settled.add(position);
          if (index % every > 0) return;
          for (let said = cursor.take(); said !== undefined; said = cursor.take()) {
            expect(said.ranges.length).toBeLessThanOrEqual(64);
            for (let at = 1; at <= said.floor; at++) released.add(at);
            for (const [first, last] of said.ranges) for (let at = first; at <= last; at++) released.add(at);
          }
          expect([...released].sort()).toEqual([...settled].sort());
        });
      }),
      { numRuns: 60 },
    );
  };

  it("releases exactly what is settled", () => neverReleasesUnsettled(true));

  it("negative control: without the floor defence unsettled mail is released", () => {
    expect(() => neverReleasesUnsettled(false)).toThrow();
  });
});
