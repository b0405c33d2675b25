import { describe, expect, it } from "vitest";
import type { RelayInput } from "../../protocol/delivery/mailbox-events.ts";
import type { Session } from "../../protocol/link/session.ts";
import { TRANSPORT_ROOM_BYTES } from "../../protocol/link/transport.ts";
import { createSettings } from "../../settings/register.ts";
import { type Bytes, wholePiece } from "../../wire/bytes.ts";
import { DEFAULT_HOP_LIMIT, decodeMail } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { decodeTransport, encodeTransport, type OutFrames } from "../../wire/frame.ts";
import { encodeKeptMail } from "../../wire/kept-relay.ts";
import { createForwarder, type Forwarder, type LinkStanding } from "./forwarder.ts";

const GENERATION = new Uint8Array(8).fill(1);
const FRESH: LinkStanding = { linkUpTo: 0, linkRefused: [], windowFrames: 4, windowBytes: 1_000_000 };
const PEER = new Uint8Array(32).fill(9);
const SIZE = 1000;

interface Stand {
  readonly forwarder: Forwarder;
  readonly fed: RelayInput[];
  readonly sent: number[][];
  /** Bytes of what was given to a session as one piece. */
  readonly pieces: number[];
  /** May be queued for one session. */
  mostQueued: number;
  readonly reads: number[];
  readonly closed: string[];
  readonly gone: Set<number>;
  /** Positions whose record cannot be read. */
  readonly failing: Map<number, PerdureError>;
  nowMs: number;
  begin(standing?: LinkStanding): boolean;
  /** The machine's answer to the attach. */
  welcome(settledFloor?: number): void;
  deliver(position: number): boolean;
  settledRanges(): readonly (readonly number[])[];
}

const envelopeOf = (position: number): Bytes => new Uint8Array(SIZE).fill(position);
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function createStand(): Stand {
  let numbers = 0;
  let session = 0;
  const stand: Stand = {
    fed: [],
    sent: [],
    pieces: [],
    mostQueued: 10 * SIZE,
    reads: [],
    closed: [],
    gone: new Set(),
    failing: new Map(),
    nowMs: 0,
    forwarder: createForwarder({
      clock: { wallMs: () => 0, monotonicMs: () => stand.nowMs, after: () => () => {} },
      random: { bytes: (count) => new Uint8Array(count).fill(++numbers) },
      settings: createSettings(),
      generation: GENERATION,
      loop: { feed: (input) => void stand.fed.push(input), durable: async () => {} },
      peerId: PEER,
      nextNumber: () => ++numbers,
      isOver: (bytes) => bytes > stand.mostQueued,
      isWaiting: (position) => !stand.gone.has(position),
      waits: (position) =>
        stand.gone.has(position)
          ? undefined
          : {
              digest: new Uint8Array(16).fill(position),
              bytes: SIZE,
              from: new Uint8Array(32).fill(2),
              place: { segment: 1, offset: position, length: SIZE },
            },
      read: async ({ offset }) => {
        const failure = stand.failing.get(offset);
        if (failure !== undefined) throw failure;
        stand.reads.push(offset);
        return wholePiece(
          encodeKeptMail({
            link: new Uint8Array(8),
            linkSeq: 1,
            position: offset,
            storedAtMs: 0,
            envelope: envelopeOf(offset),
            routedTo: PEER,
          }),
        );
      },
      lost: async (position) => void stand.gone.add(position),
      wanted: () => {},
      failed: () => {},
    }),
    begin: (standing = FRESH) => {
      const lines: number[] = [];
      stand.sent.push(lines);
      const index = session++;
      return stand.forwarder.begin(
        {
          queuedBytes: 0,
          push: (frames: OutFrames) => {
            stand.pieces.push(frames.length);
            for (const { name, payload } of decodeTransport(encodeTransport([frames], 0), 0)) {
              const { linkSeq, hopLimit, home, envelope } = decodeMail(payload);
              expect([name, hopLimit, home]).toEqual(["mail", DEFAULT_HOP_LIMIT - 1, undefined]);
              lines.push(linkSeq * 1000 + (envelope[0] as number));
            }
          },
          close: () => void stand.closed.push(`session ${index}`),
        } as unknown as Session,
        standing,
      );
    },
    welcome: (settledFloor = 0) =>
      stand.forwarder.carry({
        kind: "welcome",
        session: stand.forwarder.number as number,
        standing: { epoch: 7, tail: 0, settledFloor, linkUpTo: 0, linkRefused: [], contactsVersion: 0, pass: new Uint8Array() },
      }),
    deliver: (position) => stand.forwarder.deliver(position, 0, [envelopeOf(position)]),
    settledRanges: () => stand.fed.flatMap((input) => (input.kind === "settle" ? input.settle.ranges : [])),
  };
  return stand;
}

/** Link sequence numbers with the position whose envelope went out under each. */
const numbered = (...pairs: readonly (readonly [number, number])[]): number[] =>
  pairs.map(([linkSeq, position]) => linkSeq * 1000 + position);

