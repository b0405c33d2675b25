/**
 * Serves consumers that are behind from the log, in order, as fast as they read: nothing more is read for one whose queue is
 * full until that queue has left. For one that takes all it is given the next reads are under way while one is handed over.
 */

import type { Clock } from "../host/clock.ts";
import { type Points, rarely } from "../host/points.ts";
import type { SpareMemory, SparePiece } from "../host/spare-memory.ts";
import type { MailRun } from "../protocol/delivery/mail-run.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { Due } from "../protocol/delivery/stored-mails.ts";
import type { ReadBack, RecordLog, RunRead } from "../store/log/record-log.ts";
import type { Bytes } from "../wire/bytes.ts";
import type { DeliverRunOptions } from "../wire/deliver-run.ts";
import { isPerdureError } from "../wire/error.ts";
import { decodeKeptMail, keptEnvelopeAt } from "../wire/kept-relay.ts";
import type { RelayLoop } from "./relay-loop.ts";

/** Whoever consumes a mailbox: an agent by its session, or what passes mail on to another relay. */
export interface MailReader {
  /** Bytes that it was given and that have not left. */
  readonly queuedBytes: number;
  /** Whether its queue is worth a look: it was given much since the last one. */
  deliver(position: number, storedAtMs: number, envelopes: readonly Bytes[]): boolean;
  /** The same with many that were read together. Whoever looks at each takes them one by one. */
  deliverRun?(run: Omit<DeliverRunOptions, "generation">): boolean;
}

export interface DeliveryPump {
  /** There is mail in the log for this session. */
  wake(session: number): void;
  /** Nothing is queued any more for this session. */
  drained(session: number): void;
  /** Tells the machine when the session's queue is full. */
  noticeQueue(session: number): void;
}

