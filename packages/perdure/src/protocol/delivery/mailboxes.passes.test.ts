import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bytes, EMPTY, hex } from "../../wire/bytes.ts";
import { CHAINS_PER_AGENT } from "./attach-passes.ts";
import type { RelayOutput } from "./mailbox-events.ts";
import { agentId, createTestRelay, deliveredIn, envelope, type TestRelay } from "./test-relay.ts";

function goodbyes(outputs: readonly RelayOutput[]): readonly string[] {
  return outputs.flatMap((output) => (output.kind === "goodbye" ? [`${output.session} ${output.reason.code}`] : []));
}

function alarms(outputs: readonly RelayOutput[]): number {
  return outputs.filter((output) => output.kind === "alarm").length;
}

/** A folder as far as passes go: what it has on its disk. */
interface Folder {
  pass: Bytes;
}

/** Attaches with the folder's pass; the pass of the welcome, or `undefined` when it was sent away. */
function open(relay: TestRelay, session: number, folder: Folder, more: { readonly instance?: string } = {}): Bytes | undefined {
  relay.take();
  relay.attach(session, "bob", { pass: folder.pass, ...more });
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
    const folder: Folder = { pass: EMPTY };
    use(relay, 1, folder);
    const copy: Folder = { ...folder };
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
    const folder: Folder = { pass: EMPTY };
    use(relay, 1, folder);
    const copy: Folder = { ...folder };
    relay.feed({ kind: "detach", session: 1 });
    use(relay, 2, folder);
    expect(use(relay, 3, copy)).toBe(false);
    expect(goodbyes(relay.outputs)).toEqual(["2 cloned", "3 cloned"]);
  });

  it("say so for good: through a crash, restatements and a relay whose folder was put back", () => {
    const relay = createTestRelay();
    const folder: Folder = { pass: EMPTY };
    use(relay, 1, folder);
    const copy: Folder = { ...folder };
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
    const folder: Folder = { pass: EMPTY };
    use(relay, 1, folder);
    const copy: Folder = { ...folder };
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
    const folder: Folder = { pass: EMPTY };
    use(relay, 1, folder, { instance: "cloned" });
    const copy: Folder = { ...folder };
    use(relay, 2, copy, { instance: "cloned" });
    use(relay, 3, folder, { instance: "cloned" });
    for (let at = 0; at < 3 * CHAINS_PER_AGENT; at++) use(relay, 10 + at, { pass: EMPTY }, { instance: `instance ${at}` });
    expect(relay.machine.lookup("agent", agentId("bob"))?.passes.size).toBe(CHAINS_PER_AGENT);
    expect(use(relay, 99, copy, { instance: "cloned" })).toBe(false);
  });

  it("negative control: without them a copy reads on unnoticed", () => {
    const relay = createTestRelay({ passes: false });
    const folder: Folder = { pass: EMPTY };
    use(relay, 1, folder);
    const copy: Folder = { ...folder };
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
});
