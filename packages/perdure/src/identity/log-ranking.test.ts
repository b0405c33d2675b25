import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createCheapCrypto } from "../host/simulated/cheap-crypto.ts";
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import { EVENT_KINDS, identityEvent, signedEvent } from "../wire/identity.ts";
import { encodeBundle } from "./bundle.ts";
import { forkProof, verifyForkProof } from "./fork-proof.ts";
import { type Branches, commonLength, joinLogs, relateBranches, relateLogs, rivalLog, sameBranches } from "./log-ranking.ts";
import { createTestAgent, type TestAgent, type Wish } from "./test-log.ts";

const realCrypto = createNodeCrypto();
const crypto = createCheapCrypto(realCrypto.hash, { bytes: (count) => new Uint8Array(count) });
type Log = readonly Bytes[];
const alone = (log: Log): Branches => ({ log, rival: [] });

let agent: TestAgent;
/** The inception, and what the owner and a thief of the key in force can make of it. */
let first: Log;
const anchored = async (log: Log, about: string): Promise<Log> => await agent.append(log, { kind: "anchor", about });
const rotated = async (log: Log, to: string): Promise<Log> => await agent.append(log, { kind: "rotate", to });
beforeAll(async () => {
  agent = await createTestAgent(crypto, "ranked");
  first = [agent.inception];
});

describe("relateLogs", () => {
  it("knows a log from its beginning", async () => {
    const longer = await anchored(first, "a");
    expect([relateLogs(first, first), relateLogs(longer, first), relateLogs(first, longer)]).toEqual(["same", "continues", "behind"]);
  });

  it("a rotation outranks any number of events of the key in force, also when it was made on an older event", async () => {
    let thief = first;
    for (const about of ["1", "2", "3", "4"]) thief = await anchored(thief, about);
    const owner = await rotated(first, "owner");
    expect([relateLogs(owner, thief), relateLogs(thief, owner)]).toEqual(["outranks", "outranked"]);
  });

  it("as many rotations from one state, and two events of the same keys, are a fork", async () => {
    expect(relateLogs(await rotated(first, "a"), await rotated(first, "b"))).toBe("forked");
    expect(relateLogs(await anchored(first, "a"), await anchored(first, "b"))).toBe("forked");
    const twice = await rotated(await anchored(await rotated(first, "a"), "a"), "aa");
    expect(relateLogs(twice, await rotated(await rotated(first, "b"), "bb"))).toBe("forked");
  });

  it("who reveals more keys outranks, from wherever it began", async () => {
    const twice = await rotated(await rotated(first, "a"), "aa");
    for (const other of [
      await rotated(first, "b"),
      await agent.append(first, { kind: "retire" }),
      await anchored(await rotated(first, "b"), "b"),
    ])
      expect([relateLogs(twice, other), relateLogs(other, twice)]).toEqual(["outranks", "outranked"]);
    expect(relateLogs(await agent.append(await rotated(first, "a"), { kind: "retire" }), await rotated(first, "b"))).toBe("outranks");
  });

  it("refuses logs of two agents", async () => {
    const other = await createTestAgent(crypto, "other");
    expect(() => relateLogs(first, [other.inception])).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });
});

describe("joinLogs", () => {
  it("a rotation heals a fork of events without one", async () => {
    const mine = await anchored(await anchored(first, "mine"), "more");
    const theirs = await anchored(first, "theirs");
    const fork = joinLogs(alone(mine), alone(theirs));
    expect([fork.log.length, fork.rival.length, commonLength(fork)]).toEqual([2, 1, 1]);
    const healed = await rotated(mine, "owner");
    expect(joinLogs(fork, alone(healed))).toEqual(alone(healed));
    expect(relateBranches(alone(healed), fork)).toBe("outranks");
    expect(relateBranches(fork, alone(healed))).toBe("outranked");
  });

  it("two rotations of one state are healed by the next on either, and by nothing less", async () => {
    const one = await rotated(first, "a");
    const fork = joinLogs(alone(one), alone(await rotated(first, "b")));
    const longer = await anchored(one, "on");
    expect(joinLogs(fork, alone(longer))).toEqual(fork);
    expect(relateBranches(alone(longer), fork)).toBe("forked");
    expect(relateBranches(alone(first), fork)).toBe("behind");
    expect(relateBranches(fork, fork)).toBe("same");
    const healed = await rotated(longer, "c");
    expect(joinLogs(fork, alone(healed))).toEqual(alone(healed));
    expect(relateBranches(alone(healed), fork)).toBe("outranks");
    expect(relateBranches(fork, alone(healed))).toBe("outranked");
  });

  it("a fork of several rotations is shown with each of them, and nothing after", async () => {
    const one = await rotated(await anchored(await rotated(first, "a"), "a"), "aa");
    const other = await rotated(await rotated(first, "b"), "bb");
    const fork = joinLogs(alone(await anchored(one, "on")), alone(await anchored(other, "on")));
    expect([...[one, other].map((log) => log.length)].sort()).toEqual([fork.rival.length + 1, fork.log.length].sort());
    expect(joinLogs(fork, alone(await rotated(first, "c")))).toEqual(fork);
  });
});

