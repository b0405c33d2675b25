/**
 * An authenticated session of a benchmark: the product's own handshake, over a WebSocket whose bytes the benchmark writes itself, and
 * then everything that is needed to go on in its place.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../packages/perdure/src/host/clock.ts";
import type { Host } from "../../packages/perdure/src/host/host.ts";
import type { Connection, Receiver } from "../../packages/perdure/src/host/net.ts";
import type { OwnIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import { connectSession } from "../../packages/perdure/src/protocol/link/connect.ts";
import type { RelayAddress } from "../../packages/perdure/src/protocol/link/index.ts";
import type { Settings } from "../../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../../packages/perdure/src/wire/bytes.ts";
import type { Welcome } from "../../packages/perdure/src/wire/control.ts";
import { TAG_BYTES, type Tagger } from "../../packages/perdure/src/wire/frame.ts";
import type { ActingAgent } from "./agent-identities.ts";
import { putHeader, readHeader } from "./web-socket.ts";
import type { Wire, Wires } from "./wire.ts";

/** The keys of both directions of a session in mode mac. */
const SESSION_KEYS_BYTES = 64;
const NOTHING_YET = { generation: new Uint8Array(8), position: 0 };

export interface DialOptions {
  readonly host: Host;
  readonly settings: Settings;
  readonly wires: Wires;
  readonly relay: RelayAddress;
  readonly own: ActingAgent;
  /** Asks for mode mac, as one does that is not on the relay's machine. */
  readonly mac: boolean;
  readonly pass: Bytes;
}

export interface Dialled {
  readonly wire: Wire;
  readonly welcome: Welcome;
  /** The tag of what is sent, in mode mac. */
  readonly tagger: Tagger | undefined;
  /** Of the handshake, for who joins. */
  readonly transcript: Bytes;
}

export async function dialPerdure({ host, settings, wires, relay, own, mac, pass }: DialOptions): Promise<Dialled> {
  let wire: Wire | undefined;
  let sessionKey: Bytes | undefined;
  const timers = new Set<() => void>();
  const clock: Clock = {
    ...host.clock,
    after: (delayMs, then) => {
      const cancel = host.clock.after(delayMs, then);
      timers.add(cancel);
      return cancel;
    },
  };
  const { hash } = host.crypto;
  const hkdfSha256: typeof hash.hkdfSha256 = (secret, salt, info, lengthBytes) => {
    const keys = hash.hkdfSha256(secret, salt, info, lengthBytes);
    if (lengthBytes === SESSION_KEYS_BYTES) sessionKey = keys.slice(0, SESSION_KEYS_BYTES / 2);
    return keys;
  };
  const { welcome, transcript } = await connectSession({
    host: {
      clock,
      random: host.random,
      crypto: { ...host.crypto, hash: { ...hash, hkdfSha256 } },
      net: {
        ...host.net,
        dial: async (url) => {
          const opened = await openWebSocket(wires, url, !mac);
          wire = opened.wire;
          return opened.connection;
        },
      },
    },
    settings,
    ...relay,
    // A handshake needs no more of it.
    own: own as OwnIdentity,
    link: host.random.bytes(8),
    consume: true,
    have: NOTHING_YET,
    pass: () => pass,
  });
  // The session's own end of it: what keeps the line alive and watches it is the benchmark's from here on.
  for (const cancel of timers) cancel();
  if (wire === undefined) throw new Error("a session without a connection");
  const key = sessionKey;
  const tagger = mac && key !== undefined ? (counted: Bytes) => hash.hmacSha256(key, counted).subarray(0, TAG_BYTES) : undefined;
  return { wire, welcome, tagger, transcript };
}

async function openWebSocket(wires: Wires, url: string, local: boolean): Promise<{ readonly wire: Wire; readonly connection: Connection }> {
  const { hostname: host, port, protocol } = new URL(url);
  let receiver: Receiver | undefined;
  let upgraded = (): void => {};
  const answered = new Promise<void>((resolve) => {
    upgraded = resolve;
  });
  const messages = (bytes: Buffer, start: number, end: number): number => {
    for (let at = start; ; ) {
      const header = readHeader(bytes, at, end);
      if (header === undefined || header.payloadAt + header.length > end) return at;
      at = header.payloadAt + header.length;
      receiver?.message(new Uint8Array(bytes.subarray(header.payloadAt, at)));
    }
  };
  const answer = (bytes: Buffer, start: number, end: number): number => {
    const headers = bytes.subarray(start, end).indexOf("\r\n\r\n");
    if (headers < 0) return start;
    const says = bytes.toString("latin1", start, start + headers);
    if (!says.startsWith("HTTP/1.1 101")) throw new Error(`the server answers ${says.slice(0, 60)}`);
    wire.parse = messages;
    upgraded();
    return start + headers + 4;
  };
  const wire = await wires.open({ host, port: Number(port), tls: protocol === "wss:" }, answer);
  const request = [
    "GET / HTTP/1.1",
    `Host: ${host}:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
  ];
  wire.write(1024, (buffer) => buffer.write(`${request.join("\r\n")}\r\n\r\n`, "latin1"));
  await answered;
  const connection: Connection = {
    remote: `${host}:${port}`,
    local,
    queuedBytes: 0,
    send: (message) =>
      wire.write(message.length + 32, (buffer) => {
        const at = putHeader(buffer, 0, message.length);
        buffer.set(message, at);
        return at + message.length;
      }),
    close: () => void wire.end(),
    start: (next) => {
      receiver = next;
    },
  };
  return { wire, connection };
}
