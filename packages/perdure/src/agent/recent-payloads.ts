/**
 * What was just written to the log, for who reads it next: what is queued is sealed at once, what was sealed is sent, and what came is
 * handed to a handler. Without it each of these would read the disk for bytes that this process made a moment ago.
 */
import type { Bytes } from "../wire/bytes.ts";
import type { Kept, PayloadAt } from "../wire/kept-agent.ts";

/** Bytes remembered at most. */
export const RECENT_BYTES: number = 512 * 1024;
/** Kinds of records whose payload is read soon after. */
const READ_SOON: ReadonlySet<Kept["kind"]> = new Set(["part", "sealedUnder", "received"]);

export interface RecentPayloads {
  /** `payload` never changes from here on. */
  add(kind: Kept["kind"], at: PayloadAt, payload: Bytes): void;
  /** A copy; `undefined` when it is not remembered. */
  get(at: PayloadAt): Bytes | undefined;
  /** Nobody needs it any more. */
  drop(at: PayloadAt): void;
}

export function createRecentPayloads(): RecentPayloads {
  // bound: RECENT_BYTES
  const payloads = new Map<string, Bytes>();
  let bytes = 0;
  const keyOf = ({ segment, offset }: PayloadAt): string => `${segment}:${offset}`;
  const remove = (key: string): void => {
    const payload = payloads.get(key);
    if (payload === undefined) return;
    payloads.delete(key);
    bytes -= payload.length;
  };
  return {
    add(kind, at, payload) {
      if (!READ_SOON.has(kind) || payload.length === 0 || payload.length > RECENT_BYTES) return;
      remove(keyOf(at));
      payloads.set(keyOf(at), payload);
      bytes += payload.length;
      for (const oldest of payloads.keys()) {
        if (bytes <= RECENT_BYTES) break;
        remove(oldest);
      }
    },
    // Handlers may write to what they are given.
    get: (at) => payloads.get(keyOf(at))?.slice(),
    drop: (at) => remove(keyOf(at)),
  };
}
