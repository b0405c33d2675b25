import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import type { VerifiedIdentity } from "../identity/index.ts";
import { createOutbox, type Outbox } from "../protocol/delivery/outbox.ts";
import type { Outgoing } from "../protocol/delivery/outgoing.ts";
import { concat, EMPTY } from "../wire/bytes.ts";
import type { PayloadAt } from "../wire/kept-agent.ts";
import { PART_BYTES } from "../wire/limits.ts";
import type { ReceiptEntry } from "../wire/sealed.ts";
import { PLAIN_WORDS } from "../wire/test-sealed-head.ts";
import { outgoingRecords } from "./outgoing-records.ts";
import type { Planned } from "./planned.ts";
import { receiptSteps } from "./receipts.ts";

const { hash } = createNodeCrypto();
const NOW = 1_000_000;
const to = new Uint8Array(32).fill(4);
const limits = { outboxMessages: 10, outboxBytes: 10_000_000, unconfirmedAfterMs: 600, forgetStreamMs: 5000 };
const signed = { said: EMPTY, signature: new Uint8Array(64), plaintext: EMPTY };
const sender = { idRaw: to, bundle: EMPTY } as Partial<VerifiedIdentity> as VerifiedIdentity;
const digestOf = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);

interface Bench {
  readonly outbox: Outbox;
  readonly outgoing: Outgoing;
  apply(records: readonly Planned[]): void;
  seal(part: number, digest: number, again?: boolean): void;
  entry(said: Partial<ReceiptEntry>): readonly Planned[];
  readonly foreign: ReceiptEntry[];
}

function bench(parts = 1): Bench {
  const outbox = createOutbox({ limits, drawStream: () => new Uint8Array(8).fill(1) });
  let offset = 0;
  const place = (): PayloadAt => ({ segment: 1, offset: ++offset, length: 1 });
  const apply = (records: readonly Planned[]): void => {
    for (const { kept } of records) outbox.apply(kept, place());
  };
  const { id, records } = outgoingRecords(outbox, hash, {
    recipient: { idRaw: to, name: "" },
    class: "mail",
    requestId: EMPTY,
    asks: false,
    ...PLAIN_WORDS,
    content: new Uint8Array((parts - 1) * PART_BYTES + 1),
    nowMs: NOW,
    expiresAtMs: NOW + 1000,
  });
  apply(records);
  const outgoing = outbox.find(id) as Outgoing;
  const { stream, seq } = outgoing.head;
  const foreign: ReceiptEntry[] = [];
  return {
    outbox,
    outgoing,
    apply,
    foreign,
    seal(part, digest, again = false) {
      const now = outgoing.parts[part] as Outgoing["parts"][number];
      const earlier = now.bytes === 0 ? EMPTY : concat(...now.earlier, now.digest);
      const head = { stream, seq: seq + part, to, digest: digestOf(digest), bytes: 10, certificate: new Uint8Array(32), earlier, again };
      apply([{ kept: { kind: "sealedUnder", head } }]);
    },
    entry: (said) => {
      const entry: ReceiptEntry = { stream, seq, outcome: "done", digest: digestOf(1), code: "", why: "", attempts: 1, atMs: NOW, ...said };
      return receiptSteps(outbox, hash, { sender, signed }, [entry], (each) => foreign.push(each));
    },
  };
}

const kindsOf = (records: readonly Planned[]): readonly string[] =>
  records.map(({ kept }) => kept.kind).filter((kind) => kind !== "evidence");
const RETIRED = { outcome: "refused", code: "key-retired", why: "send it again", attempts: 0 } as const;

describe("receipts for our messages", () => {
  it("of a destroyed key have the part sealed anew once, and end the message the second time with what to do", () => {
    const on = bench();
    on.seal(0, 1);
    const records = on.entry(RETIRED);
    expect(kindsOf(records)).toEqual(["keyRetired"]);
    on.apply(records);
    expect([on.outgoing.state, on.outgoing.parts[0]?.unfit]).toEqual(["queued", "key-retired"]);
    on.seal(0, 2, true);
    expect(on.entry(RETIRED)).toEqual([]);
    on.apply(on.entry({ ...RETIRED, digest: digestOf(2) }));
    expect(on.outgoing.steps.at(-1)).toMatchObject({ state: "refused", proof: "receipt", detail: "key-retired: send it again" });
  });

  it("of a destroyed key end the message when its content is gone", () => {
    const on = bench();
    on.seal(0, 1);
    Object.assign(on.outgoing.parts[0] as object, { plain: undefined });
    on.apply(on.entry(RETIRED));
    expect(on.outgoing.state).toBe("refused");
  });

  it("of a destroyed key may be of any part, other ones are of the first alone", () => {
    const on = bench(2);
    for (const part of [0, 1]) on.seal(part, part + 1);
    const second = { seq: on.outgoing.head.seq + 1, digest: digestOf(2) };
    expect(on.entry(second)).toEqual([]);
    expect(kindsOf(on.entry({ ...RETIRED, ...second }))).toEqual(["keyRetired"]);
    on.apply(on.entry({ ...RETIRED, ...second }));
    on.seal(1, 3, true);
    on.apply(on.entry({ ...RETIRED, ...second, digest: digestOf(3) }));
    expect(on.outgoing.steps.at(-1)).toMatchObject({ state: "refused", proof: "none" });
  });

  it("of an envelope that was sent before it was sealed anew count, and name that one; that its id was known is no refusal", () => {
    const on = bench();
    on.seal(0, 1);
    on.outbox.unfit(on.outgoing.parts[0] as Outgoing["parts"][number]);
    on.seal(0, 2);
    expect(on.entry({ outcome: "refused", code: "id-conflict" })).toEqual([]);
    const records = on.entry({});
    expect(kindsOf(records)).toEqual(["sealedUnder", "step"]);
    on.apply(records);
    expect([on.outgoing.state, on.outgoing.parts[0]?.digest]).toEqual(["done", digestOf(1)]);
    expect(on.foreign).toEqual([]);
  });

  it("of an envelope that was never ours, or of somebody else, count for nothing and are reported", () => {
    const on = bench();
    on.seal(0, 1);
    expect(on.entry({ digest: digestOf(7) })).toEqual([]);
    expect(on.entry({ ...RETIRED, digest: digestOf(7) })).toEqual([]);
    expect(on.foreign).toHaveLength(2);
  });
});
