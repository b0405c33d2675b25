import { describe, expect, it } from "vitest";
import { hex, utf8 } from "../../wire/bytes.ts";
import { decodeEnvelope } from "../../wire/envelope.ts";
import { decodeKeptMail } from "../../wire/kept-relay.ts";
import {
  acksIn,
  agentId,
  createTestRelay,
  deliveredIn,
  envelope,
  key,
  kindsOf,
  NOW_MS,
  registration,
  settleOf,
  type TestRelay,
  waitingIn,
} from "./test-relay.ts";

/** Alice (session 1) writes, Bob (session 2) reads. */
function pair(...options: Parameters<typeof createTestRelay>): TestRelay {
  const relay = createTestRelay(...options);
  relay.attach(1, "alice");
  relay.attach(2, "bob");
  relay.take();
  return relay;
}

describe("taking mail", () => {
  it("hands it out before it is durable and acknowledges it after", () => {
    const relay = pair();
    const atOnce = relay.mail(1, 1, envelope("alice", "bob", 1));
    expect([deliveredIn(atOnce, 2), acksIn(atOnce, 1)]).toEqual([[1], []]);
    expect(acksIn(relay.sync(), 1)).toEqual([1]);
  });

  it("acknowledges many with one ack", () => {
    const relay = pair();
    for (let seq = 1; seq <= 20; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
    expect(acksIn(relay.sync(), 1)).toEqual([20]);
  });

  it("takes a repeated link sequence number once and acknowledges again", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.sync();
    expect(acksIn(relay.mail(1, 1, envelope("alice", "bob", 1)), 1)).toEqual([1]);
    expect(waitingIn(relay, "bob").length).toBe(1);
  });

  it("says nothing to a repeated number that is not durable yet", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    expect(kindsOf(relay.mail(1, 1, envelope("alice", "bob", 1)))).toEqual([]);
  });

  it("ends the session when a number is leapt over", () => {
    expect(pair().mail(1, 2, envelope("alice", "bob", 1))).toMatchObject([{ kind: "goodbye", session: 1, reason: { code: "malformed" } }]);
  });

  it("ends the session of a sender that does not wait for acknowledgements", () => {
    const relay = pair({}, { windowFrames: 3 });
    for (let seq = 1; seq <= 3; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
    expect(relay.mail(1, 4, envelope("alice", "bob", 4))).toMatchObject([{ kind: "goodbye", reason: { code: "malformed" } }]);
  });

  const refused: readonly (readonly [string, Parameters<typeof createTestRelay>[1], Uint8Array, string])[] = [
    ["to nobody here", {}, envelope("alice", "carol", 1).bytes, "unknown-agent"],
    ["of somebody else", {}, envelope("bob", "bob", 1).bytes, "malformed"],
    ["that is expired", {}, envelope("alice", "bob", 1, { expiresAtMs: NOW_MS - 1 }).bytes, "expired"],
    [
      "that wants to wait too long",
      {},
      envelope("alice", "bob", 1, { expiresAtMs: NOW_MS + 40 * 86_400_000 }).bytes,
      "expiry-out-of-range",
    ],
    ["for a full mailbox", { mailboxMessages: 0 }, envelope("alice", "bob", 1).bytes, "mailbox-full"],
    ["cut short", {}, envelope("alice", "bob", 1).bytes.subarray(0, 130), "malformed"],
    [
      "with an envelope of a later version",
      {},
      Uint8Array.from(envelope("alice", "bob", 1).bytes, (byte, index) => (index === 0 ? 9 : byte)),
      "needs-newer-version",
    ],
  ];
  for (const [what, limits, bytes, code] of refused) {
    it(`refuses mail ${what} with ${code}, and goes on`, () => {
      const relay = pair({}, limits);
      const came = relay.feed({ kind: "mails", session: 1, mails: [{ linkSeq: 1, hopLimit: 8, envelope: bytes }] });
      expect(came.filter((output) => output.kind === "refuse")).toMatchObject([{ linkSeq: 1, reason: { code } }]);
      expect([acksIn(came, 1), acksIn(relay.sync(), 1), waitingIn(relay, "bob")]).toEqual([[], [1], []]);
    });
  }

  it("refuses while the disk takes nothing, and says when to try again", () => {
    const relay = pair();
    relay.feed({ kind: "trouble", trouble: { code: "disk-full", why: "full", afterMs: 700 } });
    expect(relay.mail(1, 1, envelope("alice", "bob", 1))).toContainEqual(
      expect.objectContaining({ kind: "refuse", reason: expect.objectContaining({ code: "disk-full", retry: "after", afterMs: 700 }) }),
    );
    relay.feed({ kind: "trouble", trouble: undefined });
    expect(deliveredIn(relay.mail(1, 2, envelope("alice", "bob", 1)), 2)).toEqual([1]);
  });

  it("remembers refusals with the mark, over a crash", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "nobody", 1));
    relay.mail(1, 2, envelope("alice", "bob", 2));
    relay.sync();
    relay.crash();
    relay.attach(7, "alice", { link: 1 });
    expect(relay.take()).toContainEqual(
      expect.objectContaining({ kind: "welcome", standing: expect.objectContaining({ linkUpTo: 2, linkRefused: [1] }) }),
    );
  });

  it("tells the resumed link only what is durable", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.sync();
    relay.mail(1, 2, envelope("alice", "bob", 2));
    relay.crash();
    relay.attach(7, "alice", { link: 1 });
    expect(relay.take()).toContainEqual(expect.objectContaining({ kind: "welcome", standing: expect.objectContaining({ linkUpTo: 1 }) }));
  });

  it("acknowledges to the session that has the link now", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.feed({ kind: "detach", session: 1 });
    relay.attach(7, "alice", { link: 1 });
    expect(
      relay
        .take()
        .some(
          (output) =>
            (output.kind === "welcome" && output.session === 7 && output.standing.linkUpTo === 1) ||
            (output.kind === "ack" && output.session === 7),
        ),
    ).toBe(true);
  });
});

