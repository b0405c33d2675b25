/** A run as lines: when, who, what; faults stand out, and the last line says what broke. */
import type { Moment, Recording } from "../recorder.ts";
import type { SeedResult } from "../seed.ts";
import { clock, createSpeech, isAside } from "./words.ts";

export interface TimelineOptions {
  /** Also what is mostly in the way. */
  readonly everything: boolean;
  /** Only moments that name this message: its id, or how it begins. */
  readonly about?: string | undefined;
}

const MARKS: Readonly<Record<Moment["kind"], string>> = { fact: " ", fault: "!", life: "*", note: "!" };

export function* timeline(recording: Recording, { broken }: SeedResult, { everything, about }: TimelineOptions): Generator<string> {
  const { moments, names, hosts, forgotten, beginMs, clearMs } = recording;
  const speech = createSpeech(names);
  const wide = Math.max(7, ...hosts.map((host) => host.length));
  const line = (atMs: number, mark: string, who: string, what: string): string => `${clock(atMs)} ${mark} ${who.padEnd(wide)}  ${what}`;
  if (forgotten.moments > 0) yield `(${forgotten.moments} moments before these are not kept)`;
  let left = 0;
  let wasOpen = false;
  let wasClear = false;
  for (const moment of moments) {
    if (!wasOpen && moment.atMs >= beginMs && beginMs > 0) {
      wasOpen = true;
      yield `${clock(beginMs)} -- everybody is open; times of faults and letters count from here --`;
    }
    if (!wasClear && moment.atMs >= clearMs) {
      wasClear = true;
      yield `${clock(clearMs)} -- the weather is over; everything must come to its end --`;
    }
    if (moment.kind !== "fault" && about !== undefined && !mentions(moment, about)) continue;
    if (!everything && about === undefined && isAside(moment)) {
      left++;
      continue;
    }
    yield line(moment.atMs, MARKS[moment.kind], moment.who, speech.say(moment));
  }
  if (left > 0) yield `(${left} facts of less interest left out: batches, statements, seals; --everything shows them)`;
  if (broken === undefined) yield "nothing broke";
  else yield line(broken.atMs, "X", "BROKEN", speech.short(broken.what));
}

/** How a message is named: its id, the short one that is shown, or how it begins. */
const ABOUT = /^([0-9a-f]{1,16})(?:…|\.(\d{1,16}))?$/;

/** Whether these words can name a message at all: others would be in nothing, or in everything. */
export function isAbout(words: string): boolean {
  return ABOUT.test(words);
}

/** Whether a moment is about a message; `about` may be the short id, which leaves out the end of the stream. Of words that name none nothing is. */
export function mentions(moment: Moment, about: string): boolean {
  const [, stream, seq] = ABOUT.exec(about) ?? [];
  if (stream === undefined) return false;
  // Whole streams are 16 letters or more: what is shorter is a number of something else.
  const named =
    seq === undefined ? new RegExp(`\\b(?=[0-9a-f]{16})${stream}`) : new RegExp(`\\b(?=[0-9a-f]{16}\\.)${stream}[0-9a-f]*\\.${seq}\\b`);
  if (moment.kind === "note") return named.test(moment.what);
  return moment.kind === "fact" && Object.values(moment.fields).some((value) => typeof value === "string" && named.test(value));
}
