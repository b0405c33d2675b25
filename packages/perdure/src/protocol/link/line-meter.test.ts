import { expect, test } from "vitest";
import type { Connection, Receiver } from "../../host/net.ts";
import { type LineMeter, measureLine } from "./line-meter.ts";

const PING_MS = 15_000;

/** A connection of which the test is the other side, and time that passes when it says so. */
function line(): { readonly meter: LineMeter; send(): void; hear(): void; broken(): void; pass(ms: number, wallMs?: number): void } {
  let now = 0;
  let wall = 1_760_000_000_000;
  let receiver: Receiver | undefined;
  const connection: Connection = {
    remote: "there",
    local: false,
    queuedBytes: 0,
    send: () => {},
    close: () => {},
    start: (given) => {
      receiver = given;
    },
  };
  const clock = { monotonicMs: () => now, wallMs: () => wall, after: () => () => {} };
  const meter = measureLine(connection, clock, () => PING_MS);
  meter.connection.start({ message: () => {}, drained: () => {}, closed: () => {} });
  return {
    meter,
    send: () => meter.connection.send(new Uint8Array(1)),
    hear: () => receiver?.message(new Uint8Array(1)),
    broken: () => receiver?.closed("connection reset"),
    pass: (ms, wallMs = ms) => {
      now += ms;
      wall += wallMs;
    },
  };
}

test("an end that comes by itself is known to the millisecond", () => {
  const { meter, send, hear, broken, pass } = line();
  for (let ping = 0; ping < 10; ping++) {
    pass(PING_MS);
    send();
    pass(40);
    hear();
  }
  pass(7_000);
  broken();
  pass(99_000);
  expect(meter.times()).toEqual({
    ageMs: 10 * (PING_MS + 40) + 7_000,
    aliveMs: 10 * (PING_MS + 40) + 7_000,
    deadMs: 10 * (PING_MS + 40) + 7_000,
    quietMs: 7_000,
    unasked: true,
    longestQuietMs: PING_MS,
    broke: true,
    endedHere: false,
    slept: false,
  });
});

test("an end without a word lies between what was heard last and what was asked first", () => {
  const { meter, send, hear, pass } = line();
  pass(1_000);
  hear();
  for (let ping = 0; ping < 4; ping++) {
    pass(PING_MS);
    send();
  }
  meter.connection.close();
  expect(meter.times()).toMatchObject({
    aliveMs: 1_000,
    deadMs: 1_000 + PING_MS,
    quietMs: PING_MS,
    unasked: false,
    broke: false,
    endedHere: true,
  });
});

test("a reset that answers something sent may be as old as the quiet before it", () => {
  const { meter, send, broken, pass } = line();
  pass(600_000, 600_000);
  send();
  pass(20);
  broken();
  expect(meter.times()).toMatchObject({ aliveMs: 0, deadMs: 600_020, quietMs: 600_000, unasked: false, broke: true });
});

test("a machine that slept says nothing about the way, whichever clock stood still", () => {
  for (const [monotonicMs, wallMs] of [
    [1_000, 3_600_000],
    [3_600_000, 3_600_000],
  ] as const) {
    const { meter, send, hear, broken, pass } = line();
    pass(PING_MS);
    send();
    hear();
    pass(monotonicMs, wallMs);
    send();
    broken();
    expect(meter.times().slept).toBe(true);
  }
});
