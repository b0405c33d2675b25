import type { Log, LogLevel } from "../log.ts";

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Events from `level` on, in the console of the page. */
export function createPageLog(level: LogLevel, console: Readonly<Record<LogLevel, (...words: unknown[]) => void>>): Log {
  return {
    write: (eventLevel, event, fields = {}) => {
      if (ORDER[eventLevel] >= ORDER[level]) console[eventLevel](`perdure ${event}`, fields);
    },
  };
}
