/**
 * What another relay on the way costs: the same envelope again and again, by one relay and by two, each relay in a process of its
 * own. A message counts when it is delivered; its cost is the processor time of each relay. Then one message at a time, for what
 * the way adds to its time.
 */
import { join } from "node:path";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { createIdentity, type OwnIdentity } from "../packages/perdure/src/identity/own-identity.ts";
import { sealPart } from "../packages/perdure/src/identity/sealing.ts";
import { verifyBundle } from "../packages/perdure/src/identity/verify.ts";
import { type Connected, connectSession } from "../packages/perdure/src/protocol/link/connect.ts";
import { goodbyeFor, parseRelayAddress } from "../packages/perdure/src/protocol/link/index.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import { type Bytes, EMPTY } from "../packages/perdure/src/wire/bytes.ts";
import {
  confirm,
  contacts,
  DEFAULT_HOP_LIMIT,
  decodeAck,
  decodeDeliver,
  encodeMail,
  route,
  settle,
} from "../packages/perdure/src/wire/control.ts";
import { latencyOf, type Measurement, ofRounds } from "./measure.ts";
import { type Member, startMember } from "./processes.ts";
import { sampleHead } from "./sealing.ts";

const SENDERS = 4;
const CONTENT_BYTES = 400;
const LIFE_MS = 3_600_000;
const WARM_UP_MS = 1_000;
const ROUND_MS = 1_500;
const ROUNDS = 5;
const ONE_AT_A_TIME = 300;
const NOTHING_YET = { generation: new Uint8Array(8), position: 0 };

interface Reader {
  delivered: number;
  /** Called at each delivery. */
  onDelivery: () => void;
  close(): void;
}

interface Sender {
  acked: number;
  /** Sends one; more than the window holds wait. */
  send(): void;
  close(): void;
}

export async function benchFederation(folder: string): Promise<readonly Measurement[]> {
  const host = createNodeHost();
  const settings = createSettings();
  const identity = (name: string): Promise<OwnIdentity> =>
    createIdentity({ host, folder: join(folder, name), role: "mail", custody: "together", settings });
  const sender = await identity("sender");
  const [near, far] = [await identity("near"), await identity("far")];
  await using west = await startMember("relay", join(folder, "west"), "unlimited");
  await using east = await startMember("relay", join(folder, "east"), "unlimited");
  const connect = (to: Member, own: OwnIdentity, consume: boolean): Promise<Connected> =>
    connectSession({ host, settings, ...parseRelayAddress(to.says), own, link: host.random.bytes(8), consume, have: NOTHING_YET });
  const envelopeFor = async (reader: OwnIdentity): Promise<Bytes> => {
    const content = host.random.bytes(CONTENT_BYTES);
    const { bytes } = await sealPart({
      crypto: host.crypto,
      random: host.random,
      own: sender,
      recipient: await verifyBundle(host.crypto, reader.bundle(), host.clock.wallMs()),
      class: "mail",
      stream: host.random.bytes(8),
      seq: 1,
      expiresAtMs: host.clock.wallMs() + LIFE_MS,
      head: sampleHead(host, sender, content),
      content,
    });
    return bytes;
  };

  const measured: Measurement[] = [];
  const ways = [
    { what: "one relay", at: west, relays: { west }, reader: near, home: undefined },
    { what: "two relays", at: east, relays: { west, east }, reader: far, home: parseRelayAddress(east.says) },
  ];
  for (const { what, at, relays, reader, home } of ways) {
    const envelope = await envelopeFor(reader);
    const reading = readAll(await connect(at, reader, true));
    const senders: Sender[] = [];
    for (let each = 0; each < SENDERS; each++) senders.push(sendBy(await connect(west, sender, false), envelope, home));
    measured.push(...(await throughput(`${what}, ${SENDERS} links, envelopes of ${envelope.length} bytes`, relays, senders, reading)));
    for (const each of senders) each.close();
    await pause(WARM_UP_MS);
    const alone = sendBy(await connect(west, sender, false), envelope, home);
    measured.push(await oneAtATime(`${what}, one at a time`, alone, reading));
    alone.close();
    reading.close();
  }
  return measured;
}

