import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, hex } from "../../wire/bytes.ts";
import { messageIdText } from "../../wire/ids.ts";
import { type DeliveryState, decodeKept, encodeKept, type Kept, type PayloadAt } from "../../wire/kept-agent.ts";
import { PLAIN_WORDS } from "../../wire/test-sealed-head.ts";
import { createOutbox, MAX_ENDED, type Outbox } from "./outbox.ts";
import { type Outgoing, type OutgoingPart, seenDigests } from "./outgoing.ts";

const NOW = 1_000_000;
const EXPIRY = NOW + 10_000;
const limits = { outboxMessages: 100, outboxBytes: 1000, unconfirmedAfterMs: 600, forgetStreamMs: 5000 };
const to = new Uint8Array(32).fill(4);

interface Bench {
  readonly outbox: Outbox;
  places: number;
}

function bench(): Bench {
  let streams = 0;
  return { outbox: createOutbox({ limits, drawStream: () => new Uint8Array(8).fill(++streams) }), places: 0 };
}

function place(on: Bench): PayloadAt {
  return { segment: 1, offset: ++on.places, length: 10 };
}

function queue(on: Bench, parts = 1, kind: "mail" | "receipt" = "mail"): Outgoing {
  const { stream, seq } = on.outbox.reserve(hex(to), parts);
  const head = {
    stream,
    seq,
    parts,
    class: kind,
    to,
    toName: "",
    requestId: new Uint8Array(0),
    asks: false,
    ...PLAIN_WORDS,
    wholeBytes: 10,
    wholeHash: new Uint8Array(32),
    sentAtMs: NOW,
    expiresAtMs: EXPIRY,
    invite: new Uint8Array(0),
  };
  on.outbox.apply({ kind: "queued", head }, place(on));
  for (let part = 0; part < parts; part++) on.outbox.apply({ kind: "part", head: { stream, seq: seq + part } }, place(on));
  return on.outbox.find(messageIdText(stream, seq)) as Outgoing;
}

function seal(on: Bench, outgoing: Outgoing): void {
  for (const { seq } of outgoing.parts)
    on.outbox.apply(
      {
        kind: "sealed",
        head: { stream: outgoing.head.stream, seq, to: new Uint8Array(32), digest: new Uint8Array(16).fill(seq), bytes: 20 },
      },
      place(on),
    );
}

/** Another envelope for a part, in the place of the one it has. */
function sealAnew(on: Bench, part: OutgoingPart, digest: number, again = false): void {
  const { stream } = part.of.head;
  const earlier = concat(...part.earlier, part.digest);
  const head = {
    stream,
    seq: part.seq,
    to,
    digest: new Uint8Array(16).fill(digest),
    bytes: 30,
    certificate: new Uint8Array(32),
    earlier,
    again,
  };
  on.outbox.apply({ kind: "sealedUnder", head }, place(on));
}

function retire(on: Bench, part: OutgoingPart): void {
  on.outbox.apply({ kind: "keyRetired", head: { stream: part.of.head.stream, seq: part.seq, digest: part.digest } }, undefined);
}

function step(on: Bench, outgoing: Outgoing, state: DeliveryState): void {
  const { stream, seq } = outgoing.head;
  on.outbox.apply(
    {
      kind: "step",
      head: { stream, seq, state, atMs: NOW, by: new Uint8Array(0), proof: "none", detail: "", evidence: new Uint8Array(0) },
    },
    undefined,
  );
}

/** A relay's proof of a state, with the evidence it names. */
function prove(on: Bench, outgoing: Outgoing, state: DeliveryState, relay: number, evidence = relay): void {
  const { stream, seq } = outgoing.head;
  const hash = new Uint8Array(32).fill(evidence);
  on.outbox.apply({ kind: "evidence", head: { hash } }, place(on));
  const by = new Uint8Array(32).fill(relay);
  on.outbox.apply({ kind: "step", head: { stream, seq, state, atMs: NOW, by, proof: "statement", detail: "", evidence: hash } }, undefined);
  on.outbox.takeReleases();
}

