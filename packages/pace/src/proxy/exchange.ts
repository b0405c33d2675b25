/** One request and its answer as a proxy sees them, apart from sockets. What speaks HTTP is in `../host/node/listener.ts`. */

/** Its name in small letters, as it came; one of several of a name each stands alone. */
export type Field = readonly [name: string, value: string];

export interface Ask {
  readonly method: string;
  /** What follows the method: "/v1/things?page=2". */
  readonly target: string;
  readonly fields: readonly Field[];
  /** Can be read once. Ends with an error where whoever asked went away. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Whoever asked went away. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: ReadableStream<Uint8Array> | string | undefined;
}

export function fieldOf(fields: readonly Field[], name: string): string | undefined {
  return fields.find(([each]) => each === name)?.[1];
}
