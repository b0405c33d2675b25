import { describe, expect } from "vitest";
import { equalBytes, fromUtf8, utf8 } from "../../wire/bytes.ts";
import type { Clock } from "../clock.ts";
import { withDeadline } from "../deadline.ts";
import type { Connection, Listener, Net, Receiver } from "../net.ts";
import type { Subject } from "./subject.ts";
import { codeOf, portTest } from "./subject.ts";

export interface NetSubject extends Subject {
  readonly net: Net;
  readonly clock: Clock;
  /** Where a test may listen; each subject has its own. */
  readonly address: string;
}

const MAX_MESSAGE_BYTES = 64 * 1024;
/** Generous: a wait of this suite that lasts so long has failed. */
const PATIENCE_MS = 15_000;

/** Declares the tests every Net passes, for one kind of address. */
export function netConformance(host: string, make: () => Promise<NetSubject> | NetSubject): void {
  describe(`net of ${host}`, () => {
    portTest("messages arrive whole and in order, both ways", make, async (subject) => {
      await using pair = await connect(subject);
      const there = collect(pair.ours);
      const here = collect(pair.theirs);
      const sizes = [1, 0, 2, 125, 126, 127, 4096, 65535, MAX_MESSAGE_BYTES];
      const messages = sizes.map((size, index) => Uint8Array.from({ length: size }, (_, at) => (at + index) & 255));
      for (const message of messages) {
        pair.ours.send(message);
        pair.theirs.send(message);
      }
      await pair.until(() => here.messages.length === sizes.length && there.messages.length === sizes.length, "all messages");
      for (const [index, message] of messages.entries()) {
        expect(equalBytes(here.messages[index] as Uint8Array, message)).toBe(true);
        expect(equalBytes(there.messages[index] as Uint8Array, message)).toBe(true);
      }
    });

    portTest("what came before start is kept, in order", make, async (subject) => {
      await using pair = await connect(subject);
      const here = collect(pair.theirs);
      for (let index = 0; index < 20; index++) pair.theirs.send(utf8(`early ${index}`));
      pair.ours.send(utf8("ping"));
      await pair.until(() => here.messages.length === 1, "the ping");
      const there = collect(pair.ours);
      pair.theirs.send(utf8("late"));
      await pair.until(() => there.messages.length === 21, "early and late messages");
      expect(there.messages.map(fromUtf8)).toEqual([...Array.from({ length: 20 }, (_, index) => `early ${index}`), "late"]);
    });

    portTest("far more than is kept before start waits and arrives", make, async (subject) => {
      await using pair = await connect(subject);
      collect(pair.theirs);
      const count = 40;
      for (let index = 0; index < count; index++) pair.theirs.send(new Uint8Array(MAX_MESSAGE_BYTES).fill(index));
      await pair.pause(50);
      const there = collect(pair.ours);
      await pair.until(() => there.messages.length === count, "all messages");
      expect(there.messages.map((message) => message[0])).toEqual(Array.from({ length: count }, (_, index) => index));
    });

    portTest("queued bytes fall to zero and that is told", make, async (subject) => {
      await using pair = await connect(subject);
      collect(pair.theirs);
      const there = collect(pair.ours);
      for (let index = 0; index < 8; index++) pair.ours.send(new Uint8Array(MAX_MESSAGE_BYTES));
      await pair.until(() => there.drained > 0 && pair.ours.queuedBytes === 0, "the queue to drain");
    });

    portTest("what was sent may change when nothing is queued any more", make, async (subject) => {
      await using pair = await connect(subject);
      const ends = [pair.ours, pair.theirs].map((end) => ({ end, ...collect(end) }));
      const [memory, rounds] = [new Uint8Array(MAX_MESSAGE_BYTES), 8];
      for (let round = 1; round <= rounds; round++)
        for (const { end } of ends) {
          for (let again = 0; again < 3; again++) end.send(memory.fill(round));
          await pair.until(() => end.queuedBytes === 0, "the queue to drain");
          memory.fill(0xff);
        }
      await pair.until(() => ends.every(({ messages }) => messages.length === 3 * rounds), "all messages");
      for (const { messages } of ends)
        for (const [index, message] of messages.entries()) expect(message.every((byte) => byte === Math.floor(index / 3) + 1)).toBe(true);
    });

    portTest("close lets what is queued leave, then both sides hear of it once", make, async (subject) => {
      await using pair = await connect(subject);
      const here = collect(pair.theirs);
      const there = collect(pair.ours);
      for (let index = 0; index < 10; index++) pair.ours.send(new Uint8Array(MAX_MESSAGE_BYTES).fill(index));
      pair.ours.close();
      pair.ours.send(utf8("after the close"));
      pair.ours.close();
      await pair.until(() => here.closed.length > 0 && there.closed.length > 0, "both sides to be closed");
      expect(here.messages.map((message) => message[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      await pair.pause(20);
      expect(here.closed).toHaveLength(1);
      expect(there.closed).toHaveLength(1);
      expect(here.closed[0]).not.toBe("");
    });

    portTest("close at once is heard by both sides", make, async (subject) => {
      await using pair = await connect(subject);
      const here = collect(pair.theirs);
      const there = collect(pair.ours);
      pair.ours.close(true);
      await pair.until(() => here.closed.length > 0 && there.closed.length > 0, "both sides to be closed");
    });

    portTest("after its own close a side is given no more messages", make, async (subject) => {
      await using pair = await connect(subject);
      const here = collect(pair.theirs);
      pair.ours.send(utf8("one"));
      await pair.until(() => here.messages.length === 1, "the first message");
      pair.theirs.close();
      pair.ours.send(utf8("two"));
      collect(pair.ours);
      await pair.until(() => here.closed.length > 0, "the close");
      expect(here.messages).toHaveLength(1);
    });

    portTest("a start after the end still tells of the end, after what came before it", make, async (subject) => {
      await using pair = await connect(subject);
      const there = collect(pair.ours);
      pair.ours.send(utf8("last words"));
      pair.ours.close();
      await pair.until(() => there.closed.length > 0, "our own close");
      await pair.pause(20);
      const here = collect(pair.theirs);
      await pair.until(() => here.closed.length > 0, "their close");
      expect(here.messages.map(fromUtf8)).toEqual(["last words"]);
    });

    portTest("start tells nothing within the call", make, async (subject) => {
      await using pair = await connect(subject);
      const there = collect(pair.ours);
      pair.ours.send(utf8("early"));
      pair.ours.close();
      await pair.until(() => there.closed.length > 0, "our own close");
      let returned = false;
      let early = false;
      await pair.within(
        new Promise<void>((resolve) => {
          const look = (): void => {
            early ||= !returned;
          };
          pair.theirs.start({
            message: look,
            drained: look,
            closed: () => {
              look();
              resolve();
            },
          });
          returned = true;
        }),
        "their close",
      );
      expect(early).toBe(false);
    });

    portTest("a message over the limit is never given and closes the connection", make, async (subject) => {
      await using pair = await connect(subject);
      const here = collect(pair.theirs);
      const there = collect(pair.ours);
      pair.ours.send(new Uint8Array(MAX_MESSAGE_BYTES + 1));
      await pair.until(() => here.closed.length > 0 && there.closed.length > 0, "both sides to be closed");
      expect(here.messages).toHaveLength(0);
    });

    portTest("nobody listening is relay-unreachable with a hint", make, async (subject) => {
      const listener = await subject.net.listen(subject.address, { maxMessageBytes: MAX_MESSAGE_BYTES, onConnection: () => {} });
      await listener.close();
      await expect(dial(subject, listener.address)).rejects.toMatchObject({
        code: "relay-unreachable",
        retry: "after",
        hint: expect.any(String),
      });
    });

    portTest("an address that is taken is address-in-use, and free again after the close", make, async (subject) => {
      const listener = await subject.net.listen(subject.address, { maxMessageBytes: MAX_MESSAGE_BYTES, onConnection: () => {} });
      const again = () => subject.net.listen(listener.address, { maxMessageBytes: MAX_MESSAGE_BYTES, onConnection: () => {} });
      expect(await codeOf(again())).toBe("address-in-use");
      await listener.close();
      await (await again()).close();
    });

    portTest("closing a listener closes its connections", make, async (subject) => {
      await using pair = await connect(subject);
      const here = collect(pair.theirs);
      const there = collect(pair.ours);
      await pair.within(pair.listener.close(), "the listener to close");
      await pair.until(() => here.closed.length > 0 && there.closed.length > 0, "both sides to be closed");
      expect(await codeOf(dial(subject, pair.listener.address))).toBe("relay-unreachable");
    });

    portTest("closing a listener ends also when the other side never reads", make, async (subject) => {
      await using pair = await connect(subject);
      collect(pair.theirs);
      for (let index = 0; index < 200; index++) pair.theirs.send(new Uint8Array(MAX_MESSAGE_BYTES));
      await pair.within(pair.listener.close(), "the listener to close");
    });

    portTest("an aborted dial is aborted", make, async (subject) => {
      await using pair = await connect(subject);
      await expect(dial(subject, pair.listener.address, AbortSignal.abort())).rejects.toMatchObject({ code: "aborted" });
    });

    portTest("an address of another kind is bad-argument", make, async (subject) => {
      expect(await codeOf(dial(subject, "gopher://127.0.0.1:1"))).toBe("bad-argument");
      expect(await codeOf(subject.net.listen("gopher://127.0.0.1:1", { maxMessageBytes: 1, onConnection: () => {} }))).toBe("bad-argument");
    });

    portTest("fifty connections at once stay apart", make, async (subject) => {
      await using pair = await connect(subject, (connection) => {
        connection.start({ message: (message) => connection.send(message), drained: () => {}, closed: () => {} });
      });
      const dialled = await Promise.all(Array.from({ length: 50 }, () => dial(subject, pair.listener.address)));
      const received = dialled.map(collect);
      for (const [index, connection] of dialled.entries()) connection.send(utf8(`number ${index}`));
      await pair.until(() => received.every(({ messages }) => messages.length === 1), "all echoes");
      expect(received.map(({ messages }) => fromUtf8(messages[0] as Uint8Array))).toEqual(dialled.map((_, index) => `number ${index}`));
      for (const connection of dialled) connection.close(true);
    });
  });
}

interface Pair extends AsyncDisposable {
  readonly listener: Listener;
  readonly ours: Connection;
  readonly theirs: Connection;
  until(condition: () => boolean, what: string): Promise<void>;
  within<Value>(work: Promise<Value>, what: string): Promise<Value>;
  pause(delayMs: number): Promise<void>;
}

/** Listens, dials once, and gives both ends; later connections go to `others`. */
async function connect(subject: NetSubject, others: (connection: Connection) => void = () => {}): Promise<Pair> {
  const { net, clock } = subject;
  let taken: Connection | undefined;
  const listener = await net.listen(subject.address, {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    onConnection: (connection) => {
      if (taken === undefined) taken = connection;
      else others(connection);
    },
  });
  const pause = (delayMs: number): Promise<void> => new Promise((resolve) => void clock.after(delayMs, resolve));
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    const endMs = clock.monotonicMs() + PATIENCE_MS;
    while (!condition()) {
      if (clock.monotonicMs() > endMs) throw new Error(`waited in vain for ${what}`);
      await pause(2);
    }
  };
  const ours = await dial(subject, listener.address);
  await until(() => taken !== undefined, "the accepted connection");
  return {
    listener,
    ours,
    theirs: taken as unknown as Connection,
    until,
    within: (work, what) => withDeadline(clock, { timeoutMs: PATIENCE_MS, what }, () => work),
    pause,
    [Symbol.asyncDispose]: async () => {
      ours.close(true);
      await listener.close();
    },
  };
}

function dial({ net }: NetSubject, address: string, signal?: AbortSignal): Promise<Connection> {
  return net.dial(address, { timeoutMs: PATIENCE_MS, maxMessageBytes: MAX_MESSAGE_BYTES, ...(signal === undefined ? {} : { signal }) });
}

interface Collected {
  readonly messages: Uint8Array[];
  readonly closed: string[];
  readonly drained: number;
}

function collect(connection: Connection): Collected {
  const collected = { messages: [] as Uint8Array[], closed: [] as string[], drained: 0 };
  const receiver: Receiver = {
    message: (message) => collected.messages.push(message),
    drained: () => void collected.drained++,
    closed: (why) => collected.closed.push(why),
  };
  connection.start(receiver);
  return collected;
}
