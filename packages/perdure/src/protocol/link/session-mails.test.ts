/** Mail that comes in one transport message is handed over together, in its place among the other frames. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Bytes } from "../../wire/bytes.ts";
import { decodeMail, encodeMail, type Goodbye, type MailFrame } from "../../wire/control.ts";
import { decodeTransport, encodeTransport, type FrameName } from "../../wire/frame.ts";
import { createSession } from "./session.ts";
import { createTestClock } from "./test-clock.ts";
import type { Transport, TransportReceiver } from "./transport.ts";

const mailOf = (linkSeq: number): Bytes => encodeMail({ linkSeq, hopLimit: 8, envelope: new Uint8Array(linkSeq) });
/** A link sequence number of 0 is none. */
const BROKEN = mailOf(1).map(() => 0);

/** A session that is given one transport message of these frames; what it hands over, and why it ended. */
function hear(frames: readonly { readonly name: FrameName; readonly payload: Bytes }[], together: boolean) {
  const said: string[] = [];
  let over: Goodbye | undefined;
  let receiver: TransportReceiver | undefined;
  const transport = {
    remote: "there",
    local: true,
    queuedBytes: 0,
    next: () => Promise.reject(new Error("no handshake")),
    send: () => {},
    protect: () => {},
    receive: (given: TransportReceiver) => {
      receiver = given;
    },
    end: (reason: Goodbye) => {
      over = reason;
    },
    get ended() {
      return over !== undefined;
    },
  } satisfies Transport;
  const clock = createTestClock();
  const session = createSession({ clock, transport, mode: "none", side: "relay", silenceTimeoutMs: 1000, pingEveryMs: 1000 });
  const take = ({ linkSeq, envelope }: MailFrame): void => void said.push(`mail ${linkSeq} of ${envelope.length}`);
  session.start({
    frame: ({ name, payload }) => {
      if (name === "mail") take(decodeMail(payload));
      else said.push(name);
    },
    ...(together ? { mails: (mails: readonly MailFrame[]) => mails.forEach(take) } : {}),
    turnEnded: () => said.push("the end"),
    drained: () => {},
    closed: () => {},
  });
  receiver?.frames(decodeTransport(encodeTransport(frames, 0), 0));
  return { said, why: over?.why };
}

test("together or one by one, the same comes in the same order, and what cannot be read ends the session behind what came before", () => {
  const frame = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }).map((seq) => ({ name: "mail" as const, payload: mailOf(seq) })) },
    { weight: 2, arbitrary: fc.constantFrom("settle" as const, "lookup" as const).map((name) => ({ name, payload: new Uint8Array(1) })) },
    { weight: 1, arbitrary: fc.constant({ name: "mail" as const, payload: BROKEN }) },
  );
  let broken = 0;
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 12 }), (frames) => {
      const heard = hear(frames, true);
      expect(heard).toEqual(hear(frames, false));
      const before = frames.findIndex(({ payload }) => payload === BROKEN);
      expect(heard.said.length).toBe(before < 0 ? frames.length + 1 : before);
      if (before >= 0) broken++;
    }),
  );
  expect(broken).toBeGreaterThan(10);
});

test("mail of one message is handed over in one piece", () => {
  const pieces: number[] = [];
  let receiver: TransportReceiver | undefined;
  const transport = { ended: false, receive: (given: TransportReceiver) => (receiver = given) } as unknown as Transport;
  const session = createSession({
    clock: createTestClock(),
    transport,
    mode: "none",
    side: "relay",
    silenceTimeoutMs: 1000,
    pingEveryMs: 1000,
  });
  session.start({ frame: () => pieces.push(0), mails: ({ length }) => pieces.push(length), drained: () => {}, closed: () => {} });
  const frames = [1, 2, 3, 0, 4, 5].map((seq) =>
    seq === 0 ? { name: "settle" as const, payload: new Uint8Array(1) } : { name: "mail" as const, payload: mailOf(seq) },
  );
  receiver?.frames(decodeTransport(encodeTransport(frames, 0), 0));
  expect(pieces).toEqual([3, 0, 2]);
});
