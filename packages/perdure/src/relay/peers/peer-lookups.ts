/** Questions to one other relay: each has its own deadline, and is asked again over the next session when one breaks. */
import type { Clock } from "../../host/clock.ts";
import { type Bytes, EMPTY } from "../../wire/bytes.ts";
import { found, type Lookup, lookup } from "../../wire/control.ts";
import type { ErrorCode } from "../../wire/error.ts";
import type { Frame } from "../../wire/frame.ts";

/** A bundle as the other relay gave it, which whoever asked verifies; or why there is none. */
export interface Answer {
  readonly bundle: Bytes;
  readonly code: string;
}

export interface PeerLookups {
  readonly waiting: number;
  /** Never rejects: what keeps the other relay from answering is the code. */
  ask(question: Pick<Lookup, "what" | "key">): Promise<Answer>;
  /** A session begins. */
  resume(): void;
  answered(payload: Bytes): void;
  /** Nobody will answer. */
  end(code: ErrorCode): void;
}

export interface PeerLookupsOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Does nothing while there is no session. */
  readonly send: (frame: Frame) => void;
}

/** Questions under way to one relay; more are answered `too-busy`. */
const MOST = 256;

interface Pending {
  readonly frame: Frame;
  readonly finish: (answer: Answer) => void;
}

export function createPeerLookups({ clock, timeoutMs, send }: PeerLookupsOptions): PeerLookups {
  // bound: MOST
  const pending = new Map<number, Pending>();
  let requests = 0;

  return {
    get waiting() {
      return pending.size;
    },
    ask: ({ what, key }) =>
      new Promise((resolve) => {
        if (pending.size >= MOST) return resolve({ bundle: EMPTY, code: "too-busy" satisfies ErrorCode });
        const request = ++requests;
        const frame: Frame = { name: "lookup", payload: lookup.encode({ request, what, key, at: EMPTY }) };
        const finish = (answer: Answer): void => {
          cancel();
          pending.delete(request);
          resolve(answer);
        };
        const cancel = clock.after(timeoutMs, () => finish({ bundle: EMPTY, code: "timed-out" satisfies ErrorCode }));
        pending.set(request, { frame, finish });
        send(frame);
      }),
    resume: () => {
      for (const { frame } of pending.values()) send(frame);
    },
    answered: (payload) => {
      const { request, bundle, code } = found.decode(payload);
      pending.get(request)?.finish({ bundle: bundle.slice(), code });
    },
    end: (code) => {
      for (const { finish } of [...pending.values()]) finish({ bundle: EMPTY, code });
    },
  };
}
