/**
 * A relay alone: clients that speak frames send one sealed envelope again and again, and one reads and settles. A message
 * counts when it is durable and acknowledged, and delivered; its cost is the processor time of the relay's process.
 */
import { join } from "node:path";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { createIdentity, type OwnIdentity } from "../packages/perdure/src/identity/own-identity.ts";
import { sealPart } from "../packages/perdure/src/identity/sealing.ts";
import { verifyBundle } from "../packages/perdure/src/identity/verify.ts";
import { type Connected, connectSession } from "../packages/perdure/src/protocol/link/connect.ts";
import { goodbyeFor, parseRelayAddress } from "../packages/perdure/src/protocol/link/index.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { confirm, DEFAULT_HOP_LIMIT, decodeAck, decodeDeliver, encodeMail, settle } from "../packages/perdure/src/wire/control.ts";
import type { Frame } from "../packages/perdure/src/wire/frame.ts";
import { latencyOf, type Measurement, ofRounds } from "./measure.ts";
import { type Member, startMember } from "./processes.ts";
import { sampleHead } from "./sealing.ts";

const LINKS = [1, 8];
const CONTENT_BYTES = 400;
const LIFE_MS = 3_600_000;
const WARM_UP_MS = 500;
const ROUND_MS = 1_500;
const ROUNDS = 5;
const TURNS = 9;
const TURN_LINKS = 8;
const NOTHING_YET = { generation: new Uint8Array(8), position: 0 };

interface Counts {
  acked: number;
  delivered: number;
  readonly latencies: number[];
}

/** Makes two agents and a relay in `folder`, which is the caller's to remove. */
export async function benchRelay(folder: string): Promise<readonly Measurement[]> {
  const clients = await createClients(folder);
  await using relay = await startMember("relay", join(folder, "relay"), "unlimited");
  const measured: Measurement[] = [];
  for (const links of LINKS) {
    await using driven = await clients.drive(relay, links);
    measured.push(
      ...(await rounds(`${links} link${links === 1 ? "" : "s"}, envelopes of ${clients.envelopeBytes} bytes`, relay, driven.counts)),
    );
  }
  return measured;
}

/**
 * What it costs to keep inputs for `perdure doctor --bundle`: two relays, one of which keeps them, driven in turns by the same clients.
 */
export async function benchInputs(folder: string): Promise<readonly Measurement[]> {
  const clients = await createClients(folder);
  await using keeping = await startMember("relay", join(folder, "keeping"), "unlimited");
  await using bare = await startMember("relay", join(folder, "bare"), "unlimited-bare");
  const relays = [
    { what: "inputs kept", relay: keeping, costs: [] as number[] },
    { what: "no inputs kept", relay: bare, costs: [] as number[] },
  ];
  for (let at = 0; at < TURNS; at++) {
    for (const { relay, costs } of at % 2 === 0 ? relays : [...relays].reverse()) {
      await using driven = await clients.drive(relay, TURN_LINKS);
      await pause(WARM_UP_MS);
      costs.push((await turn(relay, driven.counts)).micros);
    }
  }
  return relays.map(({ what, costs }) =>
    ofRounds(
      `processor time of the relay, ${what}; ${TURN_LINKS} links, envelopes of ${clients.envelopeBytes} bytes`,
      "microseconds per message",
      costs,
    ),
  );
}

interface Clients {
  readonly envelopeBytes: number;
  /** Keeps a relay busy over so many links until it is disposed of. */
  drive(relay: Member, links: number): Promise<AsyncDisposable & { readonly counts: Counts }>;
}