function reopen(before: Bench): Bench {
  const after = bench();
  for (const { kept, restated } of before.outbox.restate()) {
    const read = decodeKept(encodeKept(kept, undefined, restated));
    after.outbox.apply(read.kept, read.restated);
  }
  after.outbox.replayed();
  return after;
}

const applyAll = (on: Bench, records: readonly Kept[]): void => {
  for (const kept of records) on.outbox.apply(kept, undefined);
};

describe("outbox", () => {
  it("gives the same numbers again after a change that was not kept", () => {
    const on = bench();
    queue(on);
    on.outbox.keepReservations();
    on.outbox.reserve(hex(to), 3);
    const { reservations } = on.outbox;
    on.outbox.reserve(hex(to), 2);
    on.outbox.unreserve(reservations);
    expect(on.outbox.reserve(hex(to), 1).seq).toBe(5);
    on.outbox.unreserve(0);
    expect(on.outbox.reserve(hex(to), 1).seq).toBe(2);
  });

  it("makes parts ready in the order they were sealed, and never twice", () => {
    const on = bench();
    const first = queue(on, 2);
    seal(on, first);
    const part = on.outbox.queue.next();
    expect(part?.seq).toBe(1);
    if (part === undefined) return;
    on.outbox.queue.sent(part);
    on.outbox.queue.landed(part, true);
    expect(on.outbox.queue.next()?.seq).toBe(2);
  });

  it("puts a refused part off and wakes it", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    const [part] = outgoing.parts;
    if (part === undefined) return;
    on.outbox.queue.sent(part);
    on.outbox.queue.landed(part, false);
    on.outbox.queue.putOff(part, NOW + 100);
    expect(on.outbox.queue.next()).toBeUndefined();
    expect(on.outbox.queue.wake(NOW)).toBe(NOW + 100);
    on.outbox.queue.wake(NOW + 100);
    expect(on.outbox.queue.next()).toBe(part);
  });

  it("keeps one envelope per part", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    const { stream, seq } = outgoing.head;
    on.outbox.apply(
      { kind: "sealed", head: { stream, seq, to: new Uint8Array(32), digest: new Uint8Array(16).fill(99), bytes: 20 } },
      place(on),
    );
    expect(outgoing.parts[0]?.digest).toEqual(new Uint8Array(16).fill(1));
  });

  it("releases the envelope once stored and landed, the plain content once ended", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    expect(on.outbox.takeReleases()).toEqual([]);
    const [part] = outgoing.parts;
    if (part === undefined) return;
    on.outbox.queue.sent(part);
    step(on, outgoing, "stored");
    expect(on.outbox.takeReleases()).toEqual([]);
    on.outbox.queue.landed(part, true);
    expect(on.outbox.takeReleases().map(({ offset }) => offset)).toEqual([3]);
    step(on, outgoing, "done");
    expect(on.outbox.takeReleases().map(({ offset }) => offset)).toEqual([2]);
  });

  it("moves plain content in the log, and lets go of it where it was", () => {
    const on = bench();
    const outgoing = queue(on, 2);
    const [part] = outgoing.parts as [OutgoingPart];
    expect([...on.outbox.contentIn(1)]).toEqual(outgoing.parts);
    on.outbox.apply({ kind: "part", head: { stream: outgoing.head.stream, seq: part.seq } }, { segment: 2, offset: 1, length: 10 });
    expect(on.outbox.takeReleases()).toEqual([{ segment: 1, offset: 2, length: 10 }]);
    expect([...on.outbox.contentIn(2)]).toEqual([part]);
    step(on, outgoing, "done");
    expect([...on.outbox.contentIn(2), ...on.outbox.contentIn(1)]).toEqual([]);
  });

  it("puts another envelope in the place of one that is not to travel, which then travels", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    const [part] = outgoing.parts as [OutgoingPart];
    expect(seenDigests(part)).toEqual([]);
    on.outbox.unfit(part);
    expect([on.outbox.queue.next(), on.outbox.unsealed(hex(to))]).toEqual([undefined, [outgoing]]);
    sealAnew(on, part, 9);
    expect(on.outbox.takeReleases().map(({ offset }) => offset)).toEqual([3]);
    expect([on.outbox.queue.next(), on.outbox.unsealed(hex(to)), part.unfit]).toEqual([part, [], ""]);
    expect(on.outbox.byDigest(new Uint8Array(16).fill(9))).toBe(part);
    expect(on.outbox.byDigest(new Uint8Array(16).fill(1))).toBeUndefined();
  });

  it("takes no other envelope while one is in flight, and names what somebody may have seen", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    const [part] = outgoing.parts as [OutgoingPart];
    on.outbox.queue.sent(part);
    sealAnew(on, part, 9);
    expect(part.digest[0]).toBe(1);
    on.outbox.queue.linkLost();
    expect(seenDigests(part).map((digest) => digest[0])).toEqual([1]);
    on.outbox.unfit(part);
    sealAnew(on, part, 9);
    expect([part.digest[0], part.uncertain, part.earlier.map((digest) => digest[0])]).toEqual([9, false, [1]]);
    // It may have left as it was before: nobody may say that it never did.
    expect(on.outbox.due(EXPIRY).records).toEqual([]);
  });

  it("sends a stored message once more when the recipient had destroyed the key, once, over a restart too", () => {
    for (const restarts of [false, true]) {
      const before = bench();
      const first = queue(before, 2);
      seal(before, first);
      for (const part of first.parts) {
        before.outbox.queue.sent(part);
        before.outbox.queue.landed(part, true);
      }
      for (const state of ["accepted", "stored"] as const) step(before, first, state);
      retire(before, first.parts[1] as OutgoingPart);
      const on = restarts ? reopen(before) : before;
      const outgoing = on.outbox.find(first.id) as Outgoing;
      const part = outgoing.parts[1] as OutgoingPart;
      expect([part.unfit, on.outbox.queue.next(), on.outbox.unsealed(hex(to))]).toEqual(["key-retired", undefined, [outgoing]]);
      on.places = before.places;
      sealAnew(on, part, 9, true);
      expect([outgoing.state, on.outbox.queue.next()]).toEqual(["stored", part]);
      expect(reopen(on).outbox.queue.next()?.seq).toBe(part.seq);
      retire(on, part);
      expect(part.unfit).toBe("");
      on.outbox.queue.sent(part);
      on.outbox.queue.landed(part, true);
      expect(part.envelope).toBeUndefined();
      step(on, outgoing, "done");
      expect(on.outbox.queue.next()).toBeUndefined();
    }
  });

  it("names an envelope to be replaced that may be somewhere also after a restart, and does not say that it never left", () => {
    const before = bench();
    const outgoing = queue(before);
    seal(before, outgoing);
    const [part] = outgoing.parts as [OutgoingPart];
    before.outbox.queue.sent(part);
    before.outbox.queue.landed(part, true);
    retire(before, part);
    const on = reopen(before);
    const again = on.outbox.find(outgoing.id) as Outgoing;
    expect(seenDigests(again.parts[0] as OutgoingPart)).toEqual(seenDigests(part));
    expect(on.outbox.due(EXPIRY).records).toEqual([]);
  });

  it("names the envelope again that the recipient says it took", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    const [part] = outgoing.parts as [OutgoingPart];
    on.outbox.unfit(part);
    sealAnew(on, part, 9);
    const { envelope } = part;
    sealAnew(on, part, 1);
    expect([part.digest[0], part.earlier.map((digest) => digest[0]), part.envelope]).toEqual([1, [1, 9], envelope]);
    step(on, outgoing, "done");
    expect(reopen(on).outbox.find(outgoing.id)?.parts[0]?.digest[0]).toBe(1);
  });

  it("holds the envelope of an ended message while its number is under way", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    const [part] = outgoing.parts;
    if (part === undefined) return;
    on.outbox.queue.sent(part);
    step(on, outgoing, "done");
    expect(part.envelope).toBeDefined();
    on.outbox.queue.landed(part, true);
    expect(part.envelope).toBeUndefined();
  });

  it("takes a proof of the state it has as one more step, and a late one beside them", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    step(on, outgoing, "accepted");
    prove(on, outgoing, "accepted", 1);
    prove(on, outgoing, "accepted", 1, 3);
    step(on, outgoing, "done");
    prove(on, outgoing, "stored", 2);
    prove(on, outgoing, "stored", 2, 4);
    expect(outgoing.state).toBe("done");
    expect(outgoing.steps.map(({ state, proof }) => `${state} ${proof}`)).toEqual([
      "queued none",
      "accepted none",
      "accepted statement",
      "done none",
    ]);
    expect(outgoing.late.map(({ state, proof }) => `${state} ${proof}`)).toEqual(["stored statement"]);
    expect([1, 2, 3, 4].map((fill) => on.outbox.evidence.has(new Uint8Array(32).fill(fill)))).toEqual([true, true, false, false]);
    step(on, outgoing, "lost");
    on.outbox.apply({ kind: "forgotten", head: outgoing.head }, undefined);
    on.outbox.takeReleases();
    expect([1, 2].map((fill) => on.outbox.evidence.has(new Uint8Array(32).fill(fill)))).toEqual([false, false]);
  });

  it("bounds what relays may prove late", () => {
    const on = bench();
    const outgoing = queue(on);
    step(on, outgoing, "done");
    for (let relay = 1; relay <= 100; relay++) prove(on, outgoing, "stored", relay);
    expect(outgoing.late.length).toBeLessThanOrEqual(8);
  });

  it("finds a part by the digest of its envelope until it is forgotten", () => {
    const on = bench();
    const outgoing = queue(on, 2);
    seal(on, outgoing);
    expect(on.outbox.byDigest(new Uint8Array(16).fill(2))).toBe(outgoing.parts[1]);
    on.outbox.apply({ kind: "forgotten", head: outgoing.head }, undefined);
    expect(on.outbox.byDigest(new Uint8Array(16).fill(2))).toBeUndefined();
  });

  it("says as floor the first message that is not at its end", () => {
    const on = bench();
    const [first, second, third] = [queue(on, 2), queue(on), queue(on)];
    expect(on.outbox.floor(first.head.stream)).toBe(1);
    step(on, second, "done");
    expect(on.outbox.floor(first.head.stream)).toBe(1);
    step(on, first, "refused");
    expect(on.outbox.floor(first.head.stream)).toBe(4);
    step(on, third, "done");
    expect(on.outbox.floor(first.head.stream)).toBe(5);
  });

  it("ends what never left as expired, and what may have left as unconfirmed", () => {
    const on = bench();
    const never = queue(on);
    const maybe = queue(on);
    seal(on, maybe);
    on.outbox.queue.sent(maybe.parts[0] as Outgoing["parts"][number]);
    expect(on.outbox.due(EXPIRY - 1)).toEqual({ records: [], nextMs: EXPIRY });
    applyAll(on, on.outbox.due(EXPIRY).records);
    expect([never.state, maybe.state]).toEqual(["expired", "queued"]);
    applyAll(on, on.outbox.due(EXPIRY + limits.unconfirmedAfterMs).records);
    expect(maybe.state).toBe("unconfirmed");
    step(on, maybe, "done");
    expect(maybe.state).toBe("done");
  });

  it("takes what was sealed before a restart for sent", () => {
    const on = bench();
    seal(on, queue(on));
    const again = reopen(on);
    expect(again.outbox.due(EXPIRY).records).toEqual([]);
    expect(again.outbox.due(EXPIRY + limits.unconfirmedAfterMs).records).toHaveLength(1);
  });

  it("forgets ended messages after a while, and the oldest when they are too many", () => {
    const on = bench();
    step(on, queue(on), "done");
    expect(on.outbox.due(EXPIRY + limits.forgetStreamMs - 1).records).toEqual([]);
    expect(on.outbox.due(EXPIRY + limits.forgetStreamMs).records.map(({ kind }) => kind)).toEqual(["forgotten"]);
    for (let count = 0; count < MAX_ENDED; count++) step(on, queue(on), "done");
    const { records } = on.outbox.due(NOW);
    expect(records).toEqual([{ kind: "forgotten", head: { stream: new Uint8Array(8).fill(1), seq: 1 } }]);
  });

  it("holds no more open messages than the limit, receipts aside", () => {
    const on = bench();
    for (let count = 0; count < limits.outboxMessages; count++) {
      expect(on.outbox.hasRoom(10)).toBe(true);
      queue(on, 1, "receipt");
      queue(on);
    }
    expect(on.outbox.hasRoom(10)).toBe(false);
  });

  it("has nothing left to seal for a message that ended while a key was retired, also after a restart", () => {
    const on = bench();
    const outgoing = queue(on);
    seal(on, outgoing);
    const [part] = outgoing.parts as [OutgoingPart];
    retire(on, part);
    expect(part.unfit).toBe("key-retired");
    step(on, outgoing, "done");
    expect(part.unfit).toBe("");
    expect(reopen(on).outbox.find(outgoing.id)?.parts[0]?.unfit).toBe("");
  });

  it("is the same after a restart, whatever happened", () => {
    const actions = fc.array(
      fc.record({
        do: fc.constantFrom(
          "queue",
          "seal",
          "accepted",
          "stored",
          "done",
          "unconfirmed",
          "prove accepted",
          "prove stored",
          "forget",
          "anew",
          "retire",
        ),
        pick: fc.nat(20),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(actions, (script) => {
        const on = bench();
        const all: Outgoing[] = [];
        let anew = 0;
        for (const { do: action, pick } of script) {
          const outgoing = all[pick % Math.max(1, all.length)];
          if (action === "queue") all.push(queue(on, 1 + (pick % 3)));
          else if (outgoing === undefined) continue;
          else if (action === "seal") seal(on, outgoing);
          else if (action === "anew" || action === "retire") {
            const part = outgoing.parts[pick % outgoing.parts.length] as OutgoingPart;
            if (action === "retire") retire(on, part);
            else if (part.bytes > 0) sealAnew(on, part, 5 + (anew++ % 250), part.again || part.unfit === "key-retired");
          } else if (action === "forget") on.outbox.apply({ kind: "forgotten", head: outgoing.head }, undefined);
          else if (action.startsWith("prove ")) prove(on, outgoing, action.slice(6) as DeliveryState, 1 + (pick % 3), 1 + (pick % 5));
          else step(on, outgoing, action as DeliveryState);
        }
        on.outbox.takeReleases();
        const again = reopen(on);
        for (let fill = 1; fill <= 5; fill++) {
          const hash = new Uint8Array(32).fill(fill);
          expect(again.outbox.evidence.at(hash)).toEqual(on.outbox.evidence.at(hash));
        }
        const shown = (of: Outbox): unknown =>
          [...of.all()].map(({ id, state, steps, late, parts }) => ({
            id,
            state,
            steps,
            late,
            parts: parts.map(({ of: _, flights, acked, uncertain, refusals, ...kept }) => kept),
          }));
        expect(shown(again.outbox)).toEqual(shown(on.outbox));
        expect(again.outbox.openMessages).toBe(on.outbox.openMessages);
        expect(again.outbox.unsealedRecipients()).toEqual(on.outbox.unsealedRecipients());
        expect(again.outbox.queue.next() === undefined).toBe(on.outbox.queue.next() === undefined);
        expect(again.outbox.takeReleases()).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
