import { bad, checkNames, checkText, shown } from "../argument.ts";
import { PaceError } from "../error.ts";

/** Hours of each day in which work that was put off may begin: from "22:00" to "06:00". */
export interface OffPeak {
  readonly from: string;
  readonly to: string;
  /** Whose hours: "Europe/Berlin"; UTC unless said. */
  readonly zone?: string | undefined;
}

/** Until they begin: 0 within them. */
export type UntilOffPeak = (dateMs: number) => number;

const DAY_MINUTES = 24 * 60;
const MINUTE_MS = 60_000;

/** Throws `bad-argument`. Where clocks change in between, it is an hour off until they did. */
export function createOffPeak(hours: OffPeak): UntilOffPeak {
  checkNames("offPeak", hours, ["from", "to", "zone"]);
  const { from, to, zone = "UTC" } = hours;
  const [first, end] = [minuteOf(from, "from"), minuteOf(to, "to")];
  if (first === end) throw new PaceError("bad-argument", `off-peak from ${from} to ${to} is no time`, "Leave it out for the whole day.");
  const format = formatOf(zone);
  return (dateMs) => {
    const [hour = 0, minute = 0] = format.format(dateMs).split(":").map(Number);
    const at = hour * 60 + minute;
    const isWithin = first < end ? at >= first && at < end : at >= first || at < end;
    if (isWithin) return 0;
    return ((first - at + DAY_MINUTES) % DAY_MINUTES) * MINUTE_MS - (dateMs % MINUTE_MS);
  };
}

function minuteOf(text: unknown, what: string): number {
  const [, hour, minute] = typeof text === "string" ? (/^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []) : [];
  if (minute === undefined) throw bad(`off-peak ${what} is ${shown(text)}`, 'It is a time of day: "22:00".');
  return Number(hour) * 60 + Number(minute);
}

function formatOf(zone: string): Intl.DateTimeFormat {
  checkText("the zone of offPeak", zone, "Europe/Berlin");
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  } catch (cause) {
    throw new PaceError("bad-argument", `"${zone}" is no time zone`, 'It is named as "Europe/Berlin", or "UTC".', { cause });
  }
}
