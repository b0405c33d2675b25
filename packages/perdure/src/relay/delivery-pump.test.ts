import { expect, it } from "vitest";
import { createTestRelay, envelope } from "../protocol/delivery/test-relay.ts";
import { PerdureError } from "../wire/error.ts";
import { createDeliveryPump } from "./delivery-pump.ts";

it("a read that fails is tried again after a while; the reader gets its mail in order", async () => {
  const relay = createTestRelay();
  relay.attach(1, "alice");
  relay.attach(2, "bob", { consume: false });
  for (let seq = 1; seq <= 3; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
  relay.sync();
  relay.attach(3, "bob");
  const sent: number[] = [];
  const failures: unknown[] = [];
  const timers: (() => void)[] = [];
  const after = (_delayMs: number, then: () => void): (() => void) => {
    timers.push(then);
    return () => {};
  };
  let failing = 2;
  const [first] = relay.machine.nextFor(3, 1);
  const pump = createDeliveryPump({
    mailboxes: relay.machine,
    loop: { feed: (input) => void relay.feed(input), durable: async () => {} },
    log: {
      readAll: async (places) =>
        places.map((place) =>
          place.segment === first?.place.segment && place.offset === first.place.offset && failing-- > 0
            ? { record: undefined, failure: new PerdureError("disk-failed", "could not read") }
            : { record: relay.read(place), failure: undefined },
        ),
    },
    clock: { wallMs: () => 0, monotonicMs: () => 0, after },
    diskRetryMs: 1000,
    isOver: (bytes) => bytes > 1_000_000,
    readerOf: () => ({ queuedBytes: 0, deliver: (position) => sent.push(position) > 0 }),
    lost: async () => {},
    failed: (error) => void failures.push(error),
  });
  pump.wake(3);
  for (let round = 0; round < 2; round++) {
    await expect.poll(() => timers.length).toBe(1);
    timers.pop()?.();
  }
  await expect.poll(() => sent.length).toBe(3);
  expect(sent).toEqual([1, 2, 3]);
  expect(failures.length).toBe(2);
});
