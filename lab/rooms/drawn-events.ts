/** What events say in rooms, each drawn as one number, so that a step stays one line. */
import type { Bytes } from "../../packages/perdure/src/wire/bytes.ts";
import { BEGINS_MS, type Made, type MadeBody } from "./made-log.ts";

/** Times lie on few places, so that many of them are equal. */
export const TICK_MS = 60_000;
/** Relays there are: few, so that what names one meets what names another. */
const RELAYS = 6;

export const relayOf = (number: number): Bytes => new Uint8Array(32).fill(1 + (number % RELAYS));

/** The body of an event that shall follow `before`. */
export function drawnBody(kind: MadeBody["kind"], what: number, before: Made, instances: readonly Bytes[], longUrl = 440): MadeBody {
  const seq = before.seq + 1;
  const [a, b, c] = [what & 0xff, (what >>> 8) & 0xff, (what >>> 16) & 0xff];
  const untilMs = BEGINS_MS + TICK_MS * (b % 30);
  switch (kind) {
    case "rotate":
      return { kind, voidFromSeq: c % 2 === 0 ? seq : 1 + (a % seq), untilMs, salt: 1 + (a % 5) };
    case "retire":
      return { kind, untilMs, successor: a % 2 === 0 ? new Uint8Array() : new Uint8Array(32).fill(a), reason: "over".repeat(b % 3) };
    case "instance-revoke":
      return { kind, instance: instances[a % instances.length] as Bytes, voidFromMs: untilMs, reason: "lost".repeat(c % 9) };
    case "home-set": {
      const url = `wss://relay.example/${"x".repeat(c % 3 === 0 ? longUrl : 3)}`;
      return {
        kind,
        homes: Array.from({ length: a % 5 }, (_, index) => ({ relayId: relayOf(index + b), url, preference: index })),
      };
    }
    default:
      return { kind: "anchor", root: new Uint8Array(32).fill(a), about: "a".repeat(c) };
  }
}
