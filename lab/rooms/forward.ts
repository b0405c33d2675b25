/**
 * Mail for another relay beside lists of positions. The other relay is one that takes numbers in their order, refuses what the steps say, forgets in a crash
 * what it has not synced, and answers over a line that is cut.
 */
import { createForwardQueue, type ForwardItem, type ForwardRefusal } from "../../packages/perdure/src/protocol/delivery/forward-queue.ts";
import { createForwardReference, type ReferenceSettings, type Waiting } from "./forward-reference.ts";
import { parted, type Room } from "./room.ts";

interface Refused {
  readonly linkSeq: number;
  readonly refusal: ForwardRefusal;
}

type Verdict = "take" | ForwardRefusal;

type Step =
  | { readonly do: "add"; readonly count: number; readonly lane: number; readonly bytes: number }
  /** Each in a lane of its own. */
  | { readonly do: "crowd"; readonly count: number }
  | { readonly do: "end"; readonly back: number }
  | { readonly do: "pump"; readonly count: number; readonly slowAt: number }
  /** The envelope of what is being read is at hand, or cannot be read. */
  | { readonly do: "read"; readonly fails: boolean }
  | { readonly do: "carry"; readonly verdicts: readonly Verdict[]; readonly syncs: boolean }
  | { readonly do: "back"; readonly count: number; readonly chance: number }
  | { readonly do: "cut"; readonly crashes: boolean }
  | { readonly do: "begin"; readonly frames: number; readonly bytes: number; readonly strayBy: number; readonly late: boolean }
  | { readonly do: "junk"; readonly by: number }
  | { readonly do: "wait"; readonly for: "due" | "almost due" | number };

const STEPS = 170;
const LANES = 4;
const CROWD = 90;
const THRONG = 1300;
const ALL = 2000;

const REFUSALS: readonly ForwardRefusal[] = [
  { code: "mailbox-full", retry: "after", afterMs: 0 },
  { code: "mailbox-full", retry: "after", afterMs: 950 },
  { code: "blocked", retry: "after", afterMs: 7_200_000 },
  { code: "unknown-agent", retry: "now", afterMs: 50 },
  { code: "refused", retry: "after", afterMs: 50 },
  { code: "too-large", retry: "after", afterMs: 0 },
  { code: "malformed", retry: "never", afterMs: 5000 },
  { code: "expired", retry: "after", afterMs: 300 },
  { code: "expiry-out-of-range", retry: "after", afterMs: 0 },
  { code: "identity-retired", retry: "never", afterMs: 0 },
  { code: "rate-limited", retry: "after", afterMs: 30, limit: { name: "peerMailPerSecond", value: 1, remaining: 0 } },
  { code: "rate-limited", retry: "after", afterMs: 450, limit: { name: "peerBytesPerSecond", value: 1, remaining: 0 } },
  { code: "rate-limited", retry: "after", afterMs: 7_200_000, limit: { name: "peerMailPerSecond", value: 1, remaining: 0 } },
  { code: "rate-limited", retry: "after", afterMs: 450, limit: { name: "strangerMailPerHour", value: 1, remaining: 0 } },
  { code: "rate-limited", retry: "after", afterMs: 60 },
];

