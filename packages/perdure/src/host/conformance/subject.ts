/**
 * What every conformance suite gets from the host it examines. A virtual clock moves only while somebody drives it, so
 * a whole test body runs inside `drive`; on a real machine that is the promise itself.
 */
import { test } from "vitest";
import { isPerdureError } from "../../wire/error.ts";

export interface Subject {
  /** Resolves as `work` does, having kept time and input going until then. */
  readonly drive?: <Value>(work: Promise<Value>) => Promise<Value>;
  readonly dispose?: () => Promise<void> | void;
}

/** A test of a port: makes a fresh subject, runs `body` on it while it is driven, disposes of it. */
export function portTest<Port extends Subject>(
  name: string,
  make: () => Promise<Port> | Port,
  body: (subject: Port) => Promise<void>,
): void {
  test(name, async () => {
    const subject = await make();
    try {
      const work = body(subject);
      await (subject.drive === undefined ? work : subject.drive(work));
    } finally {
      await subject.dispose?.();
    }
  });
}

/** The code `work` fails with, or `undefined` when it succeeds; what is not ours is thrown on. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (isPerdureError(error)) return error.code;
    throw error;
  }
}
