import { expect, test } from "vitest";
import type { Connection, Receiver } from "../host/net.ts";
import { encodeLocalPiece, LOCAL_HEADER_BYTES, LOCAL_PIECE_BYTES, MAX_LOCAL_BYTES } from "../wire/local.ts";
import { openLocalChannel } from "./local-channel.ts";

interface Wire {
  readonly connection: Connection;
  readonly sent: Uint8Array[];
  queuedBytes: number;
  receiver(): Receiver;
}

function wire(): Wire {
  let receiver: Receiver | undefined;
  const sent: Uint8Array[] = [];
  const self: Wire = {
    sent,
    queuedBytes: 0,
    receiver: () => receiver as Receiver,
    connection: {
      remote: "test",
      local: true,
      get queuedBytes() {
        return self.queuedBytes;
      },
      send(message) {
        sent.push(message);
        self.queuedBytes += message.length;
      },
      close: () => {},
      start(next) {
        receiver = next;
      },
    },
  };
  return self;
}

const piece = (number: number, size: number, more: boolean): Uint8Array =>
  encodeLocalPiece({ kind: "result", number, more, piece: new Uint8Array(size) });

test("the socket is never given much more than it takes, and gets the rest when it has drained", () => {
  const line = wire();
  const { connection, sent, receiver } = line;
  const channel = openLocalChannel(connection, { content: () => {}, closed: () => {} });
  channel.send("call", 1, new Uint8Array(8 * 1024 * 1024));
  const most = 1024 * 1024 + LOCAL_PIECE_BYTES + LOCAL_HEADER_BYTES;
  expect(connection.queuedBytes).toBeLessThanOrEqual(most);
  for (
    let rounds = 0;
    rounds < 20 && sent.reduce((sum, message) => sum + message.length - LOCAL_HEADER_BYTES, 0) < 8 * 1024 * 1024;
    rounds++
  ) {
    line.queuedBytes = 0;
    receiver().drained();
  }
  expect(sent.every((message) => message.length <= LOCAL_PIECE_BYTES + LOCAL_HEADER_BYTES)).toBe(true);
  expect(sent.map((message) => message[2])).toEqual([...Array<number>(31).fill(1), 0]);
});

test("an empty content is one message", () => {
  const { connection, sent } = wire();
  openLocalChannel(connection, { content: () => {}, closed: () => {} }).send("ping", 0);
  expect(sent.map((message) => message.length)).toEqual([LOCAL_HEADER_BYTES]);
});

test("content without end closes the connection with too-large", () => {
  const line = wire();
  const ends: string[] = [];
  openLocalChannel(line.connection, { content: () => {}, closed: (why) => ends.push(why.code) });
  for (let size = 0; size <= MAX_LOCAL_BYTES; size += LOCAL_PIECE_BYTES) line.receiver().message(piece(1, LOCAL_PIECE_BYTES, true));
  expect(ends).toEqual(["too-large"]);
});

test("malformed messages close the connection, once", () => {
  const line = wire();
  const ends: string[] = [];
  openLocalChannel(line.connection, { content: () => {}, closed: (why) => ends.push(why.code) });
  line.receiver().message(new Uint8Array(3));
  line.receiver().message(new Uint8Array(3));
  line.receiver().closed("gone");
  expect(ends).toEqual(["malformed"]);
});

test("contents of different calls do not mix", () => {
  const line = wire();
  const got: [number, number][] = [];
  openLocalChannel(line.connection, { content: (_kind, number, content) => got.push([number, content.length]), closed: () => {} });
  line.receiver().message(piece(1, LOCAL_PIECE_BYTES, true));
  line.receiver().message(piece(2, 5, false));
  line.receiver().message(piece(1, 10, false));
  expect(got).toEqual([
    [2, 5],
    [1, LOCAL_PIECE_BYTES + 10],
  ]);
});

test("pieces that are not full and go on are refused, so that their number is bounded", () => {
  for (const size of [0, 1, LOCAL_PIECE_BYTES - 1]) {
    const line = wire();
    let why = "";
    openLocalChannel(line.connection, { content: () => {}, closed: ({ code }) => (why = code) });
    line.receiver().message(piece(1, size, true));
    expect(why).toBe("malformed");
  }
});

test("what the other side does not read is counted until it has left", () => {
  const line = wire();
  const channel = openLocalChannel(line.connection, { content: () => {}, closed: () => {} });
  for (let count = 1; count <= 12; count++) channel.send("result", count, new Uint8Array(1024 * 1024));
  expect(channel.waitingBytes).toBeGreaterThan(10 * 1024 * 1024);
  for (let rounds = 0; rounds < 20; rounds++) {
    line.queuedBytes = 0;
    line.receiver().drained();
  }
  expect(channel.waitingBytes).toBe(0);
});
