/**
 * The relay's machine over a log of records in memory, for the tests of this folder: what is synced survives a crash, of the
 * rest a prefix of whole batches may. Mailboxes are driven by three agents.
 */
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { RATES } from "../../settings/rates.ts";
import { type Bytes, EMPTY, hex, utf8, wholePiece } from "../../wire/bytes.ts";
import { type Envelope, encodeEnvelope, SUITE_UNSEALED, SUITE_X25519_AES256GCM } from "../../wire/envelope.ts";
import { decodeKept } from "../../wire/kept-relay.ts";
import type { RateLimits } from "../limits/meter.ts";
import type { Registration, RelayDefences, RelayInput, RelayOutput, SessionRole } from "./mailbox-events.ts";
import { ALL_RELAY_DEFENCES } from "./mailbox-events.ts";
import { findPeer, type Place } from "./mailbox-state.ts";
import { createMailboxes, type Mailboxes, type MailboxesOptions } from "./mailboxes.ts";
import { readLabel } from "./stored-mails.ts";
import { newcomer } from "./test-attach.ts";

export const { sha256 } = createNodeCrypto().hash;
export const NOW_MS = 1_800_000_000_000;
/** Rates no test reaches that is not about them. */
const RATES_OFF = Object.fromEntries(Object.keys(RATES).map((name) => [name, 1e9])) as unknown as RateLimits;
export const LIMITS: MailboxesOptions["limits"] = {
  mailboxMessages: 1000,
  mailboxBytes: 1_000_000,
  expiryGraceMs: 120_000,
  windowFrames: 64,
  windowBytes: 1_000_000,
  peerWindowFrames: 256,
  peerWindowBytes: 1_000_000,
  noticeExpiryMs: 3_600_000,
  agents: 10,
  bundleBytes: 1000,
  relayPeers: 10,
  newcomerPeersPercent: 100,
  openTickets: 1024,
  keptBans: 4096,
  ticketsRequired: false,
  storeMessages: 10_000,
  storeBytes: 10_000_000,
  peerPercent: 10,
  peersPercent: 50,
  routePercent: 10,
  senderPercent: 10,
  senderStoredPercent: 100,
  strangersPercent: 20,
  ...RATES_OFF,
};

export function agentId(name: string): Bytes {
  return sha256(utf8(name));
}

export function envelope(
  from: string,
  to: string,
  seq: number,
  options: {
    readonly stream?: number;
    readonly expiresAtMs?: number;
    readonly words?: string;
    readonly class?: "receipt" | "notice";
  } = {},
): Envelope {
  return encodeEnvelope(
    {
      class: options.class ?? "mail",
      from: agentId(from),
      to: agentId(to),
      stream: new Uint8Array(8).fill(options.stream ?? 1),
      seq,
      expiresAtMs: options.expiresAtMs ?? NOW_MS + 3_600_000,
      inboxKeyId: new Uint8Array(8),
      suite: options.class === "notice" ? SUITE_UNSEALED : SUITE_X25519_AES256GCM,
    },
    utf8(options.words ?? `${from} to ${to} ${seq}`),
    sha256,
  );
}

interface Batch {
  readonly ticket: number;
  readonly records: readonly Bytes[];
  readonly places: readonly Place[];
}

export interface TestRelay {
  readonly machine: Mailboxes;
  readonly generation: Bytes;
  /** Everything that came out since the last `take`, without appends. */
  readonly outputs: readonly RelayOutput[];
  take(): readonly RelayOutput[];
  nowMs: number;
  feed(input: RelayInput): readonly RelayOutput[];
  attach(
    session: number,
    name: string,
    options?: {
      readonly link?: number;
      readonly consume?: boolean;
      readonly have?: { readonly generation: Bytes; readonly position: number };
      readonly as?: string;
      readonly role?: SessionRole;
      readonly ticket?: string;
      readonly registration?: Partial<Registration>;
      /** The instance, by a word of its own; one per agent otherwise. */
      readonly instance?: string;
      /** The one of the newest welcome of that instance otherwise. */
      readonly pass?: Bytes;
      /** Whether it confirms the pass of its welcome, as agents do at once. */
      readonly confirms?: boolean;
    },
  ): void;
  /** For an agent of this relay, or for one of the relay `home`. */
  mail(session: number, linkSeq: number, what: Envelope, home?: string): readonly RelayOutput[];
  /** Makes everything appended so far durable. */
  sync(): readonly RelayOutput[];
  /** Begins a new segment with the small state restated; what was released until then is gone for good, or but for mail: other records may keep its file. */
  rotate(left?: "mail"): void;
  /** Ends this start and begins another one over what survived: the synced records and `more` unsynced batches. */
  crash(more?: number): void;
  /** Takes a copy of the folder; calling what it gives back puts that in place of the folder and starts anew. */
  copy(): () => void;
  read(place: Place): Bytes;
  readonly durable: readonly Bytes[];
  readonly unsynced: number;
  readonly released: ReadonlySet<string>;
}

