/** For tests of this folder: records of contact books and loop guards, drawn. */
import fc from "fast-check";
import { CONTACT_ORIGINS, decodeKept, encodeKept, type Kept, type KeptOutgoing, STANDINGS } from "../../wire/kept-agent.ts";
import { PLAIN_WORDS } from "../../wire/test-sealed-head.ts";

const FEW = 4;
/** One of few ids, so that records meet. */
export const someId: fc.Arbitrary<Uint8Array> = fc.nat(FEW - 1).map((seed) => idOf(seed));
const someHash: fc.Arbitrary<Uint8Array> = fc.nat(FEW - 1).map((seed) => new Uint8Array(32).fill(100 + seed));
export const someThread: fc.Arbitrary<Uint8Array> = fc.nat(2).map((seed) => new Uint8Array(16).fill(seed));

export function idOf(seed: number): Uint8Array {
  return new Uint8Array(32).fill(seed + 1);
}

export const contactRecord: fc.Arbitrary<Kept> = fc
  .record({
    id: someId,
    standing: fc.constantFrom(...STANDINGS),
    name: fc.constantFrom("", "anna"),
    homeId: fc.constantFrom(new Uint8Array(0), new Uint8Array(32).fill(9)),
    homeUrl: fc.constantFrom("", "wss://b.example/"),
    how: fc.constantFrom(...CONTACT_ORIGINS),
    atMs: fc.nat(1000),
  })
  .map((head) => ({ kind: "contact", head }));

export const bookRecord: fc.Arbitrary<Kept> = fc.oneof(
  contactRecord,
  fc
    .record({ hash: someHash, label: fc.constantFrom("", "bob"), expiresAtMs: fc.nat(2000), usesLeft: fc.nat(3), atMs: fc.nat(1000) })
    .map((head): Kept => ({ kind: "invite", head })),
  fc
    .record({
      strangers: fc.constantFrom("wait" as const, "welcome" as const),
      listVersion: fc.nat(9),
      listHash: fc.constant(new Uint8Array(16)),
    })
    .map((head): Kept => ({ kind: "policy", head })),
);

export const pauseRecord: fc.Arbitrary<Kept> = fc
  .record({ thread: someThread, peer: someId, paused: fc.boolean(), why: fc.constant("because"), atMs: fc.nat(1000) })
  .map((head) => ({ kind: "paused", head }));

export function queuedRecord(fields: Partial<KeptOutgoing>): Kept {
  return {
    kind: "queued",
    head: {
      stream: new Uint8Array(8).fill(1),
      seq: 1,
      parts: 1,
      class: "mail",
      to: idOf(0),
      toName: "",
      requestId: new Uint8Array(0),
      asks: false,
      ...PLAIN_WORDS,
      thread: new Uint8Array(16).fill(1),
      depth: 2,
      auto: true,
      wholeBytes: 1,
      wholeHash: new Uint8Array(32),
      sentAtMs: 0,
      expiresAtMs: 1000,
      invite: new Uint8Array(0),
      ...fields,
    },
  };
}

/** As it is after a way over the disk. */
export function reread(kept: Kept): Kept {
  return decodeKept(encodeKept(kept, undefined)).kept;
}
