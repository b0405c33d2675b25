/**
 * Lines to relays of Perdure: frames are made once and patched (link sequence, envelope sequence), many travel in one message, and what was
 * read is settled cumulatively, once a turn. With several addresses agents live at them in turns, so that all mail goes from one
 * relay to another.
 *
 * The envelope is a sealed one whose sender, reader and sequence are then patched: its size and header are what a relay sees, and its
 * digest, which only recipients check, does not fit any more.
 */
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { parseRelayAddress } from "../../packages/perdure/src/protocol/link/index.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import { type Bytes, concat, EMPTY, putU64, u64At } from "../../packages/perdure/src/wire/bytes.ts";
import {
  confirm,
  contacts,
  DEFAULT_HOP_LIMIT,
  DELIVER_HEADER_BYTES,
  encodeMail,
  goodbye,
  ping,
  position,
  refuse,
  route,
  settle,
} from "../../packages/perdure/src/wire/control.ts";
import {
  encodeTransport,
  FRAME_HEADER_BYTES,
  FRAME_TYPES,
  type Frame,
  MODE_MAC,
  MODE_NONE,
  TAG_BYTES,
  type Tagger,
} from "../../packages/perdure/src/wire/frame.ts";
import { MAX_TRANSPORT_BYTES, WIRE_VERSION } from "../../packages/perdure/src/wire/limits.ts";
import { type ActingAgent, createIdentities } from "./agent-identities.ts";
import { type Adapter, type CreateAdapter, type Line, type LineEvents, type Place, predecessor, successor } from "./line.ts";
import { type Dialled, dialPerdure } from "./perdure-dial.ts";
import { headerBytes, putHeader, readHeader } from "./web-socket.ts";
import type { Parse } from "./wire.ts";

/** Well within what a relay waits before it takes a line for dead. */
const PING_MS = 10_000;
const CONTACT_PREFIX_BYTES = 8;
const TRANSPORT_HEADER_BYTES = 2;
const COUNTER_BYTES = 8;
/** In an envelope. */
const [FROM_AT, TO_AT, SEQ_AT] = [8, 40, 80];
/** In a deliver frame. */
const POSITION_AT = 8;

interface LineOptions {
  readonly dialled: Dialled;
  /** One mail frame, whole, and where its envelope begins. */
  readonly mail: Bytes;
  readonly envelopeAt: number;
  readonly place: Place;
  readonly agent: number;
  readonly events: LineEvents;
  /** Frames that belong to the beginning of a session. */
  readonly greeting: readonly Frame[];
}

interface PerdureLine extends Line {
  ping(): void;
}