describe("handing out", () => {
  it("serves what waited from the log, then goes live without a gap or a repetition", () => {
    const relay = createTestRelay();
    relay.attach(1, "alice");
    relay.attach(2, "bob");
    relay.feed({ kind: "detach", session: 2 });
    for (let seq = 1; seq <= 3; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
    relay.attach(3, "bob");
    const seen: number[] = [];
    for (let [due] = relay.machine.nextFor(3, 1); due !== undefined; [due] = relay.machine.nextFor(3, 1)) {
      expect(decodeEnvelope(decodeKeptMail(relay.read(due.place)).envelope).seq).toBe(due.position);
      seen.push(due.position);
      relay.feed({ kind: "handed-over", session: 3, positions: [due.position] });
    }
    expect([seen, deliveredIn(relay.mail(1, 4, envelope("alice", "bob", 4)), 3)]).toEqual([[1, 2, 3], [4]]);
  });

  it("begins after what the agent has of this generation", () => {
    const relay = pair();
    for (let seq = 1; seq <= 3; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
    relay.attach(3, "bob", { have: { generation: relay.generation, position: 2 } });
    expect(relay.machine.nextFor(3, 1e6).map((due) => due.position)).toEqual([3]);
  });

  it("begins anew for an agent that has another generation", () => {
    const relay = pair();
    const before = relay.generation;
    for (let seq = 1; seq <= 3; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
    relay.sync();
    relay.crash();
    relay.attach(3, "bob", { have: { generation: before, position: 2 } });
    expect(relay.machine.nextFor(3, 1e6).map((due) => due.position)).toEqual([1, 2, 3]);
  });

  it("keeps back for a slow reader and wakes it when its queue has left", () => {
    const relay = pair();
    relay.feed({ kind: "blocked", session: 2, blocked: true });
    expect(deliveredIn(relay.mail(1, 1, envelope("alice", "bob", 1)), 2)).toEqual([]);
    expect(kindsOf(relay.feed({ kind: "blocked", session: 2, blocked: false }))).toEqual(["behind"]);
  });

  it("hands out nothing before it is durable once a sync has failed", () => {
    const relay = pair();
    relay.feed({ kind: "distrust-disk" });
    expect([deliveredIn(relay.mail(1, 1, envelope("alice", "bob", 1)), 2), relay.machine.nextFor(2, 1e6)]).toEqual([[], []]);
    expect(kindsOf(relay.sync())).toContain("behind");
    expect(relay.machine.nextFor(2, 1e6).map((due) => due.position)).toEqual([1]);
  });

  it("fences the consumer before", () => {
    const relay = pair();
    relay.attach(3, "bob");
    expect(relay.take()).toContainEqual(
      expect.objectContaining({ kind: "goodbye", session: 2, reason: expect.objectContaining({ code: "fenced" }) }),
    );
    expect(deliveredIn(relay.mail(1, 1, envelope("alice", "bob", 1)), 3)).toEqual([1]);
  });

  it("raises the epoch with every consumer, over crashes too", () => {
    const relay = pair();
    relay.attach(3, "bob");
    relay.crash();
    relay.attach(4, "bob");
    expect(relay.machine.lookup("agent", agentId("bob"))?.mailbox.epoch).toBe(3);
  });
});

describe("settling", () => {
  const withThree = (...options: Parameters<typeof pair>): TestRelay => {
    const relay = pair(...options);
    for (let seq = 1; seq <= 3; seq++) relay.mail(1, seq, envelope("alice", "bob", seq));
    relay.sync();
    relay.take();
    return relay;
  };
  const left = (relay: TestRelay): number => waitingIn(relay, "bob").length;

  it("lets go of the floor and the ranges above it", () => {
    const relay = withThree();
    relay.feed(settleOf(relay, "bob", 1, { ranges: [[3, 3]] }));
    expect(waitingIn(relay, "bob")).toEqual(["0101010101010101.2"]);
  });

  it("releases records and answers only when that is durable", () => {
    const relay = withThree();
    const before = relay.released.size;
    const atOnce = relay.feed(settleOf(relay, "bob", 3));
    expect([kindsOf(atOnce).includes("position"), relay.released.size - before]).toEqual([false, 0]);
    const later = relay.sync();
    expect(later).toContainEqual(expect.objectContaining({ kind: "position", settledFloor: 3, tail: 3 }));
    expect(relay.released.size - before).toBe(4);
  });

  it("counts only with the current generation", () => {
    const relay = withThree();
    const came = relay.feed(settleOf(relay, "bob", 3, { generation: new Uint8Array(8).fill(9) }));
    expect([left(relay), kindsOf(came)]).toEqual([3, ["position"]]);
  });

  it("without the generation check lets a settle of an earlier start release mail nobody saw", () => {
    const relay = withThree({ generation: false });
    relay.feed(settleOf(relay, "bob", 3, { generation: new Uint8Array(8).fill(9) }));
    expect(left(relay)).toBe(0);
  });

  it("counts only with the current epoch", () => {
    const relay = withThree();
    relay.feed(settleOf(relay, "bob", 3, { epoch: 0 }));
    expect(left(relay)).toBe(3);
  });

  it("does not count from a fenced session", () => {
    const relay = withThree();
    relay.attach(3, "bob");
    relay.feed({ ...settleOf(relay, "bob", 3), session: 2 });
    expect(left(relay)).toBe(3);
  });

  it("without the epoch check lets a fenced session release mail its successor has not seen", () => {
    const relay = withThree({ epoch: false });
    relay.attach(3, "bob");
    relay.feed({ ...settleOf(relay, "bob", 3, { epoch: 1 }), session: 2 });
    expect(left(relay)).toBe(0);
  });

  it("is clamped to the durable tail, and completed as the tail rises", () => {
    const relay = withThree();
    relay.mail(1, 4, envelope("alice", "bob", 4));
    const came = relay.feed(settleOf(relay, "bob", 4));
    expect(waitingIn(relay, "bob")).toEqual(["0101010101010101.4"]);
    const answers = [...came, ...relay.sync(), ...relay.sync()].filter(({ kind }) => kind === "position");
    expect(left(relay)).toBe(0);
    expect(answers.at(-1)).toMatchObject({ settledFloor: 4, tail: 4 });
  });

  it("that asks only for what is not durable is answered once, when it is", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1));
    const came = relay.feed(settleOf(relay, "bob", 1));
    const answers = [...came, ...relay.sync(), ...relay.sync()].filter(({ kind }) => kind === "position");
    expect(answers).toMatchObject([{ settledFloor: 1, tail: 1 }]);
  });

  it("keeps what was asked beyond the tail when another settle follows", () => {
    const relay = withThree();
    relay.mail(1, 4, envelope("alice", "bob", 4));
    relay.mail(1, 5, envelope("alice", "bob", 5));
    relay.feed(settleOf(relay, "bob", 0, { ranges: [[4, 4]] }));
    relay.feed(settleOf(relay, "bob", 0, { ranges: [[5, 5]] }));
    relay.sync();
    expect(left(relay)).toBe(3);
  });

  it("never lets go of mail that comes later", () => {
    const relay = withThree();
    relay.feed(settleOf(relay, "bob", 1000));
    relay.mail(1, 4, envelope("alice", "bob", 4));
    relay.sync();
    expect(left(relay)).toBe(1);
  });

  it("without the clamp swallows mail that comes later", () => {
    const relay = withThree({ settleClamp: false });
    relay.feed(settleOf(relay, "bob", 1000));
    relay.mail(1, 4, envelope("alice", "bob", 4));
    relay.sync();
    relay.crash();
    expect(left(relay)).toBe(0);
  });

  it("survives a crash", () => {
    const relay = withThree();
    relay.feed(settleOf(relay, "bob", 2));
    relay.sync();
    relay.crash();
    expect(waitingIn(relay, "bob")).toEqual(["0101010101010101.3"]);
  });
});

