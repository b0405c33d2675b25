/**
 * A relay that lies: the relay as it is, behind a port that changes what leaves it. It has the relay's own keys, so whatever it
 * says is said by that relay; it has nobody else's.
 *
 * Sessions of a simulated net are local and travel without tags, so their frames can be read and changed here. What it does to
 * `deliver` frames hits the relay's own agents, what it does to `mail` frames other relays.
 */
import type { Host } from "../host/host.ts";
import type { Connection, Net } from "../host/net.ts";
import type { Draws } from "../host/simulated/index.ts";
import { openIdentity } from "../identity/index.ts";
import { createSettings } from "../settings/register.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { decodeDeliver, decodeMail, encodeDeliver, encodeMail, found } from "../wire/control.ts";
import { decodeEnvelope, encodeEnvelope } from "../wire/envelope.ts";
import { decodeTransport, encodeTransport, FRAME_TYPES, type Frame, frameBytes, MODE_NONE } from "../wire/frame.ts";
import { identityBundle, toBeSigned } from "../wire/identity.ts";
import { agentIdBytes } from "../wire/ids.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";
import { statement, statementProof } from "../wire/statement.ts";
import type { Lies } from "./api.ts";

export interface Liar {
  /** The machine as the lying relay is to see it. */
  host(host: Host): Host;
  lie(lies: Lies): void;
}

/** What frames of one transport message may take; one frame always fits. */
const ROOM_BYTES = MAX_TRANSPORT_BYTES - 64;
/** Frames that are handed over again. */
const REMEMBERED_FRAMES = 64;
/** A frame that others were to overtake leaves after this at the latest. */
const HELD_BACK_MS = 300;

export function createLiar(draws: Draws, folder: string): Liar {
  let lies: Lies = {};
  /** Since it was first told to lie: an honest relay need not be listened to. */
  let oldest: Map<string, Bytes> | undefined;

  const wrapped = (host: Host, connection: Connection): Connection => {
    const port = createPort(host, folder, draws, connection, () => oldest);
    return {
      get remote() {
        return connection.remote;
      },
      get local() {
        return connection.local;
      },
      get queuedBytes() {
        return connection.queuedBytes;
      },
      send: (message) => port.send(message, lies),
      close: (now) => connection.close(now),
      start: (receiver) => connection.start(receiver),
    };
  };

  return {
    lie: (next) => {
      lies = next;
      oldest ??= new Map();
    },
    host: (host) => {
      const { net } = host;
      const lying: Net = {
        ...net,
        dial: async (address, options) => wrapped(host, await net.dial(address, options)),
        listen: (address, options) =>
          net.listen(address, {
            ...options,
            onConnection: (connection) => options.onConnection(address.startsWith("unix:") ? connection : wrapped(host, connection)),
          }),
      };
      return { ...host, net: lying };
    },
  };
}

