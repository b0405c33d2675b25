/**
 * Who is told of everything that happens in a world, to draw it or to compare two runs. It changes nothing: a world that is watched has
 * the same history as one that is not.
 */
export interface Watcher {
  /** An event is about to run; `process` is absent for those of the script. */
  readonly event?: (label: string, process: string | undefined) => void;
  /** A process begins, dies, stands still, or goes on. */
  readonly life?: (process: string, what: "begins" | "dies" | "stands still" | "goes on") => void;
  /** One message of a connection leaves. The same array comes to `arrived`, unless somebody changed or lost it. */
  readonly sent?: (from: string, to: string, message: Uint8Array) => void;
  readonly arrived?: (from: string, to: string, message: Uint8Array) => void;
}

/** Where the parts of one world look for their watcher. */
export interface Watch {
  by: Watcher | undefined;
}
