import { expect, it } from "vitest";
import { IN_A_WORLD } from "../host/points.ts";
import { SpareMemory } from "../host/spare-memory.ts";
import { createTestRelay, envelope, settleOf, type TestRelay } from "../protocol/delivery/test-relay.ts";
import { decodeDeliver } from "../wire/control.ts";
import { DeliverRun } from "../wire/deliver-run.ts";
import { PerdureError } from "../wire/error.ts";
import { decodeTransport, encodeTransport } from "../wire/frame.ts";
import { createDeliveryPump, type DeliveryPump, type MailReader } from "./delivery-pump.ts";

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
      readRun: () => expect.fail("nobody takes runs"),
      readAll: async (places) =>
        places.map((place) =>
          place.segment === first?.place.segment && place.offset === first.place.offset && failing-- > 0
            ? { record: undefined, failure: new PerdureError("disk-failed", "could not read") }
            : { record: relay.read(place), failure: undefined },
        ),
    },
    clock: { wallMs: () => 0, monotonicMs: () => 0, after },
    diskRetryMs: 1000,
    spare: new SpareMemory(),
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
        readRun: () => expect.fail("nobody takes runs"),
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
      spare: new SpareMemory(),
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

interface RunScene {
  readonly pump: DeliveryPump;
  readonly relay: TestRelay;
  /** Positions in their order, as they stood in each message when that was made, and the messages. */
  readonly given: number[][];
  readonly messages: Uint8Array[];
  /** Positions whose record cannot be read; and what ended because of it. */
  readonly damaged: Set<number>;
  readonly lost: number[];
  readonly count: { together: number; apart: number; released: number };
  queuedBytes: number;
  /** Called while a run is being read. */
  meanwhile: () => void;
}

/** A reader of runs that comes back to so many messages of so many bytes; its session is 1. */
function readerOfRuns(count: number, bodyBytes: number): RunScene {
  const relay = createTestRelay({}, { senderPercent: 100, agentBytesBurst: 1e9, mailboxBytes: 1e8 });
  relay.attach(1000, "alice");
  relay.attach(1, "bob");
  relay.feed({ kind: "detach", session: 1 });
  for (let seq = 1; seq <= count; seq++) {
    relay.mail(1000, seq, envelope("alice", "bob", seq, { words: "x".repeat(bodyBytes) }));
    if (seq % 32 === 0) relay.sync();
  }
  relay.sync();
  relay.attach(1, "bob");
  const due = relay.machine.nextFor(1, 1e9);
  /** As a log has them: record behind record, with twelve bytes between. */
  const records = due.map(({ place }) => relay.read(place));
  const offsets: number[] = [];
  let end = 12;
  for (const { length } of records) {
    offsets.push(end);
    end += length + 12;
  }
  for (const [index, { position }] of due.entries())
    relay.machine.agentOf(1)?.mailbox.stored.setPlace(position, 1, offsets[index] as number, (records[index] as Uint8Array).length);
  const at = (offset: number): number => offsets.indexOf(offset);
  const scene: RunScene = {
    relay,
    given: [],
    messages: [],
    damaged: new Set(),
    lost: [],
    count: { together: 0, apart: 0, released: 0 },
    queuedBytes: 0,
    meanwhile: () => {},
    pump: undefined as unknown as DeliveryPump,
  };
  const isDamaged = (offset: number): boolean => scene.damaged.has(due[at(offset)]?.position ?? 0);
  const reader: MailReader = {
    get queuedBytes() {
      return scene.queuedBytes;
    },
    deliver: (position) => {
      scene.given.push([position]);
      return true;
    },
    deliverRun: (options) => {
      const run = new DeliverRun({ ...options, generation: new Uint8Array(8) });
      const message = encodeTransport([run], 0);
      scene.messages.push(message);
      scene.queuedBytes += message.length;
      scene.given.push(decodeTransport(message, 0).map((frame) => decodeDeliver(frame.payload).position));
      return true;
    },
  };
  const pump = createDeliveryPump({
    mailboxes: relay.machine,
    loop: { feed: (input) => void relay.feed(input), durable: async () => {} },
    log: {
      readRun: async (_segment, runOffsets, lengths) => {
        scene.count.together++;
        await new Promise(setImmediate);
        scene.meanwhile();
        if (runOffsets.some(isDamaged)) return undefined;
        const from = (runOffsets[0] as number) - 12;
        const bytes = new Uint8Array((runOffsets.at(-1) as number) + (lengths.at(-1) as number) - from);
        for (const offset of runOffsets) bytes.set(records[at(offset)] as Uint8Array, offset - from);
        const release = (): void => {
          scene.count.released++;
          bytes.fill(0);
        };
        return { bytes, from, release };
      },
      readAll: async (places) => {
        scene.count.apart++;
        return places.map(({ offset }) =>
          isDamaged(offset)
            ? { record: undefined, failure: new PerdureError("log-damaged", "not what was written") }
            : { record: records[at(offset)] as Uint8Array, failure: undefined },
        );
      },
    },
    clock: { wallMs: () => 0, monotonicMs: () => 0, after: () => () => {} },
    diskRetryMs: 1000,
    spare: new SpareMemory(),
    isOver: (bytes) => bytes > 2_000_000,
    readerOf: (session) => (session === 1 ? reader : undefined),
    lost: async (_session, position) => {
      scene.lost.push(position);
      relay.feed({ kind: "end", agent: relay.machine.agentOf(1)?.key ?? "", position, ending: "lost", notice: undefined });
      relay.sync();
    },
    failed: (error) => expect.fail(String(error)),
  });
  return Object.assign(scene, { pump });
}