/** Takes mail from anybody and settles it message by message of the transport. */
function readAll({ session, welcome }: Connected): Reader {
  let last = 0;
  const reader: Reader = {
    delivered: 0,
    onDelivery: () => undefined,
    close: () => session.close(goodbyeFor("connection-closed", "the benchmark is over")),
  };
  session.start({
    frame: ({ name, payload }) => {
      if (name !== "deliver") return;
      reader.delivered++;
      last = decodeDeliver(payload).position;
      reader.onDelivery();
    },
    turnEnded: () => {
      const { generation, epoch } = welcome;
      if (last === 0) return;
      session.send([{ name: "settle", payload: settle.encode({ generation, epoch, floor: last, ranges: [] }) }]);
      last = 0;
    },
    drained: () => undefined,
    closed: () => undefined,
  });
  session.send([
    { name: "confirm", payload: confirm.encode({ pass: welcome.pass }) },
    { name: "contacts", payload: contacts.encode({ version: 1, open: true, contacts: EMPTY, blocked: EMPTY }) },
  ]);
  return reader;
}

function sendBy(
  { session, welcome }: Connected,
  envelope: Bytes,
  home: { readonly url: string; readonly relayIdRaw: Bytes | undefined } | undefined,
): Sender {
  const relayId = home?.relayIdRaw;
  let wanted = 0;
  let sent = 0;
  const sender: Sender = {
    acked: 0,
    send: () => {
      wanted++;
      pump();
    },
    close: () => session.close(goodbyeFor("connection-closed", "the benchmark is over")),
  };
  const pump = (): void => {
    for (; sent < wanted && sent < sender.acked + welcome.windowFrames; ) {
      session.send([{ name: "mail", payload: encodeMail({ linkSeq: ++sent, hopLimit: DEFAULT_HOP_LIMIT, home: relayId, envelope }) }]);
    }
  };
  session.start({
    frame: ({ name, payload }) => {
      if (name === "refuse") throw new Error("the relay refused what the benchmark sent");
      if (name !== "ack") return;
      sender.acked = decodeAck(payload);
      pump();
    },
    drained: () => undefined,
    closed: () => undefined,
  });
  if (home !== undefined && relayId !== undefined) session.send([{ name: "route", payload: route.encode({ relayId, url: home.url }) }]);
  return sender;
}

/** Keeps as many messages on the way as all windows hold, counted to the reader, so that no relay piles them up. */
async function throughput(
  what: string,
  relays: Readonly<Record<string, Member>>,
  senders: readonly Sender[],
  reader: Reader,
): Promise<readonly Measurement[]> {
  const most = senders.length * 128;
  const begun = reader.delivered;
  let sent = 0;
  let stopped = false;
  const fill = (): void => {
    for (; !stopped && sent < reader.delivered - begun + most; sent++) senders[sent % senders.length]?.send();
  };
  reader.onDelivery = fill;
  fill();
  await pause(WARM_UP_MS);
  const rates: number[] = [];
  const costs = new Map(Object.keys(relays).map((name) => [name, [] as number[]]));
  for (let at = 0; at < ROUNDS; at++) {
    const cpu = await cpuOf(relays);
    const [done, startedAt] = [reader.delivered, performance.now()];
    await pause(ROUND_MS);
    const messages = reader.delivered - done;
    rates.push(messages / ((performance.now() - startedAt) / 1000));
    for (const [name, micros] of await cpuOf(relays)) costs.get(name)?.push((micros - (cpu.get(name) ?? 0)) / messages);
  }
  stopped = true;
  while (reader.delivered - begun < sent) await pause(10);
  return [
    ofRounds(`taken and delivered; ${what}`, "messages per second", rates),
    ...[...costs].map(([name, micros]) => ofRounds(`processor time of the relay ${name}; ${what}`, "microseconds per message", micros)),
  ];
}

async function cpuOf(relays: Readonly<Record<string, Member>>): Promise<ReadonlyMap<string, number>> {
  const micros = new Map<string, number>();
  for (const [name, relay] of Object.entries(relays)) micros.set(name, await relay.cpuMicros());
  return micros;
}

async function oneAtATime(what: string, sender: Sender, reader: Reader): Promise<Measurement> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  for (let at = 0; at < ONE_AT_A_TIME; at++) {
    const before = performance.now();
    const delivered = new Promise<void>((resolve) => {
      reader.onDelivery = resolve;
    });
    sender.send();
    await delivered;
    latencies.push(performance.now() - before);
  }
  const rate = ONE_AT_A_TIME / ((performance.now() - startedAt) / 1000);
  return { ...ofRounds(`sent to delivered; ${what}`, "messages per second", [rate]), latencyMs: latencyOf(latencies) };
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