export const createPerdureAdapter: CreateAdapter = (place, events, wires) => {
  const host = createNodeHost();
  const settings = createSettings();
  const relays = place.addresses.map(parseRelayAddress);
  const relayOf = (agent: number): (typeof relays)[number] => relays[agent % relays.length] as (typeof relays)[number];
  const relayIdOf = (agent: number): Bytes => relayOf(agent).relayIdRaw ?? EMPTY;
  const lines = new Set<PerdureLine>();
  /** The newest pass of each agent, which it shows when it comes back. */
  const passes = new Map<number, Bytes>();
  let identities: readonly ActingAgent[] = [];
  let envelope: Bytes = EMPTY;
  let sent = new Map<number, number>();

  setInterval(() => {
    for (const line of lines) line.ping();
  }, PING_MS).unref();

  const idOf = (agent: number): Bytes => identities[agent]?.idRaw ?? EMPTY;

  const mailOf = (agent: number): Pick<LineOptions, "mail" | "envelopeAt"> => {
    const to = successor(agent, place.agents);
    const own = envelope.slice();
    own.set(idOf(agent), FROM_AT);
    own.set(idOf(to), TO_AT);
    const home = relayOf(to) === relayOf(agent) ? undefined : relayIdOf(to);
    const payload = encodeMail({ linkSeq: 1, hopLimit: DEFAULT_HOP_LIMIT, home, envelope: own });
    const mail = encodeTransport([{ name: "mail", payload }], 0).slice(TRANSPORT_HEADER_BYTES);
    return { mail, envelopeAt: mail.length - own.length };
  };

  const greetingOf = (agent: number, { welcome }: Dialled): readonly Frame[] => {
    const [from, to] = [predecessor(agent, place.agents), successor(agent, place.agents)];
    const known = concat(idOf(from).subarray(0, CONTACT_PREFIX_BYTES), relayIdOf(from).subarray(0, CONTACT_PREFIX_BYTES));
    const version = welcome.contactsVersion + 1;
    const frames: Frame[] = [
      { name: "confirm", payload: confirm.encode({ pass: welcome.pass }) },
      { name: "contacts", payload: contacts.encode({ version, open: false, contacts: known, blocked: EMPTY }) },
    ];
    const { url, relayIdRaw } = relayOf(to);
    if (relayOf(to) !== relayOf(agent) && relayIdRaw !== undefined)
      frames.push({ name: "route", payload: route.encode({ relayId: relayIdRaw, url }) });
    return frames;
  };

  return {
    tellsAcks: true,
    prepare: async () => {
      identities = await createIdentities(host, settings, place.agents);
      sent = new Map();
      envelope = Buffer.from(place.how["envelope"] ?? "", "base64");
      if (envelope.length !== place.payloadBytes) throw new Error(`an envelope of ${envelope.length} bytes, not ${place.payloadBytes}`);
    },
    attach: async (agent) => {
      const own = identities[agent] as ActingAgent;
      const pass = passes.get(agent) ?? EMPTY;
      const dialled = await dialPerdure({ host, settings, wires, relay: relayOf(agent), own, mac: place.how["mac"] === "yes", pass });
      const { pass: nextPass, windowFrames } = dialled.welcome;
      if (place.window > windowFrames) throw new Error(`the relay takes ${windowFrames} messages unacknowledged, not ${place.window}`);
      passes.set(agent, nextPass);
      const line = createLine({ dialled, ...mailOf(agent), place, agent, events, greeting: greetingOf(agent, dialled) }, sent);
      lines.add(line);
      const close = (): Promise<void> => {
        lines.delete(line);
        return line.close();
      };
      return { ...line, close };
    },
  } satisfies Adapter;
};

