/**
 * The agent's state on its disk: one log, and the machines that the log's records drive.
 *
 * Everything durable changes in one lane: the changes that wait are planned against the state one after the other, their
 * records become durable together or not at all, and only then the state takes them over. So a full disk leaves nothing
 * half-done, and what is read back is what was lived through.
 */
import { sleep } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { openRecordLog } from "../store/log/open-log.ts";
import type { LogHealth, RecordAt } from "../store/log/record-log.ts";
import type { Bytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdText, messageIdText } from "../wire/ids.ts";
import { decodeKept, encodeKept, type Kept, type PayloadAt } from "../wire/kept-agent.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import { createRecentPayloads } from "./recent-payloads.ts";

/** Records planned into one batch at most, in bytes; a single change may be larger. */
const GROUP_BYTES = 4 * 1024 * 1024;
/** Changes that may wait for the disk. */
const MAX_WAITING = 16_384;

export interface Change<Result> {
  /** Reads the state and says what to keep; nothing of it is in force before it is durable. Throwing refuses the change. */
  readonly plan: () => { readonly records: readonly Planned[]; readonly result: Result };
  /** After a disk that failed: give up with its error, or try again until it works. */
  readonly onFailure: "give-up" | "try-again";
  /** Takes back what `plan` marked, when its records did not become durable. */
  readonly undo?: () => void;
  /** Runs in the turn in which the records came into force. */
  readonly applied?: (result: Result) => void;
}

export interface AgentStore extends AsyncDisposable {
  commit<Result>(change: Change<Result>): Promise<Result>;
  /** The payload of a record. */
  read(at: PayloadAt): Promise<Bytes>;
  /** From now on a change that waits for the disk to work again is given up with the disk's error. */
  giveUp(): void;
  /** Resolves when every change so far is durable or given up. */
  idle(): Promise<void>;
  readonly health: LogHealth;
  /** As the log has it. */
  sparsest(excepted: (segment: number) => boolean): number | undefined;
}

