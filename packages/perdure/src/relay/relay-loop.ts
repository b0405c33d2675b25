/**
 * Carries inputs into the machine and its outputs out, one turn at a time: everything fed within one turn becomes one append
 * to the log, and only then do frames leave.
 */
import type { Clock } from "../host/clock.ts";
import { type Points, rarely } from "../host/points.ts";
import type { RelayInput, RelayOutput } from "../protocol/delivery/mailbox-events.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { RecordLog } from "../store/log/record-log.ts";

export interface RelayLoop {
  /** Takes an input at once; its outputs leave at the end of the turn. */
  feed(input: RelayInput): void;
  /** Resolves when everything fed so far is durable. */
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

export function createRelayLoop({ mailboxes, log, clock, carry, points, failed }: RelayLoopOptions): RelayLoop {
  // bound: what one turn brought
  let queue: RelayOutput[] = [];
  let scheduled = false;
  let lastSync: Promise<void> = Promise.resolve();

  const feed = (input: RelayInput): void => {
    for (const output of mailboxes.step(input, clock.wallMs(), clock.monotonicMs())) queue.push(output);
    if (scheduled || queue.length === 0) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      try {
        flush();
      } catch (error) {
        failed(error);
      }
    });
  };

  const flush = (): void => {
    const outputs = queue;
    queue = [];
    const appends = outputs.filter((output) => output.kind === "append");
    if (rarely(points, "append-apart")) for (const each of appends) append([each]);
    else append(appends);
    for (const output of outputs) {
      try {
        if (output.kind === "release") for (const place of output.places) log.release(place);
        else if (output.kind === "hurry") log.hurry();
        else if (output.kind !== "append") carry(output);
      } catch (error) {
        // What fails for one peer must not take from others what is theirs.
        failed(error);
      }
    }
  };

  const append = (appends: readonly Extract<RelayOutput, { readonly kind: "append" }>[]): void => {
    const last = appends.at(-1);
    if (last === undefined) return;
    const later = appends.every((each) => each.later === true);
    const { at, synced } = log.append(
      appends.flatMap((each) => each.records),
      later ? { laterMs: LATER_MS } : {},
    );
    let index = 0;
    for (const { ticket, records } of appends) {
      feed({ kind: "appended", ticket, places: at.slice(index, index + records.length) });
      index += records.length;
    }
    lastSync = synced.then(() => feed({ kind: "synced", ticket: last.ticket })).catch(failed);
  };

  const durable = async (): Promise<void> => {
    for (let waited: Promise<void> | undefined; waited !== lastSync || queue.length > 0; ) {
      waited = lastSync;
      log.hurry();
      await waited;
      await Promise.resolve();
    }
  };

  return { feed, durable };
}