function createLine(
  { dialled, mail, envelopeAt, place, agent, events, greeting }: LineOptions,
  sentBefore: Map<number, number>,
): PerdureLine {
  const { wire, welcome, tagger } = dialled;
  const { generation, epoch } = welcome;
  const from = predecessor(agent, place.agents);
  const start = TRANSPORT_HEADER_BYTES + (tagger === undefined ? 0 : TAG_BYTES);
  const most = Math.floor((MAX_TRANSPORT_BYTES - 1024) / mail.length);
  let counter = 0;
  let linkSeq = 0;
  let envelopeSeq = sentBefore.get(agent) ?? 0;
  let ackedUpTo = 0;
  let readUpTo = 0;
  let settledUpTo = 0;
  let floor = 0;
  let waiting: { readonly upTo: number; readonly resolve: () => void } | undefined;

  const say = (frames: readonly Frame[]): void => {
    const message = encodeTransport(frames, counter++, tagger);
    wire.write(message.length + headerBytes(message.length), (buffer) => {
      const at = putHeader(buffer, 0, message.length);
      buffer.set(message, at);
      return at + message.length;
    });
  };

  /** One transport message behind `offset`; gives the offset behind it. */
  const putMessage = (buffer: Buffer, offset: number, settled: Bytes | undefined, count: number): number => {
    const settleBytes = settled === undefined ? 0 : FRAME_HEADER_BYTES + settled.length;
    const length = start + settleBytes + count * mail.length;
    const begin = putHeader(buffer, offset, length);
    buffer[begin] = WIRE_VERSION;
    buffer[begin + 1] = tagger === undefined ? MODE_NONE : MODE_MAC;
    let at = begin + start;
    if (settled !== undefined) {
      buffer.fill(0, at, at + FRAME_HEADER_BYTES);
      buffer[at] = FRAME_TYPES.settle;
      buffer.writeUInt32BE(settled.length, at + 4);
      buffer.set(settled, at + FRAME_HEADER_BYTES);
      at += settleBytes;
    }
    for (let left = count; left > 0; left--) {
      buffer.set(mail, at);
      putLow(buffer, at + FRAME_HEADER_BYTES + 4, ++linkSeq);
      putLow(buffer, at + envelopeAt + SEQ_AT + 4, ++envelopeSeq);
      at += mail.length;
    }
    if (tagger !== undefined) putTag(buffer, begin, at, counter, tagger);
    counter++;
    return at;
  };

  const deliver = (bytes: Buffer, payload: number): void => {
    readUpTo = high(bytes, payload + POSITION_AT) + bytes.readUInt32BE(payload + POSITION_AT + 4);
    const seqAt = payload + DELIVER_HEADER_BYTES + SEQ_AT;
    events.delivered(agent, from, high(bytes, seqAt) + bytes.readUInt32BE(seqAt + 4));
  };

  const take = (type: number, bytes: Buffer, payload: number, end: number): void => {
    switch (type) {
      case FRAME_TYPES.deliver:
        return deliver(bytes, payload);
      case FRAME_TYPES.ack: {
        const upTo = u64At(bytes, payload) ?? 0;
        events.acked(agent, upTo - ackedUpTo);
        ackedUpTo = upTo;
        return;
      }
      case FRAME_TYPES.position: {
        if (waiting === undefined) return;
        floor = position.decode(new Uint8Array(bytes.subarray(payload, end))).settledFloor;
        if (floor < waiting.upTo) return;
        waiting.resolve();
        waiting = undefined;
        return;
      }
      case FRAME_TYPES.refuse: {
        const { code, hint } = refuse.decode(new Uint8Array(bytes.subarray(payload, end)));
        throw new Error(`the relay refused a message of agent ${agent}: ${code}; ${hint}`);
      }
      case FRAME_TYPES.goodbye: {
        const { code, why } = goodbye.decode(new Uint8Array(bytes.subarray(payload, end)));
        throw new Error(`the relay ended the session of agent ${agent}: ${code}; ${why}`);
      }
      default:
    }
  };

  wire.parse = createParse(start, take);
  say(greeting);

  return {
    write: (count) => {
      const settled = readUpTo === settledUpTo ? undefined : settle.encode({ generation, epoch, floor: readUpTo, ranges: [] });
      settledUpTo = readUpTo;
      if (count === 0 && settled === undefined) return;
      wire.write(count * mail.length + 1024 * (1 + Math.ceil(count / most)), (buffer) => {
        let at = putMessage(buffer, 0, settled, Math.min(count, most));
        for (let left = count - most; left > 0; left -= most) at = putMessage(buffer, at, undefined, Math.min(left, most));
        return at;
      });
      sentBefore.set(agent, envelopeSeq);
    },
    settled: () =>
      new Promise((resolve) => {
        waiting = { upTo: readUpTo, resolve };
        // The answer may have come before anybody waited for it.
        say([{ name: "settle", payload: settle.encode({ generation, epoch, floor: readUpTo, ranges: [] }) }]);
      }),
    ping: () => say([{ name: "ping", payload: ping.encode({ nonce: counter }) }]),
    close: async () => {
      const reason = {
        code: "connection-closed",
        retry: "never",
        afterMs: 0,
        limit: undefined,
        why: "the benchmark is over",
        hint: "",
      } as const;
      say([{ name: "goodbye", payload: goodbye.encode(reason) }]);
      await wire.end();
    },
  };
}

/** Takes frames out of WebSocket messages as they come, whether or not the message is there whole. */
function createParse(start: number, take: (type: number, bytes: Buffer, payload: number, end: number) => void): Parse {
  /** Bytes of the message that are still to come. */
  let left = 0;
  return (bytes, from, end) => {
    let at = from;
    for (;;) {
      if (left === 0) {
        const header = readHeader(bytes, at, end);
        if (header === undefined || header.payloadAt + start > end) return at;
        left = header.length - start;
        at = header.payloadAt + start;
      }
      if (end - at < FRAME_HEADER_BYTES) return at;
      const behind = at + FRAME_HEADER_BYTES + bytes.readUInt32BE(at + 4);
      if (behind > end) return at;
      take(bytes[at] as number, bytes, at + FRAME_HEADER_BYTES, behind);
      left -= behind - at;
      at = behind;
    }
  };
}

function putTag(buffer: Buffer, begin: number, end: number, counter: number, tagger: Tagger): void {
  const tagAt = begin + TRANSPORT_HEADER_BYTES;
  const framesAt = tagAt + TAG_BYTES;
  putU64(buffer, framesAt - COUNTER_BYTES, counter);
  const tag = tagger(buffer.subarray(framesAt - COUNTER_BYTES, end));
  buffer.set(tag, tagAt);
}

/** The lower half of a number of eight bytes whose upper half is zero. */
function putLow(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

function high(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32;
}
