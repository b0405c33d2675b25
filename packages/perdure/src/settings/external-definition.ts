/** What an inherited limit is. */
import type { Unit } from "./definition.ts";

/** What ends when a limit strikes: one request, one connection, all connections of a process, what was kept. */
export const BLAST_RADII = ["request", "connection", "process", "data"] as const;
export type BlastRadius = (typeof BLAST_RADII)[number];

export type ExternalUnit = Unit | "files" | "ports" | "threads" | "tries" | "version" | "of its own";
export type ExternalOrigin = "os" | "node" | "library" | "browser" | "middlebox";

export interface ExternalDefinition {
  readonly unit: ExternalUnit;
  readonly origin: ExternalOrigin;
  /** Where it is read. */
  readonly source: string;
  readonly blast: BlastRadius;
  /** What it commonly is, and what was looked at. */
  readonly reviewed: number;
  /** From here on it needs somebody's attention. */
  readonly least?: number;
  readonly most?: number;
  readonly reason: string;
  readonly advice: string;
}