describe("acknowledging", () => {
  const crashAfterAck = (ackAfterSync: boolean): readonly string[] => {
    const relay = pair({ ackAfterSync });
    expect(acksIn([...relay.mail(1, 1, envelope("alice", "bob", 1)), ...(ackAfterSync ? relay.sync() : [])], 1)).toEqual([1]);
    relay.crash();
    return waitingIn(relay, "bob");
  };

  it("means durable", () => {
    expect(crashAfterAck(true).length).toBe(1);
  });

  it("before the sync loses acknowledged mail in a crash", () => {
    expect(crashAfterAck(false).length).toBe(0);
  });
});

describe("names", () => {
  it("belong to whoever comes first", () => {
    const relay = createTestRelay();
    relay.attach(1, "alice", { as: "desk" });
    relay.attach(2, "bob", { as: "desk" });
    expect(relay.take()).toContainEqual(
      expect.objectContaining({ kind: "goodbye", session: 2, reason: expect.objectContaining({ code: "name-taken" }) }),
    );
    expect(relay.machine.lookup("name", "desk")?.idRaw).toEqual(agentId("alice"));
  });

  it("survive a crash", () => {
    const relay = createTestRelay();
    relay.attach(1, "alice", { as: "desk" });
    relay.crash();
    expect(relay.machine.lookup("name", "desk")?.idRaw).toEqual(agentId("alice"));
  });
});

