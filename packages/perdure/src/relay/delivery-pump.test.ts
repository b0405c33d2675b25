import { expect, it } from "vitest";
import { IN_A_WORLD } from "../host/points.ts";
import { createTestRelay, envelope, settleOf, type TestRelay } from "../protocol/delivery/test-relay.ts";
import { PerdureError } from "../wire/error.ts";
import { createDeliveryPump, type DeliveryPump } from "./delivery-pump.ts";

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

interface Scene {
  readonly pump: DeliveryPump;
  readonly relay: TestRelay;
  /** Positions each session was given, in their order. */
  readonly given: Map<number, number[]>;
  readonly count: { reads: number; underWay: number; most: number };
  /** Called before each message is given. */
  before: (session: number, position: number) => void;
  full: boolean;
}

/** Readers that come back to so many messages each, which are read one by one; their sessions are numbered from 1. */
function readersOf(messages: number, readers: number): Scene {
  const relay = createTestRelay({}, { agents: 100, senderPercent: 100 });
  relay.attach(1000, "alice");
  for (let reader = 1; reader <= readers; reader++) {
    relay.attach(reader, `reader ${reader}`);
    relay.feed({ kind: "detach", session: reader });
    for (let seq = 1; seq <= messages; seq++) {
      relay.mail(1000, (reader - 1) * messages + seq, envelope("alice", `reader ${reader}`, seq, { stream: reader }));
      relay.sync();
    }
  }
  for (let reader = 1; reader <= readers; reader++) relay.attach(reader, `reader ${reader}`);
  const given = new Map<number, number[]>();
  const count = { reads: 0, underWay: 0, most: 0 };
  const scene: Scene = {
    relay,
    given,
    count,
    before: () => {},
    full: false,
    pump: createDeliveryPump({
      mailboxes: relay.machine,
      loop: { feed: (input) => void relay.feed(input), durable: async () => {} },
      log: {
        readAll: async (places) => {
          count.reads += places.length;
          count.most = Math.max(count.most, ++count.underWay);
          await new Promise(setImmediate);
          count.underWay--;
          return places.map((place) => ({ record: relay.read(place), failure: undefined }));
        },
      },
      clock: { wallMs: () => 0, monotonicMs: () => 0, after: () => () => {} },
      diskRetryMs: 1000,
      points: { [IN_A_WORLD]: true, misbehaves: (name) => name === "deliver-one" },
      isOver: () => scene.full,
      readerOf: (session) => ({
        queuedBytes: 0,
        deliver: (position) => {
          scene.before(session, position);
          given.set(session, [...(given.get(session) ?? []), position]);
          return true;
        },
      }),
      lost: async () => {},
      failed: (error) => expect.fail(String(error)),
    }),
  };
  return scene;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

it("for a reader that takes all it is given the next reads are under way, four at most, and each message is read once", async () => {
  const { pump, given, count } = readersOf(20, 1);
  pump.wake(1);
  await expect.poll(() => given.get(1)?.length).toBe(20);
  expect([given.get(1), count.most, count.reads]).toEqual([upTo(20), 4, 20]);
});

it("reads ahead of all readers together are bounded", async () => {
  const { pump, given, count } = readersOf(12, 31);
  for (let reader = 1; reader <= 30; reader++) pump.wake(reader);
  await expect.poll(() => [...given.values()].flat().length).toBe(30 * 12);
  expect([...given.values()]).toEqual(Array.from({ length: 30 }, () => upTo(12)));
  expect(count.most).toBe(30 + 16);
  // And given back: who comes alone has as many as ever.
  count.most = 0;
  pump.wake(31);
  await expect.poll(() => given.get(31)?.length).toBe(12);
  expect(count.most).toBe(4);
});

it("what was read ahead of a reader whose queue got full is read again when that has left, and nothing is missed or doubled", async () => {
  const scene = readersOf(20, 1);
  const { pump, relay, given, count } = scene;
  scene.before = (_, position) => {
    scene.full = position % 7 === 0;
  };
  for (const stop of [7, 14, 20]) {
    pump.wake(1);
    await expect.poll(() => given.get(1)?.length).toBe(stop);
    await expect.poll(() => count.underWay).toBe(0);
    relay.feed({ kind: "blocked", session: 1, blocked: false });
  }
  expect(given.get(1)).toEqual(upTo(20));
  expect(count.reads).toBe(20 + 3 + 3);
});

it("what is let go of while it is being read ahead is not handed over", async () => {
  const scene = readersOf(20, 1);
  const { pump, relay, given } = scene;
  scene.before = (_, position) => {
    if (position === 6) relay.feed(settleOf(relay, "reader 1", 5, { ranges: [[8, 9]] }));
  };
  pump.wake(1);
  await expect.poll(() => given.get(1)?.at(-1)).toBe(20);
  expect(given.get(1)).toEqual(upTo(20).filter((position) => position !== 8 && position !== 9));
});
