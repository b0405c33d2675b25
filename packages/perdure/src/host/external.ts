import type { Declared, ExternalReading, LiveLimit } from "../settings/external.ts";

/** Limits that this machine and what lies below Perdure impose; only hosts that can tell have it. */
export interface External {
  /** What each of them is, and what was found right. */
  readonly declared: Declared;
  /** Reads them for a process that keeps `folder`, each time anew; what cannot be read is said to be unknown, it never rejects. */
  read(folder: string): Promise<readonly ExternalReading[]>;
  /** Limits in force at this moment on open sockets and servers of this host that no listed row explains. */
  live(): readonly LiveLimit[];
}