async function createClients(folder: string): Promise<Clients> {
  const host = createNodeHost();
  const settings = createSettings();
  const identity = (name: string): Promise<OwnIdentity> =>
    createIdentity({ host, folder: join(folder, name), role: "mail", custody: "together", settings });
  const [sender, reader] = [await identity("sender"), await identity("reader")];
  /** The reader's newest pass of each relay, which it shows when it comes back. */
  const passes = new Map<Member, Bytes>();
  const connect = (relay: Member, own: OwnIdentity, consume: boolean): Promise<Connected> =>
    connectSession({
      host,
      settings,
      ...parseRelayAddress(relay.says),
      own,
      link: host.random.bytes(8),
      consume,
      have: NOTHING_YET,
      pass: () => (consume ? passes.get(relay) : undefined) ?? new Uint8Array(0),
    });

  const recipient = await verifyBundle(host.crypto, reader.bundle(), host.clock.wallMs());
  const content = host.random.bytes(CONTENT_BYTES);
  const { bytes: envelope } = await sealPart({
    crypto: host.crypto,
    random: host.random,
    own: sender,
    recipient,
    class: "mail",
    stream: host.random.bytes(8),
    seq: 1,
    expiresAtMs: host.clock.wallMs() + LIFE_MS,
    head: sampleHead(host, sender, content),
    content,
  });
  return {
    envelopeBytes: envelope.length,
    drive: async (relay, links) => {
      const counts: Counts = { acked: 0, delivered: 0, latencies: [] };
      const reading = await connect(relay, reader, true);
      read(reading, counts);
      passes.set(relay, reading.welcome.pass);
      reading.session.send([{ name: "confirm", payload: confirm.encode({ pass: reading.welcome.pass }) }]);
      const senders: Connected[] = [];
      for (let at = 0; at < links; at++) senders.push(await connect(relay, sender, false));
      const stop = new AbortController();
      for (const each of senders) keepSending(each, envelope, counts, stop.signal);
      return {
        counts,
        [Symbol.asyncDispose]: async () => {
          stop.abort();
          for (const { session } of [...senders, reading]) session.close(goodbyeFor("connection-closed", "the benchmark is over"));
        },
      };
    },
  };
}

/** Counts what is delivered, and settles it message by message of the transport. */
function read({ session, welcome }: Connected, counts: Counts): void {
  let last = 0;
  session.start({
    frame: ({ name, payload }: Frame) => {
      if (name !== "deliver") return;
      counts.delivered++;
      last = decodeDeliver(payload).position;
    },
    turnEnded: () => {
      // The answer to a settle is no reason for another.
      if (last === 0) return;
      const { generation, epoch } = welcome;
      session.send([{ name: "settle", payload: settle.encode({ generation, epoch, floor: last, ranges: [] }) }]);
      last = 0;
    },
    drained: () => undefined,
    closed: () => undefined,
  });
}

/** Keeps the window full until the signal fires. */
function keepSending({ session, welcome }: Connected, envelope: Bytes, counts: Counts, stop: AbortSignal): void {
  const sentAt: number[] = [];
  let sent = 0;
  let acked = 0;
  const fill = (): void => {
    const now = performance.now();
    for (; !stop.aborted && sent < acked + welcome.windowFrames; sentAt[sent % welcome.windowFrames] = now)
      session.send([{ name: "mail", payload: encodeMail({ linkSeq: ++sent, hopLimit: DEFAULT_HOP_LIMIT, envelope }) }]);
  };
  session.start({
    frame: ({ name, payload }: Frame) => {
      if (name === "refuse") throw new Error("the relay refused what the benchmark sent");
      if (name !== "ack") return;
      const upTo = decodeAck(payload);
      counts.acked += upTo - acked;
      counts.latencies.push(performance.now() - (sentAt[upTo % welcome.windowFrames] ?? 0));
      acked = upTo;
      fill();
    },
    drained: () => undefined,
    closed: () => undefined,
  });
  fill();
}

async function rounds(what: string, relay: Member, counts: Counts): Promise<readonly Measurement[]> {
  const rates: number[] = [];
  const costs: number[] = [];
  await pause(WARM_UP_MS);
  counts.latencies.length = 0;
  for (let at = 0; at < ROUNDS; at++) {
    const { perSecond, micros } = await turn(relay, counts);
    rates.push(perSecond);
    costs.push(micros);
  }
  return [
    { ...ofRounds(`taken, delivered, acknowledged; ${what}`, "messages per second", rates), latencyMs: latencyOf(counts.latencies) },
    ofRounds(`processor time of the relay; ${what}`, "microseconds per message", costs),
  ];
}

async function turn(relay: Member, counts: Counts): Promise<{ readonly perSecond: number; readonly micros: number }> {
  const [done, cpu, startedAt] = [Math.min(counts.acked, counts.delivered), await relay.cpuMicros(), performance.now()];
  await pause(ROUND_MS);
  const messages = Math.min(counts.acked, counts.delivered) - done;
  const perSecond = messages / ((performance.now() - startedAt) / 1000);
  return { perSecond, micros: ((await relay.cpuMicros()) - cpu) / messages };
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
