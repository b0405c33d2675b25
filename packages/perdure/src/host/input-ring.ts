/**
 * What lately came into a process, without any content: a bounded list of flat records. Ids, names and addresses are kept as they are
 * and leave this list only as pseudonyms: the same one for the same text under one salt, and nothing that could be turned back without it.
 *
 * What must hold: noting never throws and never waits; what happens often never pushes out what happens rarely, and what whoever connects
 * can bring about never pushes out what happened to the machine itself.
 */
import { concat, hex, utf8 } from "../wire/bytes.ts";
import type { Hash } from "./crypto.ts";

/** Records kept of what happens to the machine itself: disks, clocks, timers. */
export const OWN_INPUTS = 256;
/** ... of what happens rarely: connections, lines of log. */
export const RARE_INPUTS = 1024;
/** ... and of what happens all the time: traffic, messages. */
export const BUSY_INPUTS = 2048;
/** Nothing older is told. */
export const INPUT_AGE_MS: number = 60 * 60 * 1000;
const PSEUDONYM = 12;
/** Pseudonyms that are remembered, so that what is told again and again is not hashed each time: more than one list has texts. */
export const KNOWN_PSEUDONYMS: number = 8 * (OWN_INPUTS + RARE_INPUTS + BUSY_INPUTS);

/** One input: when (milliseconds since the process began), what, and its fields. */
export type RecordedInput = Readonly<Record<string, string | number | boolean>> & { readonly atMs: number; readonly what: string };

export type InputFields = Readonly<Record<string, string | number | boolean | undefined>>;

export type InputRate = "own" | "rare" | "busy";

const MOST: Readonly<Record<InputRate, number>> = { own: OWN_INPUTS, rare: RARE_INPUTS, busy: BUSY_INPUTS };

export interface InputRing {
  /** `who` are texts that are told as pseudonyms. */
  note(rate: InputRate, atMs: number, what: string, fields: InputFields, who?: Readonly<Record<string, string>>): void;
  /** In the order of time. */
  inputs(nowMs: number, pseudonym: (text: string) => string): readonly RecordedInput[];
}

interface Noted {
  readonly number: number;
  readonly atMs: number;
  readonly what: string;
  readonly fields: InputFields;
  readonly who: Readonly<Record<string, string>> | undefined;
}

export function createInputRing(): InputRing {
  // bound: twice MOST of each
  const kept: Record<InputRate, Noted[]> = { own: [], rare: [], busy: [] };
  let number = 0;
  return {
    note: (rate, atMs, what, fields, who) => {
      const most = MOST[rate];
      const list = kept[rate];
      list.push({ number: number++, atMs, what, fields, who });
      if (list.length >= 2 * most) kept[rate] = list.slice(-most);
    },
    inputs: (nowMs, pseudonym) =>
      [...kept.own.slice(-OWN_INPUTS), ...kept.rare.slice(-RARE_INPUTS), ...kept.busy.slice(-BUSY_INPUTS)]
        .filter(({ atMs }) => nowMs - atMs <= INPUT_AGE_MS)
        .toSorted((one, other) => one.number - other.number)
        .map(({ atMs, what, fields, who = {} }) => {
          const told: Record<string, string | number | boolean> = {};
          for (const [name, value] of Object.entries(fields)) if (value !== undefined) told[name] = value;
          for (const [name, text] of Object.entries(who)) told[name] = pseudonym(text);
          return { ...told, atMs: Math.round(atMs), what };
        }),
  };
}

/** Pseudonyms under a salt that stays where it is. */
export function pseudonyms(hash: Hash, salt: Uint8Array): (text: string) => string {
  // bound: KNOWN_PSEUDONYMS
  const known = new Map<string, string>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const made = hex(hash.sha256(concat(utf8("perdure/pseudonym/1\n"), salt, utf8(text)))).slice(0, PSEUDONYM);
    known.set(text, made);
    if (known.size > KNOWN_PSEUDONYMS) known.delete(known.keys().next().value as string);
    return made;
  };
}
