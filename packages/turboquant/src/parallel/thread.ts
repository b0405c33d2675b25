/** What passes between an index and its threads, and what it needs of them: a worker of Node, or of a browser. */
import type { TurboQuantErrorCode } from "../error.ts";
import type { VectorId } from "../file/segment.ts";
import type { IndexStats, SearchOptions, SearchResult, VectorIndexOptions } from "../search/vector-index.ts";

/** A thread, from outside. Messages arrive in the order in which they were posted. */
export interface Thread {
  post(message: Posted, transfer: readonly ArrayBuffer[]): void;
  /** Whether somebody waits for an answer: a program may end where nobody does. */
  hold(isAwaited: boolean): void;
  end(): Promise<void>;
}

/** `tell` gets every answer; `ended` is called when the thread is there no more, of itself or because it was ended. */
export type StartThread = (tell: (answer: Answer) => void, ended: (why: string, cause?: unknown) => void) => Thread;

export interface Posted {
  readonly nth: number;
  readonly request: Request;
}

export type Request =
  | { readonly do: "open"; readonly options: VectorIndexOptions }
  | { readonly do: "add"; readonly ids: readonly VectorId[]; readonly matrix: Float32Array }
  | { readonly do: "remove"; readonly id: VectorId }
  | { readonly do: "get"; readonly id: VectorId }
  | { readonly do: "truncate"; readonly bits: number; readonly ids: readonly VectorId[] | undefined }
  | { readonly do: "select"; readonly name: number; readonly ids: readonly VectorId[] }
  | { readonly do: "forget"; readonly name: number }
  | { readonly do: "search"; readonly queries: readonly Float32Array[]; readonly options: ShareOptions }
  | { readonly do: "stats" };

export interface ShareOptions extends Omit<SearchOptions, "filter"> {
  /** Names a selection that is kept in the thread, or lists what may be found. */
  readonly filter?: number | readonly VectorId[];
}

/** What each request is answered with. */
export interface Answers {
  readonly open: undefined;
  readonly add: undefined;
  readonly remove: boolean;
  readonly get: Float32Array | undefined;
  readonly truncate: number;
  readonly select: undefined;
  readonly forget: undefined;
  readonly search: readonly SearchResult[];
  readonly stats: IndexStats;
}

export type Answer =
  | { readonly nth: number; readonly value: Answers[Request["do"]] }
  | { readonly nth: number; readonly error: { readonly code: TurboQuantErrorCode; readonly message: string; readonly hint: string } };
