/**
 * Passes the mail of one peer's mailbox on over whatever session there is: the shell around the forward queue. To the machine it is
 * a consumer of that mailbox; a position is settled once the peer has acknowledged it, which is when it is durable there.
 *
 * States: idle (no session, or the peer has not said where the link stands) -> attaching -> forwarding -> idle. The queue and the
 * link live through all of them, so that a new session sends only what the peer lacks.
 */
import type { Clock } from "../../host/clock.ts";
import { type Points, rarely } from "../../host/points.ts";
import type { Random } from "../../host/random.ts";
import { ByteRows } from "../../protocol/delivery/byte-rows.ts";
import { createForwardQueue, type ForwardFacts, type ForwardItem } from "../../protocol/delivery/forward-queue.ts";
import { createIntervalSet, type IntervalSet } from "../../protocol/delivery/interval-set.ts";
import type { RelayOutput, Standing } from "../../protocol/delivery/mailbox-events.ts";
import type { Place } from "../../protocol/delivery/mailbox-state.ts";
import { lettersOf } from "../../protocol/delivery/stored-mails.ts";
import { goodbyeFor } from "../../protocol/link/goodbyes.ts";
import type { Session } from "../../protocol/link/session.ts";
import { TRANSPORT_ROOM_BYTES } from "../../protocol/link/transport.ts";
import type { Settings } from "../../settings/register.ts";
import { type Bytes, EMPTY, startsWith, u32At } from "../../wire/bytes.ts";
import { DEFAULT_HOP_LIMIT, type Refuse } from "../../wire/control.ts";
import { BOUND_HEADER_BYTES, DIGEST_BYTES, FROM_AT, STREAM_AT } from "../../wire/envelope.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { AGENT_ID_BYTES, LINK_BYTES } from "../../wire/ids.ts";
import { decodeKeptMail } from "../../wire/kept-relay.ts";
import { MailFrames } from "../../wire/mail-frames.ts";
import type { MailReader } from "../delivery-pump.ts";
import { peerRegistration } from "../registrar.ts";
import type { RelayLoop } from "../relay-loop.ts";

/** How far the peer has come on the link, as its welcome or its resume says. */
export interface LinkStanding {
  readonly linkUpTo: number;
  readonly linkRefused: readonly number[];
  readonly windowFrames: number;
  readonly windowBytes: number;
}

export interface Forwarder extends MailReader {
  /** The link mail is passed on over; another one after a resume that did not fit. */
  readonly link: Bytes;
  /** Its number in the machine while it has a session. */
  readonly number: number | undefined;
  /** Whether anything is under way, or could travel at once. */
  readonly busy: boolean;
  readonly inFlight: number;
  readonly parkedLanes: number;
  /** Begins to forward over a session. False when the link has to begin anew: then that session is of no use. */
  begin(session: Session, standing: LinkStanding): boolean;
  /** What the machine says to the consumer. */
  carry(output: RelayOutput): void;
  acked(upTo: number): void;
  refused(refusal: Refuse): void;
  drained(): void;
  /** The session is over. */
  end(): void;
  covered(first: number, last: number): readonly ForwardItem[] | undefined;
  proven(first: number, last: number): void;
}

/** What waits at a position, and where its record lies. */
export interface WaitingMail extends ForwardFacts {
  readonly place: Place | undefined;
}

export interface ForwarderOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly points?: Points | undefined;
  readonly settings: Settings;
  readonly generation: Bytes;
  readonly loop: RelayLoop;
  /** The peer, 32 bytes. */
  readonly peerId: Bytes;
  readonly nextNumber: () => number;
  /** Whether so much is more than may be queued for one session now. */
  readonly isOver: (bytes: number) => boolean;
  /** Whether it has not come to its end. */
  readonly isWaiting: (position: number) => boolean;
  /** `undefined` once it came to its end. */
  readonly waits: (position: number) => WaitingMail | undefined;
  readonly read: (place: Place) => Promise<Bytes>;
  /** The record of a message is damaged: it is lost. */
  readonly lost: (position: number) => Promise<void>;
  /** A pause is over and there is no session. */
  readonly wanted: () => void;
  readonly failed: (error: unknown) => void;
}

interface Forwarding {
  readonly number: number;
  readonly session: Session;
  /** Of the consumer; 0 until the machine has answered. */
  epoch: number;
  blocked: boolean;
}

/** Of each id in the name of a lane. */
const LANE_BYTES = 8;