describe("what one agent may have at a relay", () => {
  const trouble = { code: "disk-full", why: "the disk is full", afterMs: 5000 } as const;
  const goodbyes = (relay: TestRelay): readonly string[] =>
    relay.take().flatMap((output) => (output.kind === "goodbye" ? [`${output.session} ${output.reason.code} ${output.reason.retry}`] : []));

  it("is a bounded number of sessions, and of links also after they have ended", () => {
    const relay = createTestRelay();
    for (let session = 1; session <= 20; session++) relay.attach(session, "alice", { consume: false });
    expect(goodbyes(relay)).toEqual([17, 18, 19, 20].map((session) => `${session} too-busy after`));
    for (let session = 1; session <= 20; session++) relay.feed({ kind: "detach", session });
    for (let session = 21; session <= 60; session++) {
      relay.attach(session, "alice", { consume: false });
      relay.feed({ kind: "detach", session });
    }
    expect(relay.machine.lookup("agent", agentId("alice"))?.links.size).toBe(16);
  });

  it("does not keep it from taking over from itself", () => {
    const relay = createTestRelay();
    for (let session = 1; session <= 16; session++) relay.attach(session, "alice", { consume: false });
    relay.attach(17, "alice", { link: 3, consume: false });
    expect(goodbyes(relay)).toEqual(["3 fenced after"]);
  });

  it("is not the link of the relay's own notices", () => {
    const relay = createTestRelay();
    relay.attach(1, "alice", { link: 0 });
    expect(goodbyes(relay)).toEqual(["1 malformed never"]);
  });

  it("grows by no new identity and no new bundle while the disk does not keep up", () => {
    const relay = createTestRelay();
    relay.attach(1, "alice");
    relay.take();
    relay.feed({ kind: "trouble", trouble });
    relay.attach(2, "bob");
    relay.feed({
      kind: "publish",
      session: 1,
      registration: registration(relay, "alice", { bundle: utf8("a newer bundle"), recordVersion: 2 }),
    });
    expect(goodbyes(relay)).toEqual(["2 disk-full after", "1 disk-full after"]);
    expect(relay.unsynced).toBe(0);
  });

  it("is still its mailbox while the disk is full, since reading it makes room", () => {
    const relay = pair();
    relay.feed({ kind: "trouble", trouble });
    relay.attach(3, "bob");
    expect(kindsOf(relay.take())).toContain("welcome");
  });
});