/** A tree of valid events: each is by whoever has the keys it takes, in force or of any earlier time, on any earlier one. */
const tree = fc.array(
  fc.record({ on: fc.nat(), kind: fc.constantFrom("anchor", "anchor", "anchor", "rotate", "rotate", "rotate", "retire") }),
  {
    minLength: 1,
    maxLength: 12,
  },
);
async function growTree(plan: readonly { readonly on: number; readonly kind: string }[]): Promise<readonly Log[]> {
  const logs: Log[] = [first];
  const ended = new Set<Log>();
  for (const [index, { on, kind }] of plan.entries()) {
    const open = logs.filter((log) => !ended.has(log));
    const base = open[on % open.length] as Log;
    const wish: Wish =
      kind === "rotate"
        ? { kind, to: String(index) }
        : kind === "retire"
          ? { kind, reason: String(index) }
          : { kind: "anchor", about: String(index) };
    const next = await agent.append(base, wish);
    if (kind === "retire") ended.add(next);
    logs.push(next);
  }
  return logs;
}

const reveals = (log: Log): number =>
  log.filter((signed) => /rotate|retire/.test(EVENT_KINDS[identityEvent.decode(signedEvent.decode(signed).event).kind] ?? "")).length;

/**
 * By definition: of all logs those count that reveal most keys; of those, what all of them share. It is a fork when they go on from there
 * in different ways: none is the beginning of all the others.
 */
function judgeByDefinition(logs: readonly Log[]): { readonly common: Log; readonly frozen: boolean } {
  const most = Math.max(...logs.map(reveals));
  const revealing = logs.filter((log) => reveals(log) === most);
  const longest = revealing.filter((log) => !revealing.some((other) => relateLogs(log, other) === "behind"));
  const some = longest[0] as Log;
  const shared = (at: number): boolean => longest.every((log) => log[at] !== undefined && equalBytes(log[at], some[at] as Bytes));
  let length = 0;
  while (length < some.length && shared(length)) length++;
  const frozen = longest.some((log) => log.length > length);
  return { common: some.slice(0, length), frozen };
}

const joinAll = (parts: readonly Branches[]): Branches => parts.reduce(joinLogs);

describe("joining, over random trees of events", () => {
  it("is commutative, associative and idempotent, and what the definition over the set of logs says", async () => {
    let forks = 0;
    await fc.assert(
      fc.asyncProperty(tree, fc.array(fc.nat(), { minLength: 1, maxLength: 8 }), fc.nat(), async (plan, picks, cut) => {
        const grown = await growTree(plan);
        const logs = picks.map((pick) => grown[pick % grown.length] as Log);
        const parts = logs.map(alone);
        const whole = joinAll(parts);
        const expected = judgeByDefinition(logs);
        expect(whole.rival.length > 0).toBe(expected.frozen);
        expect(whole.log.slice(0, commonLength(whole))).toEqual(expected.common);
        if (expected.frozen) forks++;

        expect(joinAll(parts.toReversed())).toEqual(whole);
        const at = cut % parts.length;
        const [left, right] = [parts.slice(0, at), parts.slice(at)];
        if (left.length > 0) {
          expect(joinLogs(joinAll(left), joinAll(right))).toEqual(whole);
          expect(joinLogs(joinAll(right), joinAll(left))).toEqual(whole);
        }
        expect(joinLogs(whole, whole)).toEqual(whole);
        for (const part of parts) expect(joinLogs(whole, part)).toEqual(whole);
      }),
      { numRuns: 400 },
    );
    expect(forks, "the trees had forks in them").toBeGreaterThan(20);
  }, 60_000);

  it("every fork found proves itself, and only forks do", async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.nat(), fc.nat(), async (plan, one, other) => {
        const grown = await growTree(plan);
        const [a, b] = [grown[one % grown.length], grown[other % grown.length]] as readonly [Log, Log];
        const proof = forkProof(alone(a), alone(b));
        expect(proof !== undefined).toBe(relateLogs(a, b) === "forked");
        if (proof !== undefined) expect((await verifyForkProof(crypto, proof)).atSeq).toBe(judgeByDefinition([a, b]).common.length - 1);
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});

describe("a fork proof", () => {
  it("is at most 1.5 KB for an agent that rotated once, and verifies with real cryptography", async () => {
    const real = await createTestAgent(realCrypto, "forked");
    const base = await real.append([real.inception], { kind: "rotate", to: "once" });
    const [a, b] = [await real.append(base, { kind: "rotate", to: "a" }), await real.append(base, { kind: "rotate", to: "b" })];
    const proof = forkProof(alone(a), alone(b)) as Bytes;
    expect(proof.length).toBeLessThanOrEqual(1536);
    expect((await verifyForkProof(realCrypto, proof)).atSeq).toBe(1);
    for (let at = 0; at < proof.length; at += 7) {
      const bad = proof.slice();
      bad[at] = (bad[at] as number) ^ 4;
      await expect(verifyForkProof(realCrypto, bad), `byte ${at}`).rejects.toMatchObject({ name: "PerdureError" });
    }
  });

  it("is refused when it is one log, or says more than it takes", async () => {
    const [a, b] = [await rotated(first, "a"), await rotated(first, "b")];
    await expect(verifyForkProof(crypto, bundleOf(alone(a)))).rejects.toMatchObject({ code: "malformed" });
    const fork = joinLogs(alone(a), alone(b));
    const longer = await anchored(fork.log, "more");
    await expect(verifyForkProof(crypto, bundleOf({ log: longer, rival: fork.rival }))).rejects.toMatchObject({ code: "malformed" });
    await expect(verifyForkProof(crypto, bundleOf({ log: a, rival: [await lastOf(first, "c")] }))).rejects.toMatchObject({
      code: "malformed",
    });
    expect(sameBranches(fork, { log: fork.log, rival: (rivalLog(fork) as Log).slice(1) })).toBe(true);
  });
});

const lastOf = async (log: Log, about: string): Promise<Bytes> => (await anchored(log, about)).at(-1) as Bytes;
const bundleOf = (branches: Branches): Bytes => encodeBundle({ ...branches, certificates: [], records: [] });
