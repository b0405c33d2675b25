import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bytes, EMPTY, hex } from "../../wire/bytes.ts";
import { CHAINS_PER_AGENT } from "./attach-passes.ts";
import type { RelayOutput } from "./mailbox-events.ts";
import { agentId, createTestRelay, deliveredIn, envelope, settleOf, type TestRelay } from "./test-relay.ts";

function goodbyes(outputs: readonly RelayOutput[]): readonly string[] {
  return outputs.flatMap((output) => (output.kind === "goodbye" ? [`${output.session} ${output.reason.code}`] : []));
}

function alarms(outputs: readonly RelayOutput[]): number {
  return outputs.filter((output) => output.kind === "alarm").length;
}

/** Whether that session was told that there is mail for it. */
function waitsFor(outputs: readonly RelayOutput[], session: number): boolean {
  return outputs.some((output) => (output.kind === "behind" || output.kind === "deliver") && output.session === session);
}

/** A folder as far as passes go: what it has on its disk. */
interface Folder {
  pass: Bytes;
}

/** Attaches with the folder's pass; the pass of the welcome, or `undefined` when it was sent away. */
function open(relay: TestRelay, session: number, folder: Folder, more: { readonly instance?: string } = {}): Bytes | undefined {
  relay.take();
  relay.attach(session, "bob", { pass: folder.pass, confirms: false, ...more });
  const came = relay.outputs.find((output) => output.kind === "welcome" && output.session === session);
  return came?.kind === "welcome" ? came.standing.pass : undefined;
}

/** As an agent does it: attach, keep the pass, confirm it. */
function use(relay: TestRelay, session: number, folder: Folder, more: { readonly instance?: string } = {}): boolean {
  const pass = open(relay, session, folder, more);
  if (pass === undefined) return false;
  folder.pass = pass;
  relay.feed({ kind: "confirm", session, pass });
  relay.sync();
  return true;
}

/** A folder that was opened once, then copied. */
function copied(relay: TestRelay, more: { readonly instance?: string } = {}): { readonly folder: Folder; readonly copy: Folder } {
  const folder: Folder = { pass: EMPTY };
  use(relay, 1, folder, more);
  return { folder, copy: { ...folder } };
}

