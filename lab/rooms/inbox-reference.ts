/**
 * What an inbox must say, as lists that are looked through: streams with their numbers, messages with their parts. Which message may start, what
 * is due, whose twin somebody is, is not kept up to date but asked for each time.
 */
import type { Box } from "../../packages/perdure/src/wire/kept-agent.ts";

export interface Limits {
  readonly holeWaitMs: number;
  readonly forgetStreamMs: number;
  readonly liveStreams: number;
  readonly allStreams: number;
  readonly retryMaxMs: number;
  /** Numbers of a stream whose digests are remembered: those settled last. */
  readonly digests: number;
  /** Runs of settled numbers, past which nothing begins one more. */
  readonly runs: number;
}

export interface Stream {
  readonly sender: number;
  readonly name: number;
  readonly settled: Set<number>;
  /** Digests of settled numbers, and the attempt that settled each. */
  readonly digests: Map<number, { readonly said: readonly string[]; readonly attempt: number }>;
  readonly keys: Map<string, number>;
  floor: number;
  maxExpiryMs: number;
}

export interface Part {
  readonly part: number;
  readonly at: string;
  /** Of its envelope first, then those it says the same as. */
  readonly digests: readonly string[];
}

/** What every part says of the whole. */
export interface Whole {
  readonly sender: number;
  readonly stream: number;
  readonly seq: number;
  readonly parts: number;
  readonly wholeBytes: number;
  /** What is in it. */
  readonly content: string;
  readonly key: string;
  readonly answers: string;
  readonly expiresAtMs: number;
}

export interface Arrival extends Whole {
  readonly part: number;
  readonly digests: readonly string[];
  readonly floor: number;
  readonly position: number;
}

export interface Message {
  readonly whole: Whole;
  readonly have: Part[];
  box: Box;
  arrival: number;
  wholeAtMs: number;
  attempt: number;
  failures: number;
  /** Starts of which nothing more was heard. */
  crashes: number;
  notBeforeMs: number;
  claimed: boolean;
  committing: boolean;
  /** Its numbers are settled: it is in the failed box, or was. */
  settled: boolean;
  twinOf: Message | undefined;
}

export const isWhole = ({ have, whole }: Message): boolean => have.length === whole.parts;
const isFree = (each: Message): boolean => each.box !== "requests" && !each.claimed && each.twinOf === undefined && isWhole(each);
const saysTheSame = (one: readonly string[], other: readonly string[]): boolean => one.some((each) => other.includes(each));
const MOST_DIGESTS = 9;
const LARGEST = { parts: 64, part: 256 * 1024 };