describe("a forwarder", () => {
  it("holds no more than its share of a peer that is slow, and asks for the rest when that has left", () => {
    const stand = createStand();
    stand.begin();
    stand.welcome();
    const isWorthALook = Array.from({ length: 15 }, (_, index) => stand.deliver(index + 1));
    expect(new Set(isWorthALook)).toEqual(new Set([false]));
    expect(stand.forwarder.queuedBytes).toBe(11 * SIZE);
    expect(stand.fed.filter(({ kind }) => kind === "blocked")).toEqual([
      { kind: "blocked", session: stand.forwarder.number, blocked: true },
    ]);
    stand.forwarder.acked(4);
    expect(stand.fed.filter(({ kind }) => kind === "blocked").length).toBe(1);
    stand.forwarder.acked(8);
    expect(stand.fed.at(-1)).toEqual({ kind: "blocked", session: stand.forwarder.number, blocked: false });
    expect(stand.reads).toEqual([]);
  });

  it("settles what was acknowledged, and once more in the next session as long as it is not known to be settled", () => {
    const stand = createStand();
    stand.begin();
    stand.welcome();
    for (let position = 1; position <= 3; position++) stand.deliver(position);
    stand.forwarder.acked(3);
    expect(stand.settledRanges()).toEqual([[1, 3]]);
    stand.forwarder.end();
    stand.begin({ ...FRESH, linkUpTo: 3 });
    stand.welcome(2);
    expect(stand.settledRanges()).toEqual([
      [1, 3],
      [1, 3],
    ]);
    stand.forwarder.carry({ kind: "position", session: stand.forwarder.number as number, epoch: 7, settledFloor: 3, tail: 3 });
    stand.forwarder.end();
    stand.begin({ ...FRESH, linkUpTo: 3 });
    stand.welcome(3);
    expect(stand.settledRanges().length).toBe(2);
  });

  it("reads again what the peer lacks after a break, and sends it under the same number", async () => {
    const stand = createStand();
    stand.begin();
    stand.welcome();
    for (let position = 1; position <= 3; position++) stand.deliver(position);
    stand.forwarder.end();
    expect(stand.begin({ ...FRESH, linkUpTo: 1 })).toBe(true);
    stand.welcome();
    await settled();
    await settled();
    expect([stand.reads, stand.sent[1]]).toEqual([[2, 3], numbered([2, 2], [3, 3])]);
    expect(stand.settledRanges()).toEqual([[1, 1]]);
    expect(stand.fed.filter(({ kind }) => kind === "attach").at(-1)).toMatchObject({ have: { position: 3 } });
  });

  it("begins the link anew when what the peer lacks is gone, and sends the rest over the next session", async () => {
    const stand = createStand();
    stand.begin();
    stand.welcome();
    const before = stand.forwarder.link;
    for (let position = 1; position <= 3; position++) stand.deliver(position);
    stand.forwarder.end();
    stand.gone.add(2);
    expect(stand.begin({ ...FRESH, linkUpTo: 1 })).toBe(false);
    expect(stand.forwarder.link).not.toEqual(before);
    stand.begin();
    stand.welcome();
    for (let turn = 0; turn < 5; turn++) await settled();
    expect(stand.sent.at(-1)).toEqual(numbered([1, 3]));
  });

  it("gives a session up when the disk cannot be read, and loses nothing by it", async () => {
    const stand = createStand();
    stand.begin();
    stand.welcome();
    stand.deliver(1);
    stand.forwarder.end();
    stand.failing.set(1, new PerdureError("disk-failed", "no"));
    stand.begin();
    stand.welcome();
    await settled();
    expect(stand.closed).toEqual(["session 1"]);
    stand.forwarder.end();
    stand.failing.clear();
    stand.begin();
    stand.welcome();
    await settled();
    expect(stand.sent.at(-1)).toEqual(numbered([1, 1]));
  });

  it("lets go of a message whose record is damaged, and passes the others on", async () => {
    const stand = createStand();
    stand.begin();
    stand.welcome();
    stand.deliver(1);
    stand.deliver(2);
    for (const linkSeq of [1, 2])
      stand.forwarder.refused({ linkSeq, code: "mailbox-full", retry: "after", afterMs: 0, limit: undefined, hint: "" });
    stand.failing.set(1, new PerdureError("log-damaged", "bad"));
    stand.nowMs = 60_000;
    stand.forwarder.drained();
    for (let turn = 0; turn < 5; turn++) await settled();
    expect([stand.gone, stand.sent.at(-1)]).toEqual([new Set([1]), numbered([1, 1], [2, 2], [3, 2])]);
  });

  it("what comes together goes out together, in pieces that fit a message of the connection", () => {
    const stand = createStand();
    stand.mostQueued = Number.POSITIVE_INFINITY;
    stand.begin({ ...FRESH, windowFrames: 100, windowBytes: 100_000_000 });
    stand.welcome();
    const large = TRANSPORT_ROOM_BYTES / 4;
    const envelopes = [1, 2, 3, 4, 5, 6, 7].map((position) => new Uint8Array(position < 5 ? SIZE : large).fill(position));
    stand.forwarder.deliver(1, 0, envelopes);
    expect(stand.sent).toEqual([numbered([1, 1], [2, 2], [3, 3], [4, 4], [5, 5], [6, 6], [7, 7])]);
    expect(stand.pieces).toHaveLength(1);
    stand.forwarder.deliver(
      8,
      0,
      [8, 9, 10, 11, 12].map((position) => new Uint8Array(large).fill(position)),
    );
    expect(stand.sent[0]?.slice(7)).toEqual(numbered([8, 8], [9, 9], [10, 10], [11, 11], [12, 12]));
    expect(stand.pieces).toHaveLength(3);
    for (const bytes of stand.pieces) expect(bytes).toBeLessThanOrEqual(TRANSPORT_ROOM_BYTES);
  });

  it("no more goes out together than may be queued for a session", () => {
    const stand = createStand();
    stand.begin({ ...FRESH, windowFrames: 100 });
    stand.welcome();
    const envelopes = Array.from({ length: 20 }, (_, at) => envelopeOf(at + 1));
    stand.forwarder.deliver(1, 0, envelopes);
    expect(stand.pieces).toHaveLength(1);
    expect(stand.sent[0]).toHaveLength(10);
  });
});
