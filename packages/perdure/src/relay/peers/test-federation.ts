/** Two relays that do not know each other, one agent each, frame by frame, for the tests of this folder. */
import type { OwnIdentity } from "../../identity/own-identity.ts";
import { parseRelayAddress } from "../../protocol/link/address.ts";
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { contacts, found, type Lookup, lookup, route } from "../../wire/control.ts";
import type { Envelope } from "../../wire/envelope.ts";
import { agentIdBytes } from "../../wire/ids.ts";
import type { Relay } from "../open-relay.ts";
import { createRelayWorld, envelopeOf, type RelayWorld, type TestAgent, type TestLine } from "../test-world.ts";

export const HOUR = 3_600_000;

/** A relay that can be killed and opened again at the same place. */
export interface TestRelay {
  readonly host: string;
  readonly listen: string;
  relay: Relay;
}

export interface MailOptions {
  readonly expiresInMs?: number;
  readonly size?: number;
  readonly from?: OwnIdentity;
  readonly to?: OwnIdentity;
}

export interface Federation {
  readonly stage: RelayWorld;
  readonly west: TestRelay;
  readonly east: TestRelay;
  readonly anna: TestAgent;
  readonly desk: TestAgent;
  /** Sessions of both with their relays; replaced by `join`. */
  readonly from: TestLine;
  readonly to: TestLine;
  /** From anna to desk unless it says otherwise; the same each time for one number. */
  mail(seq: number, options?: MailOptions): Envelope;
  /** What `send` last sent under that number. */
  mailed(seq: number): Envelope;
  /** Says where a relay is, to the relay of that session. */
  nameRoute(line: TestLine, relayId: Bytes, url: string): void;
  /** From anna by way of the relay of desk, which she has named. */
  send(seq: number): void;
  until(met: () => boolean, limitMs?: number): Promise<void>;
  pass(ms: number): Promise<unknown>;
  kill(which: TestRelay, keep?: "all" | "synced" | "random"): void;
  reopen(which: TestRelay): Promise<void>;
  /** A message from desk to anna. */
  answer(seq: number): Envelope;
  /** Both agents connect again, where their relays are. */
  join(): Promise<void>;
}

export async function createFederation(
  options: {
    readonly settings?: Record<string, number>;
    readonly world?: Parameters<typeof createRelayWorld>[0];
    readonly lowFirst?: boolean;
  } = {},
): Promise<Federation> {
  const stage = createRelayWorld(options.world);
  const { settings } = options;
  const openAt = async (host: string, listen: string): Promise<TestRelay> => ({
    host,
    listen,
    relay: await stage.open({ host, listen, ...(settings === undefined ? {} : { settings }) }),
  });
  const west = await openAt("west", "ws://127.0.0.1:4410");
  const east = await openAt("east", "ws://127.0.0.2:4411");
  const anna = await stage.agent("anna", { relay: west.relay });
  const desk = await stage.agent("desk", { claims: "desk", relay: east.relay });
  const now = () => stage.world.host("anna").clock.wallMs();
  const sent = new Map<number, Envelope>();
  const federation = {
    stage,
    west,
    east,
    anna,
    desk,
    from: await anna.connect(),
    to: await desk.connect(),
    mail: (seq: number, { expiresInMs = HOUR, size = 100, from = anna.own, to = desk.own }: MailOptions = {}) =>
      envelopeOf(from, to, seq, now() + expiresInMs, size),
    mailed: (seq: number) => sent.get(seq) as Envelope,
    nameRoute: (line: TestLine, relayId: Bytes, url: string) =>
      line.session.send([{ name: "route", payload: route.encode({ relayId, url }) }]),
    send: (seq: number) => {
      const envelope = sent.get(seq) ?? federation.mail(seq);
      sent.set(seq, envelope);
      federation.from.mail(seq, envelope, idOf(east.relay));
    },
    until: async (met: () => boolean, limitMs = 60_000) => {
      const end = await stage.world.run({ until: met, untilMs: stage.world.nowMs + limitMs });
      if (!met()) throw new Error(`not within ${limitMs} ms (${end.why})`);
    },
    pass: (ms: number) => stage.world.run({ untilMs: stage.world.nowMs + ms }),
    kill: (which: TestRelay, keep: "all" | "synced" | "random" = "synced") => stage.world.crash(which.host, { keep }),
    reopen: async (which: TestRelay) => {
      which.relay = await stage.open({ host: which.host, listen: which.listen, ...(settings === undefined ? {} : { settings }) });
    },
    answer: (seq: number) => envelopeOf(desk.own, anna.own, seq, now() + HOUR),
    join: async () => {
      federation.from = await anna.connect();
      federation.to = await desk.connect();
      tellRoute(federation.from, east.relay);
      welcomeAll(federation.to);
    },
  };
  tellRoute(federation.from, east.relay);
  welcomeAll(federation.to);
  return federation;
}

export function idOf(relay: Pick<Relay, "id">): Bytes {
  return agentIdBytes(relay.id);
}

export function tellRoute(line: TestLine, relay: Pick<Relay, "id" | "address">): void {
  const { url } = parseRelayAddress(relay.address);
  line.session.send([{ name: "route", payload: route.encode({ relayId: idOf(relay), url }) }]);
}

/** This agent takes mail from anybody, up to what its mailbox holds. */
export function welcomeAll(line: TestLine): void {
  const none = new Uint8Array(0);
  line.session.send([{ name: "contacts", payload: contacts.encode({ version: 1, open: true, contacts: none, blocked: none }) }]);
}

export function ask(line: TestLine, asked: Lookup): void {
  line.session.send([{ name: "lookup", payload: lookup.encode(asked) }]);
}

export function answersOf(line: TestLine): readonly ReturnType<typeof found.decode>[] {
  return line.frames.filter(({ name }) => name === "found").map(({ payload }) => found.decode(payload));
}

/** Sequence numbers of what was delivered, in order, each once. */
export function seqsOf(line: TestLine): readonly number[] {
  return [...new Set(line.delivered.map(({ read }) => read.seq))];
}

/** Of two relays the one with the lower id. */
export function lowerOf(a: TestRelay, b: TestRelay): TestRelay {
  const [left, right] = [idOf(a.relay), idOf(b.relay)];
  for (let index = 0; index < left.length; index++) {
    if (left[index] === right[index]) continue;
    return (left[index] as number) < (right[index] as number) ? a : b;
  }
  return equalBytes(left, right) ? a : b;
}
