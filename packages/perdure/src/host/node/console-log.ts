import type { Log, LogFields, LogLevel } from "../log.ts";

export interface ConsoleLogOptions {
  /** Takes one line, without its end. */
  readonly write: (line: string) => void;
  /** Events below this are left out. */
  readonly level: LogLevel;
  /** One JSON object per line instead of text for people. */
  readonly json: boolean;
}

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Events as lines: `14:03:02 info relay.started address=ws://127.0.0.1:4410`, or as JSON with `"type": "log"`. */
export function createConsoleLog({ write, level, json }: ConsoleLogOptions): Log {
  const format = json ? jsonLine : textLine;
  return {
    write: (eventLevel, event, fields = {}) => {
      if (ORDER[eventLevel] >= ORDER[level]) write(format(new Date(), eventLevel, event, fields));
    },
    wants: (eventLevel) => ORDER[eventLevel] >= ORDER[level],
  };
}

function jsonLine(time: Date, level: LogLevel, event: string, fields: LogFields): string {
  return JSON.stringify({ type: "log", time: time.toISOString(), level, event, fields });
}

function textLine(time: Date, level: LogLevel, event: string, fields: LogFields): string {
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
  const words = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${fieldText(value)}`]));
  return [clock, level, event, ...words].join(" ");
}

/** Plain words stay as they are; everything else is quoted, so that what came from outside cannot pass for a line or steer a terminal. */
function fieldText(value: string | number | boolean): string {
  const text = String(value);
  if (/^[\p{L}\p{N}_./:@#+,%~-]+$/u.test(text)) return text;
  return JSON.stringify(text).replace(/[\p{C}\u2028\u2029]/gu, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