export function createTestRelay(
  defences: Partial<RelayDefences> = {},
  limits: Partial<MailboxesOptions["limits"]> = {},
  relay = "relay",
): TestRelay {
  let starts = 0;
  let offset = 0;
  let kept: { readonly record: Bytes; readonly place: Place }[] = [];
  let waiting: Batch[] = [];
  let outputs: RelayOutput[] = [];
  let released = new Set<string>();
  let generation: Bytes = new Uint8Array(8);
  let machine: Mailboxes;
  const instances = new Map<number, Bytes>();
  const passes = new Map<string, Bytes>();
  const welcomes = new Map<number, Bytes>();

  const place = (record: Bytes): Place => ({ segment: 1, offset: offset++, length: record.length });
  const start = (): void => {
    generation = sha256(utf8(`${relay} generation ${++starts}`)).slice(0, 8);
    machine = createMailboxes({
      relayId: agentId(relay),
      generation,
      passKey: sha256(utf8(`${relay} pass key`)),
      sha256,
      limits: { ...LIMITS, ...limits },
      defences: { ...ALL_RELAY_DEFENCES, ...defences },
    });
    released = new Set();
    for (const each of kept) for (const gone of machine.replay(each.record, each.place)) released.add(key(gone));
    restate();
    for (const record of machine.begin(NOW_MS)) kept.push({ record, place: place(record) });
  };
  const restate = (): void => {
    for (const record of machine.snapshot()) kept.push({ record, place: place(record) });
  };

  const keep = ({ records, places }: Batch): void => {
    for (const [index, record] of records.entries()) kept.push({ record, place: places[index] as Place });
  };

  const self: TestRelay = {
    get machine() {
      return machine;
    },
    get generation() {
      return generation;
    },
    get outputs() {
      return outputs;
    },
    take: () => {
      const taken = outputs;
      outputs = [];
      return taken;
    },
    nowMs: NOW_MS,
    feed: (input) => {
      const came: RelayOutput[] = [];
      for (const output of machine.step(input, self.nowMs)) {
        if (output.kind === "append") {
          const records = output.records.map((record) => wholePiece(record).slice());
          const places = records.map(place);
          waiting.push({ ticket: output.ticket, records, places });
          came.push(...self.feed({ kind: "appended", ticket: output.ticket, segment: 1, offsets: places.map((each) => each.offset) }));
          continue;
        }
        if (output.kind === "release") for (const each of output.places) released.add(key(each));
        if (output.kind === "welcome" && output.standing.pass.length > 0) {
          passes.set(hex(instances.get(output.session) ?? EMPTY), output.standing.pass);
          welcomes.set(output.session, output.standing.pass);
        }
        came.push(output);
        outputs.push(output);
      }
      return came;
    },
    attach: (session, name, options = {}) => {
      const { link = session, role = "agent", have = { generation: new Uint8Array(8), position: 0 }, as, ticket = "" } = options;
      const instanceKey = agentId(options.instance ?? `instance of ${name}`);
      instances.set(session, instanceKey);
      self.feed({
        kind: "attach",
        session,
        role,
        ticket,
        instanceKey,
        pass: options.pass ?? passes.get(hex(instanceKey)) ?? new Uint8Array(0),
        consume: options.consume ?? role !== "peer",
        have,
        registration: registration(self, name, { name: as, instances: [instanceKey], ...options.registration }),
        link: new Uint8Array(8).fill(link),
      });
      self.sync();
      self.feed({ kind: "ready", session });
      const pass = options.confirms === false ? undefined : welcomes.get(session);
      if (pass === undefined) return;
      self.feed({ kind: "confirm", session, pass });
      self.sync();
    },
    mail: (session, linkSeq, what, home) =>
      self.feed({
        kind: "mails",
        session,
        mails: [{ linkSeq, hopLimit: 8, home: home === undefined ? undefined : agentId(home), envelope: what.bytes }],
      }),
    sync: () => {
      const last = waiting.at(-1);
      if (last === undefined) return [];
      for (const batch of waiting) keep(batch);
      waiting = [];
      return self.feed({ kind: "synced", ticket: last.ticket });
    },
    rotate: (left) => {
      kept = kept.filter((each) => !released.has(key(each.place)) || (left === "mail" && decodeKept(each.record).kind === "mail"));
      restate();
    },
    crash: (more = 0) => {
      for (const batch of waiting.slice(0, more)) keep(batch);
      waiting = [];
      outputs = [];
      start();
    },
    copy: () => {
      const then = [...kept];
      return () => {
        kept = [...then];
        waiting = [];
        outputs = [];
        start();
      };
    },
    read: (at) =>
      kept.find((each) => key(each.place) === key(at))?.record ??
      (waiting
        .flatMap((batch) => batch.places.map((each, index) => ({ place: each, record: batch.records[index] as Bytes })))
        .find((each) => key(each.place) === key(at))?.record as Bytes),
    get durable() {
      return kept.map((each) => each.record);
    },
    get unsynced() {
      return waiting.length;
    },
    get released() {
      return released;
    },
  };
  start();
  return self;
}

