/**
 * What happened, as data: an event name and fields. Never a body, a key or a passphrase. People read it as lines,
 * the lab's oracles read it as facts.
 */
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  write(level: LogLevel, event: string, fields?: LogFields): void;
}

/** Keeps nothing. */
export const silentLog: Log = { write: () => {} };
