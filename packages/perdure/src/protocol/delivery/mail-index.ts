/**
 * Whole messages as they are looked for: by box in order of arrival, by the message they answer, by the twin they end with.
 *
 * Invariants: a message is under exactly what it was when it was placed last, so it is placed again after each change of
 * its box, its arrival number or its twin. A twin is in no box. No look-up visits messages it does not give.
 */
import { type MessageId, messageIdText } from "../../wire/ids.ts";
import { headOf, type Incoming, isWhole } from "./incoming.ts";

export interface MailIndex {
  place(incoming: Incoming): void;
  remove(incoming: Incoming): void;
  clear(): void;
  /** At most `limit` of a box that arrived after `arrival`, in order. */
  after(box: Incoming["box"], arrival: number, limit: number): readonly Incoming[];
  size(box: Incoming["box"]): number;
  /** In any box, in no particular order. */
  answersTo(id: MessageId): Iterable<Incoming>;
  /** Those that end as this one does. */
  twinsOf(incoming: Incoming): readonly Incoming[];
  twins(): Iterable<Incoming>;
}

interface Listed {
  readonly incoming: Incoming;
  readonly box: Incoming["box"];
  readonly arrival: number;
  readonly twinOf: Incoming | undefined;
  readonly answers: MessageId | undefined;
}

export function createMailIndex(): MailIndex {
  // bound: one per message of the inbox
  const listed = new Map<Incoming, Listed>();
  const boxes: Readonly<Record<Incoming["box"], Listed[]>> = { contacts: [], requests: [], failed: [] };
  // bound: one per message of the inbox
  const answers = new Map<MessageId, Set<Incoming>>();
  // bound: one per message of the inbox
  const twins = new Map<Incoming, Set<Incoming>>();

  const remove = (incoming: Incoming): void => {
    const was = listed.get(incoming);
    if (was === undefined) return;
    listed.delete(incoming);
    if (was.twinOf !== undefined) return leave(twins, was.twinOf, incoming);
    if (was.answers !== undefined) leave(answers, was.answers, incoming);
    const box = boxes[was.box];
    const index = firstAfter(box, was.arrival - 1);
    box.splice(box.indexOf(was, index), 1);
  };

  return {
    place(incoming) {
      remove(incoming);
      if (!isWhole(incoming)) return;
      const { box, arrival, twinOf } = incoming;
      const ref = headOf(incoming).head.inReplyTo;
      const now: Listed = { incoming, box, arrival, twinOf, answers: ref === undefined ? undefined : messageIdText(ref.stream, ref.seq) };
      listed.set(incoming, now);
      if (twinOf !== undefined) return enter(twins, twinOf, incoming);
      if (now.answers !== undefined) enter(answers, now.answers, incoming);
      boxes[box].splice(firstAfter(boxes[box], arrival), 0, now);
    },
    remove,
    clear() {
      for (const map of [listed, answers, twins]) map.clear();
      for (const box of Object.values(boxes)) box.length = 0;
    },
    after(box, arrival, limit) {
      const first = firstAfter(boxes[box], arrival);
      return boxes[box].slice(first, first + limit).map(({ incoming }) => incoming);
    },
    size: (box) => boxes[box].length,
    answersTo: (id) => answers.get(id) ?? [],
    twinsOf: (incoming) => [...(twins.get(incoming) ?? [])].filter((each) => each !== incoming),
    *twins() {
      for (const each of twins.values()) yield* each;
    },
  };
}

function enter<Key>(map: Map<Key, Set<Incoming>>, key: Key, incoming: Incoming): void {
  const under = map.get(key);
  if (under === undefined) map.set(key, new Set([incoming]));
  else under.add(incoming);
}

function leave<Key>(map: Map<Key, Set<Incoming>>, key: Key, incoming: Incoming): void {
  const under = map.get(key);
  under?.delete(incoming);
  if (under?.size === 0) map.delete(key);
}

/** Index of the first that arrived after `arrival`. */
function firstAfter(box: readonly Listed[], arrival: number): number {
  let low = 0;
  let high = box.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((box[middle] as Listed).arrival <= arrival) low = middle + 1;
    else high = middle;
  }
  return low;
}