export const forward: Room<Step> = {
  name: "forward",
  about: "mail for another relay, beside lists of positions",
  draw: (draws) =>
    Array.from({ length: STEPS }, (): Step => {
      const kind = draws.below(100);
      if (kind < 20)
        return { do: "add", count: 1 + draws.below(4), lane: draws.below(LANES), bytes: 1 + draws.below(draws.chance(0.1) ? 40 : 8) };
      if (kind < 21) return { do: "crowd", count: draws.chance(0.05) ? THRONG : draws.chance(0.5) ? CROWD : draws.below(CROWD) };
      if (kind < 24) return { do: "end", back: draws.below(30) };
      if (kind < 44)
        return { do: "pump", count: draws.chance(0.4) ? ALL : 1 + draws.below(6), slowAt: draws.chance(0.2) ? draws.below(4) : -1 };
      if (kind < 48) return { do: "read", fails: draws.chance(0.4) };
      if (kind < 64) {
        const taken = draws.chance(0.5) ? draws.below(2) : draws.fraction();
        const verdicts = Array.from({ length: draws.chance(0.3) ? 2 * CROWD : 1 + draws.below(6) }, () =>
          draws.chance(taken) ? ("take" as const) : (REFUSALS[draws.below(REFUSALS.length)] as ForwardRefusal),
        );
        return { do: "carry", verdicts, syncs: draws.chance(0.45) };
      }
      if (kind < 78) return { do: "back", count: draws.chance(0.4) ? ALL : 1 + draws.below(6), chance: draws.below(3) / 2 };
      if (kind < 81) return { do: "cut", crashes: draws.chance(0.4) };
      if (kind < 87)
        return {
          do: "begin",
          frames: draws.chance(0.6) ? 300 : 1 + draws.below(8),
          bytes: draws.chance(0.6) ? 5000 : draws.below(60),
          strayBy: draws.chance(0.1) ? 1 + draws.below(3) : 0,
          late: draws.chance(0.3),
        };
      if (kind < 88) return { do: "junk", by: draws.below(4) };
      return {
        do: "wait",
        for: draws.chance(0.4) ? "due" : draws.chance(0.3) ? "almost due" : draws.below(draws.chance(0.2) ? 4000 : 400),
      };
    }),
  run: async (steps, tools) => {
    const draws = tools.draws("settings");
    const isWide = draws.chance(0.5);
    const settings: ReferenceSettings = {
      windowFrames: isWide ? 300 : 4 + draws.below(6),
      windowBytes: isWide ? 5000 : 12 + draws.below(50),
      pauseMinMs: 100,
      pauseMaxMs: [100, 700, 800][draws.below(3)] as number,
      pauseLongestMs: [500, 2000, 3_600_000][draws.below(3)] as number,
    };
    const room = createForwardRoom(settings);
    for (const step of steps) room.take(step);
    room.settleDown();
  },
};