describe("attach passes", () => {
  it("are another one at each attach, and only what consumes gets one", () => {
    const relay = createTestRelay();
    const folder: Folder = { pass: EMPTY };
    const seen = new Set<string>();
    for (let session = 1; session <= 4; session++) {
      expect(use(relay, session, folder)).toBe(true);
      seen.add(hex(folder.pass));
      relay.feed({ kind: "detach", session });
    }
    expect(seen.size).toBe(4);
    relay.take();
    relay.attach(9, "bob", { consume: false, pass: EMPTY });
    expect(relay.outputs.flatMap((output) => (output.kind === "welcome" ? [output.standing.pass.length] : []))).toEqual([0]);
    expect(goodbyes(relay.outputs)).toEqual([]);
  });

  it("of a copied folder alarm both, and mail waits", () => {
    const relay = createTestRelay();
    const { folder, copy } = copied(relay);
    use(relay, 2, copy);
    expect(goodbyes(relay.outputs)).toEqual(["1 fenced"]);
    expect(use(relay, 3, folder)).toBe(false);
    expect([goodbyes(relay.outputs), alarms(relay.outputs)]).toEqual([["2 cloned", "3 cloned"], 1]);
    relay.attach(4, "alice");
    relay.take();
    relay.mail(4, 1, envelope("alice", "bob", 1));
    relay.sync();
    expect([deliveredIn(relay.outputs, 2), deliveredIn(relay.outputs, 3)]).toEqual([[], []]);
    expect(relay.machine.lookup("agent", agentId("bob"))?.mailbox.stored.size).toBe(1);
    for (const each of [folder, copy, { pass: EMPTY }]) {
      expect(use(relay, 5, each)).toBe(false);
      expect([goodbyes(relay.outputs), alarms(relay.outputs)]).toEqual([["5 cloned"], 0]);
    }
  });

  it("copied before the original was opened again alarm at once", () => {
    const relay = createTestRelay();
    const { folder, copy } = copied(relay);
    relay.feed({ kind: "detach", session: 1 });
    use(relay, 2, folder);
    expect(use(relay, 3, copy)).toBe(false);
    expect(goodbyes(relay.outputs)).toEqual(["2 cloned", "3 cloned"]);
  });

  it("say so for good: through a crash, restatements and a relay whose folder was put back", () => {
    const relay = createTestRelay();
    const { folder, copy } = copied(relay);
    use(relay, 2, copy);
    use(relay, 3, folder);
    relay.sync();
    relay.rotate();
    relay.crash();
    expect(use(relay, 4, copy)).toBe(false);
    expect(goodbyes(relay.outputs)).toEqual(["4 cloned"]);
  });

  it("begin anew with a new instance, which the old one does not touch", () => {
    const relay = createTestRelay();
    const { folder, copy } = copied(relay);
    use(relay, 2, copy);
    use(relay, 3, folder);
    const claimed: Folder = { pass: EMPTY };
    expect(use(relay, 4, claimed, { instance: "another" })).toBe(true);
    expect(use(relay, 5, copy)).toBe(false);
    expect(goodbyes(relay.outputs)).toEqual(["5 cloned"]);
    expect(use(relay, 6, claimed, { instance: "another" })).toBe(true);
  });

  it("that this relay did not give count as none", () => {
    const relay = createTestRelay();
    const folder: Folder = { pass: EMPTY };
    use(relay, 1, folder);
    const other = createTestRelay({}, {}, "other");
    const theirs: Folder = { pass: EMPTY };
    use(other, 1, theirs);
    use(other, 2, theirs);
    expect(use(relay, 2, { pass: theirs.pass })).toBe(false);
    expect(goodbyes(relay.outputs)).toEqual(["1 cloned", "2 cloned"]);
  });

  it("of one agent or instance are not another's", () => {
    const relay = createTestRelay();
    const folder: Folder = { pass: EMPTY };
    use(relay, 1, folder);
    relay.take();
    relay.attach(2, "carol", { pass: folder.pass });
    expect(goodbyes(relay.outputs)).toEqual(["2 cloned"]);
  });

  it("are remembered of a bounded number of instances, cloned ones longest", () => {
    const relay = createTestRelay();
    const { folder, copy } = copied(relay, { instance: "cloned" });
    use(relay, 2, copy, { instance: "cloned" });
    use(relay, 3, folder, { instance: "cloned" });
    for (let at = 0; at < 3 * CHAINS_PER_AGENT; at++) use(relay, 10 + at, { pass: EMPTY }, { instance: `instance ${at}` });
    expect(relay.machine.lookup("agent", agentId("bob"))?.passes.size).toBe(CHAINS_PER_AGENT);
    expect(use(relay, 99, copy, { instance: "cloned" })).toBe(false);
  });

  it("of a copy that shows what it is given and never confirms are used up by what the other confirms, and it reads nothing", () => {
    const relay = createTestRelay();
    relay.attach(90, "alice");
    const { folder: own, copy } = copied(relay);
    let linkSeq = 0;
    let session = 1;
    let turns = 0;
    for (; turns < 10; turns++) {
      const stolen = open(relay, ++session, copy);
      if (stolen === undefined) break;
      copy.pass = stolen;
      relay.mail(90, ++linkSeq, envelope("alice", "bob", linkSeq));
      relay.sync();
      expect([deliveredIn(relay.outputs, session), waitsFor(relay.outputs, session)]).toEqual([[], false]);
      relay.feed(settleOf(relay, "bob", linkSeq));
      relay.sync();
      expect(relay.machine.lookup("agent", agentId("bob"))?.mailbox.stored.size).toBe(linkSeq);
      if (!use(relay, ++session, own)) break;
      expect(waitsFor(relay.outputs, session)).toBe(true);
    }
    expect([turns, alarms(relay.outputs)]).toEqual([1, 1]);
  });

  it("of a copy that confirms, and so reads, alarm as soon as the other is opened", () => {
    const relay = createTestRelay();
    const { folder: own, copy } = copied(relay);
    // Given to the owner after the copy's, which the copy confirms in a session of its own all the same.
    const stolen = open(relay, 2, copy);
    open(relay, 3, own);
    copy.pass = stolen as Bytes;
    expect(use(relay, 4, copy)).toBe(true);
    expect(use(relay, 5, own)).toBe(false);
    expect(alarms(relay.outputs)).toBe(1);
  });

  it("that are not confirmed in time end the session, and only that", () => {
    const relay = createTestRelay();
    const folder: Folder = { pass: EMPTY };
    const pass = open(relay, 1, folder);
    expect(goodbyes(relay.feed({ kind: "confirm-due", session: 1 }))).toEqual(["1 timed-out"]);
    relay.feed({ kind: "confirm", session: 1, pass: pass as Bytes });
    expect(use(relay, 2, { pass: pass as Bytes })).toBe(true);
    expect(goodbyes(relay.feed({ kind: "confirm-due", session: 2 }))).toEqual([]);
    relay.attach(3, "alice", { consume: false });
    expect(goodbyes(relay.feed({ kind: "confirm-due", session: 3 }))).toEqual([]);
  });

  it("let mail follow once the confirmation is durable, not before", () => {
    const relay = createTestRelay();
    relay.attach(90, "alice");
    relay.attach(1, "bob");
    relay.feed({ kind: "detach", session: 1 });
    relay.mail(90, 1, envelope("alice", "bob", 1));
    relay.sync();
    relay.attach(2, "bob", { confirms: false });
    const came = relay.outputs.findLast((output) => output.kind === "welcome");
    const pass = came?.kind === "welcome" ? came.standing.pass : EMPTY;
    expect(waitsFor(relay.feed({ kind: "confirm", session: 2, pass }), 2)).toBe(false);
    expect(relay.machine.nextFor(2, 1000)).toEqual([]);
    expect(waitsFor(relay.sync(), 2)).toBe(true);
    expect(relay.machine.nextFor(2, 1000).map(({ position }) => position)).toEqual([1]);
  });

  it("negative control: without them a copy reads on unnoticed", () => {
    const relay = createTestRelay({ passes: false });
    const { folder, copy } = copied(relay);
    use(relay, 2, copy);
    expect(use(relay, 3, folder)).toBe(true);
    expect(use(relay, 4, copy)).toBe(true);
  });
});

