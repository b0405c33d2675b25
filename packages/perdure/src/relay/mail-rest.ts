/**
 * Keeps the memory of a relay from growing with the mail that waits in it: makes the indexes of segments that were closed, lets mail come
 * to rest that nobody is about to read, and fetches its rows when somebody is.
 *
 * Making indexes and compacting take turns: a record that is copied while somebody looks where records lie could be in no index. An index
 * gets its name only when everything that had left by then is durable, for what is neither in it nor settled would be lost.
 */
import type { Clock } from "../host/clock.ts";
import { sleep } from "../host/deadline.ts";
import { type Points, rarely } from "../host/points.ts";
import { draftIndexes } from "../protocol/delivery/index-building.ts";
import type { IndexedPositions } from "../protocol/delivery/index-reading.ts";
import type { RelayOutput } from "../protocol/delivery/mailbox-events.ts";
import { type AgentState, findAgent, mailboxOwners, ownerOf, type Place } from "../protocol/delivery/mailbox-state.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { Settings } from "../settings/register.ts";
import type { RecordLog } from "../store/log/record-log.ts";
import { PerdureError } from "../wire/error.ts";
import type { RelayLoop } from "./relay-loop.ts";
import { createRowReader, namedRuns } from "./segment-indexes.ts";

type RowsWanted = Extract<RelayOutput, { readonly kind: "rows-wanted" }>;

export interface MailRest {
  want(wanted: RowsWanted): void;
  /** A segment was closed. */
  segmentClosed(): void;
  /** Does something while no index is being made. */
  alone<Value>(work: () => Promise<Value>): Promise<Value>;
  /** Where mail lies, as the machine knows it, that waits and whose record lies in that segment; it has rows from here on. */
  needed(segment: number): Promise<readonly Place[]>;
  stop(): void;
}

export interface MailRestOptions {
  readonly clock: Clock;
  readonly settings: Pick<Settings, "messagesAtHand" | "diskRetryMs">;
  readonly mailboxes: Mailboxes;
  readonly log: RecordLog;
  readonly loop: RelayLoop;
  readonly points: Points | undefined;
  /** An index is not what was written. */
  readonly damaged: (segment: number) => void;
  /** A message is lost: its record is not what was written either. */
  readonly lost: (agent: string, position: number) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** What is closed within this time is looked at together. */
const GATHER_MS = 300;
/** Rows looked at before others get a turn. */
const ROWS_A_TURN = 10_000;
const FETCHES_AT_ONCE = 16;
/** What fails again and again is asked for ever more rarely, up to this: each time may read a whole segment, and is told. */
const LONGEST_PAUSE_MS = 60_000;

interface Waiting {
  readonly asked: RowsWanted;
  /** Before it is asked for again, should it fail. */
  readonly pauseMs: number;
}
/** Mail comes to rest until so much of what may be at hand is. */
const REST_TO_SHARE = 0.8;

export function createMailRest({ clock, settings, mailboxes, log, loop, points, damaged, lost, failed }: MailRestOptions): MailRest {
  const { state } = mailboxes;
  const stopping = new AbortController();
  /** Whose index was found to be damaged: that is told once. bound: one per closed segment */
  const damagedIndexes = new Set<number>();
  const rows = createRowReader(log, (segment) => {
    if (damagedIndexes.has(segment)) return;
    damagedIndexes.add(segment);
    damaged(segment);
  });
  /** Segments with an index of whose mail some may have rows. bound: one per closed segment */
  const atHand = new Set<number>(log.indexed());
  /** bound: one per mailbox */
  const waiting: Waiting[] = [];
  let fetching = 0;
  let turn: Promise<unknown> = Promise.resolve();
  let cancel: (() => void) | undefined;
  /** A round is wanted that has not begun. */
  let wanted = false;

  const alone = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };

  /** Gives others a turn now and then; said how many rows were looked at. */
  const takeTurns = (): ((looked: number) => Promise<void>) => {
    let since = 0;
    return async (looked) => {
      since += looked;
      if (since < ROWS_A_TURN) return;
      since = 0;
      await sleep(clock, 0, stopping.signal);
    };
  };

  const makeIndexes = async (segments: readonly number[]): Promise<void> => {
    const draft = draftIndexes(segments);
    const pause = takeTurns();
    for (const owner of [...mailboxOwners(state)]) {
      const { stored } = owner.mailbox;
      draft.visit(owner, log.actual);
      await pause(stored.size - stored.resting.size);
    }
    await loop.durable();
    for (const segment of segments) {
      const { body, places } = draft.finish(segment);
      if (await log.putIndex(segment, body, places)) atHand.add(segment);
    }
  };

  /** Positions of a run that an index names, as far as they have a row and their record still lies in that segment. */
  const presentIn = (owner: AgentState, segment: number, first: number, count: number, row: number): readonly IndexedPositions[] => {
    const present: { agent: string; first: number; count: number; row: number }[] = [];
    for (let position = first; position < first + count; position++) {
      const place = owner.mailbox.stored.placeOf(position);
      if (place === undefined || log.actual(place).segment !== segment) continue;
      const last = present.at(-1);
      if (last !== undefined && last.first + last.count === position) last.count++;
      else present.push({ agent: owner.key, first: position, count: 1, row: row + position - first });
    }
    return present;
  };

