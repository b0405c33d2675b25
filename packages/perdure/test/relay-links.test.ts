/** Links between relays over real sockets and disks: doubles, an impostor at the address, a relay that is silent. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createIdentity } from "../src/identity/own-identity.ts";
import { acceptSession } from "../src/protocol/link/accept.ts";
import { parseRelayAddress } from "../src/protocol/link/address.ts";
import { connectSession } from "../src/protocol/link/connect.ts";
import { goodbyeFor } from "../src/protocol/link/goodbyes.ts";
import { WELCOME } from "../src/protocol/link/test-meeting.ts";
import { openRelay, type Relay } from "../src/relay/index.ts";
import { createSettings } from "../src/settings/register.ts";
import { decodeAck, encodeMail, ping, pong, route } from "../src/wire/control.ts";
import { encodeEnvelope, SUITE_X25519_AES256GCM } from "../src/wire/envelope.ts";
import { MAX_TRANSPORT_BYTES } from "../src/wire/limits.ts";
import { serving, until } from "./test-stage.ts";

const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };
const RELAY = { redialMinMs: 10, redialMaxMs: 200, ackTimeoutMs: 300, probeTimeoutMs: 300 };
const PATIENCE_MS = 30_000;

let folder: string;
let opened: AsyncDisposable[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-links-"));
  opened = [];
});
afterEach(async () => {
  for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function relayAt(name: string, listen = "ws://127.0.0.1:0"): Promise<Relay> {
  const relay = await openRelay({ folder: join(folder, name), listen, settings: RELAY });
  opened.push(relay);
  return relay;
}

async function agentAt(relay: Pick<Relay, "address">, name: string): Promise<Agent> {
  await mkdir(join(folder, name), { recursive: true });
  const agent = await openAgentWith(createNodeHost(), join(folder, name), {
    join: relay.address,
    name,
    strangers: "welcome",
    settings: QUICK,
  });
  opened.push(agent);
  return agent;
}

const placeOf = ({ address }: Pick<Relay, "address">): string => address.split("#")[0] as string;
const hostOf = (relay: Pick<Relay, "address">): string => new URL(placeOf(relay)).host;

test("two relays that have mail for each other at once end up with one session, and all of it arrives", async () => {
  for (let round = 0; round < 5; round++) {
    const [west, east] = [await relayAt(`west ${round}`), await relayAt(`east ${round}`)];
    const [anna, desk] = [await agentAt(west, `anna-${round}`), await agentAt(east, `desk-${round}`)];
    await using atDesk = serving(desk);
    await using atAnna = serving(anna);
    const sent = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => [
        await anna.send(`@desk-${round}@${hostOf(east)}`, `to desk ${index}`),
        await desk.send(`@anna-${round}@${hostOf(west)}`, `to anna ${index}`),
      ]),
    );
    for (const each of sent.flat()) await each.until("done", { timeoutMs: PATIENCE_MS });
    expect([atDesk.mails.length, atAnna.mails.length]).toEqual([20, 20]);
    await until("one session", () => west.status().connections === 2 && east.status().connections === 2);
    expect([west.status().peers[0]?.dialledBy, east.status().peers[0]?.dialledBy].sort()).toEqual(["them", "us"]);
  }
}, 120_000);

test("another relay at the address of one learns nothing, and what waited goes on when the right one is back", async () => {
  const west = await relayAt("west");
  const east = await openRelay({ folder: join(folder, "east"), listen: "ws://127.0.0.1:0", settings: RELAY });
  const place = placeOf(east);
  const anna = await agentAt(west, "anna");
  const desk = await agentAt(east, "desk");
  await using served = serving(desk);
  await (await anna.send(`@desk@${hostOf(east)}`, "first")).until("done", { timeoutMs: PATIENCE_MS });
  await east.drain();
  const impostor = await openRelay({ folder: join(folder, "impostor"), listen: place, settings: RELAY });
  const sent = await anna.send(desk.id, "not for you");
  await until("the owner is told", () => west.status().incidents.some(({ what }) => what.includes("wrong-relay")));
  expect(impostor.status()).toMatchObject({ peers: [], agentCount: 0, counters: { accepted: 0 } });
  await impostor.drain();
  await relayAt("east", place);
  await sent.until("done", { timeoutMs: PATIENCE_MS });
  expect(served.mails.length).toBe(2);
}, 60_000);

test("a relay that takes everything and never says a word holds up nobody but those who write to it", async () => {
  const host = createNodeHost();
  const settings = createSettings();
  const own = await createIdentity({ host, folder: join(folder, "mute"), role: "relay", custody: "together", settings });
  let taken = 0;
  const listener = await host.net.listen("ws://127.0.0.1:0", {
    maxMessageBytes: MAX_TRANSPORT_BYTES,
    onConnection: (connection) => {
      acceptSession({
        host,
        settings,
        connection,
        own,
        admit: async () => ({ ...WELCOME, epoch: 0, relayTimeMs: host.clock.wallMs(), windowBytes: settings.peerWindowBytes }),
      })
        .then(({ session }) =>
          session.start({
            frame: ({ name, payload }) => {
              if (name === "mail") taken++;
              if (name === "ping") session.send([{ name: "pong", payload: pong.encode({ nonce: ping.decode(payload).nonce, timeMs: 0 }) }]);
            },
            drained: () => undefined,
            closed: () => undefined,
          }),
        )
        .catch(() => undefined);
    },
  });
  opened.push({ [Symbol.asyncDispose]: () => listener.close() });

  const [west, east] = [await relayAt("west"), await relayAt("east")];
  const [anna, desk] = [await agentAt(west, "anna"), await agentAt(east, "desk")];
  await using served = serving(desk);
  const writer = await createIdentity({ host, folder: join(folder, "writer"), role: "mail", custody: "together", settings });
  const { session } = await connectSession({
    host,
    settings,
    ...parseRelayAddress(west.address),
    own: writer,
    link: host.random.bytes(8),
    consume: false,
    have: { generation: new Uint8Array(8), position: 0 },
  });
  let acked = 0;
  session.start({
    frame: ({ name, payload }) => {
      if (name === "ack") acked = decodeAck(payload);
    },
    drained: () => undefined,
    closed: () => undefined,
  });
  session.send([{ name: "route", payload: route.encode({ relayId: own.idRaw, url: listener.address }) }]);
  for (let linkSeq = 1; linkSeq <= 400; linkSeq++) {
    const { bytes } = encodeEnvelope(
      {
        class: "mail",
        from: writer.idRaw,
        to: own.idRaw,
        stream: new Uint8Array(8),
        seq: linkSeq,
        expiresAtMs: host.clock.wallMs() + 3_600_000,
        inboxKeyId: new Uint8Array(8),
        suite: SUITE_X25519_AES256GCM,
      },
      new Uint8Array(5_000),
      host.crypto.hash.sha256,
    );
    session.send([{ name: "mail", payload: encodeMail({ linkSeq, hopLimit: 8, home: own.idRaw, envelope: bytes }) }]);
    await until("room in the window", () => linkSeq < acked + 128);
  }
  await until("the mute relay has its window full", () => taken === 128);
  await (await anna.send(`@desk@${hostOf(east)}`, "hello")).until("done", { timeoutMs: PATIENCE_MS });
  expect([served.mails.length, taken]).toEqual([1, 128]);
  const row = west.status().peers.find(({ connected, waitingMessages }) => connected && waitingMessages > 0);
  expect(row).toMatchObject({ waitingMessages: 400, passedOn: 0 });
  session.close(goodbyeFor("connection-closed", "the test is over"));
}, 60_000);