function createForwardRoom(settings: ReferenceSettings) {
  const messages = new Map<number, Waiting>();
  const lasting = (position: number): Waiting | undefined => {
    const message = messages.get(position);
    return message?.ended === false ? message : undefined;
  };
  const factsOf = ({ position, lane, bytes }: Waiting) => ({ digest: Uint8Array.of(position), from: Uint8Array.of(lane.length), bytes });
  const queue = createForwardQueue({
    ...settings,
    recall: (position) => {
      const message = lasting(position);
      return message && factsOf(message);
    },
  });
  const reference = createForwardReference(settings);
  const done = new Set<number>();
  let last = 0;
  let nowMs = 1000;
  /** The other relay: what it has taken or refused on this link, and how much of that is durable. */
  let theirs = { upTo: 0, synced: 0, refused: [] as Refused[], taken: new Map<number, number>() };
  let open = false;
  let mails: { readonly linkSeq: number; readonly position: number }[] = [];
  let answers: ({ readonly ack: number } | Refused)[] = [];
  /** The envelope of what is read, and whether the session it was read for is over. */
  let reading: { readonly item: ForwardItem; readonly linkSeq: number | undefined; over: boolean } | undefined;

  /** A message is under way under two numbers: from here on only what must come out of it counts. */
  let isTwiceUnderWay = false;

  const same = (what: string, said: unknown, expected: unknown): void => {
    if (isTwiceUnderWay) return;
    const [one, other] = [JSON.stringify(said), JSON.stringify(expected)];
    if (one !== other) parted(`${what} says ${one} instead of ${other}`);
  };

  const add = (lane: string, bytes: number): void => {
    const message: Waiting = { position: ++last, lane, bytes, ended: false };
    messages.set(last, message);
    queue.add({ ...factsOf(message), position: last, lane, envelope: Uint8Array.of(last) });
    reference.add(message);
  };

  const finish = (positions: readonly number[]): void => {
    for (const position of positions) {
      if (![...theirs.taken.values()].includes(position)) parted(`${position} is done, and the other relay does not have it`);
      done.add(position);
      (messages.get(position) as Waiting).ended = true;
    }
  };

  const travels = (item: ForwardItem, linkSeq: number | undefined): void => {
    const number = linkSeq ?? queue.send(item);
    if (item.envelope !== undefined) parted(`${item.position} is under way, and its envelope is kept`);
    if (linkSeq === undefined) same("the number of what is sent", number, reference.send(item.position));
    mails.push({ linkSeq: number, position: item.position });
  };

  const pump = (count: number, slowAt: number): void => {
    for (let index = 0; index < count && open && reading === undefined; index++) {
      const next = queue.next(nowMs);
      same(`what is next at ${nowMs}`, next && [next.item.position, next.linkSeq], asPair(reference.next(nowMs)));
      if (next === undefined) return wakesLater();
      const { item, linkSeq } = next;
      if (index === slowAt) reading = { item, linkSeq, over: false };
      else atHand(item, linkSeq);
    }
  };

  const wakesLater = (): void => {
    if (queue.wakeAtMs() <= nowMs) parted(`with nothing next at ${nowMs} it asks to be woken at ${queue.wakeAtMs()}`);
  };

  const atHand = (item: ForwardItem, linkSeq: number | undefined): void => {
    if (lasting(item.position) !== undefined) return travels(item, linkSeq);
    // Nothing can fill its number: the session ends.
    if (linkSeq !== undefined) return cut(false);
    queue.drop(item);
    reference.drop(item.position);
  };

  const endReading = (fails: boolean): void => {
    if (reading === undefined) return;
    const { item, linkSeq, over } = reading;
    reading = undefined;
    if (linkSeq !== undefined && linkSeq <= queue.acknowledged && !over) return;
    if (!over && !fails) return atHand(item, linkSeq);
    if (!over) cut(false);
    if (linkSeq !== undefined) return;
    queue.giveBack(item);
    reference.giveBack(item.position);
  };

  const carry = (verdicts: readonly Verdict[], syncs: boolean): void => {
    for (const [index, { linkSeq, position }] of mails.splice(0, verdicts.length).entries()) {
      if (linkSeq <= theirs.upTo) continue;
      if (linkSeq !== theirs.upTo + 1) parted(`${linkSeq} comes where ${theirs.upTo + 1} is due`);
      theirs.upTo = linkSeq;
      const verdict = verdicts[index] as Verdict;
      if (verdict === "take") theirs.taken.set(linkSeq, position);
      else {
        theirs.refused.push({ linkSeq, refusal: verdict });
        answers.push({ linkSeq, refusal: verdict });
      }
    }
    if (!syncs || !open) return;
    theirs.synced = theirs.upTo;
    answers.push({ ack: theirs.synced });
  };

  const back = (count: number, chance: number): void => {
    for (const answer of answers.splice(0, count)) {
      if ("ack" in answer) {
        const positions = queue.acked(answer.ack);
        same(`the acknowledgement of ${answer.ack}`, positions, reference.acked(answer.ack));
        finish(positions ?? []);
      } else {
        const item = queue.refused(answer.linkSeq, answer.refusal, nowMs, chance);
        same(`the refusal of ${answer.linkSeq}`, item?.position, reference.refused(answer.linkSeq, answer.refusal, nowMs, chance));
      }
    }
  };

  const cut = (crashes: boolean): void => {
    open = false;
    [mails, answers] = [[], []];
    if (reading !== undefined) reading.over = true;
    if (!crashes) return;
    theirs.upTo = theirs.synced;
    theirs.refused = theirs.refused.filter(({ linkSeq }) => linkSeq <= theirs.synced);
    for (const linkSeq of theirs.taken.keys()) if (linkSeq > theirs.synced) theirs.taken.delete(linkSeq);
  };

  const begin = ({ frames, bytes, strayBy, late }: Pick<Extract<Step, { do: "begin" }>, "frames" | "bytes" | "strayBy" | "late">): void => {
    if (open) cut(false);
    // Who answers before all it took is durable says again what it refuses of that.
    if (!late) theirs.synced = theirs.upTo;
    const upTo =
      strayBy === 0 || isTwiceUnderWay ? theirs.synced : strayBy === 1 ? reference.acknowledged - 1 : reference.given + strayBy - 1;
    const refused = theirs.refused.map(({ linkSeq }) => linkSeq).filter((linkSeq) => linkSeq <= upTo);
    const resumed = queue.resume(upTo, refused, nowMs);
    same(`going on from ${upTo}`, resumed, reference.resume(upTo, refused, nowMs));
    finish(resumed.done);
    if (resumed.whole) {
      queue.allow(frames, bytes);
      reference.allow(frames, bytes);
      answers = theirs.refused.filter(({ linkSeq }) => linkSeq > upTo);
    } else {
      queue.renew();
      reference.renew();
      theirs = { upTo: 0, synced: 0, refused: [], taken: new Map() };
    }
    open = true;
    isTwiceUnderWay ||= reference.isTwiceUnderWay;
  };

  const wait = (span: "due" | "almost due" | number): void => {
    const dueMs = isTwiceUnderWay ? queue.wakeAtMs() : reference.dueAtMs();
    if (typeof span === "number") nowMs += span;
    else if (Number.isFinite(dueMs)) nowMs = Math.max(nowMs, Math.ceil(dueMs) - (span === "due" ? 0 : 1));
  };

  const take = (step: Step): void => {
    if (step.do === "add") for (let count = 0; count < step.count; count++) add(`lane ${step.lane}`, step.bytes);
    else if (step.do === "crowd") for (let index = 0; index < step.count; index++) add(`crowd ${index}`, 1);
    else if (step.do === "end") {
      const message = messages.get(last - step.back);
      if (message !== undefined) message.ended = true;
    } else if (step.do === "pump") pump(step.count, step.slowAt);
    else if (step.do === "read") endReading(step.fails);
    else if (step.do === "carry") carry(step.verdicts, step.syncs);
    else if (step.do === "back") back(step.count, step.chance);
    else if (step.do === "cut") cut(step.crashes);
    else if (step.do === "begin") begin(step);
    else if (step.do === "wait") wait(step.for);
    else if (!isTwiceUnderWay) {
      same("an acknowledgement of what was never sent", queue.acked(reference.given + 1 + step.by), undefined);
      const linkSeq = reference.acknowledged - step.by;
      same(`a refusal of ${linkSeq}`, queue.refused(linkSeq, REFUSALS[0] as ForwardRefusal, nowMs, 0), undefined);
    }
    compare();
  };

  const compare = (): void => {
    same("what waits", queue.waiting, reference.waiting);
    same("bytes that wait", queue.waitingBytes, reference.waitingBytes);
    same("what is in flight", queue.inFlight, reference.inFlight);
    same("lanes that are parked", queue.parkedLanes, reference.parkedLanes);
    same("what is acknowledged", queue.acknowledged, reference.acknowledged);
    same("the last position added", queue.addedUpTo, last);
    const dueMs = reference.dueAtMs();
    const wakeMs = queue.wakeAtMs();
    if (isTwiceUnderWay) return;
    if (wakeMs < dueMs || wakeMs > dueMs + 100) parted(`it asks to be woken at ${wakeMs}, the next pause ends at ${dueMs}`);
  };

  return {
    take,
    /** The other relay takes nothing once, for whomever it is, and then everything: all that did not end here comes over. */
    settleDown(): void {
      cut(false);
      endReading(false);
      begin({ frames: 300, bytes: 5000, strayBy: 0, late: false });
      take({ do: "crowd", count: CROWD });
      pump(ALL, -1);
      carry(
        mails.map(() => REFUSALS[0] as ForwardRefusal),
        true,
      );
      back(answers.length, 0);
      compare();
      for (let round = 0; round < 200 + last; round++) {
        if (!open || round === 100) begin({ frames: 300, bytes: 5000, strayBy: 0, late: false });
        pump(1000, -1);
        carry(
          mails.map(() => "take"),
          true,
        );
        back(answers.length, 0);
        compare();
        if (queue.waiting + queue.inFlight + queue.parkedLanes === 0) break;
        wait("due");
      }
      for (const { position, ended } of messages.values()) if (!ended) parted(`${position} does not come over`);
      same("what waits, flies or is parked in the end", [queue.waiting, queue.inFlight, queue.parkedLanes], [0, 0, 0]);
      same("when it is to be woken in the end", queue.wakeAtMs(), Number.POSITIVE_INFINITY);
    },
  };
}

function asPair(next: { readonly position: number; readonly linkSeq: number | undefined } | undefined): readonly unknown[] | undefined {
  return next && [next.position, next.linkSeq];
}
