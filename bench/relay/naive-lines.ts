/** Lines to the naive design of `naive-relay.ts`: one JSON text per message, and per acknowledgement. */
import { randomBytes } from "node:crypto";
import { type CreateAdapter, predecessor, successor } from "./line.ts";
import type { Said } from "./naive-relay.ts";
import { headerBytes, putHeader, readHeader, TEXT } from "./web-socket.ts";
import type { Parse } from "./wire.ts";

/** Sequence numbers in texts begin behind this, so that all have as many digits. */
const SEQ_BASE = 1_000_000_000;

export const createNaiveAdapter: CreateAdapter = (place, events, wires) => {
  const port = Number(place.addresses[0]);
  const sentBefore = new Map<number, number>();
  return {
    tellsAcks: true,
    prepare: async () => {},
    attach: async (agent) => {
      const from = predecessor(agent, place.agents);
      let owed: string[] = [];
      let attached = (): void => {};
      let waiting: (() => void) | undefined;
      const take = (text: string): void => {
        const said = JSON.parse(text) as Said;
        if (said.t === "ack") return events.acked(agent, 1);
        if (said.t === "attached") return attached();
        if (said.t === "settled") return waiting?.();
        owed.push(JSON.stringify({ t: "done", id: said.id }));
        events.delivered(agent, from, said.seq - SEQ_BASE);
      };
      let upgraded = (): void => {};
      const wire = await wires.open({ host: "127.0.0.1", port }, (bytes, start, end) => {
        const headers = bytes.subarray(start, end).indexOf("\r\n\r\n");
        if (headers < 0) return start;
        wire.parse = createParse(take);
        upgraded();
        return start + headers + 4;
      });
      const say = (texts: readonly string[]): void => {
        let most = 0;
        for (const text of texts) most += text.length + headerBytes(text.length);
        wire.write(most, (buffer) => {
          let at = 0;
          for (const text of texts) {
            at = putHeader(buffer, at, text.length, TEXT);
            at += buffer.write(text, at, "latin1");
          }
          return at;
        });
      };
      const key = randomBytes(16).toString("base64");
      const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
      wire.write(1024, (buffer) => buffer.write(request, "latin1"));
      await new Promise<void>((resolve) => {
        upgraded = resolve;
      });
      say([JSON.stringify({ t: "attach", agent })]);
      await new Promise<void>((resolve) => {
        attached = resolve;
      });

      const body = Buffer.alloc(place.payloadBytes, "x").toString("base64");
      const message = JSON.stringify({ t: "send", from: agent, to: successor(agent, place.agents), seq: SEQ_BASE, body });
      const frame = Buffer.alloc(headerBytes(message.length) + message.length);
      const textAt = putHeader(frame, 0, message.length, TEXT);
      frame.write(message, textAt, "latin1");
      const seqAt = textAt + message.indexOf(String(SEQ_BASE));
      let sent = sentBefore.get(agent) ?? 0;
      const writeOwed = (): void => {
        if (owed.length > 0) say(owed);
        owed = [];
      };
      return {
        write: (count) => {
          writeOwed();
          if (count === 0) return;
          wire.write(count * frame.length, (buffer) => {
            let at = 0;
            for (let left = count; left > 0; left--) {
              buffer.set(frame, at);
              buffer.write(String(SEQ_BASE + ++sent), at + seqAt, "latin1");
              at += frame.length;
            }
            return at;
          });
          sentBefore.set(agent, sent);
        },
        settled: () => {
          writeOwed();
          say([JSON.stringify({ t: "settled?" })]);
          return new Promise((resolve) => {
            waiting = resolve;
          });
        },
        close: () => wire.end(),
      };
    },
  };
};

function createParse(take: (text: string) => void): Parse {
  return (bytes, start, end) => {
    for (let at = start; ; ) {
      const header = readHeader(bytes, at, end);
      if (header === undefined || header.payloadAt + header.length > end) return at;
      at = header.payloadAt + header.length;
      take(bytes.toString("utf8", header.payloadAt, at));
    }
  };
}
