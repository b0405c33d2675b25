/** What code that runs now was called for, through everything it awaits; absent where the machine cannot tell. */
export interface Scope {
  /** Runs `work`; until it is over, everything it calls sees `cause`. */
  run<Result>(cause: object, work: () => Result): Result;
  readonly current: object | undefined;
}