type Next = NonNullable<ReturnType<ReturnType<typeof createForwardQueue>["next"]>>;

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { clock, random, settings, loop, generation } = options;
  const queue = createForwardQueue({
    windowFrames: settings.peerWindowFrames,
    windowBytes: settings.peerWindowBytes,
    pauseMinMs: settings.redialMinMs,
    pauseMaxMs: settings.redialMaxMs,
    pauseLongestMs: settings.refusedRetryMaxMs,
    recall: options.waits,
  });
  let link = random.bytes(LINK_BYTES);
  /** Positions the peer has; a settle is not known to have been heard before the floor has passed it. */
  let done: IntervalSet = createIntervalSet();
  let now: Forwarding | undefined;
  let reading = false;
  /** Who wrote to whom last: mail of the same two mostly comes together. */
  let pair: Pair | undefined;
  let cancelWake = (): void => {};

  const chance = (): number => u32At(random.bytes(4), 0) / 2 ** 32;

  const settle = (ranges: readonly (readonly number[])[]): void => {
    if (now === undefined || now.epoch === 0 || ranges.length === 0) return;
    loop.feed({ kind: "settle", session: now.number, settle: { generation, epoch: now.epoch, floor: 0, ranges } });
  };

  const finish = (positions: readonly number[]): void => {
    const ranges = createIntervalSet();
    for (let at = 0; at < positions.length; ) {
      const first = positions[at] as number;
      // What was taken together mostly follows one another.
      let last = first;
      for (at++; positions[at] === last + 1; at++) last++;
      done.add(first, last);
      ranges.add(first, last);
    }
    settle(ranges.ranges);
  };

  const forgetBelow = (floor: number): void => {
    if ((done.ranges[0]?.[1] ?? Number.POSITIVE_INFINITY) > floor) return;
    done = createIntervalSet(done.ranges.filter(([, last]) => last > floor));
  };

  const newFrames = (): MailFrames => new MailFrames(DEFAULT_HOP_LIMIT - 1);

  const send = (to: Forwarding, { item, linkSeq }: Next, envelope: Bytes): void => {
    const frames = newFrames();
    frames.add(linkSeq ?? queue.send(item), envelope);
    to.session.push(frames);
  };

  /** The envelope of a message that is not at hand; `undefined` when it came to its end meanwhile. */
  const readEnvelope = async (position: number): Promise<Bytes | undefined> => {
    const place = options.waits(position)?.place;
    if (place === undefined) return undefined;
    try {
      return decodeKeptMail(await options.read(place)).envelope;
    } catch (error) {
      if (options.waits(position) === undefined) return undefined;
      if (!isPerdureError(error) || error.code !== "log-damaged") throw error;
      await options.lost(position);
      return undefined;
    }
  };

  const readAndSend = async (to: Forwarding, next: Next): Promise<void> => {
    let envelope: Bytes | undefined;
    try {
      envelope = await readEnvelope(next.item.position);
    } catch (error) {
      // Its number, if it has one, stays with it: the next session asks for it again.
      if (next.linkSeq === undefined) queue.giveBack(next.item);
      to.session.close(goodbyeFor("connection-closed", "mail could not be read", { retry: "after", afterMs: settings.diskRetryMs }));
      throw error;
    }
    // The peer had it all along and has said so meanwhile.
    if (now === to && next.linkSeq !== undefined && next.linkSeq <= queue.acknowledged) return;
    if (envelope === undefined) {
      if (next.linkSeq === undefined) return queue.drop(next.item);
      // Nothing can fill its number any more: the next session begins a new link.
      return to.session.close(goodbyeFor("connection-closed", "the link begins anew", { retry: "now" }));
    }
    if (now === to) return send(to, next, envelope);
    if (next.linkSeq === undefined) queue.giveBack(next.item);
  };

  const pump = (): void => {
    const to = now;
    if (to === undefined || to.epoch === 0 || reading) return;
    const nowMs = clock.monotonicMs();
    let frames = newFrames();
    while (!options.isOver(to.session.queuedBytes + frames.length)) {
      const next = queue.next(nowMs);
      if (next === undefined) break;
      const { item, linkSeq } = next;
      const envelope = rarely(options.points, "forward-read-back") ? undefined : item.envelope;
      if (frames.length > 0 && (envelope === undefined || frames.lengthWith(envelope) > TRANSPORT_ROOM_BYTES)) {
        to.session.push(frames);
        frames = newFrames();
      }
      if (envelope === undefined) {
        reading = true;
        readAndSend(to, next)
          .catch(options.failed)
          .finally(() => {
            reading = false;
            pump();
          });
        return;
      }
      frames.add(linkSeq ?? queue.send(item), envelope);
    }
    if (frames.length > 0) to.session.push(frames);
    unblock(to);
    armWake();
  };

  /** What is behind follows when half of what waited has left. */
  const unblock = (to: Forwarding): void => {
    if (!to.blocked || options.isOver(2 * queue.waitingBytes)) return;
    to.blocked = false;
    loop.feed({ kind: "blocked", session: to.number, blocked: false });
  };

  const armWake = (): void => {
    cancelWake();
    cancelWake = (): void => {};
    const atMs = queue.wakeAtMs();
    if (!Number.isFinite(atMs)) return;
    cancelWake = clock.after(Math.max(1, atMs - clock.monotonicMs()), () => (now === undefined ? options.wanted() : pump()));
  };

  const welcomed = (to: Forwarding, standing: Standing): void => {
    to.epoch = standing.epoch;
    forgetBelow(standing.settledFloor);
    settle(done.ranges);
    loop.feed({ kind: "ready", session: to.number });
    pump();
  };

  return {
    get link() {
      return link;
    },
    get number() {
      return now?.number;
    },
    get busy() {
      return queue.waiting > 0 || queue.inFlight > 0;
    },
    get inFlight() {
      return queue.inFlight;
    },
    get parkedLanes() {
      return queue.parkedLanes;
    },
    get queuedBytes() {
      return queue.waitingBytes;
    },
    begin: (session, standing) => {
      const { done: positions, whole } = queue.resume(standing.linkUpTo, standing.linkRefused, clock.monotonicMs());
      for (const position of positions) done.add(position);
      if (!whole) {
        queue.renew();
        link = random.bytes(LINK_BYTES);
        return false;
      }
      queue.allow(standing.windowFrames, standing.windowBytes);
      now = { number: options.nextNumber(), session, epoch: 0, blocked: false };
      loop.feed({
        kind: "attach",
        session: now.number,
        role: "forwarder",
        registration: peerRegistration(options.peerId, EMPTY),
        link: new Uint8Array(LINK_BYTES),
        consume: true,
        ticket: "",
        instanceKey: EMPTY,
        pass: EMPTY,
        have: { generation, position: queue.addedUpTo },
      });
      return true;
    },
    carry: (output) => {
      const to = now;
      if (to === undefined) return;
      if (output.kind === "welcome") welcomed(to, output.standing);
      else if (output.kind === "position") forgetBelow(output.settledFloor);
      else if (output.kind === "goodbye") to.session.close(goodbyeFor(output.reason.code, output.reason.why, output.reason));
    },
    deliver: (first, _storedAtMs, envelopes) => {
      const items: Passing[] = [];
      const digests = new ByteRows(DIGEST_BYTES, undefined, envelopes.length);
      for (let index = 0; index < envelopes.length; index++) {
        if (!options.isWaiting(first + index)) continue;
        const envelope = envelopes[index] as Bytes;
        if (pair === undefined || !startsWith(envelope, pair.ids, FROM_AT)) pair = pairOf(envelope);
        const item = new Passing(first + index, pair, envelope, digests);
        queue.add(item);
        items.push(item);
      }
      if (items.length === 0) return false;
      pump();
      // What was not sent at once must not keep in memory what else came with it.
      for (const item of items) item.envelope = item.envelope?.slice();
      if (now !== undefined && !now.blocked && options.isOver(queue.waitingBytes)) {
        now.blocked = true;
        loop.feed({ kind: "blocked", session: now.number, blocked: true });
      }
      // Whoever else said that it is full would not hear from here when it is not any more.
      return false;
    },
    acked: (upTo) => {
      const positions = queue.acked(upTo);
      if (positions === undefined) throw new PerdureError("malformed", "an acknowledgement of mail that was never sent");
      finish(positions);
      pump();
    },
    refused: ({ linkSeq, code, retry, afterMs, limit }) => {
      queue.refused(linkSeq, { code, retry, afterMs, limit }, clock.monotonicMs(), chance());
      pump();
    },
    drained: pump,
    end: () => {
      if (now === undefined) return;
      loop.feed({ kind: "detach", session: now.number });
      now = undefined;
      armWake();
    },
    covered: queue.covered,
    proven: queue.prove,
  };
}

