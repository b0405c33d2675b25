/**
 * The relay's machine over a log of records in memory, for the tests of this folder: what is synced survives a crash, of the
 * rest a prefix of whole batches may. Mailboxes are driven by three agents.
 */
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { type Bytes, hex, utf8 } from "../../wire/bytes.ts";
import { type Envelope, encodeEnvelope, SUITE_X25519_AES256GCM } from "../../wire/envelope.ts";
import type { RelayDefences, RelayInput, RelayOutput } from "./mailbox-events.ts";
import { ALL_RELAY_DEFENCES } from "./mailbox-events.ts";
import type { Place } from "./mailbox-state.ts";
import { createMailboxes, type Mailboxes, type MailboxesOptions } from "./mailboxes.ts";

export const { sha256 } = createNodeCrypto().hash;
export const NOW_MS = 1_800_000_000_000;
export const RELAY_ID = sha256(utf8("relay"));
export const LIMITS: MailboxesOptions["limits"] = {
  mailboxMessages: 1000,
  mailboxBytes: 1_000_000,
  expiryGraceMs: 120_000,
  windowFrames: 64,
  windowBytes: 1_000_000,
  noticeExpiryMs: 3_600_000,
  agents: 10,
  bundleBytes: 1000,
  relayPeers: 10,
  ticketsRequired: false,
  storeMessages: 10_000,
  storeBytes: 10_000_000,
  peerPercent: 10,
  peersPercent: 50,
  routePercent: 10,
  senderPercent: 10,
  strangersPercent: 20,
};

export function agentId(name: string): Bytes {
  return sha256(utf8(name));
}

export function envelope(
  from: string,
  to: string,
  seq: number,
  options: { readonly stream?: number; readonly expiresAtMs?: number; readonly words?: string } = {},
): Envelope {
  return encodeEnvelope(
    {
      class: "mail",
      from: agentId(from),
      to: agentId(to),
      stream: new Uint8Array(8).fill(options.stream ?? 1),
      seq,
      expiresAtMs: options.expiresAtMs ?? NOW_MS + 3_600_000,
      inboxKeyId: new Uint8Array(8),
      suite: SUITE_X25519_AES256GCM,
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
    },
  ): void;
  mail(session: number, linkSeq: number, what: Envelope): readonly RelayOutput[];
  /** Makes everything appended so far durable. */
  sync(): readonly RelayOutput[];
  /** Begins a new segment with the small state restated; what was released until then is gone for good. */
  rotate(): void;
  /** Ends this start and begins another one over what survived: the synced records and `more` unsynced batches. */
  crash(more?: number): void;
  read(place: Place): Bytes;
  readonly durable: readonly Bytes[];
  readonly unsynced: number;
  readonly released: ReadonlySet<string>;
}

export function createTestRelay(defences: Partial<RelayDefences> = {}, limits: Partial<MailboxesOptions["limits"]> = {}): TestRelay {
  let starts = 0;
  let offset = 0;
  let kept: { readonly record: Bytes; readonly place: Place }[] = [];
  let waiting: Batch[] = [];
  let outputs: RelayOutput[] = [];
  let released = new Set<string>();
  let generation: Bytes = new Uint8Array(8);
  let machine: Mailboxes;

  const place = (record: Bytes): Place => ({ segment: 1, offset: offset++, length: record.length });
  const start = (): void => {
    generation = sha256(utf8(`generation ${++starts}`)).slice(0, 8);
    machine = createMailboxes({
      relayId: RELAY_ID,
      generation,
      sha256,
      limits: { ...LIMITS, ...limits },
      defences: { ...ALL_RELAY_DEFENCES, ...defences },
    });
    released = new Set();
    for (const each of kept) for (const gone of machine.replay(each.record, each.place)) released.add(key(gone));
    restate();
  };
  const restate = (): void => {
    for (const record of machine.snapshot()) kept.push({ record, place: place(record) });
  };

  const keep = ({ records, places }: Batch): void => {
    for (const [index, record] of records.entries()) kept.push({ record, place: places[index] as Place });
  };

  const relay: TestRelay = {
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
      for (const output of machine.step(input, relay.nowMs)) {
        if (output.kind === "append") {
          const places = output.records.map(place);
          waiting.push({ ticket: output.ticket, records: output.records.map((record) => record.slice()), places });
          came.push(...relay.feed({ kind: "appended", ticket: output.ticket, places }));
          continue;
        }
        if (output.kind === "release") for (const each of output.places) released.add(key(each));
        came.push(output);
        outputs.push(output);
      }
      return came;
    },
    attach: (session, name, { link = session, consume = true, have = { generation: new Uint8Array(8), position: 0 }, as } = {}) => {
      relay.feed({
        kind: "attach",
        session,
        role: "agent",
        ticket: "",
        consume,
        have,
        registration: { idRaw: agentId(name), bundle: utf8(`bundle of ${name}`), name: as, recordVersion: 1 },
        link: new Uint8Array(8).fill(link),
      });
      relay.sync();
      relay.feed({ kind: "ready", session });
    },
    mail: (session, linkSeq, what) => relay.feed({ kind: "mail", session, linkSeq, hopLimit: 8, envelope: what.bytes }),
    sync: () => {
      const last = waiting.at(-1);
      if (last === undefined) return [];
      for (const batch of waiting) keep(batch);
      waiting = [];
      return relay.feed({ kind: "synced", ticket: last.ticket });
    },
    rotate: () => {
      kept = kept.filter((each) => !released.has(key(each.place)));
      restate();
    },
    crash: (more = 0) => {
      for (const batch of waiting.slice(0, more)) keep(batch);
      waiting = [];
      outputs = [];
      start();
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
  return relay;
}

export function key(place: Place): string {
  return String(place.offset);
}

/** Ids of what waits in a mailbox, in order of position. */
export function waitingIn(relay: TestRelay, name: string): readonly string[] {
  const agent = relay.machine.lookup("agent", agentId(name));
  return [...(agent?.mailbox.stored.values() ?? [])].map(
    (mail) => `${hex(Uint8Array.from(mail.label.slice(0, 8), (letter) => letter.charCodeAt(0)))}.${mail.seq}`,
  );
}

export function acksIn(outputs: readonly RelayOutput[], session: number): readonly number[] {
  return outputs.flatMap((output) => (output.kind === "ack" && output.session === session ? [output.upTo] : []));
}

export function deliveredIn(outputs: readonly RelayOutput[], session: number): readonly number[] {
  return outputs.flatMap((output) => (output.kind === "deliver" && output.session === session ? [output.position] : []));
}

export function kindsOf(outputs: readonly RelayOutput[]): readonly string[] {
  return outputs.filter((output) => output.kind !== "fact").map((output) => output.kind);
}

export function settleOf(
  relay: TestRelay,
  name: string,
  floor: number,
  more: { readonly ranges?: readonly (readonly [number, number])[]; readonly epoch?: number; readonly generation?: Bytes } = {},
): RelayInput & { readonly kind: "settle" } {
  const mailbox = relay.machine.lookup("agent", agentId(name))?.mailbox;
  return {
    kind: "settle",
    session: mailbox?.consumer?.session ?? 0,
    settle: { generation: more.generation ?? relay.generation, epoch: more.epoch ?? mailbox?.epoch ?? 0, floor, ranges: more.ranges ?? [] },
  };
}