interface Waiting {
  readonly change: Change<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** State whose records carry no payload. */
export interface SmallState {
  apply(kept: Kept): void;
  reset(): void;
  restate(): readonly { readonly kept: Kept }[];
}

export interface StoreOptions {
  readonly host: Host;
  readonly folder: string;
  readonly settings: Settings;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly peers: Peers;
  /** What else is made of the records: the contact book, the loop guard. */
  readonly contacts: readonly SmallState[];
  /** What has to be kept together with the changes of one batch: the receipts for its completions. */
  readonly closing: () => readonly Planned[];
  /** The batch of `closing` was not kept. */
  readonly reopen: () => void;
  /** Records came into force. */
  readonly onApplied: (records: readonly Planned[]) => void;
}

/**
 * Records of the contact book say a whole entry, made of the one before it: a change that has one is the last of its group, so that
 * whoever plans the next one sees it. Else the later of two in one group would take back what the earlier said.
 */
const OF_THE_BOOK: ReadonlySet<Kept["kind"]> = new Set(["contact", "invite", "policy"]);

/** `log-damaged`, `disk-full`, `disk-failed`, `read-only`. */
export async function openAgentStore(options: StoreOptions): Promise<AgentStore> {
  const { host, folder, settings, outbox, inbox } = options;
  const state = createReplay(options);
  const log = await openRecordLog({
    files: host.files,
    random: host.random,
    clock: host.clock,
    log: host.log,
    crc32: host.crypto.hash.crc32,
    folder: `${folder}/agent`,
    magic: "agent",
    segmentBytes: settings.segmentBytes,
    diskRetryMs: settings.diskRetryMs,
    points: host.points,
    replay: state.replay,
    snapshot: state.snapshot,
    onHealth: (health) =>
      host.log.write(health.state === "good" ? "info" : "error", "agent.disk", {
        state: health.state,
        code: health.state === "good" ? undefined : health.code,
      }),
  });
  for (const at of state.unneeded()) log.release(at);
  const stop = new AbortController();
  const patience = new AbortController();
  // bound: MAX_WAITING
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  const recent = createRecentPayloads();
  const release = (place: PayloadAt): void => {
    recent.drop(place);
    log.release(place);
  };

  /** `written`: the records as they were written, behind that of the group. */
  const applyAll = (records: readonly Planned[], at: readonly RecordAt[], written: readonly Bytes[]): void => {
    records.forEach(({ kept, payload }, index) => {
      const place = at[index + 1] as RecordAt;
      state.apply(kept, place, payload);
      if (!outbox.holds(place) && !inbox.holds(place)) log.release(place);
      // Of what was written, not of what was given: that is its owner's to change.
      else if (payload !== undefined) recent.add(kept.kind, place, lastOf(written[index + 1] as Bytes, payload.length));
    });
    for (const place of outbox.takeReleases()) release(place);
    for (const place of inbox.takeReleases()) release(place);
  };

  const oneGroup = async (): Promise<void> => {
    const group: { readonly each: Waiting; readonly result: unknown }[] = [];
    const records: Planned[] = [];
    const number = state.nextGroup();
    const encoded: Bytes[] = [encodeKept({ kind: "group", head: { number } }, undefined)];
    const add = (planned: readonly Planned[]): void => {
      // Everything is encoded before anything is added: a change that cannot be written down is refused alone.
      const written = planned.map(({ kept, payload }) => encodeKept(kept, payload));
      records.push(...planned);
      encoded.push(...written);
    };
    let bytes = 0;
    while (waiting.length > 0 && bytes < GROUP_BYTES) {
      const each = waiting.shift() as Waiting;
      const reserved = outbox.reservations;
      try {
        const planned = each.change.plan();
        add(planned.records);
        for (const { payload } of planned.records) bytes += payload?.length ?? 256;
        group.push({ each, result: planned.result });
        if (planned.records.some(({ kept }) => OF_THE_BOOK.has(kept.kind))) break;
      } catch (error) {
        outbox.unreserve(reserved);
        each.reject(error);
      }
    }
    try {
      add(options.closing());
      if (records.length > 0) {
        const appended = log.append(encoded, { orReject: true });
        await appended.synced;
        log.release(appended.at[0] as RecordAt);
        state.applied(number);
        applyAll(records, appended.at, encoded);
      }
    } catch (error) {
      outbox.unreserve(0);
      options.reopen();
      const again: Waiting[] = [];
      for (const { each } of group) {
        each.change.undo?.();
        if (each.change.onFailure === "try-again" && !patience.signal.aborted) again.push(each);
        else each.reject(error);
      }
      if (!(error instanceof PerdureError)) host.log.write("error", "agent.commit-failed", { why: String(error) });
      waiting = [...again, ...waiting];
      if (again.length > 0) await sleep(host.clock, settings.diskRetryMs, patience.signal).catch(() => undefined);
      return;
    }
    outbox.keepReservations();
    for (const { each, result } of group) {
      each.change.applied?.(result);
      each.resolve(result);
    }
    if (records.length > 0) options.onApplied(records);
  };

  const run = async (): Promise<void> => {
    await undefined;
    while (waiting.length > 0) await oneGroup();
    running = undefined;
  };

  return {
    commit: <Result>(change: Change<Result>): Promise<Result> =>
      new Promise<Result>((resolve, reject) => {
        if (stop.signal.aborted) return reject(new PerdureError("aborted", "this agent is closed"));
        if (waiting.length >= MAX_WAITING)
          return reject(
            new PerdureError("too-busy", `${MAX_WAITING} changes wait for the disk`, { retry: "after", afterMs: settings.diskRetryMs }),
          );
        waiting.push({ change: change as Change<unknown>, resolve: resolve as (result: unknown) => void, reject });
        // A turn later, so that what is asked for in one turn shares a batch.
        running ??= run();
      }),
    async read(at) {
      return recent.get(at) ?? decodeKept(await log.read(at)).payload;
    },
    giveUp: () => patience.abort(),
    async idle() {
      while (running !== undefined) await running;
    },
    get health() {
      return log.health;
    },
    sparsest: log.sparsest,
    async [Symbol.asyncDispose]() {
      stop.abort();
      patience.abort();
      while (running !== undefined) await running;
      await log[Symbol.asyncDispose]();
    },
  };
}

function lastOf(bytes: Bytes, length: number): Bytes {
  return bytes.subarray(bytes.length - length);
}

interface Replay {
  replay(record: Bytes, at: RecordAt): void;
  snapshot(): readonly Bytes[];
  apply(kept: Kept, at: PayloadAt | undefined, payload: Bytes | undefined, restated?: boolean): void;
  nextGroup(): number;
  applied(group: number): void;
  /** Records read back whose payload nobody needs. */
  unneeded(): readonly RecordAt[];
}

/**
 * Reading back. A restatement replaces everything before it, except the one batch that may have become durable while the
 * restatement was being made: its number is higher than the one the restatement names, so it is applied once more after it.
 */
function createReplay({ host, outbox, inbox, peers, contacts }: StoreOptions): Replay {
  let group = 0;
  let newest: { readonly number: number; readonly records: { readonly kept: Kept; readonly at: RecordAt; readonly payload: Bytes }[] } = {
    number: 0,
    records: [],
  };
  // bound: the records of one group, while the log is read
  let carried: typeof newest.records = [];
  // bound: the records of one file of the log
  let seen: RecordAt[] = [];
  let restating = false;

  const apply: Replay["apply"] = (kept, at, payload, restated = false) => {
    outbox.apply(kept, at);
    inbox.apply(kept, at, restated);
    peers.apply(kept, payload);
    for (const each of contacts) each.apply(kept);
  };
  const endRestatement = (): void => {
    restating = false;
    for (const { kept, at, payload } of carried) apply(kept, at, payload);
    carried = [];
  };

  return {
    replay(record, at) {
      const { kept, restated, payload } = decodeKept(record);
      if (kept.kind === "reset") {
        carried = newest.number > kept.head.group ? newest.records : [];
        group = Math.max(kept.head.group, newest.number);
        newest = { number: 0, records: [] };
        outbox.reset();
        peers.reset();
        for (const each of contacts) each.reset();
        inbox.reset(kept.head.arrival);
        restating = true;
        return;
      }
      if (kept.kind === "group") {
        endRestatement();
        group = kept.head.number;
        newest = { number: group, records: [] };
        seen.push(at);
        return;
      }
      if (restating) return apply(kept, restated, payload, true);
      if (kept.kind === "completed") {
        const { from, stream, seq, parts, outcome } = kept.head;
        host.log.write("debug", "agent.completion-read", { from: agentIdText(from), id: messageIdText(stream, seq), parts, outcome });
      }
      seen.push(at);
      newest.records.push({ kept, at, payload: kept.kind === "peer" ? payload : new Uint8Array(0) });
      apply(kept, at, payload);
    },
    snapshot() {
      endRestatement();
      return [
        encodeKept({ kind: "reset", head: { group, arrival: inbox.lastArrival } }, undefined),
        ...peers.restate().map(({ kept, payload }) => encodeKept(kept, payload)),
        ...contacts.flatMap((each) => each.restate().map(({ kept }) => encodeKept(kept, undefined))),
        ...[...outbox.restate(), ...inbox.restate()].map(({ kept, restated }) => encodeKept(kept, undefined, restated)),
      ];
    },
    apply,
    nextGroup: () => group + 1,
    applied(number) {
      group = number;
    },
    unneeded() {
      outbox.takeReleases();
      inbox.takeReleases();
      const places = seen.filter((at) => !outbox.holds(at) && !inbox.holds(at));
      seen = [];
      return places;
    },
  };
}
