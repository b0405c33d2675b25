/**
 * Serves consumers that are behind from the log, in order, as fast as they read: nothing more is read for one whose queue is
 * full until that queue has left.
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

  const noticeQueue = (session: number): void => {
    if (isOver(readerOf(session)?.queuedBytes ?? 0)) loop.feed({ kind: "blocked", session, blocked: true });
  };

  const pump = async (session: number): Promise<void> => {
    for (let due = nextBatch(session); due.length > 0; due = nextBatch(session)) {
      const found = await log.readAll(due.map(({ place }) => place));
      for (const [index, { position, storedAtMs }] of due.entries()) {
        const { record, failure } = found[index] as ReadBack;
        const to = readerOf(session);
        if (to === undefined) return;
        // What was let go of, or has gone on, while it was being read is nobody's error.
        if (mailboxes.nextFor(session, 1)[0]?.position !== position) break;
        if (record === undefined) {
          if (!isPerdureError(failure) || failure.code !== "log-damaged") throw failure;
          await lost(session, position);
          break;
        }
        const isMuch = to.deliver(position, storedAtMs, decodeKeptMail(record).envelope);
        loop.feed({ kind: "handed-over", session, position });
        if (isMuch) noticeQueue(session);
      }
    }
  };

  /** Read together, handed over in order. */
  const nextBatch = (session: number): readonly Due[] =>
    mailboxes.nextFor(session, BATCH_BYTES).slice(0, rarely(points, "deliver-one") ? 1 : BATCH_MESSAGES);

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
