/**
 * What a recipient remembers of one sender's stream: which numbers are settled, which are pending, and in which order
 * they may start.
 *
 * Invariants: a number is pending or settled, never both unless its message waits in the failed box or was put back from
 * it; the digests of the newest MAX_DIGESTS settled numbers are kept, so that an id used twice shows.
 */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { MAX_EARLIER } from "../../wire/kept-agent.ts";
import { type Incoming, isWhole } from "./incoming.ts";
import { createIntervalSet, type IntervalSet } from "./interval-set.ts";

export const MAX_DIGESTS = 64;
/** Idempotency keys remembered of one stream; the ones taken first are forgotten first. */
export const MAX_KEYS = 4096;
/** Runs of settled numbers remembered of one stream; what would begin one more is refused. An honest sender leaves few holes. */
export const MAX_RUNS = 4096;

/** How much is remembered of one stream, and how much of that one record of a restatement says. */
export interface StreamBounds {
  readonly digests: number;
  readonly keys: number;
  readonly runs: number;
  readonly runsPerRecord: number;
  readonly keysPerRecord: number;
}

export const STREAM_BOUNDS: StreamBounds = { digests: MAX_DIGESTS, keys: MAX_KEYS, runs: MAX_RUNS, runsPerRecord: 512, keysPerRecord: 128 };

export interface IncomingStream {
  readonly bounds: StreamBounds;
  readonly from: Bytes;
  readonly stream: Bytes;
  readonly settled: IntervalSet;
  /** Digests of each pending number: of the envelope that was taken, and of those before it that say the same. */
  readonly pending: Map<number, readonly Bytes[]>;
  /** Unsettled messages, by sequence number. */
  readonly messages: Incoming[];
  floor: number;
  maxExpiryMs: number;
  /** Digests and committed attempt of settled numbers, newest last. */
  readonly digests: Map<number, { readonly digests: readonly Bytes[]; readonly attempt: number }>;
  /** Idempotency keys and the first number that took each. */
  readonly keys: Map<string, number>;
}

export function createIncomingStream(from: Bytes, stream: Bytes, bounds: StreamBounds): IncomingStream {
  return {
    bounds,
    from,
    stream,
    settled: createIntervalSet(),
    // bound: one per part of a message that is held
    pending: new Map(),
    messages: [],
    floor: 1,
    maxExpiryMs: 0,
    // bound: MAX_DIGESTS
    digests: new Map(),
    // bound: MAX_KEYS
    keys: new Map(),
  };
}

/** Beside those of the same number that are remembered: all of them say the same. */
export function rememberDigest(stream: IncomingStream, seq: number, digest: Bytes, attempt: number): void {
  const known = stream.digests.get(seq)?.digests.filter((each) => !equalBytes(each, digest)) ?? [];
  stream.digests.delete(seq);
  stream.digests.set(seq, { digests: [...known, digest].slice(-MAX_EARLIER - 1), attempt });
  for (const oldest of stream.digests.keys()) {
    if (stream.digests.size <= stream.bounds.digests) break;
    stream.digests.delete(oldest);
  }
}

export function rememberKey(stream: IncomingStream, key: string, seq: number): void {
  stream.keys.set(key, seq);
  for (const oldest of stream.keys.keys()) {
    if (stream.keys.size <= stream.bounds.keys) break;
    stream.keys.delete(oldest);
  }
}

/** Whether settling `seq` would take memory without bound. */
export function hasTooManyRuns({ bounds, settled }: IncomingStream, seq: number): boolean {
  return settled.ranges.length >= bounds.runs && !settled.has(seq - 1) && !settled.has(seq + 1);
}

export function addMessage(stream: IncomingStream, message: Incoming): void {
  let index = stream.messages.length;
  while (index > 0 && (stream.messages[index - 1] as Incoming).seq > message.seq) index--;
  stream.messages.splice(index, 0, message);
}

export function removeMessage(stream: IncomingStream, message: Incoming): void {
  const index = stream.messages.indexOf(message);
  if (index >= 0) stream.messages.splice(index, 1);
}

/** The unsettled message that a number is a part of. */
export function messageOf({ messages }: IncomingStream, seq: number): Incoming | undefined {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((messages[middle] as Incoming).seq <= seq) low = middle + 1;
    else high = middle;
  }
  const last = messages[low - 1];
  return last !== undefined && seq < last.seq + last.parts ? last : undefined;
}

/** The first whole message nobody works on: the others wait for it. */
export function firstFree(stream: IncomingStream): Incoming | undefined {
  return stream.messages.find(isFree);
}

/** Mail in `requests` waits for its owner, not for its turn, and holds up nothing. */
function isFree(message: Incoming): boolean {
  return message.box !== "requests" && message.claim === undefined && message.twinOf === undefined && isWhole(message);
}

/**
 * When `message` may start as far as order goes: at once, at a time (a hole below it is waited for), or not before
 * another message moved (`Infinity`). A message that somebody works on does not hold up the ones after it.
 */
export function startsAtMs(stream: IncomingStream, message: Incoming, holeWaitMs: number): number {
  const from = Math.min(stream.floor, message.seq);
  let known = stream.settled.count(from, message.seq - 1);
  for (const below of stream.messages) {
    if (below.seq >= message.seq) break;
    if (isFree(below)) return Number.POSITIVE_INFINITY;
    for (const part of below.have.keys()) if (below.seq + part >= from) known++;
  }
  return known >= message.seq - from ? 0 : message.wholeAtMs + holeWaitMs;
}
