/**
 * Lines to Redis: a stream and a consumer group per agent. XADD and XACK go pipelined over one connection of an agent, XREADGROUP waits
 * on another, because Redis answers nothing else on a connection that waits.
 */
import { type CreateAdapter, predecessor, successor } from "./line.ts";
import { lineEnd, type Parse, type Wire } from "./wire.ts";

const GROUP = "g";
const FIELD = "b";
/** Entries of one answer at most. */
const ENTRIES = 1000;
const [DOLLAR, COLON, MINUS, PLUS] = [36, 58, 45, 43];

export const createRedisAdapter: CreateAdapter = (place, events, wires) => {
  const to = { host: "127.0.0.1", port: Number(place.addresses[0]) };
  const keyOf = (agent: number): string => `s${agent}`;
  const sentBefore = new Map<number, number>();

  let call: (...words: readonly string[]) => Promise<void> = async () => {};
  const openControl = async (): Promise<void> => {
    const waiting: (() => void)[] = [];
    const wire = await wires.open(
      to,
      createReplies(() => waiting.shift()?.()),
    );
    call = (...words) => {
      wire.write(1024, (buffer) => buffer.write(command(...words), "latin1"));
      return new Promise((resolve) => waiting.push(resolve));
    };
  };

  return {
    tellsAcks: true,
    prepare: async () => {
      await openControl();
      for (let agent = 0; agent < place.agents; agent++) await call("XGROUP", "CREATE", keyOf(agent), GROUP, "$", "MKSTREAM");
    },
    tidy: async () => {
      for (let agent = 0; agent < place.agents; agent++) await call("XTRIM", keyOf(agent), "MAXLEN", "0");
    },
    attach: async (agent) => {
      const from = predecessor(agent, place.agents);
      const head = `*${5}\r\n${word("XADD")}${word(keyOf(successor(agent, place.agents)))}${word("*")}${word(FIELD)}$${place.payloadBytes}\r\n`;
      const frame = Buffer.concat([Buffer.from(head), Buffer.alloc(place.payloadBytes, "x"), Buffer.from("\r\n")]);
      const read = command("XREADGROUP", "GROUP", GROUP, "c", "COUNT", String(ENTRIES), "BLOCK", "0", "STREAMS", keyOf(agent), ">");
      let sent = sentBefore.get(agent) ?? 0;
      let ids: string[] = [];
      let acknowledged = 0;
      let waiting: (() => void) | undefined;
      let readIsDue = false;

      const replies = (kind: number): void => {
        if (kind === DOLLAR) return events.acked(agent, 1);
        if (--acknowledged === 0) waiting?.();
      };
      const entry = (bytes: Buffer, idAt: number, idEnd: number, payloadAt: number): void => {
        ids.push(bytes.toString("latin1", idAt, idEnd));
        events.delivered(agent, from, bytes.readUInt32BE(payloadAt));
      };
      const reading = await wires.open(
        to,
        createEntries(entry, () => {
          readIsDue = true;
          events.owes(agent);
        }),
      );
      let writing: Promise<Wire> | undefined;
      let writer: Wire | undefined;
      // Whoever only reads and waits has one connection.
      const openWriter = async (): Promise<void> => {
        writing ??= wires.open(to, createReplies(replies));
        writer = await writing;
      };
      const readOn = (): void => reading.write(1024, (buffer) => buffer.write(read, "latin1"));
      if (place.how["idle"] !== "yes") await openWriter();
      readOn();

      const write = (count: number): void => {
        if (ids.length > 0 || count > 0) {
          const acks = ids.length === 0 ? "" : command("XACK", keyOf(agent), GROUP, ...ids);
          if (acks !== "") acknowledged++;
          ids = [];
          writer?.write(acks.length + count * frame.length, (buffer) => {
            let at = buffer.write(acks, "latin1");
            for (let left = count; left > 0; left--) {
              buffer.set(frame, at);
              buffer.writeUInt32BE(++sent, at + head.length);
              at += frame.length;
            }
            return at;
          });
          sentBefore.set(agent, sent);
        }
        if (readIsDue) readOn();
        readIsDue = false;
      };

      return {
        write,
        settled: async () => {
          write(0);
          if (acknowledged === 0) return;
          await new Promise<void>((resolve) => {
            waiting = resolve;
          });
        },
        close: async () => {
          await reading.end();
          await (await writing)?.end();
        },
      };
    },
  };
};

function word(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(word).join("")}`;
}

/** Answers of one value each: an id, a number, OK. */
function createReplies(take: (kind: number) => void): Parse {
  return (bytes, start, end) => {
    for (let at = start; at < end; ) {
      const behind = lineEnd(bytes, at, end);
      if (behind < 0) return at;
      const kind = bytes[at] as number;
      if (kind === MINUS || (kind !== DOLLAR && kind !== COLON && kind !== PLUS))
        throw new Error(`redis-server says ${bytes.toString("latin1", at, behind).trim()}`);
      const next = kind === DOLLAR ? behind + numberAt(bytes, at + 1, behind) + 2 : behind;
      if (next > end) return at;
      take(kind);
      at = next;
    }
    return end;
  };
}

/** Answers to XREADGROUP of one stream, entry by entry; `over` at the end of each answer. */
function createEntries(take: (bytes: Buffer, idAt: number, idEnd: number, payloadAt: number) => void, over: () => void): Parse {
  let left = 0;
  return (bytes, start, end) => {
    for (let at = start; ; ) {
      if (left === 0) {
        // *1 *2 $n key *entries
        let line = at;
        let entriesAt = at;
        for (let lines = 0; lines < 5; lines++) {
          entriesAt = line;
          line = lineEnd(bytes, line, end);
          if (line < 0) return at;
        }
        if (bytes[at] !== 42) throw new Error(`redis-server says ${bytes.toString("latin1", at, line).trim()}`);
        left = numberAt(bytes, entriesAt + 1, line);
        at = line;
      }
      // *2 $n id *2 $1 field $n payload
      const idLength = lineEnd(bytes, at + 4, end);
      if (idLength < 0) return at;
      const idEnd = idLength + numberAt(bytes, at + 5, idLength);
      const fieldBytes = 2 + 4 + 4 + FIELD.length + 2;
      const sizeAt = idEnd + fieldBytes;
      if (sizeAt >= end) return at;
      const payloadAt = lineEnd(bytes, sizeAt, end);
      if (payloadAt < 0) return at;
      const behind = payloadAt + numberAt(bytes, sizeAt + 1, payloadAt) + 2;
      if (behind > end) return at;
      take(bytes, idLength, idEnd, payloadAt);
      at = behind;
      if (--left === 0) over();
    }
  };
}

/** The number of a line, up to its CR LF. */
function numberAt(bytes: Buffer, start: number, behind: number): number {
  let value = 0;
  for (let at = start; at < behind - 2; at++) value = value * 10 + (bytes[at] as number) - 48;
  return value;
}