/** As a comparison with what the relay holds says. */
export function registration(relay: TestRelay, name: string, more: Partial<Registration> = {}): Registration {
  const replaces = relay.machine.lookup("agent", agentId(name))?.bundle ?? EMPTY;
  return newcomer(agentId(name), name, { replaces, ...more });
}

export function key(place: Place): string {
  return String(place.offset);
}

/** Ids of what waits in a mailbox, in order of position. */
export function waitingIn(relay: TestRelay, name: string): readonly string[] {
  const agent = relay.machine.lookup("agent", agentId(name));
  return [...(agent?.mailbox.stored.values() ?? [])].map((mail) => `${hex(readLabel(mail.label).stream)}.${mail.seq}`);
}

/** Ids of what waits for a peer, in order of position. */
export function waitingFor(relay: TestRelay, peer: string): readonly string[] {
  const found = findPeer(relay.machine.state, agentId(peer));
  return [...(found?.mailbox.stored.values() ?? [])].map((mail) => `${hex(readLabel(mail.label).stream)}.${mail.seq}`);
}

export function refusalsIn(outputs: readonly RelayOutput[]): readonly string[] {
  return outputs.flatMap((output) => (output.kind === "refuse" ? [`${output.linkSeq} ${output.reason.code} ${output.reason.retry}`] : []));
}

export function acksIn(outputs: readonly RelayOutput[], session: number): readonly number[] {
  return outputs.flatMap((output) => (output.kind === "ack" && output.session === session ? [output.upTo] : []));
}

export function positionsOf({ position, envelopes }: Extract<RelayOutput, { readonly kind: "deliver" }>): readonly number[] {
  return envelopes.map((_, index) => position + index);
}

export function deliveredIn(outputs: readonly RelayOutput[], session: number): readonly number[] {
  return outputs.flatMap((output) => (output.kind === "deliver" && output.session === session ? positionsOf(output) : []));
}

export function kindsOf(outputs: readonly RelayOutput[]): readonly string[] {
  return outputs.filter((output) => output.kind !== "fact").map((output) => output.kind);
}

/** Lets go of what a consumer has: the agent's or, of a peer, the forwarder's. */
export function settleOf(
  relay: TestRelay,
  name: string,
  floor: number,
  more: { readonly ranges?: readonly (readonly [number, number])[]; readonly epoch?: number; readonly generation?: Bytes } = {},
): RelayInput & { readonly kind: "settle" } {
  const { state } = relay.machine;
  const mailbox = (findPeer(state, agentId(name)) ?? relay.machine.lookup("agent", agentId(name)))?.mailbox;
  return {
    kind: "settle",
    session: mailbox?.consumer?.session ?? 0,
    settle: { generation: more.generation ?? relay.generation, epoch: more.epoch ?? mailbox?.epoch ?? 0, floor, ranges: more.ranges ?? [] },
  };
}
