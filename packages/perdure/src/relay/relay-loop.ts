/**
 * Carries inputs into the machine and its outputs out, one turn at a time: everything that arrived by its end, on whatever connection,
 * becomes one append to the log, and only then do frames leave, those for one connection together.
 */
import type { Clock } from "../host/clock.ts";
import { type Points, rarely } from "../host/points.ts";
import type { RelayInput, RelayOutput } from "../protocol/delivery/mailbox-events.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { RecordLog } from "../store/log/record-log.ts";

export interface RelayLoop {
  /** Takes an input at once; its outputs leave at the end of the turn. */
  feed(input: RelayInput): void;
  /** Resolves when everything fed so far is durable; throws what the log said when something of it never will be. */
  durable(): Promise<void>;
}

export interface RelayLoopOptions {
  readonly mailboxes: Mailboxes;
  readonly log: Pick<RecordLog, "append" | "release" | "hurry">;
  readonly clock: Clock;
  /** Everything but `append`, `hurry` and `release`. */
  readonly carry: (output: RelayOutput) => void;
  readonly points: Points | undefined;
  readonly failed: (error: unknown) => void;
}

/** What nobody waits for is written with what comes next, or so much later: a disk that has little to do syncs less often. */
const LATER_MS = 100;
/**
 * Mail of one turn: what it is made of should be done with while it is still close to the processor, and before the garbage collector looks.
 * What a turn that ended for it appends is written with what else arrived.
 */
const TURN_BYTES = 64 * 1024;

export function createRelayLoop({ mailboxes, log, clock, carry, points, failed }: RelayLoopOptions): RelayLoop {
  /** Of turns that ended early. bound: what one turn brought */
  let waiting: RelayOutput[] = [];
  let scheduled = false;
  let lastSync: Promise<void> = Promise.resolve();
  /** Something will never be durable: from then on nothing is, for whoever hears of a ticket takes all before it for durable. */
  let lost: { readonly error: unknown } | undefined;

  let turnBytes = 0;
  let isEarly = false;
  /** What turns that ended early have appended waits for the others. */
  let held = false;
  // The first input of a turn reads the clocks: a message costs less than reading them.
  let wallMs = 0;
  let monotonicMs = 0;

  const feed = (input: RelayInput): void => {
    if (!scheduled) [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()];
    mailboxes.take(input, wallMs, monotonicMs);
    if (rarely(points, "append-apart")) waiting.push(...mailboxes.endTurn());
    if (input.kind === "mails") {
      for (const { envelope } of input.mails) turnBytes += envelope.length;
      if (turnBytes >= TURN_BYTES) {
        turnBytes = 0;
        queueMicrotask(endEarly);
      }
    }
    if (scheduled) return;
    scheduled = true;
    if (clock.afterArrivals === undefined) queueMicrotask(allArrived);
    else clock.afterArrivals(allArrived);
  };

  const endEarly = (): void => {
    isEarly = true;
    endTurn();
    isEarly = false;
  };

  const allArrived = (): void => {
    endTurn();
    if (!held) return;
    held = false;
    log.hurry();
  };

  const endTurn = (): void => {
    if (!scheduled) return;
    scheduled = false;
    turnBytes = 0;
    const before = waiting;
    waiting = [];
    try {
      for (const output of before) carryOut(output);
      for (const output of mailboxes.endTurn()) carryOut(output);
    } catch (error) {
      failed(error);
    }
  };

  const carryOut = (output: RelayOutput): void => {
    if (output.kind === "append") return append(output);
    try {
      if (output.kind === "release") output.places.each((segment, offset, length) => log.release({ segment, offset, length }));
      else if (output.kind === "hurry") log.hurry();
      else carry(output);
    } catch (error) {
      // What fails for one peer must not take from others what is theirs.
      failed(error);
    }
  };

  const append = ({ ticket, records, later }: Extract<RelayOutput, { readonly kind: "append" }>): void => {
    held ||= isEarly && later !== true;
    const { segment, offsets, synced } = log.append(records, isEarly || later === true ? { laterMs: LATER_MS } : {});
    mailboxes.take({ kind: "appended", ticket, segment, offsets }, wallMs, monotonicMs);
    lastSync = synced.then(() => feedSynced(ticket)).catch(lose);
  };

  const feedSynced = (ticket: number): void => {
    if (lost === undefined) feed({ kind: "synced", ticket });
  };

  const lose = (error: unknown): void => {
    lost ??= { error };
    failed(error);
  };

  const durable = async (): Promise<void> => {
    for (let waited: Promise<void> | undefined; waited !== lastSync || scheduled; ) {
      endTurn();
      waited = lastSync;
      log.hurry();
      await waited;
      await Promise.resolve();
    }
    if (lost !== undefined) throw lost.error;
  };

  return { feed, durable };
}
