/** Lines to an MQTT 3.1.1 broker: quality of service 1 both ways, and sessions that are kept while their agent is away. */
import { type CreateAdapter, predecessor, successor } from "./line.ts";
import type { Parse } from "./wire.ts";

const [CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT] = [1, 2, 3, 4, 8, 9, 12, 13, 14];
const QOS_1 = 2;
/** Packet identifiers are 1 to this, again and again. */
const IDENTIFIERS = 65_535;

export const createMqttAdapter: CreateAdapter = (place, events, wires) => {
  const port = Number(place.addresses[0]);
  const sentBefore = new Map<number, number>();
  return {
    tellsAcks: true,
    prepare: async () => {},
    attach: async (agent) => {
      const from = predecessor(agent, place.agents);
      const answered = new Map<number, () => void>();
      const answer = (kind: number): Promise<void> => new Promise((resolve) => answered.set(kind, resolve));
      let owed = Buffer.allocUnsafeSlow(1024);
      let owedBytes = 0;

      const take = (kind: number, bytes: Buffer, at: number, end: number): void => {
        if (kind === PUBACK) return events.acked(agent, 1);
        if (kind !== PUBLISH) {
          answered.get(kind)?.();
          return;
        }
        const identifierAt = at + 2 + bytes.readUInt16BE(at);
        if (owedBytes + 4 > owed.length) owed = Buffer.concat([owed], owed.length * 2);
        owed[owedBytes] = PUBACK << 4;
        owed[owedBytes + 1] = 2;
        bytes.copy(owed, owedBytes + 2, identifierAt, identifierAt + 2);
        owedBytes += 4;
        if (end - identifierAt - 2 !== place.payloadBytes) throw new Error("the broker changed the size of a message");
        events.delivered(agent, from, bytes.readUInt32BE(identifierAt + 2));
      };

      const wire = await wires.open({ host: "127.0.0.1", port }, createParse(take));
      const say = (packet: Buffer): void => wire.write(packet.length, (buffer) => packet.copy(buffer));
      const writeOwed = (): void => {
        if (owedBytes > 0) wire.write(owedBytes, (buffer) => owed.copy(buffer, 0, 0, owedBytes));
        owedBytes = 0;
      };
      // Version 4 of the protocol, no clean session, no keep-alive.
      say(packetOf(CONNECT, 0, Buffer.concat([text("MQTT"), Buffer.from([4, 0, 0, 0]), text(`a${agent}`)])));
      await answer(CONNACK);
      say(packetOf(SUBSCRIBE, 2, Buffer.concat([Buffer.from([0, 1]), text(`m/${agent}`), Buffer.from([1])])));
      await answer(SUBACK);

      const topic = text(`m/${successor(agent, place.agents)}`);
      const payload = Buffer.alloc(place.payloadBytes, "x");
      const frame = packetOf(PUBLISH, QOS_1, Buffer.concat([topic, Buffer.from([0, 0]), payload]));
      const payloadAt = frame.length - payload.length;
      let sent = sentBefore.get(agent) ?? 0;
      return {
        write: (count) => {
          writeOwed();
          if (count === 0) return;
          wire.write(count * frame.length, (buffer) => {
            let at = 0;
            for (let left = count; left > 0; left--) {
              buffer.set(frame, at);
              buffer.writeUInt16BE((sent % IDENTIFIERS) + 1, at + payloadAt - 2);
              buffer.writeUInt32BE(++sent, at + payloadAt);
              at += frame.length;
            }
            return at;
          });
          sentBefore.set(agent, sent);
        },
        // Packets of one connection are taken in their order: the answer to a ping says that everything before it was.
        settled: async () => {
          writeOwed();
          say(packetOf(PINGREQ, 0, Buffer.alloc(0)));
          await answer(PINGRESP);
        },
        close: async () => {
          say(packetOf(DISCONNECT, 0, Buffer.alloc(0)));
          await wire.end();
        },
      };
    },
  };
};

function packetOf(kind: number, flags: number, body: Buffer): Buffer {
  const length: number[] = [];
  for (let left = body.length; length.length === 0 || left > 0; left = Math.floor(left / 128))
    length.push((left % 128) | (left >= 128 ? 128 : 0));
  return Buffer.concat([Buffer.from([(kind << 4) | flags, ...length]), body]);
}

function text(words: string): Buffer {
  const bytes = Buffer.from(words);
  return Buffer.concat([Buffer.from([bytes.length >>> 8, bytes.length & 255]), bytes]);
}

function createParse(take: (kind: number, bytes: Buffer, at: number, end: number) => void): Parse {
  return (bytes, start, end) => {
    for (let at = start; ; ) {
      let length = 0;
      let body = at + 1;
      for (let shift = 0; ; shift += 7) {
        if (body >= end) return at;
        const byte = bytes[body++] as number;
        length += (byte & 127) << shift;
        if (byte < 128) break;
      }
      if (body + length > end) return at;
      take((bytes[at] as number) >>> 4, bytes, body, body + length);
      at = body + length;
    }
  };
}