/** Who wrote, and to whom: their ids one behind the other, as in an envelope. */
interface Pair {
  readonly ids: Bytes;
  readonly from: Bytes;
  readonly lane: string;
}

function pairOf(envelope: Bytes): Pair {
  const ids = envelope.slice(FROM_AT, STREAM_AT);
  const from = ids.subarray(0, AGENT_ID_BYTES);
  return { ids, from, lane: laneOf(from, ids.subarray(AGENT_ID_BYTES)) };
}

/** Sender and recipient, as far as telling them apart takes. */
function laneOf(from: Bytes, to: Bytes): string {
  return lettersOf(from.subarray(0, LANE_BYTES)) + lettersOf(to.subarray(0, LANE_BYTES));
}

/** A message that is passed on. Digests of what came together lie side by side: each by itself is three objects, which live until it is proven. */
class Passing implements ForwardItem {
  readonly position: number;
  readonly bytes: number;
  readonly from: Bytes;
  readonly lane: string;
  envelope: Bytes | undefined;
  flying = false;
  readonly #digests: ByteRows;
  readonly #row: number;

  constructor(position: number, { from, lane }: Pair, envelope: Bytes, digests: ByteRows) {
    this.position = position;
    this.bytes = envelope.length;
    this.from = from;
    this.lane = lane;
    this.envelope = envelope;
    this.#digests = digests;
    this.#row = digests.length;
    digests.push(envelope, BOUND_HEADER_BYTES);
  }

  get digest(): Bytes {
    return this.#digests.row(this.#row);
  }
}