type Op =
  | { readonly do: "open"; readonly ends: "whole" | "unwelcomed" | "unkept" | "unconfirmed"; readonly clone: boolean }
  | { readonly do: "detach" | "sync" | "rotate" | "copy relay" }
  | { readonly do: "crash"; readonly more: number }
  | { readonly do: "put relay back" };

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("open" as const),
      ends: fc.constantFrom("whole" as const, "whole" as const, "unwelcomed" as const, "unkept" as const, "unconfirmed" as const),
      clone: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("detach" as const, "sync" as const, "rotate" as const, "copy relay" as const) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), more: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("put relay back" as const) }) },
);

type Cheat = { readonly do: "own" } | { readonly do: "copy"; readonly back: number; readonly confirms: "given" | "shown" | "none" };

const cheat: fc.Arbitrary<Cheat> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant("own" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("copy" as const),
      back: fc.nat(3),
      confirms: fc.constantFrom("given" as const, "shown" as const, "none" as const, "none" as const),
    }),
  },
);

/**
 * Plays attaches that break off anywhere, of one folder or of a folder and its copy. Says how often each was let in whole, and whether
 * anybody was sent away.
 */
function play(ops: readonly Op[], cloned: boolean): { readonly sentAway: boolean; readonly whole: { own: number; copy: number } } {
  const relay = createTestRelay();
  const own: Folder = { pass: EMPTY };
  use(relay, 1, own);
  const copy: Folder = { ...own };
  let back = relay.copy();
  let session = 1;
  let sentAway = false;
  const whole = { own: 0, copy: 0 };
  for (const each of ops) {
    if (each.do === "open") {
      const isCopy = cloned && each.clone;
      const folder = isCopy ? copy : own;
      const pass = open(relay, ++session, folder);
      if (pass === undefined) {
        sentAway = true;
        continue;
      }
      if (each.ends === "unwelcomed" || each.ends === "unkept") continue;
      folder.pass = pass;
      if (each.ends === "unconfirmed") continue;
      relay.feed({ kind: "confirm", session, pass });
      relay.sync();
      whole[isCopy ? "copy" : "own"]++;
    } else if (each.do === "detach") relay.feed({ kind: "detach", session });
    else if (each.do === "sync") relay.sync();
    else if (each.do === "rotate") relay.rotate();
    else if (each.do === "crash") relay.crash(each.more);
    else if (each.do === "copy relay") back = relay.copy();
    else back();
  }
  return { sentAway, whole };
}

describe("any history of attaches", () => {
  it("of one folder, with crashes anywhere and a relay put back from older copies, raises no alarm", () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 40 }), (ops) => {
        expect(play(ops, false).sentAway).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it("of a folder and its copy raises one before both have been let in whole twice", () => {
    const unharmed = op.filter((each) => each.do !== "put relay back");
    fc.assert(
      fc.property(fc.array(unharmed, { maxLength: 40 }), (ops) => {
        const { sentAway, whole } = play(ops, true);
        if (!sentAway) expect(Math.min(whole.own, whole.copy)).toBeLessThan(2);
      }),
      { numRuns: 1000 },
    );
  });

  it("of a folder and a copy that cheats as it likes: it is given nothing without an alarm at the owner's next attach", () => {
    fc.assert(
      fc.property(fc.array(cheat, { maxLength: 30 }), (moves) => {
        const relay = createTestRelay();
        const own: Folder = { pass: EMPTY };
        use(relay, 1, own);
        const stolen: Bytes[] = [own.pass];
        let session = 1;
        let hasRead = false;
        let isLate = false;
        for (const move of moves) {
          relay.take();
          if (move.do === "own") {
            if (!use(relay, ++session, own)) {
              expect(goodbyes(relay.outputs).at(-1)).toBe(`${session} cloned`);
              return;
            }
            expect(hasRead).toBe(false);
            // From here on whatever the copy was given so far is used up.
            isLate = true;
            continue;
          }
          const shown = stolen[stolen.length - 1 - (move.back % stolen.length)] as Bytes;
          const pass = open(relay, ++session, { pass: shown });
          if (pass === undefined) return;
          expect(isLate).toBe(false);
          stolen.push(pass);
          if (move.confirms === "none") continue;
          relay.feed({ kind: "confirm", session, pass: move.confirms === "given" ? pass : shown });
          relay.sync();
          hasRead ||= relay.machine.lookup("agent", agentId("bob"))?.mailbox.consumer?.ready === true;
          if (move.confirms === "given") expect(hasRead).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