function createPort(host: Host, folder: string, draws: Draws, connection: Connection, oldest: () => Map<string, Bytes> | undefined) {
  const past: Frame[] = [];
  let held: Frame | undefined;

  const pass = (frames: readonly Frame[]): void => {
    let message: Frame[] = [];
    let size = 0;
    for (const frame of frames) {
      const bytes = frameBytes(frame.payload.length);
      if (size + bytes > ROOM_BYTES) {
        connection.send(encodeTransport(message, 0));
        message = [];
        size = 0;
      }
      message.push(frame);
      size += bytes;
    }
    if (message.length > 0) connection.send(encodeTransport(message, 0));
  };
  const letGo = (): void => {
    if (held !== undefined) pass([held]);
    held = undefined;
  };

  /** What leaves instead of one frame that hands mail over. */
  const handOver = (frame: Frame, lies: Lies): readonly Frame[] => {
    if (lies.withhold === true) return [];
    const said = lies.rewriteFrom === undefined ? frame : rewritten(frame, agentIdBytes(lies.rewriteFrom), host);
    past.push(said);
    if (past.length > REMEMBERED_FRAMES) past.shift();
    if (lies.reorder === true && frame.name === "deliver") {
      const before = held;
      held = draws.chance(0.5) ? said : undefined;
      if (held !== undefined) host.clock.after(HELD_BACK_MS, letGo);
      return [...(held === undefined ? [said] : []), ...(before === undefined ? [] : [before])];
    }
    return [said];
  };

  /** An answer with the oldest keys of that agent, or as it is. */
  const answer = (frame: Frame, lies: Lies): Frame => {
    const said = found.decode(frame.payload);
    if (said.bundle.length === 0) return frame;
    const [inception] = identityBundle.decode(said.bundle).log;
    const key = hex(inception as Bytes);
    const before = oldest()?.get(key) ?? said.bundle.slice();
    oldest()?.set(key, before);
    return lies.rollBack === true ? { name: "found", payload: found.encode({ ...said, bundle: before }) } : frame;
  };

  const sayTwice = async (payload: Bytes): Promise<void> => {
    const own = await openIdentity({ host, folder, settings: createSettings() });
    const proof = statementProof.decode(payload);
    const said = statement.decode(proof.statement);
    if (!equalBytes(said.relayId, own.idRaw)) return;
    const other = statement.encode({ ...said, timeMs: said.timeMs + 1 });
    const signature = await host.crypto.signatures.sign(own.instanceKey, toBeSigned("statement", other));
    pass([{ name: "statement", payload: statementProof.encode({ ...proof, statement: other, signature }) }]);
  };

  return {
    send: (message: Uint8Array, lies: Lies): void => {
      if (oldest() === undefined || message[1] !== MODE_NONE || (message[2] as number) <= FRAME_TYPES.welcome)
        return connection.send(message);
      const frames = lies.reorder === true ? swapMail(decodeTransport(message, 0), draws) : decodeTransport(message, 0);
      pass(
        frames.flatMap((frame) => {
          if (frame.name === "found") return [answer(frame, lies)];
          return (frame.name === "deliver" || frame.name === "mail") && isAbout(frame, lies.only) ? handOver(frame, lies) : [frame];
        }),
      );
      if (lies.replay === true && past.length > 0 && draws.chance(0.5)) pass([past[draws.below(past.length)] as Frame]);
      if (lies.equivocate !== true) return;
      for (const frame of frames) if (frame.name === "statement") sayTwice(frame.payload.slice()).catch(() => undefined);
    },
  };
}

/** Whether mail that is handed over is from or to the agent it has to be of. */
function isAbout(frame: Frame, agentId: string | undefined): boolean {
  if (agentId === undefined) return true;
  const { envelope } = frame.name === "deliver" ? decodeDeliver(frame.payload) : decodeMail(frame.payload);
  const { from, to } = decodeEnvelope(envelope);
  const id = agentIdBytes(agentId);
  return equalBytes(from, id) || equalBytes(to, id);
}

/** Envelopes of `mail` frames change places, their sequence numbers stay: a link of another order would end at once. */
function swapMail(frames: readonly Frame[], draws: Draws): readonly Frame[] {
  const swapped = [...frames];
  for (let at = 1; at < swapped.length; at++) {
    const [one, two] = [swapped[at - 1] as Frame, swapped[at] as Frame];
    if (one.name !== "mail" || two.name !== "mail" || draws.chance(0.5)) continue;
    const [first, second] = [decodeMail(one.payload), decodeMail(two.payload)];
    swapped[at - 1] = { name: "mail", payload: encodeMail({ ...second, linkSeq: first.linkSeq }) };
    swapped[at] = { name: "mail", payload: encodeMail({ ...first, linkSeq: second.linkSeq }) };
  }
  return swapped;
}

/** The same frame with mail that claims to be from somebody else; the digest fits again, the seal does not. */
function rewritten(frame: Frame, from: Bytes, host: Host): Frame {
  const change = (bytes: Bytes): Bytes => {
    const { body, ...header } = decodeEnvelope(bytes);
    if (header.class === "notice") return bytes;
    return encodeEnvelope({ ...header, from }, body, host.crypto.hash.sha256).bytes;
  };
  if (frame.name === "deliver") {
    const deliver = decodeDeliver(frame.payload);
    return { name: "deliver", payload: encodeDeliver({ ...deliver, envelope: change(deliver.envelope) }) };
  }
  const mail = decodeMail(frame.payload);
  return { name: "mail", payload: encodeMail({ ...mail, envelope: change(mail.envelope) }) };
}