  const rest = async (segment: number, all: boolean): Promise<void> => {
    const pause = takeTurns();
    let found = false;
    for (const { mailbox, first, count, row } of await namedRuns(log, segment, damaged)) {
      const owner = findAgent(state, mailbox);
      const runs = owner === undefined ? [] : presentIn(owner, segment, first, count, row);
      if (owner !== undefined && runs.length > 0) {
        found = true;
        const { stored } = owner.mailbox;
        const known = runs
          .flatMap((run) => Array.from({ length: run.count }, (_, nth) => run.first + nth))
          .map((at) => [at, stored.placeOf(at)] as const);
        loop.feed({ kind: "rest", segment, runs, all });
        for (const [position, place] of known) if (place !== undefined && stored.resting.has(position)) log.adopt(place);
      }
      await pause(count);
    }
    if (!found) atHand.delete(segment);
  };

  const round = async (): Promise<void> => {
    const misbehaves = rarely(points, "mail-rests-at-once");
    const segments = log.unindexed();
    if (segments.length > 0) await makeIndexes(segments);
    const limit = misbehaves ? -1 : settings.messagesAtHand;
    if (state.mails.rows <= limit) return;
    for (const all of misbehaves ? [true] : [false, true])
      for (const segment of [...atHand].sort((a, b) => a - b)) {
        if (state.mails.rows <= limit * REST_TO_SHARE || stopping.signal.aborted) return;
        if (log.indexed().includes(segment)) await rest(segment, all);
        // While the disk takes nothing the log names none.
        else if (log.health.state === "good") atHand.delete(segment);
      }
  };

  const arm = (): void => {
    wanted = true;
    if (cancel !== undefined || stopping.signal.aborted) return;
    wanted = false;
    cancel = clock.after(GATHER_MS, () => {
      alone(round)
        .catch((error: unknown) => {
          if (!stopping.signal.aborted) failed(error);
        })
        .finally(() => {
          cancel = undefined;
          if (wanted) arm();
        });
    });
  };

  /** Whether the first of it still rests there: whoever compacts a segment fetches rows too, and then the segment may be gone. */
  const stillRests = ({ mailbox }: AgentState, { segment, first }: RowsWanted): boolean => {
    const run = mailbox.stored.resting.from(first);
    return run !== undefined && run.first <= first && run.segment === segment;
  };

  /** How many rows came. */
  const fetchRun = async (owner: AgentState, segment: number, row: number, first: number, count: number): Promise<number> => {
    const read = await rows.read(segment, row, owner.idRaw, first, count);
    // Who hears of none asks again at once.
    if (read.rows.length === 0) return 0;
    loop.feed({ kind: "rows", agent: owner.key, first, rows: read.rows });
    // No timer comes in between, for nothing here waits for one: what stands for a lost row is gone before anybody else looks at it.
    for (const position of read.lost) {
      const [given, taken] = [read.rows[position - first]?.place, owner.mailbox.stored.placeOf(position)];
      // What has come to its end meanwhile, or has a row from elsewhere, is not lost.
      if (taken?.segment === given?.segment && taken?.offset === given?.offset) await lost(owner.key, position);
    }
    return read.rows.length;
  };

  const fetchOne = async ({ asked, pauseMs }: Waiting): Promise<void> => {
    const { agent, segment, row, first, count } = asked;
    const owner = ownerOf(state, agent);
    if (owner === undefined) return;
    // Who gets no rows looks anew what rests where.
    const answerNone = (): void => loop.feed({ kind: "rows", agent, first, rows: [] });
    if (!stillRests(owner, asked)) return answerNone();
    try {
      if ((await fetchRun(owner, segment, row, first, count)) === 0)
        throw new PerdureError("log-damaged", `segment ${segment} has not what its index names`, {
          hint: "Start the relay again: it then reads the segment itself, and goes on without what is lost.",
        });
      atHand.add(segment);
      if (state.mails.rows > settings.messagesAtHand) arm();
    } catch (error) {
      if (stopping.signal.aborted) return;
      if (!stillRests(owner, asked)) return answerNone();
      failed(error);
      fetchLater(asked, pauseMs);
    }
  };

  /** What fails for some waits apart: the fetches of others go on. */
  const fetchLater = (asked: RowsWanted, pauseMs: number): void => {
    sleep(clock, pauseMs, stopping.signal).then(
      () => {
        waiting.push({ asked, pauseMs: Math.max(pauseMs, Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) });
        fetchNext();
      },
      () => {},
    );
  };

  const fetchNext = (): void => {
    while (fetching < FETCHES_AT_ONCE) {
      const next = waiting.shift();
      if (next === undefined) return;
      fetching++;
      fetchOne(next)
        .catch(failed)
        .finally(() => {
          fetching--;
          fetchNext();
        });
    }
  };

  if (log.unindexed().length > 0) arm();
  return {
    want: (asked) => {
      waiting.push({ asked, pauseMs: settings.diskRetryMs });
      fetchNext();
    },
    segmentClosed: arm,
    alone,
    needed: async (segment) => {
      const places: Place[] = [];
      const pause = takeTurns();
      for (const owner of [...mailboxOwners(state)]) {
        const { stored } = owner.mailbox;
        for (let run = stored.resting.from(1); run !== undefined; run = stored.resting.from(run.last + 1)) {
          if (run.segment !== segment) continue;
          await fetchRun(owner, segment, run.row, run.first, run.last - run.first + 1);
        }
        for (const position of stored.keys()) {
          const place = stored.placeOf(position);
          if (place !== undefined && log.actual(place).segment === segment) places.push(place);
        }
        await pause(stored.size - stored.resting.size);
      }
      atHand.add(segment);
      return places;
    },
    stop: () => {
      stopping.abort();
      cancel?.();
    },
  };
}
