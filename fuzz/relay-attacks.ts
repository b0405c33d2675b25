/** What is done to the port of a relay, one kind at a time. */
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { join } from "node:path";
import type { Connection } from "../packages/perdure/src/host/net.ts";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { createIdentity, type OwnIdentity } from "../packages/perdure/src/identity/index.ts";
import { parseRelayAddress } from "../packages/perdure/src/protocol/link/address.ts";
import { connectSession } from "../packages/perdure/src/protocol/link/connect.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import { type Bytes, concat, EMPTY, utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { encodeMail, ping, pong } from "../packages/perdure/src/wire/control.ts";
import { encodeEnvelope } from "../packages/perdure/src/wire/envelope.ts";
import { decodeTransport, encodeTransport, FRAME_TYPES, type FrameName } from "../packages/perdure/src/wire/frame.ts";
import { mutateBytes } from "./byte-mutator.ts";
import { readCaseSeeds } from "./case-seeds.ts";
import { mutateCbor } from "./cbor-mutator.ts";
import type { Draws } from "./draws.ts";
import type { RelayIsOpen } from "./relay-process.ts";
import { deadlineIn } from "./socket-answer.ts";

const SAID_BY_AGENTS: readonly FrameName[] = ["mail", "settle", "lookup", "publish", "confirm", "route", "contacts", "ping"];
const ANSWER_MS = 20_000;
const IDENTITIES = 6;
const MOST_PER_SESSION = 64;
/** Above those of the session's own pings. */
const FIRST_NONCE = 1_000_000_000;
const MOST_BYTES = 8192;
const UPGRADE = utf8(
  "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
);
const REQUESTS = [
  "/",
  "/healthz",
  "/metrics",
  "/page.js",
  "/.well-known/perdure",
  "/.well-known/webfinger?resource=acct:desk@127.0.0.1",
  "/i",
].map((path) => utf8(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\naccept: */*\r\n\r\n`));
const WORDS = [
  "\r\n",
  "HTTP/1.1",
  "HTTP/9.9",
  "transfer-encoding: chunked\r\n",
  "content-length: ",
  "upgrade: websocket\r\n",
  "sec-websocket-key: ",
  "expect: 100-continue\r\n",
  "0\r\n\r\n",
].map(utf8);

export type AttackKind = "no HTTP" | "bent requests" | "bent upgrades" | "cut WebSocket frames" | "handshakes" | "frames of a session";

export interface Attacks {
  readonly kinds: readonly AttackKind[];
  /** How many inputs were tried; `trying` sees each before it is sent. */
  try(kind: AttackKind, draws: Draws, trying?: (input: Bytes) => void): Promise<number>;
}

export async function createAttacks(relay: RelayIsOpen, folder: string): Promise<Attacks> {
  const seeds = readCaseSeeds();
  const payloads = new Map((Object.keys(FRAME_TYPES) as FrameName[]).map((name) => [name, payloadsOf(seeds, name)] as const));
  const hellos = seeds.ofShape("hello");
  const host = createNodeHost();
  const settings = createSettings({ handshakeTimeoutMs: ANSWER_MS, pingEveryMs: 600_000, silenceTimeoutMs: 1_800_000 });
  const { url, relayIdRaw } = parseRelayAddress(relay.address);
  const port = Number(new URL(relay.listens.replace(/^ws/, "http")).port);
  const identities: OwnIdentity[] = [];
  for (let made = 0; made < IDENTITIES; made++)
    identities.push(
      await createIdentity({
        host,
        folder: join(folder, `fuzz-${made}`),
        role: "mail",
        custody: "together",
        name: `fuzz-${made}`,
        settings,
      }),
    );

  const mutate = (input: Bytes, draws: Draws, words: readonly Bytes[] = []): Bytes => {
    const mutation = { draws, other: input, words, maxBytes: MOST_BYTES };
    return (draws.oneIn(2) ? mutateCbor(input, mutation) : undefined) ?? mutateBytes(input, mutation);
  };

  /** One connection, one input: what came back is looked at by nobody, only that something did or that it ended. */
  const overTcp = async (pieces: readonly Bytes[], { upgraded = false, abrupt = false } = {}): Promise<void> => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => undefined);
    const answer = deadlineIn(socket, ANSWER_MS);
    if (upgraded) {
      socket.write(UPGRADE);
      await answer.came();
    }
    for (const piece of pieces) socket.write(piece);
    // A request that is not whole gets no answer; the half-closed connection is let go.
    if (!abrupt) {
      socket.end();
      await answer.came();
    }
    socket.resetAndDestroy();
  };

  const session = async (draws: Draws, trying: (input: Bytes) => void): Promise<number> => {
    const own = draws.pick(identities);
    const barrier = createBarrier();
    let connection: Connection | undefined;
    const net = {
      ...host.net,
      dial: async (...args: Parameters<typeof host.net.dial>) => {
        connection = await host.net.dial(...args);
        return overheard(connection, barrier);
      },
    };
    const link = Uint8Array.from({ length: 8 }, () => draws.below(256));
    const have = { generation: new Uint8Array(8), position: 0 };
    const connected = await connectSession({
      host: { ...host, net },
      settings,
      url,
      relayIdRaw,
      own,
      link,
      consume: draws.oneIn(4),
      have,
    }).catch(() => undefined);
    if (connected === undefined || connection === undefined) return 1;
    const line = connection;
    connected.session.start({ frame: () => undefined, drained: () => undefined, closed: () => undefined });
    let tried = 0;
    while (!barrier.closed && tried < MOST_PER_SESSION) {
      const input = sessionInput(draws);
      trying(input);
      tried++;
      line.send(input);
      line.send(encodeTransport([{ name: "ping", payload: ping.encode({ nonce: FIRST_NONCE + tried }) }], 0));
      await barrier.next(ANSWER_MS);
    }
    line.close(true);
    return tried;
  };

  const sessionInput = (draws: Draws): Bytes => {
    const name = draws.oneIn(16) ? draws.pick([...payloads.keys()]) : draws.pick(SAID_BY_AGENTS);
    const payload = name === "mail" ? mailFrame(draws) : draws.pick(payloads.get(name) as readonly Bytes[]);
    if (draws.oneIn(8)) return mutate(encodeTransport([{ name, payload }], 0), draws);
    // A relay closes at the first frame that is wrong; what comes behind right ones meets it in another state.
    if (draws.oneIn(2)) return encodeTransport([{ name, payload }], 0);
    const frames = Array.from({ length: 1 + draws.below(3) }, () => ({ name, payload: draws.oneIn(3) ? payload : mutate(payload, draws) }));
    return encodeTransport(frames, 0);
  };

  const attempts: Readonly<Record<AttackKind, (draws: Draws, trying: (input: Bytes) => void) => Promise<number>>> = {
    "no HTTP": async (draws, trying) => {
      const input = Uint8Array.from({ length: 1 + draws.below(2000) }, () => draws.below(256));
      trying(input);
      await overTcp([input]);
      return 1;
    },
    "bent requests": async (draws, trying) => {
      const input = mutateBytes(draws.pick(REQUESTS), { draws, other: draws.pick(REQUESTS), words: WORDS, maxBytes: 64 * 1024 });
      trying(input);
      await overTcp([input]);
      return 1;
    },
    "bent upgrades": async (draws, trying) => {
      const input = mutateBytes(UPGRADE, { draws, other: draws.pick(REQUESTS), words: WORDS, maxBytes: 64 * 1024 });
      trying(input);
      await overTcp([input]);
      return 1;
    },
    "cut WebSocket frames": async (draws, trying) => {
      const whole = concat(...Array.from({ length: 1 + draws.below(4) }, () => webSocketFrame(draws, draws.pick(hellos))));
      const input = draws.oneIn(2)
        ? whole.slice(0, draws.below(whole.length + 1))
        : mutateBytes(whole, { draws, other: whole, words: [], maxBytes: MOST_BYTES });
      trying(input);
      await overTcp([input], { upgraded: true, abrupt: draws.oneIn(3) });
      return 1;
    },
    handshakes: async (draws, trying) => {
      const input = draws.oneIn(4)
        ? mutate(encodeTransport([{ name: "hello", payload: draws.pick(hellos) }], 0), draws)
        : encodeTransport([{ name: draws.oneIn(8) ? "proof" : "hello", payload: mutate(draws.pick(hellos), draws) }], 0);
      trying(input);
      await overTcp([maskedFrame(0x82, input)], { upgraded: true });
      return 1;
    },
    "frames of a session": session,
  };
  return {
    kinds: Object.keys(attempts) as AttackKind[],
    try: (kind, draws, trying = () => undefined) => attempts[kind](draws, trying),
  };
}

