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
import { type Bytes, concat, EMPTY, u64At } from "../../packages/perdure/src/wire/bytes.ts";
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
  type Welcome,
} from "../../packages/perdure/src/wire/control.ts";
import { encodeTransport, FRAME_HEADER_BYTES, FRAME_TYPES, type Frame } from "../../packages/perdure/src/wire/frame.ts";
import { type ActingAgent, createIdentities } from "./agent-identities.ts";
import { type Adapter, type CreateAdapter, type Line, type LineEvents, type Place, predecessor, successor } from "./line.ts";
import { type Carrier, createCarrier, ROOM_BYTES, TRANSPORT_HEADER_BYTES } from "./perdure-carrier.ts";
import { dialPerdure } from "./perdure-dial.ts";
import { joinPerdure } from "./perdure-join.ts";

/** Well within what a relay waits before it takes a line for dead. */
const PING_MS = 10_000;
const CONTACT_PREFIX_BYTES = 8;
/** In an envelope. */
const [FROM_AT, TO_AT, SEQ_AT] = [8, 40, 80];
/** In a deliver frame. */
const POSITION_AT = 8;

interface LineOptions {
  readonly attached: Attached;
  /** One mail frame, whole, and where its envelope begins. */
  readonly mail: Bytes;
  readonly envelopeAt: number;
  readonly place: Place;
  readonly agent: number;
  readonly events: LineEvents;
  /** Frames that belong to the beginning of a session. */
  readonly greeting: readonly Frame[];
}

/** One session: on which channel of which connection, and what the relay said. */
interface Attached {
  readonly carrier: Carrier;
  readonly channel: number;
  readonly welcome: Welcome;
}

/** A connection that others may join, when the welcome has come. */
interface Shared {
  readonly carrier: Carrier;
  readonly transcript: Bytes;
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

  const perConnection = Number(place.how["perConnection"] ?? 1);
  const connections = new Map<number, Promise<Shared>>();

  const dial = async (agent: number): Promise<Attached & Shared> => {
    const [own, pass] = [identities[agent] as ActingAgent, passes.get(agent) ?? EMPTY];
    const dialled = await dialPerdure({ host, settings, wires, relay: relayOf(agent), own, mac: place.how["mac"] === "yes", pass });
    const { wire, tagger, welcome, transcript } = dialled;
    return { carrier: createCarrier(wire, tagger, perConnection > 1), channel: 0, welcome, transcript };
  };

  /** The first of those that share a connection dials it, the others join. */
  const enter = async (agent: number): Promise<Attached> => {
    if (perConnection === 1) return dial(agent);
    const number = Math.floor(agent / perConnection);
    const open = connections.get(number);
    if (open === undefined) {
      const dialled = dial(agent);
      connections.set(number, dialled);
      return dialled;
    }
    const { carrier, transcript } = await open;
    const [own, pass] = [identities[agent] as ActingAgent, passes.get(agent) ?? EMPTY];
    const channel = carrier.nextChannel();
    return { carrier, channel, welcome: await joinPerdure({ host, carrier, channel, transcript, own, pass }) };
  };

  const mailOf = (agent: number, channel: number): Pick<LineOptions, "mail" | "envelopeAt"> => {
    const to = successor(agent, place.agents);
    const own = envelope.slice();
    own.set(idOf(agent), FROM_AT);
    own.set(idOf(to), TO_AT);
    const home = relayOf(to) === relayOf(agent) ? undefined : relayIdOf(to);
    const payload = encodeMail({ linkSeq: 1, hopLimit: DEFAULT_HOP_LIMIT, home, envelope: own });
    const mail = framesOf([{ name: "mail", payload }], channel);
    return { mail, envelopeAt: mail.length - own.length };
  };

  const greetingOf = (agent: number, { welcome }: Attached): readonly Frame[] => {
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
      const attached = await enter(agent);
      const { pass: nextPass, windowFrames } = attached.welcome;
      if (place.window > windowFrames) throw new Error(`the relay takes ${windowFrames} messages unacknowledged, not ${place.window}`);
      passes.set(agent, nextPass);
      const greeting = greetingOf(agent, attached);
      const line = createLine({ attached, ...mailOf(agent, attached.channel), place, agent, events, greeting }, sent);
      lines.add(line);
      const close = (): Promise<void> => {
        lines.delete(line);
        connections.delete(Math.floor(agent / perConnection));
        return line.close();
      };
      return { ...line, close };
    },
  } satisfies Adapter;
};

function framesOf(frames: readonly Frame[], channel: number): Bytes {
  const channels = frames.map(() => channel);
  return encodeTransport(frames, 0, undefined, channels).slice(TRANSPORT_HEADER_BYTES);
}

function createLine(
  { attached, mail, envelopeAt, place, agent, events, greeting }: LineOptions,
  sentBefore: Map<number, number>,
): PerdureLine {
  const { carrier, channel, welcome } = attached;
  const { generation, epoch } = welcome;
  const from = predecessor(agent, place.agents);
  const most = Math.floor((ROOM_BYTES - 1024) / mail.length);
  let pings = 0;
  let linkSeq = 0;
  let envelopeSeq = sentBefore.get(agent) ?? 0;
  let ackedUpTo = 0;
  let readUpTo = 0;
  let settledUpTo = 0;
  let floor = 0;
  let waiting: { readonly upTo: number; readonly resolve: () => void } | undefined;

  const say = (frames: readonly Frame[]): void => carrier.say(framesOf(frames, channel));

  const putSettle = (buffer: Buffer, at: number, settled: Bytes): number => {
    buffer[at] = FRAME_TYPES.settle;
    buffer[at + 1] = 0;
    buffer.writeUInt16BE(channel, at + 2);
    buffer.writeUInt32BE(settled.length, at + 4);
    buffer.set(settled, at + FRAME_HEADER_BYTES);
    return at + FRAME_HEADER_BYTES + settled.length;
  };

  const putMail = (buffer: Buffer, from: number, count: number): number => {
    let at = from;
    for (let left = count; left > 0; left--) {
      buffer.set(mail, at);
      putLow(buffer, at + FRAME_HEADER_BYTES + 4, ++linkSeq);
      putLow(buffer, at + envelopeAt + SEQ_AT + 4, ++envelopeSeq);
      at += mail.length;
    }
    sentBefore.set(agent, envelopeSeq);
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

  carrier.listen(channel, take);
  say(greeting);

  return {
    write: (count) => {
      const settled = readUpTo === settledUpTo ? undefined : settle.encode({ generation, epoch, floor: readUpTo, ranges: [] });
      settledUpTo = readUpTo;
      if (count === 0 && settled === undefined) return;
      const settleBytes = settled === undefined ? 0 : FRAME_HEADER_BYTES + settled.length;
      const first = Math.min(count, most);
      carrier.put(settleBytes + first * mail.length, (buffer, at) =>
        putMail(buffer, settled === undefined ? at : putSettle(buffer, at, settled), first),
      );
      for (let left = count - first; left > 0; left -= most) {
        const next = Math.min(left, most);
        carrier.put(next * mail.length, (buffer, at) => putMail(buffer, at, next));
      }
    },
    settled: () =>
      new Promise((resolve) => {
        waiting = { upTo: readUpTo, resolve };
        // The answer may have come before anybody waited for it.
        say([{ name: "settle", payload: settle.encode({ generation, epoch, floor: readUpTo, ranges: [] }) }]);
      }),
    ping: () => say([{ name: "ping", payload: ping.encode({ nonce: ++pings }) }]),
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
      await carrier.leave();
    },
  };
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
