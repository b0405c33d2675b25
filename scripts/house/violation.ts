/** One broken house rule and where. */
export interface Violation {
  readonly rule: string;
  /** Path and, where there is one, line. */
  readonly where: string;
  readonly what: string;
}
