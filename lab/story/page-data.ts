/** What the page of a run shows, as plain lists: the script of the page draws from nothing else. */
import type { Moment, Recording } from "../recorder.ts";
import type { SeedResult } from "../seed.ts";
import { createSpeech, isAside, isStory, shortId } from "./words.ts";

/** How much a person must want to know before it is shown. */
export const LEVELS = ["story", "facts", "messages"] as const;

export interface PageData {
  readonly title: string;
  /** What was run, in words. */
  readonly town: string;
  /** The words that run it again. */
  readonly again: string;
  readonly hosts: readonly string[];
  readonly beginMs: number;
  readonly clearMs: number | undefined;
  /** Of the first moment that is kept; 0 when none is missing. */
  readonly firstMs: number;
  readonly endMs: number;
  readonly broken: { readonly atMs: number; readonly invariant: string; readonly what: string } | undefined;
  /** What came before the first moment, and is not kept. */
  readonly forgotten: number;
  /** Short ids of messages; everything else refers to them by place. */
  readonly ids: readonly string[];
  readonly moments: readonly PageMoment[];
  readonly flights: readonly PageFlight[];
  readonly spans: readonly PageSpan[];
}

export interface PageMoment {
  readonly at: number;
  /** Place in `hosts`; -1 for the script. */
  readonly host: number;
  readonly kind: Moment["kind"];
  readonly what: string;
  /** 0 to 1: from which of {@link LEVELS} on. */
  readonly level: number;
  readonly warn?: true;
  readonly ids?: readonly number[];
  /** As it was said, for who wants all of it. */
  readonly raw?: string;
}

export interface PageFlight {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  /** Absent when it never arrived. */
  readonly arrived?: number;
  readonly again?: number;
  readonly bytes: number;
  readonly what: string;
  readonly ids?: readonly number[];
}

export interface PageSpan {
  readonly kind: "up" | "still" | "fault";
  readonly host: number;
  /** The other end of a fault between two; -1 where there is none. */
  readonly other: number;
  readonly from: number;
  readonly to: number;
  readonly what: string;
}

/** Of longer runs the page shows the last ones, which end where it broke. */
const MAX_MOMENTS = 60_000;
const MAX_FLIGHTS = 60_000;

export interface PageDataOptions {
  readonly recording: Recording;
  readonly result: SeedResult;
  readonly town: string;
  readonly again: string;
}

export function pageData({ recording, result, town, again }: PageDataOptions): PageData {
  const { hosts, names, beginMs, clearMs, forgotten } = recording;
  const { broken } = result;
  const moments = recording.moments.slice(-MAX_MOMENTS);
  const missing = forgotten.moments + recording.moments.length - moments.length;
  const firstMs = missing > 0 ? (moments[0]?.atMs ?? 0) : 0;
  const flights = recording.flights.slice(-MAX_FLIGHTS).filter(({ sentMs }) => sentMs >= firstMs);
  const speech = createSpeech(names);
  const places = new Map(hosts.map((host, place) => [host, place]));
  const place = (host: string): number => places.get(host) ?? -1;
  const ids: string[] = [];
  const idPlaces = new Map<string, number>();
  const idPlace = (id: string): number => {
    const short = shortId(id);
    const known = idPlaces.get(short) ?? ids.push(short) - 1;
    idPlaces.set(short, known);
    return known;
  };
  return {
    title: `Seed ${result.seed}`,
    town,
    again,
    hosts,
    beginMs,
    clearMs: Number.isFinite(clearMs) ? clearMs : undefined,
    firstMs,
    endMs: result.virtualMs,
    broken: broken && { ...broken, what: speech.short(broken.what) },
    forgotten: missing,
    moments: moments.map((moment) => {
      const named = idsOf(moment).map(idPlace);
      return {
        at: moment.atMs,
        host: place(moment.who),
        kind: moment.kind,
        what: speech.say(moment),
        level: isStory(moment) ? 0 : isAside(moment) ? 2 : 1,
        ...(moment.kind === "fact" && (moment.level === "warn" || moment.level === "error") ? { warn: true } : {}),
        ...(named.length > 0 ? { ids: named } : {}),
        ...(moment.kind === "fact" && !isAside(moment) ? { raw: `${moment.event} ${JSON.stringify(moment.fields)}` } : {}),
      };
    }),
    flights: flights.map(({ from, to, sentMs, arrivedMs, again: repeats, bytes, frames, ids: carried }) => ({
      from: place(from),
      to: place(to),
      at: sentMs,
      ...(arrivedMs === undefined ? {} : { arrived: arrivedMs }),
      ...(repeats === undefined ? {} : { again: repeats }),
      bytes,
      what: [frames.join(", "), ...carried.map(shortId)].join(" "),
      ...(carried.length > 0 ? { ids: carried.map((id) => idPlace(id.replace(/^\w+ /, ""))) } : {}),
    })),
    ids,
    spans: [...lives(recording, place, result.virtualMs), ...faults(recording, place)]
      .filter(({ to }) => to >= firstMs)
      .map((span) => ({ ...span, from: Math.max(span.from, firstMs) })),
  };
}

/** From when to when each process ran, and stood still. */
function lives({ moments, forgotten }: Recording, place: (host: string) => number, endMs: number): readonly PageSpan[] {
  const spans: PageSpan[] = [];
  const since = new Map<string, number>();
  const end = (who: string, kind: "up" | "still", to: number): void => {
    // Of a run whose beginning is not kept, a process that dies ran before.
    const from = since.get(`${kind} ${who}`) ?? (kind === "up" && forgotten.moments > 0 ? 0 : undefined);
    if (from === undefined) return;
    since.delete(`${kind} ${who}`);
    spans.push({ kind, host: place(who), other: -1, from, to, what: kind === "up" ? "runs" : "stands still" });
  };
  for (const moment of moments) {
    if (moment.kind !== "life") continue;
    const { who, what, atMs } = moment;
    if (what === "begins") since.set(`up ${who}`, atMs);
    if (what === "stands still") since.set(`still ${who}`, atMs);
    if (what === "goes on" || what === "dies") end(who, "still", atMs);
    if (what === "dies") end(who, "up", atMs);
  }
  for (const key of [...since.keys()]) {
    const [kind, who] = key.split(" ");
    end(who as string, kind as "up" | "still", endMs);
  }
  return spans;
}

function faults({ moments }: Recording, place: (host: string) => number): readonly PageSpan[] {
  return moments.flatMap((moment) => {
    if (moment.kind !== "fault") return [];
    const { host, other, durationMs, kind } = moment.fault;
    return [
      { kind: "fault" as const, host: place(host), other: place(other), from: moment.atMs, to: moment.atMs + durationMs, what: kind },
    ];
  });
}

const MESSAGE_ID = /\b[0-9a-f]{16}\.\d+\b/g;

function idsOf(moment: Moment): readonly string[] {
  if (moment.kind !== "fact") return moment.kind === "note" ? (moment.what.match(MESSAGE_ID) ?? []) : [];
  return ["id", "cause"].flatMap((name) => {
    const value = moment.fields[name];
    return typeof value === "string" && value !== "" ? (value.match(MESSAGE_ID) ?? []) : [];
  });
}