function payloadsOf(seeds: ReturnType<typeof readCaseSeeds>, name: FrameName): readonly Bytes[] {
  const shape = { statement: "statement proof", goodbye: "goodbye" }[name as string] ?? name;
  const found = [
    ...seeds.validOfShape(shape),
    ...(["mail", "deliver", "ack"].includes(name) ? seeds.ofFile("frames", ["bytes"], name) : []),
  ];
  return found.length > 0 ? found : [EMPTY];
}

/** A frame as a client sends it; its mask is zero, which is as good as any. */
function maskedFrame(first: number, payload: Bytes): Bytes {
  const head =
    payload.length < 126
      ? Uint8Array.of(first, 0x80 | payload.length)
      : Uint8Array.of(first, 0xfe, payload.length >> 8, payload.length & 255);
  return concat(head, new Uint8Array(4), payload);
}

function webSocketFrame(draws: Draws, payload: Bytes): Bytes {
  return maskedFrame(draws.pick([0x82, 0x02, 0x00, 0x80, 0x81, 0x88, 0x89, 0x8a, 0xc2, 0x83, 0xf2]), payload.slice(0, 60_000));
}

/** Mail to nobody in particular, or with an envelope that is none. */
function mailFrame(draws: Draws): Bytes {
  const envelope = encodeEnvelope(
    {
      class: draws.pick(["mail", "receipt"]),
      from: new Uint8Array(32).fill(draws.below(4)),
      to: new Uint8Array(32).fill(draws.below(4)),
      stream: new Uint8Array(8).fill(draws.below(4)),
      seq: 1 + draws.below(4),
      expiresAtMs: Date.now() + 60_000,
      inboxKeyId: new Uint8Array(8),
      suite: 1,
    },
    new Uint8Array(draws.below(400)),
    (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
  );
  const home = draws.oneIn(4) ? { home: new Uint8Array(32).fill(draws.below(4)) } : {};
  return encodeMail({ linkSeq: 1 + draws.below(3), hopLimit: draws.below(10), ...home, envelope: envelope.bytes });
}

/** The same connection, whose pongs to our pings and whose end the barrier hears of. */
function overheard(connection: Connection, barrier: Barrier): Connection {
  const isOurs = (message: Bytes): boolean => {
    try {
      return decodeTransport(message, 0).some(({ name, payload }) => name === "pong" && pong.decode(payload).nonce >= FIRST_NONCE);
    } catch {
      return false;
    }
  };
  const start: Connection["start"] = (receiver) =>
    connection.start({
      message: (message) => {
        if (isOurs(message)) barrier.lift();
        receiver.message(message);
      },
      drained: () => receiver.drained(),
      closed: (why) => {
        barrier.close();
        receiver.closed(why);
      },
    });
  return new Proxy(connection, { get: (target, key) => (key === "start" ? start : Reflect.get(target, key, target)) });
}

interface Barrier {
  readonly closed: boolean;
  lift(): void;
  close(): void;
  next(mostMs: number): Promise<void>;
}

/** Waits for the relay's answer to what was sent last. */
function createBarrier(): Barrier {
  let release = (): void => {};
  let closed = false;
  return {
    get closed() {
      return closed;
    },
    lift: () => release(),
    close: () => {
      closed = true;
      release();
    },
    next: async (mostMs) => {
      if (closed) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        release = resolve;
        timer = setTimeout(() => {
          closed = true;
          resolve();
        }, mostMs);
      });
      clearTimeout(timer);
    },
  };
}