it("what lies together is read and given together, and the memory of what was read is given back", async () => {
  const { pump, given, count } = readerOfRuns(200, 4000);
  pump.wake(1);
  await expect.poll(() => given.flat().length).toBe(200);
  expect(given.flat()).toEqual(upTo(200));
  expect(count).toEqual({ together: given.length, apart: 0, released: given.length });
  expect(given.length).toBeLessThan(5);
});

it("where one of a run is damaged it is lost, and all others are given", async () => {
  const { pump, given, damaged, lost } = readerOfRuns(50, 400);
  damaged.add(7).add(50);
  pump.wake(1);
  await expect.poll(() => lost.length).toBe(2);
  await expect.poll(() => given.flat().length).toBe(48);
  expect(given.flat()).toEqual(upTo(49).filter((position) => position !== 7));
  expect(lost).toEqual([7, 50]);
});

it("of a run that was let go of in part while it was read only what comes before that is given, and the rest read anew", async () => {
  const scene = readerOfRuns(50, 400);
  const { pump, relay, given, count } = scene;
  scene.meanwhile = () => {
    if (count.together === 1) relay.feed(settleOf(relay, "bob", 0, { ranges: [[20, 30]] }));
  };
  pump.wake(1);
  await expect.poll(() => given.flat().at(-1)).toBe(50);
  expect(given).toEqual([upTo(19), upTo(50).slice(30)]);
});

it("a message is made in the memory of an earlier one only when everything has left, and never where the queue is full", async () => {
  const scene = readerOfRuns(200, 4000);
  const { pump, relay, given, messages } = scene;
  const memories = (): number => new Set(messages.map(({ buffer }) => buffer)).size;
  const copies: Uint8Array[] = [];
  scene.meanwhile = () => {
    for (const message of messages.slice(copies.length)) copies.push(message.slice());
    // Half of it has left: what is left must stay as it is.
    scene.queuedBytes /= 2;
    pump.drained(1);
  };
  pump.wake(1);
  await expect.poll(() => given.flat().length).toBe(200);
  expect(memories()).toBe(messages.length);
  for (const [index, copy] of copies.entries()) expect(messages[index]).toEqual(copy);
  scene.queuedBytes = 0;
  pump.drained(1);
  // From the beginning once more, as a new reader would.
  scene.meanwhile = () => {};
  const before = messages.length;
  const consumer = relay.machine.agentOf(1)?.mailbox.consumer;
  if (consumer !== undefined) consumer.cursor = 0;
  pump.wake(1);
  await expect.poll(() => given.flat().length).toBe(400);
  expect(memories()).toBe(before);
});

it("for a reader whose queue never quite empties only so many messages are made in memory that is kept for others", async () => {
  const scene = readerOfRuns(200, 30_000);
  const { pump, relay, given, messages } = scene;
  const isLent = ({ buffer, length }: Uint8Array): boolean => buffer.byteLength > length;
  scene.meanwhile = () => {
    scene.queuedBytes = Math.min(1, scene.queuedBytes);
  };
  pump.wake(1);
  await expect.poll(() => given.flat().length).toBe(200);
  expect(given.flat()).toEqual(upTo(200));
  expect(messages.length).toBeGreaterThan(10);
  expect(messages.map(isLent)).toEqual(messages.map((_, index) => index < 8));
  // When all has left it is lent again.
  scene.queuedBytes = 0;
  pump.drained(1);
  const consumer = relay.machine.agentOf(1)?.mailbox.consumer;
  if (consumer !== undefined) consumer.cursor = 0;
  const before = messages.length;
  pump.wake(1);
  await expect.poll(() => given.flat().length).toBe(400);
  expect(messages.slice(before).map(isLent)).toEqual(messages.slice(before).map((_, index) => index < 8));
});
