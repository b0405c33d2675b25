/** Two simulated hosts, an agent and a relay, for the tests of this folder. */
import type { Host } from "../../host/host.ts";
import type { Connection } from "../../host/net.ts";
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { createWorld, type World } from "../../host/simulated/index.ts";
import { createIdentity, type OwnIdentity } from "../../identity/own-identity.ts";
import { createSettings } from "../../settings/register.ts";
import type { Goodbye, Welcome } from "../../wire/control.ts";
import type { Frame } from "../../wire/frame.ts";
import { MAX_TRANSPORT_BYTES } from "../../wire/limits.ts";
import { type Accepted, type AcceptOptions, acceptSession } from "./accept.ts";
import { type Connected, type ConnectOptions, connectSession } from "./connect.ts";
import type { Session } from "./session.ts";

export const URL = "ws://relay:4410";
export const settings = createSettings();

export interface Meeting {
  readonly world: World;
  readonly agent: OwnIdentity;
  readonly relay: OwnIdentity;
  /** What the relay's side of each connection came to. */
  readonly arrivals: Promise<Accepted>[];
  connect(options?: Partial<ConnectOptions>): Promise<Connected>;
  raw(): Promise<Connection>;
}

export interface MeetingOptions {
  readonly world?: Partial<Parameters<typeof createWorld>[0]>;
  readonly accept?: Partial<AcceptOptions>;
  readonly relayRole?: "mail" | "relay";
  readonly agentRole?: "mail" | "relay";
}

export const WELCOME: Welcome = {
  relayTimeMs: 0,
  generation: new Uint8Array(8).fill(1),
  epoch: 1,
  tail: 0,
  settledFloor: 0,
  linkUpTo: 0,
  linkRefused: [],
  windowFrames: 128,
  windowBytes: 1_000_000,
  pingEveryMs: 15_000,
  contactsVersion: 0,
  pass: new Uint8Array(0),
  extensions: [],
};

export async function meet(options: MeetingOptions = {}): Promise<Meeting> {
  const world = createWorld({ seed: 1, hash: createNodeCrypto().hash, ...options.world });
  const relayHost = world.host("relay");
  const agentHost = world.host("agent");
  const relay = await world.complete(
    createIdentity({ host: relayHost, folder: "r", role: options.relayRole ?? "relay", custody: "together", settings }),
  );
  const agent = await world.complete(
    createIdentity({ host: agentHost, folder: "a", role: options.agentRole ?? "mail", custody: "together", settings }),
  );
  const arrivals: Promise<Accepted>[] = [];
  await world.complete(
    relayHost.net.listen(URL, {
      maxMessageBytes: MAX_TRANSPORT_BYTES,
      onConnection: (connection) => {
        const arrival = acceptSession({
          host: relayHost,
          settings,
          connection,
          own: relay,
          admit: async () => ({ ...WELCOME, relayTimeMs: relayHost.clock.wallMs() }),
          ...options.accept,
        });
        arrival.catch(() => undefined);
        arrivals.push(arrival);
      },
    }),
  );
  return {
    world,
    agent,
    relay,
    arrivals,
    connect: (more = {}) =>
      world.complete(
        connectSession({
          host: agentHost,
          settings,
          url: URL,
          relayIdRaw: relay.idRaw,
          own: agent,
          link: new Uint8Array(8).fill(2),
          consume: true,
          have: { generation: new Uint8Array(8), position: 0 },
          ...more,
        }),
      ),
    raw: () => world.complete(agentHost.net.dial(URL, { timeoutMs: 1000, maxMessageBytes: MAX_TRANSPORT_BYTES })),
  };
}

export interface Heard {
  readonly frames: Frame[];
  readonly ended: Goodbye[];
}

/** Starts a session that writes down what it hears. */
export function listen(session: Session): Heard {
  const heard: Heard = { frames: [], ended: [] };
  session.start({
    frame: (frame) => void heard.frames.push(frame),
    drained: () => undefined,
    closed: (reason) => void heard.ended.push(reason),
  });
  return heard;
}

/** The same host, with every transport message it sends shown to `tap`. */
export function tapped(host: Host, tap: (message: Uint8Array) => void): Host {
  const dial: Host["net"]["dial"] = async (...args) => {
    const connection = await host.net.dial(...args);
    const send = (message: Uint8Array): void => {
      tap(message);
      connection.send(message);
    };
    return { remote: connection.remote, local: connection.local, queuedBytes: 0, close: connection.close, start: connection.start, send };
  };
  return { ...host, net: { ...host.net, dial } };
}
