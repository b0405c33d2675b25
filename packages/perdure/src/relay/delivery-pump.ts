/**
 * Serves consumers that are behind from the log, in order, as fast as they read: nothing more is read for one whose queue is
 * full until that queue has left. For one that takes all it is given the next reads are under way while one is handed over.
 */

import type { Clock } from "../host/clock.ts";
import { type Points, rarely } from "../host/points.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { Due } from "../protocol/delivery/stored-mails.ts";
import type { ReadBack, RecordLog } from "../store/log/record-log.ts";
import type { Bytes } from "../wire/bytes.ts";
import { isPerdureError } from "../wire/error.ts";
import { decodeKeptMail } from "../wire/kept-relay.ts";
import type { RelayLoop } from "./relay-loop.ts";

/** Whoever consumes a mailbox: an agent by its session, or what passes mail on to another relay. */
export interface MailReader {
  /** Bytes that it was given and that have not left. */
  readonly queuedBytes: number;
  /** Whether its queue is worth a look: it was given much since the last one. */
  deliver(position: number, storedAtMs: number, envelope: Bytes): boolean;
}

export interface DeliveryPump {
  /** There is mail in the log for this session. */
  wake(session: number): void;
  /** Tells the machine when the session's queue is full. */
  noticeQueue(session: number): void;
}

export interface DeliveryPumpOptions {
  readonly mailboxes: Mailboxes;
  readonly log: Pick<RecordLog, "readAll">;
  readonly loop: RelayLoop;
  readonly clock: Clock;
  /** Pause before a read that failed is tried again. */
  readonly diskRetryMs: number;
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
/** Reads under way for one session at most: what is read ahead of one whose queue then is full was read for nothing. */
const READS_OF_ONE = 4;
/** As many for all together, one for each besides: what they hold in memory must not grow with how many come back at once. */
const READS_AHEAD = 16;

interface Reading {
  readonly due: readonly Due[];
  readonly found: Promise<readonly ReadBack[]>;
}

export function createDeliveryPump({
  mailboxes,
  log,
  loop,
  clock,
  diskRetryMs,
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

  const noticeQueue = (session: number): void => {
    if (isOver(readerOf(session)?.queuedBytes ?? 0)) loop.feed({ kind: "blocked", session, blocked: true });
  };

  const pump = async (session: number): Promise<void> => {
    // bound: READS_OF_ONE
    const readings: Reading[] = [];
    let most = 1;
    try {
      for (;;) {
        while (readings.length < most && (readings.length === 0 || ahead < READS_AHEAD) && begin(session, readings));
        const reading = readings[0];
        if (reading === undefined) return;
        const found = await reading.found;
        const isTaken = await handOver(session, reading.due, found);
        if (!isTaken) forget(readings);
        else {
          readings.shift();
          if (readings.length > 0) ahead--;
        }
        most = isTaken ? Math.min(2 * most, READS_OF_ONE) : 1;
      }
    } finally {
      forget(readings);
    }
  };

  /** Begins to read what comes behind what is being read; false when there is nothing. */
  const begin = (session: number, readings: Reading[]): boolean => {
    const due = nextBatch(session, readings.at(-1)?.due.at(-1)?.position);
    if (due.length === 0) return false;
    const found = log.readAll(due.map(({ place }) => place));
    // Nobody may come to look at it.
    found.catch(() => {});
    if (readings.length > 0) ahead++;
    readings.push({ due, found });
    return true;
  };

  const forget = (readings: Reading[]): void => {
    ahead -= Math.max(0, readings.length - 1);
    readings.length = 0;
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
      const isMuch = to.deliver(position, storedAtMs, decodeKeptMail(record).envelope);
      loop.feed({ kind: "handed-over", session, position });
      if (isMuch) noticeQueue(session);
    }
    return true;
  };

  /** Read together, handed over in order. */
  const nextBatch = (session: number, after: number | undefined): readonly Due[] =>
    mailboxes.nextFor(session, BATCH_BYTES, after).slice(0, rarely(points, "deliver-one") ? 1 : BATCH_MESSAGES);

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

  return { wake, noticeQueue };
}
