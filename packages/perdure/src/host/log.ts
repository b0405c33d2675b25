/**
 * What happened, as data: an event name and fields. Never a body, a key or a passphrase. People read it as lines,
 * the lab's oracles read it as facts.
 */
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  write(level: LogLevel, event: string, fields?: LogFields): void;
  /**
   * Whether anybody takes that event now. What nobody takes need not be made, and asking says that it happened. Absent where somebody
   * always does.
   */
  wants?(level: LogLevel, event: string): boolean;
}

/** Keeps nothing. */
export const silentLog: Log = { write: () => {}, wants: () => false };