describe("the end of mail nobody read", () => {
  it("puts a notice into the sender's mailbox", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1, { expiresAtMs: NOW_MS + 1000 }));
    relay.sync();
    const [overdue] = relay.machine.overdue(NOW_MS + 1000, 10);
    const came = relay.feed({
      kind: "end",
      agent: overdue?.agent.key ?? "",
      position: 1,
      ending: "expired",
      notice: utf8("signed notice"),
    });
    const [notice] = came.flatMap((output) => (output.kind === "deliver" ? output.envelopes.map(decodeEnvelope) : []));
    expect([notice?.class, notice?.seq, waitingIn(relay, "bob").length]).toEqual(["notice", 1, 0]);
    relay.sync();
    relay.crash();
    expect([waitingIn(relay, "alice").length, waitingIn(relay, "bob").length]).toEqual([1, 0]);
  });

  it("comes once", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1, { expiresAtMs: NOW_MS + 1000 }));
    relay.sync();
    const end = { kind: "end", agent: hex(agentId("bob")), position: 1, ending: "expired", notice: utf8("signed notice") } as const;
    relay.feed(end);
    relay.feed(end);
    expect(waitingIn(relay, "alice").length).toBe(1);
  });

  it("waits until it is durable that there was mail", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1, { expiresAtMs: NOW_MS + 1000 }));
    expect(relay.machine.overdue(NOW_MS + 5000, 10)).toEqual([]);
    relay.sync();
    expect(relay.machine.overdue(NOW_MS + 5000, 10).length).toBe(1);
  });

  it("fills no mailbox beyond its limit with notices", () => {
    const relay = createTestRelay({}, { mailboxMessages: 3 });
    for (const [session, name] of [
      [1, "alice"],
      [2, "bob"],
      [3, "carol"],
    ] as const)
      relay.attach(session, name, { consume: false });
    for (let seq = 1; seq <= 6; seq++) {
      relay.mail(1, seq, envelope("alice", seq <= 3 ? "bob" : "carol", seq, { expiresAtMs: NOW_MS + 1000 }));
    }
    relay.sync();
    for (const { agent, position } of relay.machine.overdue(NOW_MS + 1000, 10)) {
      relay.feed({ kind: "end", agent: agent.key, position, ending: "expired", notice: utf8("signed notice") });
    }
    expect([waitingIn(relay, "alice").length, relay.machine.counters.expired]).toEqual([3, 6]);
  });

  it("does not come before its time", () => {
    const relay = pair();
    relay.mail(1, 1, envelope("alice", "bob", 1, { expiresAtMs: NOW_MS + 1000 }));
    expect(relay.machine.overdue(NOW_MS + 999, 10)).toEqual([]);
  });
});

describe("the log", () => {
  it("restates nothing of a position whose record is not durable", () => {
    const relay = pair({ settleClamp: false });
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.feed(settleOf(relay, "bob", 1));
    relay.rotate();
    relay.crash();
    relay.attach(1, "alice");
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.sync();
    relay.crash();
    expect(waitingIn(relay, "bob").length).toBe(1);
  });

  it("needs no record of small state for longer than until it is restated", () => {
    const relay = pair();
    expect(relay.released.size).toBeGreaterThan(0);
    expect(
      [...relay.machine.state.agents.values()].every((agent) =>
        [...agent.mailbox.stored.values()].every((mail) => mail.place !== undefined && !relay.released.has(key(mail.place))),
      ),
    ).toBe(true);
  });
});