export interface DeliveryPumpOptions {
  readonly mailboxes: Mailboxes;
  readonly log: Pick<RecordLog, "readAll" | "readRun">;
  readonly loop: RelayLoop;
  readonly clock: Clock;
  /** Pause before a read that failed is tried again. */
  readonly diskRetryMs: number;
  /** What messages are made in that have many frames. */
  readonly spare: Pick<SpareMemory, "take" | "giveBack">;
  readonly points?: Points | undefined;
  /** Whether so much is more than may be queued for one session now. */
  readonly isOver: (bytes: number) => boolean;
  readonly readerOf: (session: number) => MailReader | undefined;
  /** A record is damaged: its message is lost. */
  readonly lost: (session: number, position: number) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** Read at once for one session: as much as a large read of the disk, and little beside what may be queued for it. */
const BATCH_BYTES = 256 * 1024;
const BATCH_MESSAGES = 256;
/** Fewer that lie together are read with what lies apart, unless nothing comes behind them: several reads at a time are as fast as one large one. */
const RUN_MESSAGES = 16;
/** Reads under way for one session at most: what is read ahead of one whose queue then is full was read for nothing. */
const READS_OF_ONE = 4;
/** As many for all together, one for each besides: what they hold in memory must not grow with how many come back at once. */
const READS_AHEAD = 16;

/** What was read at once: messages one by one, or a run. */
type Reading = ReadApart | ReadTogether;

/** Messages are made where others lay that have left; for one reader so many, until nothing is queued for it. */
const LENT_TO_ONE = 8;

interface ReadApart {
  readonly run?: undefined;
  readonly last: number;
  readonly due: readonly Due[];
  readonly found: Promise<readonly ReadBack[]>;
}

interface ReadTogether {
  readonly run: MailRun;
  readonly last: number;
  readonly found: Promise<RunRead | undefined>;
}

export function createDeliveryPump({
  mailboxes,
  log,
  loop,
  clock,
  diskRetryMs,
  spare,
  points,
  isOver,
  readerOf,
  lost,
  failed,
}: DeliveryPumpOptions): DeliveryPump {
  // bound: one per session
  const running = new Set<number>();
  /** Reads under way of what is not the next for its session. bound: READS_AHEAD */
  let ahead = 0;

  /** What messages for a reader were made in since nothing was queued for it. bound: LENT_TO_ONE for each */
  const lent = new WeakMap<MailReader, SparePiece[]>();

  const lendTo =
    (reader: MailReader) =>
    (bytes: number): Bytes | undefined => {
      const others = lent.get(reader);
      // One that takes mail about as fast as it is read may have something queued all the time: what was lent would never come back.
      if (others !== undefined && others.length >= LENT_TO_ONE) return undefined;
      const memory = spare.take(bytes);
      if (memory === undefined) return undefined;
      if (others === undefined) lent.set(reader, [memory]);
      else others.push(memory);
      return memory.subarray(0, bytes);
    };

  const drained = (session: number): void => {
    const reader = readerOf(session);
    const memories = reader && lent.get(reader);
    if (reader === undefined || memories === undefined || reader.queuedBytes > 0) return;
    lent.delete(reader);
    for (const memory of memories) spare.giveBack(memory);
  };

  const noticeQueue = (session: number): void => {
    if (isOver(readerOf(session)?.queuedBytes ?? 0)) loop.feed({ kind: "blocked", session, blocked: true });
  };

  const pump = async (session: number): Promise<void> => {
    // bound: READS_OF_ONE
    const readings: Reading[] = [];
    let most = 1;
    let together = true;
    try {
      for (;;) {
        while (readings.length < most && (readings.length === 0 || ahead < READS_AHEAD) && begin(session, readings, together));
        const reading = readings[0];
        if (reading === undefined) return;
        const isTaken =
          reading.run === undefined
            ? await handOver(session, reading.due, await reading.found)
            : handOverRun(session, reading.run, await reading.found);
        // What could not be read together is read one by one, which finds out why.
        together = isTaken !== undefined;
        if (isTaken !== true) forget(readings);
        else {
          readings.shift();
          if (readings.length > 0) ahead--;
        }
        most = isTaken === true ? Math.min(2 * most, READS_OF_ONE) : 1;
      }
    } finally {
      forget(readings);
    }
  };

  /** Begins to read what comes behind what is being read; false when there is nothing. */
  const begin = (session: number, readings: Reading[], together: boolean): boolean => {
    const reading = (together ? readTogether(session, readings.at(-1)?.last) : undefined) ?? readApart(session, readings.at(-1)?.last);
    if (reading === undefined) return false;
    // Nobody may come to look at it.
    reading.found.catch(() => {});
    if (readings.length > 0) ahead++;
    readings.push(reading);
    return true;
  };

  const readTogether = (session: number, after = 0): ReadTogether | undefined => {
    if (readerOf(session)?.deliverRun === undefined || rarely(points, "deliver-one")) return undefined;
    const { run, rest } = mailboxes.nextRun(session, after);
    if (run.size === 0 || (rest && run.size < RUN_MESSAGES)) return undefined;
    return { run, last: run.positions.at(-1) as number, found: log.readRun(run.segment, run.offsets, run.lengths) };
  };

  /** Read one by one, as far as they lie apart, and handed over in order. */
  const readApart = (session: number, after: number | undefined): ReadApart | undefined => {
    const due = mailboxes.nextFor(session, BATCH_BYTES, after).slice(0, rarely(points, "deliver-one") ? 1 : BATCH_MESSAGES);
    const last = due.at(-1)?.position;
    return last === undefined ? undefined : { last, due, found: log.readAll(due.map(({ place }) => place)) };
  };

  const forget = (readings: Reading[]): void => {
    ahead -= Math.max(0, readings.length - 1);
    readings.length = 0;
  };

  /** False when what comes next is not what was read behind it; `undefined` when it could not be read. */
  const handOverRun = (session: number, run: MailRun, read: RunRead | undefined): boolean | undefined => {
    if (read === undefined) return undefined;
    const { bytes, from, release } = read;
    const to = readerOf(session);
    // What was let go of, or has gone on, while it was being read is nobody's error.
    const size = to?.deliverRun === undefined ? 0 : mailboxes.stillDue(session, run);
    const [starts, ends]: [number[], number[]] = [[], []];
    for (let index = 0; index < size; index++) {
      const at = (run.offsets[index] as number) - from;
      const length = run.lengths[index] as number;
      const start = keptEnvelopeAt(bytes, at, length);
      if (start < 0) return undefined;
      starts.push(start);
      ends.push(at + length);
    }
    if (to === undefined || size === 0) {
      release();
      return false;
    }
    const positions = size === run.size ? run.positions : run.positions.slice(0, size);
    const isMuch =
      to.deliverRun?.({ positions, storedAtMs: run.storedAtMs, bytes, starts, ends, written: release, memory: lendTo(to) }) === true;
    loop.feed({ kind: "handed-over", session, positions });
    if (isMuch) noticeQueue(session);
    return size === run.size;
  };

  /** False when what comes next is not what was read behind it. */
  const handOver = async (session: number, due: readonly Due[], found: readonly ReadBack[]): Promise<boolean> => {
    for (const [index, { position, storedAtMs }] of due.entries()) {
      const { record, failure } = found[index] as ReadBack;
      const to = readerOf(session);
      // What was let go of, or has gone on, while it was being read is nobody's error.
      if (to === undefined || mailboxes.nextFor(session, 1)[0]?.position !== position) return false;
      if (record === undefined) {
        if (!isPerdureError(failure) || failure.code !== "log-damaged") throw failure;
        await lost(session, position);
        return false;
      }
      const isMuch = to.deliver(position, storedAtMs, [decodeKeptMail(record).envelope]);
      loop.feed({ kind: "handed-over", session, positions: [position] });
      if (isMuch) noticeQueue(session);
    }
    return true;
  };

  const wake = (session: number): void => {
    if (running.has(session)) return;
    running.add(session);
    pump(session).then(
      () => {
        running.delete(session);
        if (readerOf(session) !== undefined && mailboxes.nextFor(session, 1).length > 0) wake(session);
      },
      (error: unknown) => {
        failed(error);
        clock.after(diskRetryMs, () => {
          running.delete(session);
          if (readerOf(session) !== undefined) wake(session);
        });
      },
    );
  };

  return { wake, drained, noticeQueue };
}
