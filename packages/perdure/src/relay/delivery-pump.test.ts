import { expect, it } from "vitest";
import { createTestRelay, envelope } from "../protocol/delivery/test-relay.ts";
import type { Session } from "../protocol/link/session.ts";
import { decodeDeliver } from "../wire/control.ts";
import { PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import { createDeliveryPump } from "./delivery-pump.ts";

it("a read that fails is tried again after a while; the reader gets its mail in order", async () => {
  const relay = createTestRelay();
  relay.attach(1, "alice");
  relay.attach(2, "bob", { consume: false });
  for (let seq = 1; seq <= 3; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
  relay.sync();
  relay.attach(3, "bob");
  const sent: Frame[] = [];
  const failures: unknown[] = [];
  const timers: (() => void)[] = [];
  const after = (_delayMs: number, then: () => void): (() => void) => {
    timers.push(then);
    return () => {};
  };
  let failing = 2;
  const pump = createDeliveryPump({
    mailboxes: relay.machine,
    loop: { feed: (input) => void relay.feed(input), durable: async () => {} },
    log: {
      read: async (place) => {
        if (failing-- > 0) throw new PerdureError("disk-failed", "could not read");
        return relay.read(place);
      },
    },
    clock: { wallMs: () => 0, monotonicMs: () => 0, after },
    diskRetryMs: 1000,
    generation: relay.generation,
    sendQueueBytes: () => 1_000_000,
    sessionOf: () => ({ queuedBytes: 0, send: (frames: readonly Frame[]) => void sent.push(...frames) }) as unknown as Session,
    lost: async () => {},
    failed: (error) => void failures.push(error),
  });
  pump.wake(3);
  for (let round = 0; round < 2; round++) {
    await expect.poll(() => timers.length).toBe(1);
    timers.pop()?.();
  }
  await expect.poll(() => sent.length).toBe(3);
  expect(sent.map((frame) => decodeDeliver(frame.payload).position)).toEqual([1, 2, 3]);
  expect(failures.length).toBe(2);
});
