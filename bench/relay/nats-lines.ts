/**
 * Lines to nats-server, in its text protocol. `how.kept` is `nothing` for core NATS; else JetStream, with `how.ack` of its consumers
 * (`explicit`, `none`, `all`) and `how.consumers`: `each` for one push consumer per agent, or a number of consumers that share all agents,
 * each read by one connection that stands for the agents behind it.
 */
import { type CreateAdapter, type Line, predecessor, successor } from "./line.ts";
import { lineEnd, type Parse, type Wire } from "./wire.ts";

const CONNECT =
  'CONNECT {"verbose":false,"pedantic":false,"tls_required":false,"protocol":1,"headers":true,"no_responders":true}\r\nPING\r\n';
const STREAM = "M";
/** Numbers of subscriptions of a connection. */
const [MAIL, ACKS] = [1, 2];
const SEQ_BYTES = 4;
const CALL_MS = 30_000;

interface Incoming {
  readonly sid: number;
  /** Where the reply subject lies, when there is one. */
  readonly replyAt: number;
  readonly replyEnd: number;
  readonly payloadAt: number;
  readonly payloadEnd: number;
}

export const createNatsAdapter: CreateAdapter = (place, events, wires) => {
  const port = Number(place.addresses[0]);
  const { kept = "", ack = "", consumers = "each" } = place.how;
  const keeps = kept !== "nothing";
  const shards = consumers === "each" ? 0 : Number(consumers);
  const open = async (take: (bytes: Buffer, message: Incoming) => void): Promise<{ readonly wire: Wire; pong(): Promise<void> }> => {
    // bound: questions under way
    const pongs: (() => void)[] = [];
    const wire = await wires.open(
      { host: "127.0.0.1", port },
      createParse(take, () => pongs.shift()?.()),
    );
    const pong = (): Promise<void> => new Promise((resolve) => pongs.push(resolve));
    wire.write(1024, (buffer) => buffer.write(CONNECT, "latin1"));
    await pong();
    return { wire, pong };
  };

  let call: (subject: string, body: object) => Promise<unknown> = async () => undefined;
  const openControl = async (): Promise<void> => {
    const waiting = new Map<string, (body: string) => void>();
    let calls = 0;
    const { wire } = await open((bytes, { payloadAt, payloadEnd }) => {
      const body = bytes.toString("utf8", payloadAt, payloadEnd);
      const [first] = waiting;
      if (first === undefined) return;
      waiting.delete(first[0]);
      first[1](body);
    });
    wire.write(256, (buffer) => buffer.write("SUB _INBOX.control 1\r\n", "latin1"));
    call = async (subject, body) => {
      const text = JSON.stringify(body);
      const answered = new Promise<string>((resolve, reject) => {
        waiting.set(String(calls++), resolve);
        setTimeout(() => reject(new Error(`nats-server does not answer ${subject}`)), CALL_MS).unref();
      });
      wire.write(text.length + 1024, (buffer) => buffer.write(`PUB ${subject} _INBOX.control ${text.length}\r\n${text}\r\n`, "latin1"));
      const answer = JSON.parse(await answered) as { readonly error?: { readonly description: string } };
      if (answer.error !== undefined) throw new Error(`nats-server refused ${subject}: ${answer.error.description}`);
      return answer;
    };
  };

  const subjectOf = (agent: number): string => (shards === 0 ? `m.${agent}` : `m.${agent % shards}.${agent}`);

  const addConsumer = (name: string, filter: string, deliver: string): Promise<unknown> =>
    call(`$JS.API.CONSUMER.DURABLE.CREATE.${STREAM}.${name}`, {
      stream_name: STREAM,
      config: {
        durable_name: name,
        deliver_subject: deliver,
        deliver_policy: "all",
        ack_policy: ack,
        filter_subject: filter,
        replay_policy: "instant",
        ...(ack === "none" ? {} : { max_ack_pending: 1_000_000, ack_wait: 3_600 * 1e9 }),
      },
    });

  /** What a consumer of one agent has not seen acknowledged. */
  const pendingOf = async (agent: number): Promise<number> => {
    const said = await call(`$JS.API.CONSUMER.INFO.${STREAM}.C${agent}`, {});
    const { num_ack_pending, num_pending } = said as { readonly num_ack_pending: number; readonly num_pending: number };
    return num_ack_pending + num_pending;
  };

  const prepareStream = async (): Promise<void> => {
    await openControl();
    await call(`$JS.API.STREAM.CREATE.${STREAM}`, {
      name: STREAM,
      subjects: ["m.>"],
      storage: "file",
      retention: "limits",
      num_replicas: 1,
      max_msgs: -1,
      max_bytes: -1,
      discard: "old",
    });
    if (shards === 0) for (let agent = 0; agent < place.agents; agent++) await addConsumer(`C${agent}`, subjectOf(agent), `d.${agent}`);
    for (let shard = 0; shard < shards; shard++) {
      await addConsumer(`C${shard}`, `m.${shard}.*`, `d.${shard}`);
      await openShard(shard);
    }
  };

  /** What a reader does with what it was given, and owes for it. */
  const createReader = (wire: () => Wire): { take(bytes: Buffer, message: Incoming): number; write(): void; readonly owes: boolean } => {
    let owed = Buffer.allocUnsafeSlow(1024);
    let owedBytes = 0;
    return {
      take: (bytes, { replyAt, replyEnd, payloadAt }) => {
        if (keeps && ack !== "none") {
          // Of cumulative acknowledgements the last one says everything.
          if (ack === "all") owedBytes = 0;
          const length = replyEnd - replyAt;
          if (owedBytes + length + 16 > owed.length) owed = Buffer.concat([owed], owed.length * 2);
          owedBytes += owed.write("PUB ", owedBytes, "latin1");
          owedBytes += bytes.copy(owed, owedBytes, replyAt, replyEnd);
          owedBytes += owed.write(" 0\r\n\r\n", owedBytes, "latin1");
        }
        return bytes.readUInt32BE(payloadAt);
      },
      get owes() {
        return owedBytes > 0;
      },
      write: () => {
        if (owedBytes === 0) return;
        wire().write(owedBytes, (buffer) => owed.copy(buffer, 0, 0, owedBytes));
        owedBytes = 0;
      },
    };
  };

  /** A connection that reads for all agents of a shard, as a gateway of theirs would. */
  const openShard = async (shard: number): Promise<void> => {
    let due = false;
    const reader = createReader(() => wire);
    const { wire, pong } = await open((bytes, message) => {
      const seq = reader.take(bytes, message);
      const sender = bytes.readUInt32BE(message.payloadAt + SEQ_BYTES);
      events.delivered(successor(sender, place.agents), sender, seq);
      if (due || !reader.owes) return;
      due = true;
      setImmediate(() => {
        due = false;
        reader.write();
      });
    });
    wire.write(256, (buffer) => buffer.write(`SUB d.${shard} ${MAIL}\r\nPING\r\n`, "latin1"));
    await pong();
  };

  const attach = async (agent: number): Promise<Line> => {
    const from = predecessor(agent, place.agents);
    const reader = createReader(() => wire);
    const { wire, pong } = await open((bytes, message) => {
      if (message.sid === ACKS) {
        if (bytes[message.payloadAt + 2] !== "s".charCodeAt(0))
          throw new Error(`nats-server refused a message: ${bytes.toString("utf8", message.payloadAt, message.payloadEnd)}`);
        return events.acked(agent, 1);
      }
      const seq = reader.take(bytes, message);
      events.delivered(agent, from, seq);
    });
    const acks = `a.${agent}`;
    const subscribe = [
      ...(keeps ? [`SUB ${acks} ${ACKS}`] : []),
      ...(shards > 0 ? [] : [`SUB ${keeps ? `d.${agent}` : subjectOf(agent)} ${MAIL}`]),
    ];
    wire.write(1024, (buffer) => buffer.write(`${subscribe.map((line) => `${line}\r\n`).join("")}PING\r\n`, "latin1"));
    await pong();

    const to = successor(agent, place.agents);
    const command = `PUB ${subjectOf(to)} ${keeps ? `${acks} ` : ""}${place.payloadBytes}\r\n`;
    const frame = Buffer.concat([Buffer.from(command), Buffer.alloc(place.payloadBytes, "x"), Buffer.from("\r\n")]);
    frame.writeUInt32BE(agent, command.length + SEQ_BYTES);
    let sent = 0;
    const settled = async (): Promise<void> => {
      reader.write();
      wire.write(16, (buffer) => buffer.write("PING\r\n", "latin1"));
      await pong();
      while (keeps && ack !== "none" && (await pendingOf(agent)) > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    return {
      write: (count) => {
        reader.write();
        if (count === 0) return;
        wire.write(count * frame.length, (buffer) => {
          let at = 0;
          for (let left = count; left > 0; left--) {
            buffer.set(frame, at);
            buffer.writeUInt32BE(++sent, at + command.length);
            at += frame.length;
          }
          return at;
        });
      },
      settled,
      close: () => wire.end(),
    };
  };

  return {
    tellsAcks: keeps,
    prepare: async () => {
      if (keeps) await prepareStream();
    },
    attach,
    ...(keeps ? { tidy: async () => void (await call(`$JS.API.STREAM.PURGE.${STREAM}`, {})) } : {}),
  };
};

function createParse(take: (bytes: Buffer, message: Incoming) => void, pong: () => void): Parse {
  return (bytes, start, end) => {
    for (let at = start; ; ) {
      const behind = lineEnd(bytes, at, end);
      if (behind < 0) return at;
      if (bytes[at] !== 77) {
        other(bytes.toString("latin1", at, behind), pong);
        at = behind;
        continue;
      }
      const message = readMsg(bytes, at, behind);
      if (message.payloadEnd + 2 > end) return at;
      take(bytes, message);
      at = message.payloadEnd + 2;
    }
  };
}

/** `MSG <subject> <sid> [reply] <bytes>`, read from its end: the number of words says whether there is a reply. */
function readMsg(bytes: Buffer, at: number, behind: number): Incoming {
  let space = behind - 3;
  while (bytes[space] !== 32) space--;
  const length = numberAt(bytes, space + 1, behind - 2);
  let afterSubject = at + 4;
  while (bytes[afterSubject] !== 32) afterSubject++;
  let afterSid = afterSubject + 1;
  while (bytes[afterSid] !== 32) afterSid++;
  const sid = numberAt(bytes, afterSubject + 1, afterSid);
  return { sid, replyAt: afterSid + 1, replyEnd: Math.max(afterSid + 1, space), payloadAt: behind, payloadEnd: behind + length };
}

function numberAt(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + (bytes[at] as number) - 48;
  return value;
}

function other(line: string, pong: () => void): void {
  if (line.startsWith("PONG")) return pong();
  if (line.startsWith("-ERR")) throw new Error(`nats-server says ${line.trim()}`);
  if (line.startsWith("PING") || line.startsWith("INFO") || line.startsWith("+OK")) return;
  throw new Error(`nats-server says what the benchmark does not understand: ${line.trim()}`);
}
