/** A relay in a simulated world and agents that speak to it frame by frame, for the tests of this folder. */

import type { LogFields } from "../host/log.ts";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createWorld, type World } from "../host/simulated/index.ts";
import { createIdentity, type OwnIdentity } from "../identity/own-identity.ts";
import type { RelayDefences } from "../protocol/delivery/mailbox-events.ts";
import { parseRelayAddress } from "../protocol/link/address.ts";
import { type Connected, connectSession } from "../protocol/link/connect.ts";
import { createSettings } from "../settings/register.ts";
import { type Bytes, EMPTY } from "../wire/bytes.ts";
import {
  confirm,
  type DeliverFrame,
  decodeAck,
  decodeDeliver,
  encodeMail,
  type Goodbye,
  position,
  type Refuse,
  refuse,
  settle,
} from "../wire/control.ts";
import { decodeEnvelope, type Envelope, encodeEnvelope, SUITE_X25519_AES256GCM } from "../wire/envelope.ts";
import type { Frame } from "../wire/frame.ts";
import { openRelayWith, type Relay } from "./open-relay.ts";

export const LISTEN = "ws://127.0.0.1:4410";
const hash = createNodeCrypto().hash;
/** What a test waits for comes within seconds, or not at all. */
const UNTIL_MS = 60_000;

export interface Fact {
  readonly host: string;
  readonly event: string;
  readonly fields: LogFields;
}

export interface RelayWorld {
  readonly world: World;
  readonly facts: Fact[];
  /** Runs on until that is so; throws when it is not in time. */
  until(met: () => boolean, limitMs?: number): Promise<void>;
  pass(ms: number): Promise<void>;
  open(options?: {
    readonly settings?: Record<string, number>;
    readonly defences?: Partial<RelayDefences>;
    /** The machine it runs on; `relay` by default. */
    readonly host?: string;
    readonly listen?: string;
  }): Promise<Relay>;
  /** An agent of the relay opened last, or of the one given. */
  agent(
    name: string,
    options?: {
      readonly claims?: string;
      readonly relay?: Pick<Relay, "address">;
      /** The machine it is on; one of its own by default. */
      readonly on?: string;
      readonly connect?: typeof connectSession;
    },
  ): Promise<TestAgent>;
}

export interface TestAgent {
  readonly own: OwnIdentity;
  connect(options?: {
    readonly link?: number;
    readonly consume?: boolean;
    /** Whether it confirms the pass of its welcome, as agents do at once. */
    readonly confirms?: boolean;
    readonly have?: { readonly generation: Bytes; readonly position: number };
    readonly signal?: AbortSignal;
  }): Promise<TestLine>;
}

export interface TestLine extends Connected {
  readonly frames: Frame[];
  readonly ended: Goodbye[];
  readonly delivered: readonly (DeliverFrame & { readonly read: Envelope })[];
  readonly acked: number;
  readonly refusals: readonly Refuse[];
  readonly positions: readonly ReturnType<typeof position.decode>[];
  readonly proofs: readonly Bytes[];
  count(name: Frame["name"]): number;
  /** With `home` for an agent of another relay. */
  mail(linkSeq: number, what: Envelope, home?: Bytes): void;
  settle(floor: number, more?: { readonly epoch?: number; readonly generation?: Bytes }): void;
}

export function createRelayWorld(options: Partial<Parameters<typeof createWorld>[0]> = {}): RelayWorld {
  const world = createWorld({ seed: 1, hash, ...options });
  const facts: Fact[] = [];
  world.onLog((host, _level, event, fields) => void facts.push({ host, event, fields }));
  let address = LISTEN;
  return {
    world,
    facts,
    until: async (met, limitMs = UNTIL_MS) => {
      const end = await world.run({ until: met, untilMs: world.nowMs + limitMs });
      if (!met()) throw new Error(`not within ${limitMs} ms (${end.why})`);
    },
    pass: async (ms) => {
      await world.run({ untilMs: world.nowMs + ms });
    },
    open: async ({ settings, defences = {}, host = "relay", listen = LISTEN } = {}) => {
      const relay = await world.complete(openRelayWith({ host: world.host(host), folder: "relay-folder", listen, settings, defences }));
      address = relay.address;
      return relay;
    },
    agent: async (name, { claims, relay, on = name, connect: dial = connectSession } = {}) => {
      const host = world.host(on);
      const settings = createSettings();
      const own = await world.complete(
        createIdentity({
          host,
          folder: name,
          role: "mail",
          custody: "together",
          ...(claims === undefined ? {} : { name: claims }),
          settings,
        }),
      );
      // bound: one per relay of a test
      const passes = new Map<string, Bytes>();
      return {
        own,
        connect: async ({
          link = 1,
          consume = true,
          confirms = true,
          have = { generation: new Uint8Array(8), position: 0 },
          signal,
        } = {}) => {
          const at = relay?.address ?? address;
          const connected = await world.complete(
            dial({
              host,
              settings,
              ...parseRelayAddress(at),
              own,
              link: new Uint8Array(8).fill(link),
              consume,
              have,
              signal,
              pass: () => (consume ? (passes.get(at) ?? EMPTY) : EMPTY),
            }),
          );
          if (connected.welcome.pass.length > 0) passes.set(at, connected.welcome.pass.slice());
          return lineOf(connected, confirms);
        },
      };
    },
  };
}

function lineOf(connected: Connected, confirms: boolean): TestLine {
  const frames: Frame[] = [];
  const ended: Goodbye[] = [];
  const { session, welcome } = connected;
  session.start({
    frame: (frame) => void frames.push({ name: frame.name, payload: frame.payload.slice() }),
    drained: () => undefined,
    closed: (reason) => void ended.push(reason),
  });
  if (confirms && welcome.pass.length > 0) session.send([{ name: "confirm", payload: confirm.encode({ pass: welcome.pass }) }]);
  const all = <Value>(name: Frame["name"], decode: (payload: Bytes) => Value): Value[] =>
    frames.filter((frame) => frame.name === name).map((frame) => decode(frame.payload));
  return {
    ...connected,
    frames,
    ended,
    get delivered() {
      return all("deliver", decodeDeliver).map((each) => ({ ...each, read: decodeEnvelope(each.envelope) }));
    },
    get acked() {
      return all("ack", decodeAck).at(-1) ?? 0;
    },
    get refusals() {
      return all("refuse", refuse.decode);
    },
    get positions() {
      return all("position", position.decode);
    },
    get proofs() {
      return all("statement", (payload) => payload);
    },
    count: (name) => frames.filter((frame) => frame.name === name).length,
    mail: (linkSeq, what, home) =>
      session.send([{ name: "mail", payload: encodeMail({ linkSeq, hopLimit: 8, home, envelope: what.bytes }) }]),
    settle: (floor, { epoch = welcome.epoch, generation = welcome.generation } = {}) =>
      session.send([{ name: "settle", payload: settle.encode({ generation, epoch, floor, ranges: [] }) }]),
  };
}

/** An envelope a relay takes; nobody can open it. */
export function envelopeOf(from: OwnIdentity, to: OwnIdentity, seq: number, expiresAtMs: number, size = 100): Envelope {
  return encodeEnvelope(
    {
      class: "mail",
      from: from.idRaw,
      to: to.idRaw,
      stream: new Uint8Array(8).fill(3),
      seq,
      expiresAtMs,
      inboxKeyId: new Uint8Array(8),
      suite: SUITE_X25519_AES256GCM,
    },
    new Uint8Array(size).fill(48 + (seq % 10)),
    hash.sha256,
  );
}