export function createReference(limits: Limits) {
  let streams: Stream[] = [];
  let messages: Message[] = [];
  let arrivals = 0;
  /** Positions of numbers that are not settled, by `sender.stream.number`. */
  let positions = new Map<string, number[]>();
  const settledPositions = new Set<number>();
  let known = new Set<number>();

  const find = (sender: number, stream: number, seq: number): Message | undefined =>
    messages.find(({ whole }) => whole.sender === sender && whole.stream === stream && whole.seq === seq);
  const streamOf = (sender: number, name: number): Stream | undefined =>
    streams.find((each) => each.sender === sender && each.name === name);
  const streamFor = (sender: number, name: number): Stream => {
    const there = streamOf(sender, name);
    if (there !== undefined) return there;
    const made: Stream = { sender, name, settled: new Set(), digests: new Map(), keys: new Map(), floor: 1, maxExpiryMs: 0 };
    streams.push(made);
    return made;
  };
  const waitingIn = (sender: number, stream: number): Message[] =>
    messages
      .filter(({ whole, settled }) => whole.sender === sender && whole.stream === stream && !settled)
      .sort((a, b) => a.whole.seq - b.whole.seq);
  /** What is known of a number that is not settled yet. */
  const pendingAt = (sender: number, stream: number, seq: number): readonly string[] | undefined =>
    waitingIn(sender, stream)
      .flatMap(({ whole, have }) => have.filter(({ part }) => whole.seq + part === seq))
      .at(0)?.digests;

  const settlePosition = (position: number): void => {
    if (position === 0) return;
    settledPositions.add(position);
    known.add(position);
  };
  const settleNumber = (sender: number, stream: number, seq: number): void => {
    const key = `${sender}.${stream}.${seq}`;
    for (const position of positions.get(key) ?? []) settlePosition(position);
    positions.delete(key);
  };
  const hold = (sender: number, stream: number, seq: number, position: number): void => {
    if (position === 0 || settledPositions.has(position)) return;
    known.add(position);
    const key = `${sender}.${stream}.${seq}`;
    positions.set(key, [...new Set([...(positions.get(key) ?? []), position])]);
  };
  const remember = ({ digests }: Stream, seq: number, said: readonly string[], attempt: number): void => {
    const before = (digests.get(seq)?.said ?? []).filter((each) => !said.includes(each));
    digests.delete(seq);
    digests.set(seq, { said: [...before, ...said].slice(-MOST_DIGESTS), attempt });
    for (const oldest of [...digests.keys()].slice(0, Math.max(0, digests.size - limits.digests))) digests.delete(oldest);
  };
  const settleParts = (message: Message, attempt: number, atRelay = true): void => {
    const { sender, stream: name, seq, parts } = message.whole;
    const stream = streamFor(sender, name);
    for (let part = 0; part < parts; part++) {
      const digests = message.have.find((each) => each.part === part)?.digests;
      if (digests !== undefined) remember(stream, seq + part, digests.toReversed(), attempt);
      stream.settled.add(seq + part);
      if (atRelay) settleNumber(sender, name, seq + part);
    }
    message.settled = true;
  };
  const drop = (message: Message): void => {
    messages = messages.filter((each) => each !== message);
  };
  /** The message that has a key, or `gone` when that ended. */
  const holderOf = (sender: number, key: string): Message | "gone" | undefined => {
    const stream = streams.find((each) => each.sender === sender && each.keys.has(key));
    return stream === undefined ? undefined : (find(sender, stream.name, stream.keys.get(key) as number) ?? "gone");
  };
  const takeKey = (message: Message): void => {
    const { sender, stream, seq, key } = message.whole;
    if (key === "") return;
    const holder = holderOf(sender, key);
    if (holder === undefined) streamFor(sender, stream).keys.set(key, seq);
    else if (holder !== message) message.twinOf = holder === "gone" ? message : holder;
  };
  const twinsOf = (message: Message): Message[] => messages.filter((each) => each.twinOf === message && each !== message);

  return {
    find,
    streamOf,
    get streams() {
      return streams;
    },
    get messages() {
      return messages;
    },
    get arrivals() {
      return arrivals;
    },
    settledPositions,
    positionsOf: (sender: number, stream: number, seq: number) => positions.get(`${sender}.${stream}.${seq}`) ?? [],
    /** The last position below which all are known. */
    haveUpTo(): number {
      let position = 0;
      while (known.has(position + 1)) position++;
      return position;
    },
    settlePosition,
    hold,
    nextArrival: () => ++arrivals,
    pendingAt,
    judge(arrival: Arrival, nowMs: number): string {
      const { sender, stream: name, seq, part, parts, digests, wholeBytes, expiresAtMs } = arrival;
      const stream = streamOf(sender, name);
      const pending = pendingAt(sender, name, seq + part);
      if (pending !== undefined) return saysTheSame(pending, digests) ? "pending" : "conflict";
      if (stream?.settled.has(seq + part)) {
        const remembered = stream.digests.get(seq + part)?.said;
        return remembered === undefined || saysTheSame(remembered, digests) ? "settled" : "conflict";
      }
      if (expiresAtMs <= nowMs) return "expired";
      if (stream === undefined) {
        const theirs = streams.filter((each) => each.sender === sender).length;
        if (theirs >= limits.liveStreams || streams.length >= (theirs === 0 ? limits.allStreams / 2 : limits.allStreams)) return "too-busy";
      }
      const runs = [...(stream?.settled ?? [])].filter((number) => stream?.settled.has(number - 1) === false).length;
      const isBesideOne = stream?.settled.has(seq + part - 1) === true || stream?.settled.has(seq + part + 1) === true;
      if (runs >= limits.runs && !isBesideOne) return "too-busy";
      const isInItself =
        parts >= 1 && parts <= LARGEST.parts && part < parts && seq >= 1 && parts === Math.max(1, Math.ceil(wholeBytes / LARGEST.part));
      const rest = find(sender, name, seq)?.whole;
      const fitsTheRest =
        rest === undefined ||
        (rest.parts === parts && rest.content === arrival.content && rest.key === arrival.key && rest.wholeBytes === wholeBytes);
      return isInItself && fitsTheRest ? "new" : "malformed";
    },
    /** What the owner sees of a stream never falls back. */
    received(arrival: Arrival, at: string, number: number, nowMs: number): void {
      const { sender, stream: name, seq, part, digests, floor, position } = arrival;
      const stream = streamFor(sender, name);
      stream.maxExpiryMs = Math.max(stream.maxExpiryMs, arrival.expiresAtMs);
      stream.floor = Math.max(stream.floor, Math.min(floor, seq + part));
      arrivals = Math.max(arrivals, number);
      if (stream.settled.has(seq + part)) return settlePosition(position);
      hold(sender, name, seq + part, position);
      let message = find(sender, name, seq);
      if (message === undefined) {
        const none = { attempt: 0, failures: 0, crashes: 0, notBeforeMs: 0, claimed: false, committing: false, settled: false };
        message = { whole: arrival, have: [], box: "contacts", arrival: 0, wholeAtMs: 0, ...none, twinOf: undefined };
        messages.push(message);
      }
      if (message.box === "requests") settleNumber(sender, name, seq + part);
      message.have.push({ part, at, digests });
      message.arrival = Math.max(message.arrival, number);
      message.wholeAtMs = Math.max(message.wholeAtMs, nowMs);
      if (isWhole(message)) takeKey(message);
    },
    started(message: Message, attempt: number): void {
      message.attempt = Math.max(message.attempt, attempt);
      message.crashes++;
    },
    /** Gives the twins that stand for themselves from then on. */
    completed(message: Message, attempt: number, outcome: string): readonly Message[] {
      settleParts(message, attempt);
      const freed = outcome === "done" ? [] : twinsOf(message);
      drop(message);
      const { sender, stream, seq, key } = message.whole;
      const { keys } = streamFor(sender, stream);
      if (outcome !== "done" && keys.get(key) === seq) keys.delete(key);
      for (const twin of freed) twin.twinOf = undefined;
      return freed;
    },
    takeKey,
    put(message: Message, place: Pick<Message, "box" | "arrival" | "failures" | "crashes" | "notBeforeMs">): void {
      Object.assign(message, place);
      arrivals = Math.max(arrivals, place.arrival);
      const { sender, stream, seq } = message.whole;
      if (place.box === "requests") for (const { part } of message.have) settleNumber(sender, stream, seq + part);
      if (place.box === "failed") settleParts(message, message.attempt);
    },
    passed(sender: number, name: number, seq: number, digest: string, expiresAtMs: number, position: number): void {
      const stream = streamFor(sender, name);
      stream.maxExpiryMs = Math.max(stream.maxExpiryMs, expiresAtMs);
      for (const message of waitingIn(sender, name)) {
        if (seq < message.whole.seq || seq >= message.whole.seq + message.whole.parts) continue;
        settleParts(message, 0, position > 0);
        drop(message);
      }
      stream.settled.add(seq);
      remember(stream, seq, [digest], 0);
      if (position === 0) return;
      settleNumber(sender, name, seq);
      settlePosition(position);
    },
    forgetStream(sender: number, name: number): void {
      streams = streams.filter((each) => each.sender !== sender || each.name !== name);
    },
    /** What may start: of each stream the first nobody works on, and what was put back from the failed box. */
    next(nowMs: number): { readonly message: Message } | { readonly atMs: number } {
      const firsts = streams.flatMap(({ sender, name }) => waitingIn(sender, name).find(isFree) ?? []);
      const back = messages.filter(({ settled, box }) => settled && box !== "failed");
      let atMs = Number.POSITIVE_INFINITY;
      const may: Message[] = [];
      for (const message of [...firsts, ...back]) {
        if (message.claimed || message.committing || message.twinOf !== undefined) continue;
        const { sender, stream: name, seq } = message.whole;
        const stream = streamOf(sender, name);
        const from = Math.min(stream?.floor ?? 1, seq);
        const below = waitingIn(sender, name).filter(({ whole }) => whole.seq < seq);
        const here = new Set(below.flatMap(({ whole, have }) => have.map(({ part }) => whole.seq + part)));
        const isHole = (number: number): boolean => stream?.settled.has(number) !== true && !here.has(number);
        const numbers = Array.from({ length: seq - from }, (_, index) => from + index);
        const orderMs = below.some(isFree) ? Number.POSITIVE_INFINITY : numbers.some(isHole) ? message.wholeAtMs + limits.holeWaitMs : 0;
        // A pause longer than any that is made was reckoned by a clock that has gone back.
        const waits = (untilMs: number, longestMs: number): number =>
          untilMs > nowMs + longestMs && untilMs !== Number.POSITIVE_INFINITY ? 0 : untilMs;
        const startMs = Math.max(waits(message.notBeforeMs, limits.retryMaxMs), waits(orderMs, limits.holeWaitMs));
        if (startMs <= nowMs) may.push(message);
        else atMs = Math.min(atMs, startMs);
      }
      const [first] = may.sort((a, b) => a.arrival - b.arrival);
      return first === undefined ? { atMs } : { message: first };
    },
    twinsOf,
    lateTwins: () =>
      messages
        .filter(({ twinOf, committing }) => twinOf !== undefined && !committing)
        .filter((each) => each.twinOf === each || !messages.includes(each.twinOf as Message)),
    twinsOfFailed: () => messages.filter(({ twinOf }) => twinOf?.box === "failed" && messages.includes(twinOf)),
    listed: (box: Box) =>
      messages.filter((each) => each.box === box && each.twinOf === undefined && isWhole(each)).sort((a, b) => a.arrival - b.arrival),
    answersTo: (id: string) => messages.filter((each) => each.whole.answers === id && each.twinOf === undefined && isWhole(each)),
    requested: (sender?: number) => messages.filter(({ box, whole }) => box === "requests" && (sender ?? whole.sender) === whole.sender),
    boxOf(sender: number, name: number, seq: number): Box | undefined {
      return waitingIn(sender, name).find(({ whole }) => seq >= whole.seq && seq < whole.seq + whole.parts)?.box;
    },
    due(nowMs: number, provenMs: number) {
      const expired: Message[] = [];
      const passed: Message[] = [];
      const forgotten: Stream[] = [];
      let nextMs = Number.POSITIVE_INFINITY;
      for (const message of messages) {
        if (message.box === "failed" || message.claimed || message.committing) continue;
        const { expiresAtMs } = message.whole;
        if (expiresAtMs > nowMs) nextMs = Math.min(nextMs, expiresAtMs);
        else (isWhole(message) ? expired : passed).push(message);
      }
      for (const stream of streams) {
        if (waitingIn(stream.sender, stream.name).length > 0) continue;
        const dueMs = stream.maxExpiryMs + limits.forgetStreamMs;
        if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
        else if (dueMs <= provenMs) forgotten.push(stream);
      }
      return { expired, passed, forgotten, nextMs };
    },
    held: () => new Set(messages.flatMap(({ have }) => have.map(({ at }) => at))),
    /** Another life of the relay's folder: what it knows of positions is void. */
    newGeneration(): void {
      positions = new Map();
      settledPositions.clear();
      known = new Set();
    },
    /** Claims are lost, and of a number that came more than once only the newest position is remembered. */
    restart(): void {
      for (const { digests } of streams) {
        // So many digests are written down, and of a number that was sealed anew each counts.
        const all = [...digests].flatMap(([seq, { said, attempt }]) => said.map((digest) => ({ seq, digest, attempt })));
        digests.clear();
        for (const { seq, digest, attempt } of all.slice(-limits.digests))
          digests.set(seq, { said: [...(digests.get(seq)?.said ?? []), digest], attempt });
      }
      messages = [...messages.filter(({ twinOf }) => twinOf === undefined), ...messages.filter(({ twinOf }) => twinOf !== undefined)];
      for (const message of messages) {
        Object.assign(message, { claimed: false, committing: false });
        // The stream of what is held is known again, also when it had been forgotten.
        const { sender, stream: name, expiresAtMs } = message.whole;
        const stream = streamFor(sender, name);
        stream.maxExpiryMs = Math.max(stream.maxExpiryMs, expiresAtMs);
        // It is put into the failed box once more, with the numbers that are settled by that.
        if (message.settled) settleParts(message, message.attempt, false);
      }
      known = new Set(settledPositions);
      const before = positions;
      positions = new Map();
      for (const { whole, have } of messages)
        for (const { part } of have) {
          const last = Math.max(0, ...(before.get(`${whole.sender}.${whole.stream}.${whole.seq + part}`) ?? []));
          hold(whole.sender, whole.stream, whole.seq + part, last);
        }
    },
  };
}

export type Reference = ReturnType<typeof createReference>;
